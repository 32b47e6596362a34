"""What commands share that track their work in MLflow, and what they tell of it."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from commandline import DEFAULT_HOME, Common, Console
from data.markdown import plain
from data.secrets import without_secrets
from settings import BESIDE, code_digest

if TYPE_CHECKING:
    import pandas as pd

    from data.book import Book
    from explanations.explanation import Explanation
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel
    from training.runs import Run
    from training.tracking import Store


STAGES = {
    "simulate": ("world.",),
    "features": ("features.",),
    "train limit": ("training.", "models."),
    "train release": ("training.", "models."),
    "explain": ("models.", "explanations."),
}
"""Stages that have a run of their own under that of a command, and which parameters each names."""


def store_of(common: Common, *, or_home: bool = False) -> Store:
    """The MLflow store that a call is tracked in.

    Args:
        common: The call.
        or_home: Whether the call makes new work and reads none. Then a store that is not there is made at once, and
            where the server that the user has chosen does not answer, the home's own keeps the runs until `sync`.
            Any other call takes models from the store: the home's of the same name would be other models.

    Raises:
        Unreachable: The server does not answer a call that reads from it.
        CallError: The store can't be opened.
    """
    console = common.console
    with console.step("Opening the MLflow store"):
        from training.home import chosen_uri
        from training.tracking import PENDING, Unreachable, open_store

        try:
            return open_store(common.home, make=or_home, tags=code_tags())
        except Unreachable as error:
            if not or_home:
                raise
            console.note(f"{error}. This work is kept in {common.home} until `releasegap sync` uploads it.")
        waiting = {PENDING: without_secrets(chosen_uri() or "")}
        return open_store(common.home, tags={**code_tags(), **waiting}, at_home=True)


def code_tags(root: Path = BESIDE.parent) -> dict[str, str]:
    """Tags that say by which code a run was made: digest of the sources and, in a clone, its commit and state."""
    tags = {"code_digest": code_digest(root)}
    if (root / ".git").exists():
        try:
            commit, changed = (
                _git(root, *words) for words in (("rev-parse", "HEAD"), ("status", "--porcelain"))
            )
        except (OSError, subprocess.SubprocessError):
            return tags  # without git, or in a clone that git distrusts, the digest alone tells
        tags |= {
            "mlflow.source.git.commit": commit,
            "git_state": "changed since" if changed else "as committed",
        }
    return tags


def _git(root: Path, *words: str) -> str:
    """What git prints."""
    call = ["git", "-C", str(root), *words]
    return subprocess.run(call, check=True, capture_output=True, text=True, timeout=10).stdout.strip()


@contextmanager
def stage_run(
    store: Store, book: Book, stage: str, parameters: Mapping[str, object], features: str | None = None
) -> Iterator[Run]:
    """The run of a stage (`STAGES`) under the run of the command, with its part of the parameters.

    Args:
        store: Where runs are kept.
        book: What the stage works on.
        stage: Its name.
        parameters: Those of the command.
        features: Digest of the matrices that it works on, where it does.
    """
    own = {name: value for name, value in parameters.items() if name.startswith(STAGES[stage])}
    with store.run_on(book, stage, own) as run:
        if features is not None:
            run.log_dataset(features, f"{book.name} features", book.manifest.rows["borrowers"], "", stage)
        yield run


def features_digest(book: Book, parameters: Mapping[str, object]) -> str:
    """Digest of the matrices of a book, in hex: of what makes them, which is less than they are themselves."""
    from features.catalogue import catalogue_of

    how = {name: str(value) for name, value in parameters.items() if name.startswith(STAGES["features"])}
    made = json.dumps([book.digest, catalogue_of(book).digest, how], sort_keys=True)
    return hashlib.sha256(made.encode()).hexdigest()


def finish(
    explanation: Explanation,
    limit: LimitModel,
    release: ReleaseModel,
    out: Path,
    tracked: Run,
    store: Store,
    uris: dict[str, str],
    home: Path,
    console: Console,
) -> None:
    """Writes the explanation's folder whole, keeps it with the run, and tells what was found."""
    from data.atomic import whole_folder
    from data.book import sha256
    from explanations.explanation import SUMMARY
    from explanations.files import REPORT, write_explanation
    from explanations.finding import finding
    from training.run_record import record_digests

    found = {"run": tracked.run_id, "store": store.place, "models": uris}
    with console.step("Writing tables and report"), whole_folder(out, SUMMARY) as folder:
        figures = write_explanation(explanation, limit, release, folder, home / "cache")
        (folder / "run.json").write_text(
            json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    keep(explanation, out, figures, tracked, uris)
    record_digests(tracked, {"report": sha256(out / REPORT)})
    counts, rates = explanation.summary["counts"], explanation.summary["bad_rates"]
    console.result(
        f"{finding(explanation)}\nReport: {out / REPORT}\nRun: {tracked.run_id} in {store.place}\n"
        f"See it in MLflow: {_ui_call(store, home)}",
        report=out / REPORT,
        folder=out,
        counts=counts,
        bad_rates=rates,
        **found,
    )


def keep(
    explanation: Explanation, folder: Path, figures: list[str], tracked: Run, uris: Mapping[str, str]
) -> None:
    """Keeps with a run what MLflow's pages show of an explanation: report, texts, tables, figures, the finding.

    Aggregates and the cases of the report alone: a tracking server may have other readers than the folder.
    """
    from explanations.explanation import SUMMARY
    from explanations.files import BASELINE, REPORT, RULES, TEXTS
    from explanations.finding import finding, finding_metrics

    for name in (REPORT, SUMMARY, RULES, BASELINE, *TEXTS):
        path = folder / name
        if path.suffix == ".md":
            tracked.log_markdown(path)
        elif path.exists():
            tracked.log_artifact(path)
    for name in figures:
        tracked.log_figure(folder / name)
    tracked.log_table(explanation.contrast, "contrast.csv")
    tracked.log_metrics(finding_metrics(explanation))
    tracked.log_note(_note(finding(explanation), uris))


def _note(found: str, uris: Mapping[str, str]) -> str:
    """What stands above a run in MLflow: what was found, and the pages of its models."""
    names = [uri.removeprefix("models:/") for uri in uris.values() if uri.startswith("models:/")]
    links = [f"[{name}](#/models/{name.replace('/', '/versions/')})" for name in names if "/" in name]
    lines = [*map(plain, found.splitlines()), *([f"Models: {', '.join(links)}."] if links else [])]
    return "\n".join(f"- {line}" for line in lines)


def _ui_call(store: Store, home: Path) -> str:
    """The call that shows this store."""
    if store.place == str(home.resolve()):
        return "make ui, or releasegap ui" if home == DEFAULT_HOME else f"releasegap ui --home {home}"
    return f"MLFLOW_TRACKING_URI={store.place} releasegap ui"


def metrics(performance: pd.DataFrame) -> dict[str, float]:
    """Names and values of a table of performance, as MLflow has them."""
    from training.metrics import metric_names

    return metric_names(performance)


def book_text(book: Book) -> str:
    """What is said of a book that was made."""
    rows = book.manifest.rows
    return (
        f"Book: {book.path} ({rows['borrowers']:,} borrowers, {rows['draw_requests']:,} draw requests), "
        f"digest {book.digest[:12]}"
    )
