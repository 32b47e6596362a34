"""Results made again from what a run says of itself: book, features, models, report."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from commandline import Console
from data.errors import CallError
from settings import Settings, resolved
from stages.books import matrices, open_verified, simulate
from stages.explaining import explain
from stages.models import fit_limit, fit_release, judge, way_to_grow
from stages.refits import refits_begun
from stages.scored_book import scored_book

if TYPE_CHECKING:
    from collections.abc import Mapping

    from data.blocks import Engine
    from data.book import Book
    from features.matrix import Kind
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel

GROUPS = ("world.", "features.", "models.", "training.", "explanations.")
KINDS: dict[str, tuple[Kind, ...]] = {"train limit": ("review",), "train release": ("request",)}
"""Which matrices a run makes; all others make both."""


def settings_as_run(parameters: Mapping[str, str], over: list[str]) -> Settings:
    """The parameters that a run was made with, as it tells them.

    Args:
        parameters: Of the run, by dotted name, as texts.
        over: Changes of this call.

    Raises:
        CallError: They are not the parameters of this version of the workbench.
    """
    told = [f"{name}={value}" for name, value in parameters.items() if name.startswith(GROUPS)]
    book = {
        name.removeprefix("book."): value for name, value in parameters.items() if name.startswith("book.")
    }
    if "seed" in book:
        told += [f"simulation.{name}={book[name]}" for name in ("borrowers", "months", "seed")]
        told += [f"simulation.scenario={json.dumps(book['scenario'])}"]
        told += [f"blocks.size={book['block_size']}"] if "block_size" in book else []
    try:
        return resolved(None, [*told, *over])
    except CallError as error:
        raise CallError(
            f"the run was made by another version of the workbench, whose parameters this one does not take "
            f"({str(error).rstrip('.')}); call that version."
        ) from error


def book_again(
    name: str,
    source: str,
    given: Path | None,
    folder: Path,
    settings: Settings,
    console: Console,
    engine: Engine,
) -> Book:
    """The book of a run: the one that is given, else simulated again under the same name.

    Raises:
        CallError: It is not a simulated one, and none is given.
    """
    if given is not None:
        return open_verified(given)
    if source != "simulated":
        raise CallError(
            "the run is of an imported book, which cannot be made again from its parameters: name the book with --book."
        )
    return simulate(settings, folder / name, console, engine, resume=False)


def made_again(
    work: str,
    book: Book,
    settings: Settings,
    console: Console,
    engine: Engine,
    given: tuple[LimitModel, ReleaseModel] | None = None,
) -> dict[str, str]:
    """Digests of all that a run makes of its book, by name, made again here.

    Args:
        work: What was called (`run`, `train limit`, …, `explain`).
        book: The book.
        settings: Parameters of the run.
        console: Is told of the steps.
        engine: Where blocks are worked on.
        given: The models of a run that fits none.
    """
    from data.book import sha256
    from explanations.files import REPORT, write_explanation
    from training.run_record import digests_of

    kinds = KINDS.get(work, ("request", "review"))
    made = dict(zip(kinds, matrices(book, settings, console, engine, kinds), strict=True))
    engine.rest()
    requests, reviews = made.get("request"), made.get("review")
    limit, release = given or (None, None)
    if given is None:
        grow = way_to_grow(engine, False, settings)
        if reviews is not None:
            limit = fit_limit(book, reviews, settings, console, grow)
        if requests is not None:
            release = fit_release(book, requests, settings, console, grow)
    digests = {"book": book.digest, **digests_of(made, limit, release)}
    if work.startswith("train"):
        return digests
    assert requests is not None
    assert reviews is not None
    assert limit is not None
    assert release is not None
    scored = scored_book(book, requests, reviews, limit, release, settings)
    judged = judge(book, requests, reviews, scored.limit_score, scored.margin, release, settings)
    with refits_begun(scored) as refits:
        explanation = explain(scored, judged, refits, console, engine)
    with tempfile.TemporaryDirectory() as folder, console.step("Writing the report again"):
        write_explanation(explanation, limit, release, Path(folder))
        digests["report"] = sha256(Path(folder) / REPORT)
    return digests
