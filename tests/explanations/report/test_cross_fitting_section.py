"""The whole of a small book in the report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from explanations.explanation import Explanation
from explanations.finding import finding_metrics
from explanations.report.cross_fitting_section import cross_fitting_section
from explanations.report.exhibits import Table
from explanations.report.section import Subject


def rows_of(table: Any) -> dict[str, tuple[str, ...]]:
    assert isinstance(table, Table)
    return {row[0].en: tuple(cell.en for cell in row[1:]) for row in table.rows}


def test_the_whole_book_stands_beside_those_held_out(imported: Explanation) -> None:
    section = cross_fitting_section(Subject(imported))
    assert section is not None
    figures = imported.summary["cross_fitting"]["figures"]
    rows = rows_of(section.said["cross_table"])
    auc = rows["Release model: AUC (0.5: no better than chance; 1: perfect)"]
    told = figures["release.auc"]
    assert auc[0].replace("\N{NO-BREAK SPACE}", " ") == (
        f"{told['value']:.3f} ({told['low']:.3f} … {told['high']:.3f})"
    )
    assert auc[1].startswith("0.745")
    assert rows["Clients"] == ("200", f"{imported.summary['counts']['requests']:,}")
    assert rows["Favoured and refused"][0].startswith(f"{figures['conflicts']['value']:,.0f} (")
    assert rows["Favoured and refused"][1] == f"{imported.summary['counts']['conflicts']:,}"
    lead = section.said["cross_lead"].en
    assert lead.startswith("Of all 200 clients ")
    chart = section.charts["cross-contrast"]
    assert chart.table is not None
    assert len(chart.table.rows) == min(10, len(imported.catalogue.release))


def test_what_was_left_out_and_what_could_not_be_done_is_said(imported: Explanation) -> None:
    told = imported.summary["cross_fitting"]
    fewer = replace(imported, summary=imported.summary | {"cross_fitting": told | {"repeats": 4}})
    section = cross_fitting_section(Subject(fewer))
    assert section is not None
    assert section.said["cross_text"][-1].en.startswith("1 of 4 repeats are left out")
    none = {"clients": 30, "folds": 5, "repeats": 5, "complete": 1}
    bare = replace(imported, cross_fitting=None, summary=imported.summary | {"cross_fitting": none})
    section = cross_fitting_section(Subject(bare))
    assert section is not None
    assert section.said["cross_lead"].en.startswith("This book is too small")
    assert "in 4 of 5 tries" in section.said["cross_lead"].en
    assert section.said["cross_table"] is None
    assert not section.charts


def test_other_books_have_no_such_section(simulated: Explanation) -> None:
    assert cross_fitting_section(Subject(simulated)) is None


def test_figures_have_names_for_a_tracker(imported: Explanation) -> None:
    metrics = finding_metrics(imported)
    told = imported.summary["cross_fitting"]["figures"]
    assert metrics["cross_fitting.release.auc"] == told["release.auc"]["value"]
    assert metrics["cross_fitting.conflict.share_low"] == told["conflict.share"]["low"]
