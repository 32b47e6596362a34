import dataclasses
from collections.abc import Callable

import pytest

from explanations.explanation import Explanation
from explanations.report.contrast_table import contrast_rows
from explanations.report.first_screen import cause_parts
from explanations.report.headline import absent, answer, key_figures, which_book
from explanations.report.provenance import terms
from explanations.report.section import Subject


def test_the_answer_says_how_many_how_bad_and_why(simulated: Explanation) -> None:
    how_many, how_bad, why, causes = answer(simulated, contrast_rows(simulated))
    largest = max(simulated.summary["causes"]["mean_share"].items(), key=lambda pair: pair[1])[1]
    assert causes.en.startswith("What the conflicts are due to")
    assert f"{largest:.0%}" in causes.en
    assert how_many.en == (
        "Of 5,925 draw requests the limit model favoured 1,160, "
        "and 260 of those (22.4%, by 260 borrowers) would be refused all the same. "
        "Of all other requests 16.1% would be: 6.4 points fewer, which is more than chance gives."
    )
    assert how_bad.en == (
        "Paid out, 26 of them (10.0%) would have gone bad, against 9.4% of all refused and 1.4% of those released; "
        "the other 234 would not, within 90 days. So says the oracle: this lender is simulated, and the simulator "
        "knows how each would have ended. "
        f"The mean cut-off in force is {simulated.conflicts['cutoff'].mean():.1%}: "
        "as a group they are too risky for it."
    )
    assert why.en.startswith("What separates those refused by score most from those released: ")
    assert "Credit enquiries, 3 months (+0.4" in why.en
    assert "近3个月审批查询数（+0.4" in why.zh


def test_an_imported_book_speaks_of_clients_and_of_observed_outcomes(imported: Explanation) -> None:
    how_many, how_bad, _ = answer(imported, contrast_rows(imported))
    assert "held-out clients" in how_many.en
    assert how_bad.en.startswith("Of the 260 whose outcome is known, 26 (10.0%) went bad")


@pytest.mark.parametrize(("refused", "alike"), [(1300, True), (900, False), (1700, False)])
def test_a_raise_is_said_to_tell_little_where_others_are_refused_as_often(
    simulated: Explanation, refused: int, alike: bool
) -> None:
    # Of 4,765 others 21.8%, 13.4% or 30.2% are refused, against 22.4% of those favoured.
    counts = simulated.summary["counts"] | {"refused": refused}
    told = dataclasses.replace(simulated, summary=simulated.summary | {"counts": counts})
    said = answer(told, contrast_rows(simulated))[0].en
    assert ("about the same" in said) == alike
    assert ("9.0 points fewer" in said, "7.8 points more" in said) == (refused == 900, refused == 1700)


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


def test_unknown_outcomes_are_not_guessed(simulated: Explanation) -> None:
    nobody = {"by": "observed", "known": 0, "bad": 0, "good": 0}
    unknown = dataclasses.replace(simulated, summary=simulated.summary | {"refused_outcomes": nobody})
    _, how_bad, *_ = answer(unknown, contrast_rows(simulated))
    assert "is not known" in how_bad.en
    assert [figure.name.en for figure in key_figures(unknown)][3:] == ["Phantom limit"]


def test_the_key_figures_tell_the_story_from_requests_to_the_phantom_limit(simulated: Explanation) -> None:
    figures = key_figures(simulated)
    assert [figure.value.en for figure in figures[:5]] == ["5,925", "1,160", "260", "26", "234"]
    phantom = simulated.summary["phantom"]
    # Eighty limits were read of a hundred borrowers, who stand for twenty thousand.
    assert phantom["borrowers"] == 80 * 200
    assert figures[5].value.en == f"¥{phantom['phantom'] / 1e6:.1f} million"
    assert figures[5].value.zh == f"¥{phantom['phantom'] / 1e4:,.0f} 万"
    assert f"{phantom['refused']:,.0f} borrowers" in figures[5].note.en


def test_the_oracle_is_named_wherever_it_speaks(simulated: Explanation, imported: Explanation) -> None:
    spoken = [figure.note.en for figure in key_figures(simulated)]
    assert sum("oracle" in note for note in spoken) == 2
    assert not any("oracle" in figure.note.en for figure in key_figures(imported))


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


def test_every_term_of_the_first_screen_and_every_cause_is_explained(
    simulated: Explanation, imported: Explanation
) -> None:
    names = [name.en for name, _ in terms(simulated.summary)]
    assert {"PD", "Cut-off", "Log-odds", "Interval, 95%", "Oracle", "Phantom limit"} <= set(names)
    assert {f"Cause: {part.name.en}" for part in cause_parts(Subject(simulated))} <= set(names)
    assert not any(name.en.startswith(("Cause: ", "Oracle")) for name, _ in terms(imported.summary))
    other = simulated.summary | {
        "parameters": simulated.summary["parameters"] | {"explanations.bootstrap_level": 0.9}
    }
    assert "Interval, 90%" in [name.en for name, _ in terms(other)]
