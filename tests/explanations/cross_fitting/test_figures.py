"""Figures of a cross-fitted book against other ways to reckon them, and intervals that hold what fits differ by."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import brier_score_loss, log_loss, r2_score, roc_auc_score

from explanations.cross_fitting.figures import FIGURES, Floats, cross_figures, outward
from explanations.cross_fitting.fold import ScoredFold, cohorts_of_scores
from explanations.cross_fitting.whole_book import with_cross_fitting
from explanations.explanation import Explanation
from explanations.intervals.bootstrap import drawn_times, mean_interval
from explanations.intervals.proportions import wilson
from features.catalogue import Catalogue
from tests.explanations.crossed import FOLDS, SPREAD, made_folds

Made = tuple[list[ScoredFold], pd.Series, Floats, Floats]


@pytest.fixture(scope="module")
def catalogue(imported: Explanation) -> Catalogue:
    return imported.catalogue


def tables(made: Made) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores in the clients' order, and contributions."""
    folds, request_id, _, _ = made
    scores = pd.concat([fold.scores for fold in folds], ignore_index=True)
    place = pd.Index(request_id).get_indexer(scores["request_id"])
    ordered = scores.assign(place=place).sort_values(["repeat", "place"], ignore_index=True)
    return ordered.drop(columns="place"), pd.concat([fold.contributions for fold in folds])


def test_every_figure_is_the_mean_over_the_repeats_of_what_others_reckon(catalogue: Catalogue) -> None:
    made = made_folds(catalogue.release)
    _, _, bad, log_limit = made
    scores, contributions = tables(made)
    figures, contrast = cross_figures(scores, contributions, bad, log_limit, catalogue, SPREAD)
    assert tuple(figures["figure"]) == FIGURES
    known = ~np.isnan(bad)
    expected: dict[str, list[float]] = {name: [] for name in FIGURES}
    pushes = []
    for _, part in scores.groupby("repeat"):
        pd_, limit = part["pd"].to_numpy(), part["limit_score"].to_numpy()
        conflict, reference = cohorts_of_scores(part)
        expected["release.auc"].append(roc_auc_score(bad[known], pd_[known]))
        expected["release.brier"].append(brier_score_loss(bad[known], pd_[known]))
        expected["release.log_loss"].append(log_loss(bad[known], pd_[known]))
        expected["release.calibration_ratio"].append(bad[known].mean() / pd_[known].mean())
        expected["limit.r2"].append(r2_score(log_limit, limit))
        expected["limit.mae"].append(float(np.abs(np.exp(log_limit) - np.exp(limit)).mean()))
        expected["limit.mae_log"].append(float(np.abs(log_limit - limit).mean()))
        expected["conflicts"].append(conflict.sum())
        expected["conflict.share"].append(conflict.sum() / (conflict | reference).sum())
        rates = [float(np.nanmean(bad[cohort])) for cohort in (conflict, reference)]
        expected["conflict.bad_rate"].append(rates[0])
        expected["reference.bad_rate"].append(rates[1])
        expected["bad_rate_gap"].append(rates[0] - rates[1])
        own = contributions[contributions["repeat"] == part["repeat"].iloc[0]]
        pushes.append(own[list(catalogue.release)].mean())
    told = figures.set_index("figure")
    for name, values in expected.items():
        assert told.loc[name, "value"] == pytest.approx(np.mean(values)), name
        assert told.loc[name, "low"] < told.loc[name, "value"] < told.loc[name, "high"], name
    features = contrast[contrast["by"] == "feature"].set_index("name")["mean"]
    pd.testing.assert_series_equal(
        features.sort_index(), pd.concat(pushes, axis=1).mean(axis=1).sort_index(), check_names=False
    )
    families = contrast[contrast["by"] == "family"].set_index("name")["mean"]
    for family in families.index:
        within = [name for name in catalogue.release if catalogue[name].family == family]
        assert families[family] == pytest.approx(features[within].sum())


def test_clients_drawn_several_times_count_several_times(catalogue: Catalogue) -> None:
    # Repeats that are all alike leave the drawing of clients alone, as everywhere in the house.
    folds, request_id, bad, log_limit = made_folds(catalogue.release, repeats=1)
    again = [
        ScoredFold(
            one.scores.assign(repeat=repeat),
            None if one.contributions is None else one.contributions.assign(repeat=repeat),
        )
        for repeat in (1, 2)
        for one in folds
    ]
    scores, contributions = tables((again, request_id, bad, log_limit))
    spread = replace(SPREAD, draws=2_000)
    figures, contrast = cross_figures(scores, contributions, bad, log_limit, catalogue, spread)
    error = np.abs(log_limit - scores["limit_score"].to_numpy()[: len(bad)])
    everyone = np.arange(len(bad))
    low, high = mean_interval(error[:, None], everyone, 2_000, 3, 0.95)
    told = figures.set_index("figure").loc["limit.mae_log"]
    assert told["low"] == pytest.approx(low[0], abs=0.003)
    assert told["high"] == pytest.approx(high[0], abs=0.003)
    mine = contributions[contributions["repeat"] == 1]
    first = str(contrast["name"].iloc[0])
    low, high = mean_interval(mine[[first]].to_numpy(), np.arange(len(mine)), 2_000, 3, 0.95)
    assert contrast["low"].iloc[0] == pytest.approx(low[0], abs=0.02)
    assert contrast["high"].iloc[0] == pytest.approx(high[0], abs=0.02)


