"""Runs that were kept in a home because their tracking server did not answer: uploaded later, whole."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from mlflow.entities import LoggedModel, LoggedModelInput, LoggedModelOutput, Metric, Param
from mlflow.entities import Run as Kept
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import Model
from mlflow.models.model import MLMODEL_FILE_NAME

from training.runs import METRICS_A_BATCH, PARAMETERS_A_BATCH, registered
from training.tracking import PENDING, Store, point_at

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
    """The runs of a home that wait for their server, parents first.

    A stage whose command is under way waits with it: it may have ended and yet be taken up again for its model.
    """
    found = home.client.search_runs(
        [home.experiment_id],
        f"tags.`{PENDING}` LIKE '%'",
        order_by=["attributes.start_time ASC"],
        max_results=10_000,
    )
    under_way = {run.info.run_id for run in found if run.info.status == "RUNNING"}
    waiting = [
        run
        for run in found
        if SENT not in run.data.tags and not under_way & {run.info.run_id, run.data.tags.get(PARENT)}
    ]
    return sorted(waiting, key=lambda run: PARENT in run.data.tags)


def upload(home: Store, server: Store) -> Iterator[Sent]:
    """Uploads the runs that wait, one by one: parameters, metrics by step, tags, inputs, files, model versions.

    A run counts as sent when all of it is there. What an interrupted upload left of one is deleted and begun anew.
    Aliases are not uploaded: who is champion is the server's own affair.
    """
    point_at(server.uri)
    sent: dict[str, str] = {}
    for found in pending(home):
        run = home.client.get_run(found.info.run_id)  # a search leaves out which models a run has used
        _delete_halves(server, run.info.run_id)
        copy = _begin(server, run, _parent(home, run, sent))
        copies = {**sent, run.info.run_id: copy}
        _copy_figures(home.client, server.client, run, copy)
        _copy_models_used(home, server, run, copies)
        models = _copy_models(home, server, run, copies)
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
        for version in server.client.search_model_versions(f"run_id = '{half.info.run_id}'"):
            server.client.delete_model_version(version.name, version.version)
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


def _copy_models_used(home: Store, server: Store, run: Kept, copies: Mapping[str, str]) -> None:
    """Records the models that a run has used; those of which the server has no copy it cannot name."""
    used = {given.model_id for given in run.inputs.model_inputs} if run.inputs else set()
    if not used:
        return
    kept = [version for version in _versions(home) if _model_id(version) in used]
    there = [_copy_of(home, server, version, copies) for version in kept]
    models = [LoggedModelInput(_model_id(version)) for version in there if version is not None]
    server.client.log_inputs(copies[run.info.run_id], models=models)


def _copy_models(home: Store, server: Store, run: Kept, copies: Mapping[str, str]) -> dict[str, str]:
    """Uploads and registers the models of a run; gives the versions on the server by those in the home.

    A tag that names a version in the home then names that on the server, whichever of the two was uploaded first.
    """
    found = home.client.search_model_versions(f"run_id = '{run.info.run_id}'")
    made: dict[str, str] = {}
    for version in sorted(found, key=lambda one: (one.creation_timestamp, one.name)):
        logged = home.client.get_logged_model(_model_id(version))
        model_id = _copy_model(home, server, logged, copies[run.info.run_id])
        made[_uri(version)] = registered(
            f"models:/{model_id}", version.name, version.tags, version.description or ""
        )
    if made:
        _rename_versions(home, server, made, copies)
    return made


def _rename_versions(home: Store, server: Store, made: Mapping[str, str], copies: Mapping[str, str]) -> None:
    """Sets the tags by which copies name versions of which there is a copy, where either of the two was just made."""
    kept = {_uri(version): version for version in _versions(home)}
    for uri, version in kept.items():
        for name, value in version.tags.items():
            if value in kept and (uri in made or value in made):
                copy = _copy_of(home, server, version, copies)
                named = _copy_of(home, server, kept[value], copies)
                if copy is not None and named is not None:
                    server.client.set_model_version_tag(copy.name, copy.version, name, _uri(named))


def _copy_of(
    home: Store, server: Store, version: ModelVersion, copies: Mapping[str, str]
) -> ModelVersion | None:
    """The version on the server that is a copy of one in the home; None where there is none."""
    run = str(version.run_id)
    copy = copies.get(run) or home.client.get_run(run).data.tags.get(SENT)
    found = server.client.search_model_versions(f"run_id = '{copy}'") if copy else []
    return next((one for one in found if one.name == version.name), None)


def _versions(home: Store) -> list[ModelVersion]:
    """Every version of a home."""
    found: list[ModelVersion] = []
    token: str | None = ""
    while token is not None:
        page = home.client.search_model_versions(page_token=token or None)
        found += page
        token = page.token or None
    return found


def _uri(version: ModelVersion) -> str:
    return f"models:/{version.name}/{version.version}"


def _model_id(version: ModelVersion) -> str:
    return str(version.source).removeprefix("models:/")


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
