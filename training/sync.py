"""Runs that were kept in a home because their tracking server did not answer: uploaded later, whole."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import LoggedModel, LoggedModelOutput, Metric, Param
from mlflow.entities import Run as Kept
from mlflow.models import Model
from mlflow.models.model import MLMODEL_FILE_NAME

from training.tracking import METRICS_A_BATCH, PARAMETERS_A_BATCH, PENDING, Store, point_at, registered

COPY_OF = "releasegap.copy_of"
"""Tag of an uploaded run: the run in the home that it is a copy of."""
SENT = "releasegap.sent"
"""Tag of a run in the home: the run on the server that is its whole copy."""
PARENT = "mlflow.parentRunId"


@dataclass(frozen=True)
class Sent:
    """A run that was uploaded.

    Attributes:
        name: Name of the run.
        kept: Its id in the home.
        run: Its id on the server.
        models: Versions registered there, by the URI of the version in the home.
    """

    name: str
    kept: str
    run: str
    models: dict[str, str]


def pending(home: Store) -> list[Kept]:
    """The runs of a home that wait for their server, parents first."""
    found = home.client.search_runs(
        [home.experiment_id],
        f"tags.`{PENDING}` LIKE '%'",
        order_by=["attributes.start_time ASC"],
        max_results=10_000,
    )
    waiting = [run for run in found if SENT not in run.data.tags and run.info.status != "RUNNING"]
    return sorted(waiting, key=lambda run: PARENT in run.data.tags)


def upload(home: Store, server: Store) -> Iterator[Sent]:
    """Uploads the runs that wait, one by one: parameters, metrics by step, tags, inputs, files, model versions.

    A run counts as sent when all of it is there. What an interrupted upload left of one is deleted and begun anew.
    Aliases are not uploaded: who is champion is the server's own affair.
    """
    point_at(server.uri)
    sent: dict[str, str] = {}
    versions: dict[str, str] = {}
    for run in pending(home):
        _delete_halves(server, run.info.run_id)
        copy = _begin(server, run, _parent(home, run, sent))
        _copy_figures(home.client, server.client, run, copy)
        models = _copy_models(home, server, run, copy, versions)
        versions |= models
        with tempfile.TemporaryDirectory() as folder:
            files = home.client.download_artifacts(run.info.run_id, "", folder)
            if any(Path(files).iterdir()):
                server.client.log_artifacts(copy, files)
        server.client.set_terminated(copy, run.info.status, run.info.end_time)
        home.client.set_tag(run.info.run_id, SENT, copy)
        sent[run.info.run_id] = copy
        yield Sent(run.info.run_name or run.info.run_id, run.info.run_id, copy, models)


def _parent(home: Store, run: Kept, sent: dict[str, str]) -> str | None:
    """The copy of a run's parent."""
    parent = run.data.tags.get(PARENT)
    if parent is None or parent in sent:
        return sent.get(parent or "")
    told: str | None = home.client.get_run(parent).data.tags.get(SENT)
    return told


def _delete_halves(server: Store, kept: str) -> None:
    for half in server.client.search_runs([server.experiment_id], f"tags.`{COPY_OF}` = '{kept}'"):
        server.client.delete_run(half.info.run_id)


def _begin(server: Store, run: Kept, parent: str | None) -> str:
    tags = {name: value for name, value in run.data.tags.items() if name not in (PENDING, PARENT)}
    tags[COPY_OF] = run.info.run_id
    if parent is not None:
        tags[PARENT] = parent
    begun = server.client.create_run(
        server.experiment_id, run.info.start_time, {}, run_name=run.info.run_name
    )
    for name, value in tags.items():
        server.client.set_tag(begun.info.run_id, name, value)
    return str(begun.info.run_id)


def _copy_figures(source: MlflowClient, target: MlflowClient, run: Kept, copy: str) -> None:
    params = [Param(name, value) for name, value in run.data.params.items()]
    for start in range(0, len(params), PARAMETERS_A_BATCH):
        target.log_batch(copy, params=params[start : start + PARAMETERS_A_BATCH])
    metrics = [
        Metric(metric.key, metric.value, metric.timestamp, metric.step)
        for name in run.data.metrics
        for metric in source.get_metric_history(run.info.run_id, name)
    ]
    for start in range(0, len(metrics), METRICS_A_BATCH):
        target.log_batch(copy, metrics=metrics[start : start + METRICS_A_BATCH])
    if run.inputs and run.inputs.dataset_inputs:
        target.log_inputs(copy, datasets=run.inputs.dataset_inputs)


def _copy_models(
    home: Store, server: Store, run: Kept, copy: str, before: Mapping[str, str]
) -> dict[str, str]:
    """Uploads and registers the models of a run; a tag that names a version in the home then names that on the server.

    Gives the versions on the server by those in the home.
    """
    found = home.client.search_model_versions(f"run_id = '{run.info.run_id}'")
    made: dict[str, str] = {}
    for version in sorted(found, key=lambda one: (one.creation_timestamp, one.name)):
        logged = home.client.get_logged_model(str(version.source).removeprefix("models:/"))
        model_id = _copy_model(home, server, logged, copy)
        tags = {name: {**before, **made}.get(value, value) for name, value in version.tags.items()}
        kept = f"models:/{version.name}/{version.version}"
        made[kept] = registered(f"models:/{model_id}", version.name, tags, version.description or "")
    return made


def _copy_model(home: Store, server: Store, logged: LoggedModel, run: str) -> str:
    """Uploads a model that a run has logged; gives its id on the server."""
    client = server.client
    begun = client.create_logged_model(
        server.experiment_id, logged.name, run, logged.tags, logged.params, logged.model_type
    )
    with tempfile.TemporaryDirectory() as folder:
        # Not by `models:/ID`, which MLflow looks up where it writes to.
        files = download_artifacts(artifact_uri=logged.artifact_location, dst_path=folder)
        described = Model.load(files)
        described.model_id, described.run_id, described.artifact_path = (
            begun.model_id,
            run,
            begun.artifact_location,
        )
        described.save(str(Path(files) / MLMODEL_FILE_NAME))
        client.log_model_artifacts(begun.model_id, files)
    client.finalize_logged_model(begun.model_id, "READY")
    client.log_outputs(run, [LoggedModelOutput(begun.model_id, step=0)])
    return str(begun.model_id)
