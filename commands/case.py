"""`releasegap case`: the page of one conflict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

import stages
from commandline import Common, FromOption, PageOption, RequestArgument


def case(
    common: Common,
    request_id: RequestArgument,
    from_: FromOption = None,
    book: Annotated[
        Path | None,
        typer.Option(
            "--book", metavar="BOOK", help="The book explained, for the time line; else one of the home's."
        ),
    ] = None,
    out: PageOption = None,
) -> None:
    """Write the page of one conflict: verdict, causes, both models' reasoning, what was visible when."""
    from data.atomic import whole_file
    from explanations.report.case_page import case_html, only_case

    console = common.console
    explanation = only_case(stages.kept_explanation(from_, common.home), request_id)
    told = explanation.timelines
    if told is None or book is not None or not (told["request_id"] == request_id).any():
        taken = stages.explained_book(explanation, book, common.home)
        explanation = replace(explanation, timelines=None)
        if taken is not None:
            explanation = stages.add_timelines(explanation, taken, console)
    out = out or common.home / "cases" / f"{request_id}.html"
    html = case_html(explanation, request_id, common.home / "cache")
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as aside:
        aside.write_text(html, encoding="utf-8", newline="\n")
    console.result(
        f"Case: {out}", case=out, request_id=request_id, timeline=explanation.timelines is not None
    )
