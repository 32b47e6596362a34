"""`releasegap score`: a file of applicants, each with limit, PD, decision, and the rule that refused."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from commandline import Common
from commands.tracked import store_of
from data.errors import CallError

if TYPE_CHECKING:
    from scoring.decision import Parts
    from training.tracking import Store


def score(
    common: Common,
    input_: Annotated[
        Path, typer.Option("--input", metavar="FILE", help="CSV or Parquet with a row per applicant.")
    ],
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="CSV or Parquet to write.")],
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            metavar="URI",
            help="models:/releasegap-decision/VERSION, or a folder; the champion, else the latest.",
        ),
    ] = None,
    book: Annotated[
        Path | None, typer.Option("--book", metavar="BOOK", help="The book that the model must be of.")
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="NAMES", help="Columns to take along: with commas, or one by one."),
    ] = None,
    reasons: Annotated[
        bool, typer.Option("--reasons", help="Also up to four reasons of each refusal.")
    ] = False,
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", metavar="DIR", help="Decision ledger to append every decision to."),
    ] = None,
    decided_at: Annotated[
        str | None,
        typer.Option("--decided-at", metavar="TIME", help="When these decisions are taken, for the ledger."),
    ] = None,
    request_id: Annotated[
        str,
        typer.Option("--request-id", metavar="NAME", help="Column that names the request, for the ledger."),
    ] = "request_id",
) -> None:
    """Score a file of applicants: limit, PD, decision, the rule that refused, and reasons if wanted."""
    if ledger is not None and decided_at is None:
        raise CallError(
            "--ledger wants --decided-at: when the decisions are taken, as 2026-03-31T18:00:00+08:00."
        )
    if ledger is None and decided_at is not None:
        raise CallError("--decided-at is of the decision ledger; name its folder with --ledger, too.")
    console = common.console
    store = store_of(common)
    uri, folder, parts = _decision(store, model, book)
    from data.categories import strange_told
    from data.decision_ledger.rows import moment
    from scoring.batch import decider_of, score_file
    from scoring.recording import Call, recording
    from training.ledger_checkpoints import LedgerCheckpoints

    kept = tuple(dict.fromkeys(filter(None, map(str.strip, ",".join(keep or ()).split(",")))))
    decider = decider_of(folder, parts)
    into = None
    if ledger is not None and decided_at is not None:
        call = Call(ledger, request_id, moment(decided_at, "--decided-at"), uri)
        into = recording(call, parts, LedgerCheckpoints(store, ledger))
    with console.step(f"Scoring {input_}", 1000) as move:
        scored = score_file(
            input_,
            out,
            decider,
            kept,
            reasons=reasons,
            moved=move,
            ledger=into,
            ids=None if into is None else request_id,
        )
    if scored.unused:
        more = f" and {len(scored.unused) - 8} more" if len(scored.unused) > 8 else ""
        console.note(f"Not used: {', '.join(scored.unused[:8])}{more}.")
    for name, strange in scored.strange.items():
        if strange:
            console.note(strange_told(name, strange, scored.rows, decider.codings[name]))
    refused = {rule: scored.refused[rule] for rule in parts.rules if scored.refused[rule]}
    count = sum(refused.values())
    console.result(
        f"{scored.rows:,} rows scored with {uri}: {count:,} refused ({count / scored.rows:.1%})"
        f"{': ' if refused else ''}{', '.join(f'{rule} {number:,}' for rule, number in refused.items())}.\n"
        f"Written: {out}{'' if ledger is None else f'; every decision is recorded in {ledger}'}",
        table=out,
        ledger=ledger,
        model=uri,
        rows=scored.rows,
        refused=count,
        refused_by=refused,
        unused=scored.unused,
        not_known={name: dict(found) for name, found in scored.strange.items() if found},
    )


def _decision(store: Store, uri: str | None, book: Path | None) -> tuple[str, Path, Parts]:
    """The decision model that was asked for, by default the champion, else the latest (of the book that is named)."""
    from data.book import open_book
    from features.catalogue import catalogue_of
    from scoring.decision import read_parts
    from training.registry import decision_to_serve, fetch_decision

    opened = open_book(book) if book is not None else None
    uri = uri or decision_to_serve(store, None if opened is None else opened.digest)
    folder = fetch_decision(store, uri)
    try:
        parts = read_parts(folder)
    except (ValueError, KeyError, OSError) as error:
        raise CallError(f"{uri} cannot be read: {error}.") from error
    if opened is not None and opened.digest != parts.facts["book_digest"]:
        raise CallError(
            f"{uri} was trained on another book (digest {parts.facts['book_digest'][:12]}) than {book} "
            f"(digest {opened.digest[:12]}): name the model of this book, or leave out --book."
        )
    if opened is not None and catalogue_of(opened).digest != parts.facts["catalogue_digest"]:
        raise CallError(
            f"{uri} was trained with another catalogue of features than {book} has now: train again with "
            "`releasegap train all`."
        )
    return uri, folder, parts
