"""The first screen and the section on remedies: what is drawn and said agrees with what was found."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import pandas as pd
import pytest

from explanations.explanation import Explanation
from explanations.finding import finding, finding_metrics
from explanations.report.contrast_table import gap
from explanations.report.first_screen import cause_parts, competition_text, top_features
from explanations.report.policy_shift import policy_shift
from explanations.report.quantities import large_money
from explanations.report.remedies_section import FIRST, first_remedies, remedies_section, remedies_table
from explanations.report.section import Subject
from explanations.report.words import Text


def test_the_three_features_have_their_share_of_the_gap_and_what_is_usual(simulated: Explanation) -> None:
    subject = Subject(simulated)
    shown = top_features(subject)
    largest = max(row.release.mean for row in subject.rows if row.release)
    assert [one.name for one in shown] == [row.label for row in subject.rows[:3]]
    assert shown[0].share == f"{100 * largest / gap(subject.rows):.0f}%"
    assert shown[0].width == 100 > shown[1].width > shown[2].width
    table = simulated.release_features
    refused = simulated.conflicts.loc[simulated.conflicts["refused_by"] == "score", "request_id"]
    median = table.loc[table["request_id"].isin(refused), subject.rows[0].name].median()
    assert shown[0].typical.en.startswith(f"median {median:.3g}"[:9])


def test_no_feature_is_named_where_the_score_refuses_nobody(
    explanation_of: Callable[..., Explanation],
) -> None:
    assert top_features(Subject(explanation_of(rules=("cap_lenders",)))) == ()


def test_the_causes_fill_the_bar_largest_first(simulated: Explanation, imported: Explanation) -> None:
    parts = cause_parts(Subject(simulated))
    assert sum(part.width for part in parts) == pytest.approx(100, abs=0.1)
    assert [part.width for part in parts] == sorted((part.width for part in parts), reverse=True)
    assert cause_parts(Subject(imported)) == ()


def test_competition_is_explained_where_it_has_a_part(simulated: Explanation, imported: Explanation) -> None:
    said = competition_text(Subject(simulated))
    assert said is not None
    assert "no line among the remedies" in said.en
    assert competition_text(Subject(imported)) is None


@pytest.mark.parametrize(
    ("cutoff", "paid_out", "told"),
    [(0.03, 0, True), (0.03, 100, False), (0.06, 0, False), (0.058, 0, False)],
    ids=["tightened and refused more", "refused as often", "loosened and refused more", "hardly changed"],
)
def test_a_policy_that_changed_is_told_with_what_became_of_the_favoured(
    simulated: Explanation, cutoff: float, paid_out: int, told: bool
) -> None:
    def cohort(before: int, after: int) -> pd.DataFrame:
        days = [pd.Timestamp("2025-07-10")] * before + [pd.Timestamp("2025-10-10")] * after
        return pd.DataFrame({"requested_on": days, "cutoff": [0.05] * before + [cutoff] * after})

    changed = dataclasses.replace(
        simulated, conflicts=cohort(100, 300 - 2 * paid_out), reference=cohort(900, 700 + 2 * paid_out)
    )
    said = policy_shift(changed)
    assert bool(said) is told
    if told:
        assert said[0].en == (
            "From 2025-10 on the mean cut-off was 3.0% instead of 5.0%, "
            "and 30.0% of the favoured were refused instead of 10.0%."
        )


def test_a_book_without_dates_has_no_months_to_tell_of(imported: Explanation) -> None:
    assert policy_shift(imported) == ()


def test_the_first_screen_names_of_single_streams_the_best_alone(simulated: Explanation) -> None:
    found, whole = first_remedies(Subject(simulated)), remedies_table(Subject(simulated))
    assert found is not None
    assert whole is not None
    names = [row[0].en for row in found.rows]
    # Of the made-up audit the first stream removes every second conflict, all others fewer.
    assert [name for name in names if name.startswith("Fresh data: ") and "all" not in name] == [
        "Fresh data: Own records"
    ]
    assert len(names) <= FIRST < len(whole.rows) == len(simulated.summary["remedies"])
    released = [int(row[1].en.split()[0]) for row in found.rows]
    assert released == sorted(released, reverse=True)


def test_what_is_paid_out_and_what_is_no_longer_promised_make_all_that_goes(simulated: Explanation) -> None:
    whole = remedies_table(Subject(simulated))
    assert whole is not None
    place = {column.head.en: at for at, column in enumerate(whole.columns)}
    heads = ("Now paid out", "No longer promised", "Conflicts gone in all")
    for row in whole.rows:
        paid, promised, gone = (float(row[place[head]].en.split()[0].replace(",", "")) for head in heads)
        assert paid + promised == pytest.approx(gone, abs=1)


def test_an_undated_book_can_try_its_cutoff_alone(imported: Explanation) -> None:
    found = first_remedies(Subject(imported))
    assert found is not None
    assert [row[0] for row in found.rows] == [Text("Loosen the cut-off by 25%", "将拒绝线放宽 25%")]
    assert "raised" not in " ".join(column.head.en for column in found.columns)


def test_the_section_says_for_whom_the_borrowers_read_stand(
    simulated: Explanation, imported: Explanation
) -> None:
    section, undated = remedies_section(Subject(simulated)), remedies_section(Subject(imported))
    assert section is not None
    assert undated is not None
    told, sampled = section.said["phantom_text"]
    assert told.en.startswith("On 2025-12-31, the last day of requests, borrowers saw ¥")
    assert sampled.en.startswith("100 borrowers were read")
    assert len(undated.said["phantom_text"]) == 1


def test_limits_on_show_are_told_in_millions_unless_they_are_small(simulated: Explanation) -> None:
    assert simulated.phantom is not None
    amounts = ["limit", "available", "phantom", "phantom_low", "phantom_high"]
    whole = 2e7 / simulated.phantom["available"].max()
    at, small = (
        simulated.phantom.assign(**{name: simulated.phantom[name] * factor for name in amounts})
        for factor in (whole, whole / 100)
    )
    large, exact = (
        remedies_section(Subject(dataclasses.replace(simulated, phantom=table))) for table in (at, small)
    )
    assert large is not None
    assert exact is not None
    told, plain = large.said["phantom_limits"], exact.said["phantom_limits"]
    assert [told.columns[2].head.en, plain.columns[2].head.en] == ["On show, RMB million", "On show, RMB"]
    assert told.columns[2].head.zh == "可用额度，万 RMB"
    assert told.rows[0][2] == Text("20.0", "2,000")
    assert plain.rows[0][2].en == "200,000"


def test_what_was_found_is_told_on_a_terminal_and_to_a_tracker(simulated: Explanation) -> None:
    lines = finding(simulated).splitlines()
    assert lines[-2].startswith("Phantom limit: ¥")
    assert lines[-1].startswith("What would help most: ")
    most = max(remedy["released"] for remedy in simulated.summary["remedies"])
    assert f": {most:,.0f} of the refused would be paid out" in lines[-1]
    metrics, first = finding_metrics(simulated), simulated.summary["remedies"][0]
    assert metrics["phantom.amount"] == simulated.summary["phantom"]["phantom"]
    assert metrics[f"remedies.{first['remedy']}.removed"] == first["removed"]


@pytest.mark.parametrize(
    ("value", "currency", "said"),
    [
        (81_115_592.8, "RMB", Text("¥81.1 million", "¥8,112 万")),
        (3_263_173_000.0, "TWD", Text("NT$3.3 billion", "NT$32.63 亿")),
        (326_317_341.0, "RMB", Text("¥326.3 million", "¥3.26 亿")),
        (586_800.0, "RMB", Text("¥586,800", "¥58.7 万")),
        (58_680.0, "RMB", Text("¥58,680", "¥58,680")),
        (2_346_000.0, "RMB", Text("¥2.3 million", "¥235 万")),
        (None, "RMB", Text("–", "–")),
    ],
)
def test_large_sums_are_said_as_each_language_counts_them(
    value: float | None, currency: str, said: Text
) -> None:
    assert large_money(value, currency) == said