def test_the_area_of_drawn_clients_is_that_of_their_weights(catalogue: Catalogue) -> None:
    made = made_folds(catalogue.release)
    _, _, bad, log_limit = made
    scores, contributions = tables(made)
    rounded = scores.assign(pd=scores["pd"].round(1))  # so that there are ties
    figures, _ = cross_figures(rounded, contributions, bad, log_limit, catalogue, replace(SPREAD, draws=4))
    generator = np.random.default_rng(SPREAD.seed)
    repeat = generator.integers(3, size=4)
    known = ~np.isnan(bad)
    parts = {number: part["pd"].to_numpy() for number, part in rounded.groupby("repeat")}
    found = []
    for place in range(3):
        if not (repeat == place).any():
            continue
        times = drawn_times(len(bad), int((repeat == place).sum()), generator)
        found += [
            roc_auc_score(bad[known], parts[place + 1][known], sample_weight=one[known]) for one in times
        ]
    told = figures.set_index("figure").loc["release.auc"]
    assert told["low"] == pytest.approx(np.quantile(found, 0.025))
    assert told["high"] == pytest.approx(np.quantile(found, 0.975))


def test_what_fits_differ_by_widens_the_contrast_by_the_factor_of_the_jackknife(catalogue: Catalogue) -> None:
    folds, request_id, bad, log_limit = made_folds(catalogue.release, repeats=5)
    names = list(catalogue.release)
    shifted = []
    for one in folds:
        assert one.contributions is not None
        # Every conflict of a repeat has the same push, and repeats differ: drawing clients changes nothing.
        repeat = int(one.scores["repeat"].iloc[0])
        shifted.append(
            ScoredFold(one.scores, one.contributions.assign(**dict.fromkeys(names, float(repeat))))
        )
    scores, contributions = tables((shifted, request_id, bad, log_limit))
    _, contrast = cross_figures(scores, contributions, bad, log_limit, catalogue, SPREAD)
    first = contrast.iloc[0]
    assert first["mean"] == 3
    reach = 2 * outward(0.75, 5)
    assert (first["low"], first["high"]) == pytest.approx((3 - reach, 3 + reach))
    assert outward(0.75, 5) == pytest.approx(2.0)


def test_where_nobody_of_the_conflicts_is_bad_wilsons_interval_stands(catalogue: Catalogue) -> None:
    made = made_folds(catalogue.release)
    scores, contributions = tables(made)
    figures, _ = cross_figures(scores, contributions, np.zeros(200), made[3], catalogue, SPREAD)
    told = figures.set_index("figure")
    per_repeat = [cohorts_of_scores(part)[0].sum() for _, part in scores.groupby("repeat")]
    assert told.loc["conflict.bad_rate", "value"] == 0
    assert (told.loc["conflict.bad_rate", "low"], told.loc["conflict.bad_rate", "high"]) == pytest.approx(
        wilson(0, round(np.mean(per_repeat)))
    )
    assert np.isnan(told.loc["release.auc", "value"])
    assert np.isnan(told.loc["release.auc", "low"])


def test_a_book_without_conflicts_has_no_contrast(catalogue: Catalogue, imported: Explanation) -> None:
    folds, request_id, bad, log_limit = made_folds(catalogue.release)
    nobody = [
        ScoredFold(one.scores.assign(refused=False, refused_by="", favoured=True), None) for one in folds
    ]
    told = with_cross_fitting(imported, nobody, 3, FOLDS, request_id, bad, log_limit, SPREAD)
    assert told.cross_fitting is not None
    assert told.cross_fitting.cross_fitting_contrast["mean"].isna().all()
    figures = told.summary["cross_fitting"]["figures"]
    assert figures["conflicts"]["value"] == 0
    assert figures["conflict.bad_rate"] == {"value": None, "low": None, "high": None}


def test_one_whole_repeat_tells_nothing_of_how_fits_differ(imported: Explanation) -> None:
    folds, request_id, bad, log_limit = made_folds(imported.catalogue.release, repeats=1)
    bare = replace(imported, cross_fitting=None)
    told = with_cross_fitting(bare, folds, 3, FOLDS, request_id, bad, log_limit, SPREAD)
    assert told.cross_fitting is None
    assert told.summary["cross_fitting"] == {"clients": 200, "folds": FOLDS, "repeats": 3, "complete": 1}


def test_clients_are_told_once_with_how_often_they_are_in_conflict(imported: Explanation) -> None:
    assert imported.cross_fitting is not None
    clients, scores = (
        imported.cross_fitting.cross_fitting_clients,
        imported.cross_fitting.cross_fitting_scores,
    )
    assert clients["request_id"].is_monotonic_increasing
    assert len(clients) == 200
    assert (clients["repeats"] == 3).all()
    conflict = scores["favoured"] & scores["refused"]
    by_client = conflict.groupby(scores["request_id"]).sum()
    np.testing.assert_array_equal(clients["conflict"], by_client.loc[clients["request_id"]])
    held = imported.summary["cross_fitting"]["in_conflict"]
    assert held == {
        "ever": int((by_client > 0).sum()),
        "mostly": int((by_client > 1.5).sum()),
        "always": int((by_client == 3).sum()),
    }
    assert (clients["pd_low"] <= clients["pd"]).all()
    assert (clients["pd"] <= clients["pd_high"]).all()
