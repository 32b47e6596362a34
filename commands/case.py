"""`releasegap case`: the page of one conflict."""

from __future__ import annotations

import stages
from commandline import Common, ExplainedBookOption, FromOption, PageOption, RequestArgument


def case(
    common: Common,
    request_id: RequestArgument,
    from_: FromOption = None,
    book: ExplainedBookOption = None,
    out: PageOption = None,
) -> None:
    """Write the page of one conflict: verdict, causes, both models' reasoning, what was visible when."""
    from data.atomic import whole_file
    from explanations.files import read_explanation
    from explanations.report.case_page import case_html, only_case

    console = common.console
    folder = stages.kept_folder(from_, common.home)
    explanation = only_case(read_explanation(folder), request_id)
    explanation = stages.with_timeline(explanation, request_id, book, common.home, console)
    explanation = stages.with_ways(explanation, folder, request_id, book, common.home, console)
    out = out or common.home / "cases" / f"{request_id}.html"
    html = case_html(explanation, request_id, common.home / "cache")
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as aside:
        aside.write_text(html, encoding="utf-8", newline="\n")
    console.result(
        f"Case: {out}", case=out, request_id=request_id, timeline=explanation.timelines is not None
    )
