"""`releasegap case`: the page of one conflict."""

from __future__ import annotations

from typing import Annotated

import typer

import stages
from commandline import Common, ExplainedBookOption, FromOption, PageOption, RequestArgument


def case(
    common: Common,
    request_id: RequestArgument,
    from_: FromOption = None,
    book: ExplainedBookOption = None,
    out: PageOption = None,
    redact: Annotated[
        bool, typer.Option("--redact", help="Figures in bands, dates by the month, no id: for other eyes.")
    ] = False,
) -> None:
    """Write the page of one conflict: verdict, causes, both models' reasoning, what was visible when."""
    from data.atomic import whole_file
    from explanations.files import read_explanation
    from explanations.pseudonyms import case_names, request_of
    from explanations.redaction import redacted
    from explanations.report.case_page import case_html, only_case

    console = common.console
    folder = stages.kept_folder(from_, common.home)
    read = read_explanation(folder)
    request = request_of(read, request_id)
    explanation = only_case(read, request)
    explanation = stages.with_timeline(explanation, request, book, common.home, console)
    if redact:
        explanation = redacted(explanation)
    else:
        explanation = stages.with_ways(explanation, folder, request, book, common.home, console)
    [name] = case_names(explanation, explanation.conflicts.query("request_id == @request")["request_id"])
    out = out or common.home / "cases" / f"{name}.html"
    html = case_html(explanation, request, common.home / "cache")
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as aside:
        aside.write_text(html, encoding="utf-8", newline="\n")
    console.result(
        f"Case: {out}",
        case=out,
        request_id=request,
        name=name,
        timeline=explanation.timelines is not None,
        redacted=redact,
    )
