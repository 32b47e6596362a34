"""Homes of tests copied while MLflow has their database open."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path


def copy_home(home: Path, to: Path) -> Path:
    """Copies a home to a folder that is not there yet; gives that.

    The database is copied by SQLite: who copies its file lets go, with that, of the locks that his process has on it,
    and another process that closes it takes away from under him what was not yet written into it.
    """
    shutil.copytree(home, to, ignore=shutil.ignore_patterns("mlflow.db*"))
    with (
        closing(sqlite3.connect(home / "mlflow.db")) as whole,
        closing(sqlite3.connect(to / "mlflow.db")) as copy,
    ):
        whole.backup(copy)
    return to
