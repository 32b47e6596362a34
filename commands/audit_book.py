"""`releasegap audit book`: what a book records, held against the lender's own rules, policy and agreements."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stages
from commandline import Common, LimitModelOption
from commands.tracked import store_of
from data.errors import CallError, DataFault
from settings import settings_of

if TYPE_CHECKING:
    import pandas as pd

    from data.book import Book
    from features.matrix import Matrix
    from models.boosted import Floats
    from training.tracking import Store

FINDINGS = "findings.json"
GRAVE = ("critical", "high")


def audit_book(
    common: Common,
    book: Annotated[Path, typer.Argument(metavar="BOOK", help="Folder of a dated book.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder of the findings; else one in the home."),
    ] = None,
    limit_model: LimitModelOption = None,
) -> None:
    """Look for slips, releases against policy, stale data and odd batches; exit status 1 where a finding is grave."""
    from data.atomic import refuse_foreign, whole_folder
    from data.parameters import flatten
    from data.spreadsheets import frame_csv

    console = common.console
    settings = settings_of(common)
    taken = stages.open_verified(book)
    if not taken.dated:
        raise CallError(
            f"{taken.path} records no reviews and decisions (one row per client, no dates): nothing can be "
            "held against anything."
        )
    out = out or common.home / "audits" / taken.name
    refuse_foreign(out, FINDINGS)
    store = store_of(common, or_home=True)
    requests, reviews = stages.matrices(taken, settings, console)
    uri, score = _limit_score(store, taken, limit_model, reviews)
    if uri is None:
        console.note("No limit model of this book: assessed limits that were overwritten are not looked for.")
    used = {
        f"explanations.control.{name}": value
        for name, value in flatten(settings.explanations.control).items()
    }
    with store.run_on(taken, "audit", used) as tracked:
        found = stages.control(taken, requests, reviews, score, settings, console)
        told = {
            "book_digest": taken.digest,
            "limit_model": uri,
            "findings": found.to_dict("records"),
        }
        with whole_folder(out, FINDINGS) as folder:
            text = json.dumps(told, indent=1, ensure_ascii=False)
            (folder / FINDINGS).write_text(f"{text}\n", encoding="utf-8", newline="\n")
            (folder / "findings.csv").write_text(frame_csv(found), encoding="utf-8", newline="\n")
        tracked.log_artifact(out / FINDINGS)
        tracked.log_table(found, "findings.csv")
        counts = dict(zip(found["check"], found["count"].astype(float), strict=True))
        tracked.log_measures("control", counts)
        tracked.log_note(_said(found).replace("\n", "\n\n"))
    grave = found[(found["count"] > 0) & found["severity"].isin(GRAVE)]
    console.result(
        f"{_said(found)}\nWritten: {out}\nRun: {tracked.run_id} in {store.place}",
        folder=out,
        run=tracked.run_id,
        store=store.place,
        **told,
    )
    if len(grave):
        raise DataFault(
            f"{taken.name} records {int(grave['count'].sum()):,} grave findings in {len(grave)} of "
            f"{int((found['looked_at'] > 0).sum())} checks; see who decided, and correct the record."
        )


def _limit_score(
    store: Store, book: Book, uri: str | None, reviews: Matrix
) -> tuple[str | None, Floats | None]:
    """The limit model that was asked for, else the latest of the book if there is one, and its scores."""
    from training.registry import load_limit

    if uri is None:
        try:
            limit, uri = load_limit(store, book, None)
        except CallError:
            return None, None
    else:
        limit, uri = load_limit(store, book, uri)
    return uri, stages.score_reviews(reviews, limit)


def _said(found: pd.DataFrame) -> str:
    """A line for each check that found something, and one for all others."""
    from explanations.report.control_section import summary_text
    from explanations.report.words import say

    lines = [
        f"{row['severity']}: {say('control_check.' + row['check']).en}: {row['count']:,} of {row['looked_at']:,} "
        f"({row['examples']})"
        for row in found[found["count"] > 0].to_dict("records")
    ]
    return "\n".join([summary_text(found).en, *lines])
