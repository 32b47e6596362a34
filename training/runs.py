"""What a run writes down in MLflow, and how its models are registered."""

import io
import json
import re
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, LoggedModelInput, Metric, Param
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema, TensorSpec

from data.spreadsheets import frame_csv
from training import home as layout
from training.descriptions import DECISION_DESCRIPTION, NAME_DESCRIPTIONS
from training.home import DECISION, ModelKind, registered_name

if TYPE_CHECKING:  # LightGBM brings scikit-learn, whose import takes longer than MLflow's
    from lightgbm import Booster
    from pandas import DataFrame

    from features.matrix import Matrix

LONGEST_PARAMETER = 6_000  # characters, MLflow's own limits
LONGEST_TAG = 8_000
LONGEST_DIGEST = 36
LONGEST_DESCRIPTION = 5_000
FIGURES = "figures"
"""Folder of a run's pictures."""
PARAMETERS_A_BATCH = 100
METRICS_A_BATCH = 1_000
_PICTURE = re.compile(r"^(!\[.*\]\()([\w.-]+\.(?:png|svg)\))$", re.MULTILINE)


@dataclass(frozen=True)
class DecisionFiles:
    """What a decision model is logged from.

    Attributes:
        code: The file with its code.
        folder: What it carries.
        digest: Digest of that folder.
        features: The features that it reads.
        by_region: Whether its policy differs by region, which a row then names.
    """

    code: Path
    folder: Path
    digest: str
    features: tuple[str, ...]
    by_region: bool


