"""`releasegap notice`: the letter to the borrower of one conflict."""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

import typer

import stages
from commandline import Common, ExplainedBookOption, FromOption, PageOption, RequestArgument
from data.errors import CallError
from settings import settings_of


def notice(
    common: Common,
    request_id: RequestArgument,
    from_: FromOption = None,
    book: ExplainedBookOption = None,
    language: Annotated[
        Literal["en", "zh"], typer.Option("--language", help="The letter's language.")
    ] = "zh",
    lender: Annotated[
        str | None, typer.Option("--lender", metavar="NAME", help="The lender's name; else notice.lender.")
    ] = None,
    date: Annotated[
        str | None,
        typer.Option("--date", metavar="YYYY-MM-DD", help="The letter's date; else the request's."),
    ] = None,
    out: PageOption = None,
) -> None:
    """Write the letter to the borrower of one conflict: what was decided, why, what would help, whom to ask."""
    from data.atomic import whole_file
    from explanations.files import read_explanation
    from explanations.pseudonyms import request_of
    from explanations.report.notice import notice_html, unset_parts

    console = common.console
    if date is not None:
        _require_date(date)
    parameters = settings_of(common).notice
    if lender is not None:
        parameters = parameters.model_copy(update={"lender": lender})
    folder = stages.kept_folder(from_, common.home)
    explanation = read_explanation(folder)
    request = request_of(explanation, request_id)
    explanation = stages.with_ways(explanation, folder, request, book, common.home, console)
    html = notice_html(explanation, request, language, parameters, date)
    out = out or common.home / "notices" / f"{request}-{language}.html"
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as aside:
        aside.write_text(html, encoding="utf-8", newline="\n")
    recourse = explanation.recourse
    looked_for = recourse is not None and bool((recourse["request_id"] == request).any())
    if not looked_for and explanation.timelines is not None:
        console.note(
            f"Nobody looked for what would help request {request}, so the letter names no conditions for a release: "
            "name the book that was explained with --book."
        )
    unset = unset_parts(parameters)
    if unset:
        console.note(
            f"Not ready to be sent: set {', '.join(f'notice.{name}' for name in unset)} in the parameters."
        )
    console.result(
        f"Letter: {out}",
        notice=out,
        request_id=request,
        language=language,
        unset=unset,
        conditions=looked_for,
    )


def _require_date(text: str) -> None:
    """Raises CallError where a text is no date."""
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        raise CallError(f"--date {text!r} is no date; write it as 2025-07-31.") from None
