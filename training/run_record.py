"""What a run says of its results: digests by which somebody who makes them again can tell whether they are the same."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mlflow.exceptions import MlflowException

from data.book import sha256
from data.errors import CallError
from features.matrix import Kind, Matrix
from models.limit_model import LimitModel
from models.release_model import ReleaseModel
from training.home import REPORT, registered_name
from training.registry import FINISHED
from training.runs import LONGEST_PARAMETER, Run
from training.tracking import Store

DIGEST = "digest."
"""Head of the tags of a run that tell digests: `digest.limit model`."""
MACHINE = "machine"
"""Tag of a run: Python, libraries and processor that it was made with, as JSON."""
LIBRARIES = ("lightgbm", "numba", "numpy", "pandas", "pyarrow", "scikit-learn", "scipy")
WORK = ("run", "train limit", "train release", "train all", "explain")
"""Commands whose runs can be made again."""


@dataclass(frozen=True)
class RunRecord:
    """What a run says of itself.

    Attributes:
        run_id: Its id.
        work: What was called, of `WORK`.
        book: Name of its book.
        source: `simulated` or `imported`.
        parameters: Parameters by dotted name, as texts, whole.
        digests: Digests of its results by their names.
        code: Digest of the code that made it.
        commit: Commit of the code, where it was known.
        machine: Python, libraries and processor.
    """

    run_id: str
    work: str
    book: str
    source: str
    parameters: dict[str, str]
    digests: dict[str, str]
    code: str
    commit: str
    machine: dict[str, str]


def machine() -> dict[str, str]:
    """Python, libraries and processor of this process, on which bytes may depend."""
    told = {"python": platform.python_version(), "processor": platform.machine(), "system": platform.system()}
    for name in LIBRARIES:
        try:
            told[name] = version(name)
        except PackageNotFoundError:  # it is a part of another distribution here
            told[name] = "unknown"
    return told


def digests_of(
    matrices: Mapping[Kind, Matrix], limit: LimitModel | None, release: ReleaseModel | None
) -> dict[str, str]:
    """Digests of matrices (by kind) and models, under the names by which `releasegap reproduce` compares them."""
    models = {"limit": limit, "release": release}
    return {
        **{f"features at each {kind}": matrix.digest for kind, matrix in matrices.items()},
        **{f"{kind} model": model.digest for kind, model in models.items() if model is not None},
    }


def record_digests(run: Run, digests: Mapping[str, str]) -> None:
    """Writes digests of results on a run, and what they were made with."""
    for name, digest in digests.items():
        run.client.set_tag(run.run_id, f"{DIGEST}{name}", digest)
    run.client.set_tag(run.run_id, MACHINE, json.dumps(machine(), sort_keys=True))


def record_of(store: Store, run_id: str) -> RunRecord:
    """What a run says of itself.

    Raises:
        CallError: There is no such run, it has not ended well, or it is none of those that can be made again.
    """
    if not store.exists:
        raise CallError(f"no run {run_id} in {store.place}: it holds no runs yet.")
    try:
        run = store.client.get_run(run_id)
    except MlflowException as error:
        raise CallError(
            f"no run {run_id} in {store.place}; name the id of one of `run`, `train` or `explain`."
        ) from error
    work, tags = run.data.tags.get("stage", ""), dict(run.data.tags)
    if work not in WORK or "mlflow.parentRunId" in tags:
        raise CallError(
            f"run {run_id} is one of {work or 'something else'}; only runs of `run`, `train` and `explain` can be made "
            "again, and of their stages only with them."
        )
    if run.info.status != FINISHED:
        raise CallError(
            f"run {run_id} has not ended well ({run.info.status}): there is nothing to compare with."
        )
    digests = {name.removeprefix(DIGEST): value for name, value in tags.items() if name.startswith(DIGEST)}
    return RunRecord(
        run_id=run_id,
        work=work,
        book=tags.get("book", "book"),
        source=tags.get("source", ""),
        parameters=_whole_parameters(store, run_id, run.data.params),
        digests={"book": tags.get("book_digest", ""), **_of_files(store, run_id), **digests},
        code=tags.get("code_digest", ""),
        commit=tags.get("mlflow.source.git.commit", ""),
        machine=json.loads(tags.get(MACHINE, "{}")),
    )


def _whole_parameters(store: Store, run_id: str, told: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a run; those that are too long for MLflow from the files that hold them."""
    whole = dict(told)
    for name, value in told.items():
        if len(value) == LONGEST_PARAMETER:
            whole[name] = store.download(f"runs:/{run_id}/parameters/{name}.txt").read_text(encoding="utf-8")
    return whole


def _of_files(store: Store, run_id: str) -> dict[str, str]:
    """The digest of the report that a run keeps; none where it keeps none."""
    kept = {one.path for one in store.client.list_artifacts(run_id)}
    return {"report": sha256(store.download(f"runs:/{run_id}/{REPORT}"))} if REPORT in kept else {}


def models_of(store: Store, record: RunRecord) -> dict[str, str]:
    """URIs of the registered models of that digest by kind, of a run that was made with models of others."""
    found: dict[str, str] = {}
    for kind in ("limit", "release"):
        digest = record.digests.get(f"{kind} model", "")
        versions: Any = store.client.search_model_versions(
            f"name = '{registered_name(kind)}' and tag.model_digest = '{digest}'",
            max_results=1,
            order_by=["version_number DESC"],
        )
        if not versions:
            raise CallError(
                f"the {kind} model of run {record.run_id} (digest {digest[:12] or 'unknown'}) is no longer in "
                f"{store.place}, so what was explained with it cannot be made again."
            )
        found[kind] = f"models:/{versions[0].name}/{versions[0].version}"
    return found
