"""How right the report says it is: the figures by hand, the words in both languages, nothing where nothing is known."""

import json

import numpy as np
import pytest

from data.mechanisms import CAUSES, MECHANISMS
from explanations.explanation import Explanation
from explanations.report.cause_check_text import check_table, check_text
from explanations.truth.cause_check import check_of
from explanations.truth.fidelity import GROUPS
from explanations.truth.scored import Scored


def book(size: int) -> Scored:
    rng = np.random.default_rng(1)
    truth = np.zeros((size, len(CAUSES)))
    truth[:, 0] = 1.0
    said = truth.copy()
    said[: size // 4] = np.roll(truth[: size // 4], 1, axis=1)  # a quarter blames the next cause
    state = rng.normal(size=(size, len(GROUPS)))
    state[: size // 2] = np.nan
    vanishes = np.zeros((size, len(MECHANISMS)))
    ids = np.arange(size)
    return Scored(1, "baseline", 0, ids, ids, truth, said, vanishes, state, state, np.zeros((size, 0)))


def test_the_figures_are_those_of_the_conflicts_checked() -> None:
    found = check_of(book(8))
    assert (found["conflicts"], found["strong"], found["accuracy"]) == (8, 8, 0.75)
    assert found["error"] == pytest.approx(0.25 * 2 / len(CAUSES))
    assert (found["said"]["policy"], found["true"]["policy"]) == (0.75, 1.0)
    assert found["features_agreement_1"] == found["features_spearman"] == pytest.approx(1.0)


def test_what_cannot_be_measured_is_none_and_fit_for_json() -> None:
    nothing = book(8)
    found = check_of(
        Scored(
            **{**nothing.__dict__, "state": np.full((8, len(GROUPS)), np.nan), "truth": nothing.truth * 0.4}
        )
    )
    assert found["accuracy"] is found["features_agreement_1"] is None
    json.dumps(found, allow_nan=False)


def test_the_report_says_it_in_both_languages(simulated: Explanation, imported: Explanation) -> None:
    first, second = check_text(simulated)
    for language in ("en", "zh"):
        assert all(figure in first[language] for figure in ("60", "41", "75%", "9.6"))
        assert all(figure in second[language] for figure in ("25%", "50%", "80%"))
    assert check_table(simulated) is not None
    assert (check_table(imported), check_text(imported)) == (None, [])
