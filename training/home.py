"""Where a home keeps its MLflow store, and the links into its UI.

Imports no MLflow, whose import takes seconds: the UI starts without it.
"""

import os
from pathlib import Path
from typing import Final, Literal

ModelKind = Literal["limit", "release"]
Registered = Literal["limit", "release", "decision"]
DECISION: Final = "decision"
"""Name of the decision model in a run, and of the folder of what it carries."""
EXPERIMENT = "releasegap"
REPORT = "report.html"
DECIDING: Final = "decision.json"
"""The file without which a folder holds no decision model."""
SIDECAR = ("model.txt", "model.json")  # what models/storage.py writes and reads


def database(home: Path) -> Path:
    """The sqlite database of a home's tracking store."""
    return home / "mlflow.db"


def artifacts(home: Path) -> Path:
    """The folder of a home in which the files of all experiments lie."""
    return home / "mlartifacts"


def sqlite_uri(path: Path) -> str:
    """A database as SQLAlchemy names it."""
    return f"sqlite:///{path.as_posix()}"


def chosen_uri() -> str | None:
    """The tracking URI that the user has set, which goes before any home."""
    return os.environ.get("MLFLOW_TRACKING_URI") or None


def registered_name(kind: Registered) -> str:
    """The name in MLflow's registry under which models of that kind are versioned."""
    return f"releasegap-{kind}"


def report_url(base: str, experiment_id: str, run_id: str) -> str:
    """The link that opens a run's report; without its last part the UI would open its view for agents."""
    run = f"{base}/#/experiments/{experiment_id}/runs/{run_id}"
    return f"{run}/artifacts/{REPORT}?workflowType=machine_learning"


def experiment_url(base: str, experiment_id: str) -> str:
    """The link that opens an experiment's table of runs."""
    return f"{base}/#/experiments/{experiment_id}/runs?workflowType=machine_learning"