@dataclass(frozen=True)
class Run:
    """One run under way: what it writes down."""

    client: MlflowClient
    experiment_id: str
    run_id: str
    tags: Mapping[str, str] = field(default_factory=dict)  # of every run of its store

    def log_parameters(self, parameters: Mapping[str, object]) -> None:
        """Records parameters by their dotted names.

        The same value again is fine. A value longer than MLflow holds is cut there and kept whole as
        the artifact parameters/NAME.txt.

        Raises:
            MlflowException: The run has one of them already with another value.
        """
        texts = {name: str(value) for name, value in parameters.items()}
        cut = [Param(name, _cut(text, LONGEST_PARAMETER)) for name, text in texts.items()]
        for start in range(0, len(cut), PARAMETERS_A_BATCH):
            self.client.log_batch(self.run_id, params=cut[start : start + PARAMETERS_A_BATCH])
        for name, text in texts.items():
            if len(text) > LONGEST_PARAMETER:
                self.log_text(text, f"parameters/{name}.txt")

    def log_metrics(self, metrics: Mapping[str, float]) -> None:
        """Records metrics whose names carry their prefix: `limit.rmse`, `release.auc`."""
        now = int(time.time() * 1000)
        entities = [Metric(name, float(value), now, step=0) for name, value in metrics.items()]
        for start in range(0, len(entities), METRICS_A_BATCH):
            self.client.log_batch(self.run_id, metrics=entities[start : start + METRICS_A_BATCH])

    def log_steps(self, name: str, values: Sequence[float]) -> None:
        """Records how a metric went, step by step from 1: MLflow draws the line."""
        now = int(time.time() * 1000)
        entities = [Metric(name, float(value), now, step) for step, value in enumerate(values, start=1)]
        for start in range(0, len(entities), METRICS_A_BATCH):
            self.client.log_batch(self.run_id, metrics=entities[start : start + METRICS_A_BATCH])

    def log_measures(self, prefix: str, measures: Mapping[str, float | None]) -> None:
        """Records measures that are named in prose as metrics with a prefix; an absent one is left out."""
        known = {name: value for name, value in measures.items() if value is not None}
        self.log_metrics({f"{prefix}.{re.sub('[^0-9A-Za-z]', '_', name)}": known[name] for name in known})

    def log_trial(
        self,
        name: str,
        parameters: Mapping[str, object],
        metrics: Mapping[str, float],
        curves: Mapping[str, Mapping[int, float]],
        tags: Mapping[str, str],
        seconds: float,
    ) -> None:
        """Records a trial as a finished run nested in this one, in one batch.

        Args:
            name: What the run is called.
            parameters: By dotted name.
            metrics: By name.
            curves: Values by step, by the name of the metric.
            tags: Further tags.
            seconds: How long the trial took, up to now.
        """
        now = int(time.time() * 1000)
        nested = {**self.tags, **tags, "mlflow.parentRunId": self.run_id}
        begun = now - int(1000 * seconds)
        made = self.client.create_run(self.experiment_id, begun, tags=nested, run_name=name).info.run_id
        told = [Metric(key, float(value), now, step=0) for key, value in metrics.items()]
        for key, curve in curves.items():
            told += [Metric(key, float(value), now, step=step) for step, value in curve.items()]
        texts = [Param(key, str(value)) for key, value in parameters.items()]
        self.client.log_batch(made, metrics=told[:METRICS_A_BATCH], params=texts)
        self.client.set_terminated(made, end_time=now)

    def log_dataset(self, digest: str, name: str, rows: int, source: str, context: str) -> None:
        """Records a book as an input of the run, by its digest and not by its rows.

        `source` says in words where it came from, `context` what it was used for (training, explanation).
        MLflow holds the first 36 characters of a digest; the whole one stands in the profile.
        """
        dataset = Dataset(
            name=name,
            digest=digest[:LONGEST_DIGEST],
            source_type="local",
            source=json.dumps({"uri": source}),
            profile=json.dumps({"num_rows": rows, "digest": digest}),
        )
        tag = InputTag("mlflow.data.context", context)
        self.client.log_inputs(self.run_id, [DatasetInput(dataset, [tag])])

    def log_matrices(self, digest: str, matrices: Mapping[str, "Matrix"]) -> None:
        """Records the size of matrices that were read from a book, and the digest of what they were made by."""
        sizes = {name: matrix.values.shape for name, matrix in matrices.items()}
        rows = {f"features.{name}.rows": float(size[0]) for name, size in sizes.items()}
        self.log_metrics(rows | {f"features.{name}.columns": float(size[1]) for name, size in sizes.items()})
        self.client.set_tag(self.run_id, "features_digest", digest)

    def log_models_used(self, uris: Sequence[str]) -> None:
        """Records registered models as inputs of the run; any other model is named in the run's parameters alone."""
        names = [uri.removeprefix("models:/").split("/") for uri in uris if uri.startswith("models:/")]
        versions = [self.client.get_model_version(*name) for name in names if len(name) == 2]
        ids = [str(version.source).removeprefix("models:/") for version in versions]
        self.client.log_inputs(self.run_id, models=[LoggedModelInput(one) for one in ids])

    @contextmanager
    def again(self) -> Iterator[None]:
        """Takes the run up again, so that models which are logged in the block are its own."""
        under_way = mlflow.active_run()
        if under_way is not None and under_way.info.run_id == self.run_id:
            yield
        else:
            with mlflow.start_run(run_id=self.run_id, nested=True):
                yield

    def log_artifact(self, path: Path, folder: str | None = None) -> None:
        """Keeps a file with the run, in a folder of its artifacts or at their top."""
        self.client.log_artifact(self.run_id, str(path), folder)

    def log_figure(self, path: Path) -> None:
        """Keeps a picture (PNG, SVG) with the run's figures."""
        self.log_artifact(path, FIGURES)

    def log_markdown(self, path: Path) -> None:
        """Keeps a text in Markdown with the run; pictures that lie beside it are looked for among the run's figures.

        MLflow's page shows no picture in a text; who downloads the run's files has them.
        """
        text = path.read_text(encoding="utf-8")
        self.log_text(_PICTURE.sub(rf"\g<1>{FIGURES}/\g<2>", text), path.name)

    def log_text(self, text: str, artifact: str) -> None:
        """Keeps a text with the run as a file of that name."""
        self.client.log_text(self.run_id, text, artifact)

    def log_table(self, table: "DataFrame", artifact: str) -> None:
        """Keeps a table with the run as a CSV file, of which the UI shows the first 500 rows."""
        self.log_text(frame_csv(table), artifact)

    def log_note(self, markdown: str) -> None:
        """Sets the description that the UI shows above the run."""
        self.client.set_tag(self.run_id, "mlflow.note.content", _cut(markdown, LONGEST_TAG))

    def log_booster(
        self,
        kind: ModelKind,
        booster: "Booster",
        features: Sequence[str],
        folder: Path,
        *,
        book_digest: str,
        model_digest: str,
        description: str = "",
        measures: Mapping[str, float] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Logs a booster with the files of `folder` (its sidecar: model.txt, model.json) and registers it.

        MLflow gives the metrics that the run has by then to the model as well, one request each: over
        HTTP it is quicker to log models first. `measures` (out of time) become tags of the version,
        beside further `tags`.

        Returns:
            Its URI, `models:/releasegap-limit/3`.
        """
        signature = ModelSignature(
            inputs=Schema([ColSpec("double", feature) for feature in features]),
            outputs=Schema([ColSpec("double")]),
        )
        with known_warnings_silenced():
            logged = mlflow.lightgbm.log_model(
                booster,
                name=kind,
                signature=signature,
                # Left out, MLflow finds them by loading the model in a new process, for 5 seconds.
                pip_requirements=[f"{name}=={version(name)}" for name in ("mlflow", "lightgbm", "pandas")],
                extra_files=[str(path) for path in sorted(folder.iterdir())],
            )
        return registered(
            logged.model_uri,
            registered_name(kind),
            {"book_digest": book_digest, "model_digest": model_digest}
            | {f"out_of_time.{name}": f"{value:.6g}" for name, value in (measures or {}).items()}
            | dict(tags or {}),
            description,
        )

    def log_decision(self, files: DecisionFiles, tags: Mapping[str, str]) -> str:
        """Logs the decision model from its code and the files that it carries, and registers it with these tags.

        Returns:
            Its URI, `models:/releasegap-decision/3`.
        """
        columns: list[ColSpec | TensorSpec] = [ColSpec("double", feature) for feature in files.features]
        if files.by_region:
            columns += [ColSpec("long", "region"), ColSpec("datetime", "requested_on", required=False)]
        texts = ("decision", "refused_by", *(f"reason_{rank}" for rank in range(1, 5)))
        outputs: list[ColSpec | TensorSpec] = [ColSpec("double", name) for name in ("limit", "pd")]
        outputs += [ColSpec("string", name) for name in texts]
        needed = ("mlflow", "lightgbm", "numpy", "pandas", "scipy")
        with known_warnings_silenced():
            logged = mlflow.pyfunc.log_model(
                name=DECISION,
                python_model=str(files.code),
                artifacts={DECISION: str(files.folder)},
                signature=ModelSignature(inputs=Schema(columns), outputs=Schema(outputs)),
                pip_requirements=[f"{name}=={version(name)}" for name in needed],
            )
        return registered(logged.model_uri, registered_name(DECISION), tags, DECISION_DESCRIPTION)

    def made(self) -> tuple[str, str]:
        """Who made the run, and on which day (UTC)."""
        run = self.client.get_run(self.run_id)
        day = datetime.fromtimestamp(run.info.start_time / 1000, UTC)
        return run.data.tags.get("mlflow.user", ""), f"{day:%Y-%m-%d}"

    def report_url(self, base: str) -> str:
        """The link under which the UI at `base` (http://127.0.0.1:5000) shows this run's report."""
        return layout.report_url(base, self.experiment_id, self.run_id)


def registered(model: str, name: str, tags: Mapping[str, str], description: str = "") -> str:
    """Registers a logged model as the next version of a name; gives its URI, `models:/releasegap-limit/3`.

    The description (Markdown, at most `LONGEST_DESCRIPTION` characters) is what the version's page shows.
    """
    with redirect_stderr(io.StringIO()):  # it prints two lines for each model, whatever the log level
        made = mlflow.register_model(model, name, tags=dict(tags))
    if str(made.version) == "1" and name in NAME_DESCRIPTIONS:
        MlflowClient().update_registered_model(name, NAME_DESCRIPTIONS[name])
    if description:
        MlflowClient().update_model_version(name, made.version, description)
    return f"models:/{made.name}/{made.version}"


@contextmanager
def known_warnings_silenced() -> Iterator[None]:
    """Silences what MLflow 3.17 says of its own code and of a model without an example, and nothing else."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The ``noload`` loader strategy is deprecated")
        warnings.filterwarnings("ignore", message=".*Any type hint is inferred as AnyType")
        # An example would be a borrower; what a row holds the signature says.
        warnings.filterwarnings("ignore", message=".*An input example was not provided")
        yield


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
