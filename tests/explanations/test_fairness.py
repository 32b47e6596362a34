"""Rates by protected group are counted by hand; intervals draw whole borrowers; small cells tell nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from explanations.cohorts import Cohorts, cohorts_of
from explanations.fairness import fairness, groups_of
from explanations.intervals.bootstrap import mean_interval
from explanations.parameters import ExplanationParameters


@pytest.fixture
def parameters(parameters_of: Any) -> ExplanationParameters:
    made: ExplanationParameters = parameters_of(bootstrap_draws=2_000)
    return made


def book(
    borrowers: int = 400, seed: int = 1
) -> tuple[pd.DataFrame, Cohorts, np.ndarray, np.ndarray, pd.DataFrame]:
    """Decided requests of borrowers who have one to four each, alike within a borrower."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(borrowers) * 3, rng.integers(1, 5, borrowers))
    usual = rng.random(borrowers)[who // 3]
    decided = pd.DataFrame(
        {
            "borrower_id": who,
            "refused": usual + 0.1 * rng.random(len(who)) > 0.7,
            "refused_by": "score",
            "favoured": rng.random(len(who)) < 0.5,
        }
    )
    truth = (rng.random(len(who)) < 0.2).astype(float)
    observed = np.where(rng.random(len(who)) < 0.8, truth, np.nan)
    attributes = pd.DataFrame(
        {
            "borrower_id": np.arange(borrowers) * 3,
            "sex": rng.choice(["f", "m", "x"], borrowers, p=[0.4, 0.59, 0.01]),
            "age": rng.integers(18, 70, borrowers).astype(float),
        }
    )
    return decided, cohorts_of(decided, rng.random(len(who)) < 0.8), observed, truth, attributes


def of(rates: pd.DataFrame, attribute: str, group: str, measure: str) -> Any:
    rows = rates[
        (rates["attribute"] == attribute) & (rates["group"] == group) & (rates["measure"] == measure)
    ]
    assert len(rows) == 1
    return rows.iloc[0]


def test_rates_are_those_that_one_counts(parameters: ExplanationParameters) -> None:
    decided, cohorts, observed, truth, attributes = book()
    rates, disparity = fairness(decided, cohorts, observed, truth, attributes, parameters)
    table = decided.assign(observed=observed, truth=truth)[cohorts.judged].merge(attributes, on="borrower_id")
    for sex in ("f", "m"):
        rows = table[table["sex"] == sex]
        released = rows[~rows["refused"]]
        assert of(rates, "sex", sex, "approval")["rate"] == pytest.approx(len(released) / len(rows))
        favoured = rows[rows["favoured"]]
        assert of(rates, "sex", sex, "conflict")["rate"] == pytest.approx(favoured["refused"].mean())
        assert of(rates, "sex", sex, "bad")["rate"] == pytest.approx(released["observed"].mean())
        assert of(rates, "sex", sex, "bad")["of"] == released["observed"].notna().sum()
        assert of(rates, "sex", sex, "bad_oracle")["rate"] == pytest.approx(released["truth"].mean())
    men, women = (of(rates, "sex", sex, "approval") for sex in ("m", "f"))
    assert men["reference"]
    assert not women["reference"]
    assert women["ratio"] == pytest.approx(women["rate"] / men["rate"])
    spread = disparity[(disparity["attribute"] == "sex") & (disparity["measure"] == "approval")].iloc[0]
    told = rates[(rates["attribute"] == "sex") & (rates["measure"] == "approval")].dropna(subset="rate")
    assert spread["ratio"] == pytest.approx(told["rate"].min() / told["rate"].max())


def test_an_interval_is_that_of_drawing_borrowers_with_all_their_requests(
    parameters: ExplanationParameters,
) -> None:
    decided, cohorts, observed, truth, attributes = book()
    rates, _ = fairness(decided, cohorts, observed, truth, attributes.assign(sex="all"), parameters)
    rows = decided[cohorts.judged]
    released = (~rows["refused"]).to_numpy(np.float64)[:, np.newaxis]
    low, high = mean_interval(released, rows["borrower_id"].to_numpy(), draws=20_000, seed=2, level=0.95)
    found = of(rates, "sex", "all", "approval")
    width = float((high - low)[0])
    assert found["low"] == pytest.approx(low[0], abs=0.1 * width)
    assert found["high"] == pytest.approx(high[0], abs=0.1 * width)


def test_the_interval_of_a_ratio_holds_it_and_equal_groups(parameters: ExplanationParameters) -> None:
    decided, cohorts, observed, truth, attributes = book(2_000)
    rates, _ = fairness(decided, cohorts, observed, truth, attributes, parameters)
    women = of(rates, "sex", "f", "approval")
    assert women["ratio_low"] < women["ratio"] < women["ratio_high"]
    assert women["ratio_low"] < 1 < women["ratio_high"]  # sex has no part in this book's decisions


def test_the_lowest_over_the_highest_rate_has_the_interval_of_these_two_groups(
    parameters: ExplanationParameters,
) -> None:
    decided, cohorts, observed, truth, attributes = book(2_000)
    _, disparity = fairness(decided, cohorts, observed, truth, attributes, parameters)
    spread = disparity[(disparity["attribute"] == "age") & (disparity["measure"] == "approval")].iloc[0]
    assert spread["ratio_low"] < spread["ratio"] < spread["ratio_high"]
    table = decided[cohorts.judged].merge(attributes, on="borrower_id")
    table = table.assign(group=groups_of(table["age"], parameters.fairness.bands))
    low, high = (table[table["group"] == spread[end]] for end in ("lowest", "highest"))
    rng, ratios = np.random.default_rng(5), []
    for _ in range(400):  # nobody has two ages, so the groups' borrowers are drawn apart
        drawn = []
        for group in (low, high):
            counts = group.groupby("borrower_id")["refused"].agg(["size", "sum"]).to_numpy()
            some = counts[rng.integers(len(counts), size=len(counts))].sum(axis=0)
            drawn.append(1 - some[1] / some[0])
        ratios.append(drawn[0] / drawn[1])
    width = spread["ratio_high"] - spread["ratio_low"]
    expected = np.quantile(ratios, [0.025, 0.975])
    assert [spread["ratio_low"], spread["ratio_high"]] == pytest.approx(expected, abs=0.2 * width)


def test_where_one_of_the_two_groups_has_no_interval_nor_has_the_ratio(
    parameters: ExplanationParameters,
) -> None:
    decided, cohorts, observed, truth, attributes = book()
    women = attributes.loc[attributes["sex"] == "f", "borrower_id"]
    kind = decided.assign(refused=decided["refused"] & ~decided["borrower_id"].isin(women))
    _, disparity = fairness(kind, cohorts, observed, truth, attributes, parameters)
    spread = disparity[(disparity["attribute"] == "sex") & (disparity["measure"] == "approval")].iloc[0]
    assert spread["highest"] == "f"
    assert np.isnan([spread["ratio_low"], spread["ratio_high"]]).all()


def test_small_cells_tell_nothing_but_that_they_are_small(parameters: ExplanationParameters) -> None:
    decided, cohorts, observed, truth, attributes = book()
    few = attributes.assign(sex=np.where(np.arange(len(attributes)) < 2, "x", "m"))
    rates, disparity = fairness(decided, cohorts, observed, truth, few, parameters)
    small = rates[(rates["attribute"] == "sex") & (rates["group"] == "x")]
    figures = ["count", "of", "rate", "low", "high", "ratio", "ratio_low", "ratio_high"]
    assert small["suppressed"].all()
    assert small[figures].isna().all(axis=None)
    assert "sex" not in set(disparity["attribute"])
    assert (rates.loc[~rates["suppressed"], "of"] >= parameters.fairness.small_cell).all()


def test_many_requests_of_few_persons_are_a_small_cell_too(parameters: ExplanationParameters) -> None:
    who = np.repeat(np.arange(42), [30, 30, *[1] * 40])
    decided = pd.DataFrame(
        {
            "borrower_id": who,
            "refused": np.arange(len(who)) % 3 == 0,
            "refused_by": "score",
            "favoured": True,
        }
    )
    cohorts = cohorts_of(decided, np.ones(len(who), dtype=bool))
    group = np.where(np.arange(42) < 2, "few", "many")
    attributes = pd.DataFrame({"borrower_id": np.arange(42), "sex": group})
    unseen = np.full(len(who), np.nan)
    rates, _ = fairness(decided, cohorts, unseen, None, attributes, parameters)
    assert of(rates, "sex", "few", "approval")["suppressed"]
    assert not of(rates, "sex", "many", "approval")["suppressed"]
    every = parameters.model_copy(
        update={"fairness": parameters.fairness.model_copy(update={"small_cell": 1})}
    )
    one = attributes.assign(sex=np.where(np.arange(42) < 1, "few", "many"))
    rates, _ = fairness(decided, cohorts, unseen, None, one, every)
    alone = of(rates, "sex", "few", "approval")
    assert (alone["of"], alone["rate"]) == (30, pytest.approx(2 / 3))
    assert np.isnan([alone["low"], alone["high"]]).all()


def test_a_rate_of_nobody_has_no_interval(parameters: ExplanationParameters) -> None:
    decided, cohorts, observed, _, attributes = book()
    rates, _ = fairness(
        decided, cohorts, np.where(np.isnan(observed), np.nan, 0.0), None, attributes, parameters
    )
    bad = of(rates, "sex", "f", "bad")
    assert bad["rate"] == 0
    assert np.isnan([bad["low"], bad["high"], bad["ratio"]]).all()
    assert "bad_oracle" not in set(rates["measure"])


def test_the_same_seed_gives_the_same_and_the_order_of_requests_has_no_part(
    parameters: ExplanationParameters,
) -> None:
    decided, cohorts, observed, truth, attributes = book()
    once, _ = fairness(decided, cohorts, observed, truth, attributes, parameters)
    order = np.random.default_rng(4).permutation(len(decided))
    turned = decided.iloc[order].reset_index(drop=True)
    flags = (cohorts.judged, cohorts.conflict, cohorts.by_score, cohorts.reference)
    again, _ = fairness(
        turned,
        Cohorts(*(flag[order] for flag in flags)),
        observed[order],
        truth[order],
        attributes,
        parameters,
    )
    pd.testing.assert_frame_equal(once, again)


def test_a_book_without_protected_attributes_tells_nothing(parameters: ExplanationParameters) -> None:
    decided, cohorts, observed, truth, attributes = book()
    rates, disparity = fairness(decided, cohorts, observed, truth, attributes[["borrower_id"]], parameters)
    assert rates.empty
    assert disparity.empty


def test_numbers_fall_into_bands_and_missing_values_are_a_group() -> None:
    ages = pd.Series([18, 24.9, 25, 34, 35, 80, np.nan])
    assert groups_of(ages, (25, 35)).tolist() == ["<25", "<25", "25-34", "25-34", "35+", "35+", "unknown"]
    assert groups_of(pd.Series(["b", None, "a"]), (25,)).tolist() == ["b", "unknown", "a"]
