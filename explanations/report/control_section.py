"""Internal control in the report: a line for each check that found something, the gravest first."""

from __future__ import annotations

import pandas as pd

from explanations.report.exhibits import Column, Record, Table, table
from explanations.report.quantities import count
from explanations.report.section import Section, Subject
from explanations.report.words import Text, joined, same, say


def control_section(subject: Subject) -> Section | None:
    """What the record does not bear out; None where it was not held against anything."""
    found = subject.explanation.control
    if found is None:
        return None
    return Section(
        {
            "control": findings_table(found) if (found["count"] > 0).any() else None,
            "control_text": summary_text(found),
            "control_notes": _notes(found),
        }
    )


def findings_table(found: pd.DataFrame) -> Table:
    """The checks that found something, with examples."""
    records: list[Record] = [
        {
            "check": say(f"control_check.{row['check']}"),
            "severity": say(f"severity.{row['severity']}"),
            "count": count(row["count"]),
            "looked_at": count(row["looked_at"]),
            "examples": same(str(row["examples"])),
        }
        for row in found[found["count"] > 0].to_dict("records")
    ]
    columns = [
        Column("check", say("control.check"), numeric=False),
        Column("severity", say("control.severity"), numeric=False),
        Column("count", say("control.count")),
        Column("looked_at", say("control.looked_at")),
        Column("examples", say("control.examples"), numeric=False),
    ]
    return table(say("control.caption"), columns, records)


def summary_text(found: pd.DataFrame) -> Text:
    """How many checks were made, and how many found something."""
    made = int((found["looked_at"] > 0).sum())
    with_findings = int((found["count"] > 0).sum())
    if not with_findings:
        return say("control.nothing", checks=count(made))
    return say("control.lead", checks=count(made), found=count(with_findings))


def _notes(found: pd.DataFrame) -> list[Text]:
    """Which checks found nothing, and which could not be made."""
    looked, empty = found["looked_at"] > 0, found["count"] == 0
    return [
        say(
            f"control.{name}",
            checks=joined([say(f"control_check.{check}") for check in checks], en="; ", zh="；"),
        )
        for name, checks in (
            ("quiet", found.loc[looked & empty, "check"]),
            ("untold", found.loc[~looked, "check"]),
        )
        if len(checks)
    ]
