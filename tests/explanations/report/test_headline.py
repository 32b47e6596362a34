import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from explanations.explanation import Explanation
from explanations.report.contrast_table import contrast_rows
from explanations.report.headline import absent, answer, key_figures, which_book


def with_rates(explanation: Explanation, **rates: dict[str, Any]) -> Explanation:
    changed = explanation.summary | {"bad_rates": explanation.summary["bad_rates"] | rates}
    return dataclasses.replace(explanation, summary=changed)


def test_the_answer_says_how_many_how_bad_and_why(simulated: Explanation) -> None:
    how_many, how_bad, why, causes = answer(simulated, contrast_rows(simulated))
    largest = max(simulated.summary["causes"]["mean_share"].items(), key=lambda pair: pair[1])[1]
    assert causes.en.startswith("What the conflicts are due to")
    assert f"{largest:.0%}" in causes.en
    assert how_many.en == (
        "Of 5,925 draw requests the limit model favoured 1,160, "
        "and 260 of those (22.4%) were refused all the same."
    )
    assert how_bad.en.startswith("With the money released, 9.8% of them would go bad, against 1.4%")
    assert "6.9 times as often" in how_bad.en
    assert why.en.startswith("What separates those refused by score most from those released: ")
    assert "Credit enquiries, 3 months (+0.4" in why.en
    assert "近3个月审批查询数（+0.4" in why.zh


def test_an_imported_book_speaks_of_clients_and_of_observed_outcomes(imported: Explanation) -> None:
    how_many, how_bad, _ = answer(imported, contrast_rows(imported))
    assert "held-out clients" in how_many.en
    assert "260 and 900 known outcomes" in how_bad.en


def test_no_conflict_is_an_answer_too(explanation_of: Callable[..., Explanation]) -> None:
    nobody = explanation_of(conflicts=0)
    (only,) = answer(nobody, contrast_rows(nobody))
    assert "nothing to explain" in only.en
    assert "无需解释" in only.zh


def test_conflicts_that_no_score_refused_have_no_contributions(
    explanation_of: Callable[..., Explanation],
) -> None:
    capped = explanation_of(rules=("cap_lenders",))
    assert "The score refused none of them" in answer(capped, contrast_rows(capped))[2].en
    assert len(key_figures(capped, contrast_rows(capped))) == 5


def test_unknown_outcomes_are_not_guessed(simulated: Explanation) -> None:
    unknown = {"known": 0, "bad": 0, "rate": None, "oracle_rate": None}
    _, how_bad, *_ = answer(with_rates(simulated, conflict=unknown), contrast_rows(simulated))
    assert "is not known" in how_bad.en


def test_a_reference_without_a_bad_request_gives_no_ratio(simulated: Explanation) -> None:
    spotless = {"known": 100, "bad": 0, "rate": 0.0, "oracle_rate": 0.0}
    _, how_bad, *_ = answer(with_rates(simulated, reference=spotless), contrast_rows(simulated))
    assert "(–;" in how_bad.en


def test_the_oracle_is_named_wherever_it_speaks(simulated: Explanation, imported: Explanation) -> None:
    spoken = [figure.note.en for figure in key_figures(simulated, ())]
    assert sum("oracle" in note for note in spoken) == 2
    assert not any("oracle" in figure.note.en for figure in key_figures(imported, ()))


@pytest.mark.parametrize(
    ("part", "said"),
    [("dates", True), ("oracle", True), ("caps", True), ("previous limits", True)],
)
def test_the_page_says_what_an_imported_book_does_not_hold(
    imported: Explanation, simulated: Explanation, part: str, said: bool
) -> None:
    assert any(part in one.en for one in absent(imported)) is said
    assert absent(simulated) == ()


def test_the_book_is_told_with_its_period_and_its_scenario(simulated: Explanation) -> None:
    assert which_book(simulated.summary).en == (
        "Simulated lender · 20,000 borrowers · requests of 2025-07-01 to 2025-12-31 · scenario: baseline"
    )
    assert which_book(simulated.summary | {"scenario": "policy_shock"}).zh.endswith("情景：政策突变")
