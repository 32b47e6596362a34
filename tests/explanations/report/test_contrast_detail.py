"""Swarm, dependence, months and segments: their figures counted once more, another way."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explanations.explanation import Explanation
from explanations.report.contrast_detail import detail_charts
from explanations.report.contrast_table import contrast_rows, family_of
from explanations.report.dependence import BINS, FEWEST, bin_of, cutoff_margin, dependences, value_edges
from explanations.report.push_segments import push_segments
from explanations.report.push_swarm import push_edges, strip_of
from explanations.report.section import Subject

NUMBERS = st.lists(st.one_of(st.integers(-5, 40).map(float), st.floats(-1e5, 1e5)), min_size=1, max_size=300)


def score_rows(explanation: Explanation) -> pd.DataFrame:
    return explanation.conflicts[explanation.conflicts["refused_by"] == "score"].set_index("request_id")


def test_every_conflict_is_in_one_bin_of_each_strip(simulated: Explanation) -> None:
    charts = detail_charts(Subject(simulated))
    strips = charts["swarm"].specs["en"]["datasets"]["strips"]
    by_label = pd.DataFrame(strips)
    counts = by_label["conflicts"].str.split(" ").str[0].str.replace(",", "").astype(int)
    assert set(counts.groupby(by_label["label"]).sum()) == {len(score_rows(simulated))}


@given(st.integers(0, 1000), st.integers(1, 60))
def test_a_strips_colours_rise_with_the_value_where_the_push_does(seed: int, rows: int) -> None:
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 1, rows)
    strip = strip_of(values / 10, values, values, push_edges((values / 10)[:, None]))
    known = strip.place[strip.counts > 0]
    assert np.all(np.diff(known) >= -1e-9)
    assert strip.counts.sum() == rows
    assert 0 <= known.min() <= known.max() <= 1


def test_a_bin_of_unknown_values_has_no_colour() -> None:
    strip = strip_of(
        np.array([0.1, 0.1]), np.array([np.nan, np.nan]), np.array([1.0, 2.0]), np.array([0, 1.0])
    )
    assert np.isnan(strip.place[0])


def test_bins_of_unknown_values_are_drawn_too(simulated: Explanation) -> None:
    first = contrast_rows(simulated)[0]
    nothing = {first.name: np.nan}
    blind = dataclasses.replace(simulated, release_features=simulated.release_features.assign(**nothing))
    spec = detail_charts(Subject(blind))["swarm"].specs["en"]
    strips = pd.DataFrame(spec["datasets"]["strips"])
    # Vega leaves out a mark whose colour has no number.
    assert strips["place"].notna().all()
    own = strips[strips["label"] == first.label.en]
    assert len(own)
    assert (own["place"] < 0).all()
    assert "datum.place > -1" in json.dumps(spec)


@given(NUMBERS)
def test_bins_are_few_ascending_and_hold_every_value(values: list[float]) -> None:
    taken = np.array(values)
    edges = value_edges(taken)
    assert 1 <= len(edges) <= BINS
    assert np.all(np.diff(edges) > 0)
    place = bin_of(np.append(taken, np.nan), edges)
    assert place[-1] == len(edges)
    for value, at in zip(taken, place[:-1], strict=True):
        assert at == max(int((edges <= value).sum()) - 1, 0)


def test_refusals_and_pushes_are_those_of_each_bin(simulated: Explanation) -> None:
    rows = contrast_rows(simulated)
    for shown in dependences(simulated, rows, 3, 0.95):
        name = shown.row.name
        seen = simulated.release_features
        edges = value_edges(seen[name].to_numpy(np.float64))
        place = pd.Series(bin_of(seen[name].to_numpy(np.float64), edges), seen["request_id"])
        refused = pd.Series((seen["cohort"] == "conflict").to_numpy(), seen["request_id"])
        chosen = score_rows(simulated)
        own = simulated.release_contributions.set_index("request_id")[name].loc[chosen.index]
        over = chosen["release_margin"] - pd.Series(
            cutoff_margin(simulated), simulated.conflicts["request_id"]
        )
        for record in shown.records:
            there = place.index[place == record["at"]]
            assert record["share"] == pytest.approx(refused[there].mean(), abs=1e-5)
            mine = own[own.index.isin(there)]
            if len(mine) < FEWEST:
                assert record["release"] is None
                continue
            assert record["release"] == pytest.approx(mine.mean(), abs=1e-5)
            assert record["room"] == pytest.approx((mine - over[mine.index]).mean(), abs=1e-5)
            assert record["room"] < record["release"]


def test_limit_pushes_stand_by_the_value_at_the_review(simulated: Explanation) -> None:
    (shown,) = dependences(simulated, contrast_rows(simulated), 1, 0.95)
    name, chosen = shown.row.name, score_rows(simulated)
    edges = value_edges(simulated.release_features[name].to_numpy(np.float64))
    reviewed = simulated.limit_features.set_index("request_id")[name].loc[chosen.index]
    place = bin_of(reviewed.to_numpy(np.float64), edges)
    pushes = simulated.limit_contributions.set_index("request_id")[name].loc[chosen.index].to_numpy()
    for record in shown.records:
        mine = pushes[place == record["at"]]
        if len(mine) >= FEWEST:
            assert record["limit"] == pytest.approx(np.expm1(mine.mean()), abs=1e-5)


def test_months_hold_all_favoured_and_the_families_add_up(simulated: Explanation) -> None:
    table = detail_charts(Subject(simulated))["months"].table
    assert table is not None
    heads = [column.head.en for column in table.columns]
    rows = [dict(zip(heads, (cell.en for cell in row), strict=True)) for row in table.rows]
    favoured = sum(int(row["Favoured"].replace(",", "")) for row in rows)
    assert favoured == len(simulated.conflicts) + len(simulated.reference)
    chosen = score_rows(simulated)
    months = pd.to_datetime(chosen["requested_on"]).dt.strftime("%Y-%m")
    pushes = simulated.release_contributions.set_index("request_id").drop(columns="base").loc[chosen.index]
    for row in rows:
        total = pushes[(months == row["Month"]).to_numpy()].sum(axis=1).mean()
        assert float(row["All"].replace("−", "-")) == pytest.approx(total, abs=0.006)


def test_segments_tell_each_familys_mean_and_the_sum(simulated: Explanation) -> None:
    shown = push_segments(simulated)
    pushes = simulated.release_contributions.drop(columns=["request_id", "base"])
    everyone = shown.rows[0]
    for family, cell in zip(shown.families, everyone.cells, strict=True):
        names = [n for n in simulated.catalogue.release if family_of(simulated.catalogue[n]) == family]
        mean = pushes[names].sum(axis=1).mean()
        assert float(cell.text.replace("−", "-")) == pytest.approx(mean, abs=0.006)
        assert cell.against == (mean > 0)
    assert float(everyone.total) == pytest.approx(pushes.sum(axis=1).mean(), abs=0.006)
    assert {row.name.en for row in shown.rows} >= {"All conflicts", "score", "Lowest third of limits"}


def test_a_book_without_dates_has_no_months(imported: Explanation) -> None:
    charts = detail_charts(Subject(imported))
    assert "months" not in charts
    assert "swarm" in charts


def test_what_is_in_one_model_only_says_so(imported: Explanation) -> None:
    charts = detail_charts(Subject(imported))
    labels = {chart.title.en: json.dumps(chart.specs["en"]) for chart in charts.values()}
    assert "not in the limit model" in labels["Months overdue, 0"]
    assert "not in the limit model" not in labels["Months overdue, 2"]


def test_all_dependence_charts_share_their_axes(simulated: Explanation) -> None:
    charts = [c for name, c in detail_charts(Subject(simulated)).items() if name.startswith("dependence-")]
    domains = {tuple(domain_of(chart.specs["en"], 1)) for chart in charts}
    assert len(charts) == 6
    assert len(domains) == 1


def domain_of(spec: dict[str, Any], place: int) -> list[float]:
    domain: list[float] = spec["layer"][place]["layer"][0]["encoding"]["y"]["scale"]["domain"]
    return domain


def test_few_conflicts_do_not_break_it(explanation_of: Callable[..., Explanation]) -> None:
    for conflicts in (1, 3):
        for imported in (False, True):
            explanation = explanation_of(imported=imported, conflicts=conflicts, rules=("score",))
            assert detail_charts(Subject(explanation))
