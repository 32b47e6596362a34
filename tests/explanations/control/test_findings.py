"""Internal control finds what was injected, names it, and leaves alone what is as the rules and the policy have it."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

import stages
from commandline import Console
from data.book import Book
from data.simulate import simulate_book
from explanations.control.findings import CHECKS, SEVERITIES, Kept, control_findings
from explanations.parameters import ControlParameters
from features.matrix import Matrix, whole_matrices
from models.overrides import unrecorded_override
from settings import Settings

QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def lender(tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Book:
    """A book in which one review in twenty slips from month 19 on, and as many releases."""
    out = tmp_path_factory.mktemp("books") / "slips"
    return simulate_book(out, 1500, 24, 9, "operator_errors", settings.world, block_size=1500)


@pytest.fixture(scope="module")
def kept(lender: Book, settings: Settings) -> Kept:
    requests, reviews = whole_matrices(lender, ("request", "review"), settings.features)
    limit = stages.fit_limit(lender, reviews, settings, QUIET)
    score = stages.score_reviews(reviews, limit)
    override = unrecorded_override(reviews.keys, score, settings.models.overrides)
    days = np.arange(19_000, 21_000)
    arrivals = dict.fromkeys(settings.explanations.control.feed_days, days)
    return Kept(requests, reviews, override, lender.whole("policy"), arrivals)


@pytest.fixture(scope="module")
def agreed(settings: Settings) -> ControlParameters:
    return settings.explanations.control.model_copy(update={"examples": 100_000})


def found_in(kept: Kept, settings: Settings, agreed: ControlParameters) -> pd.DataFrame:
    found = control_findings(kept, settings.models, agreed)
    assert found["check"].tolist() == list(CHECKS)
    assert (found["count"] <= found["looked_at"]).all()
    return found.set_index("check")


def ids_of(found: pd.DataFrame, check: str) -> set[int]:
    """Numbers of a finding's examples; those of all, since so many are asked for."""
    said = str(found.loc[check, "examples"])
    ids = [int(number) for number in re.findall(r"(?:^|, )(\d+)(?= |,|$)", re.sub(r"\(.*?\)", "", said))]
    assert len(ids) == found.loc[check, "count"]
    return set(ids)


def changed(kept: Kept, kind: str, **columns: object) -> Kept:
    matrix: Matrix = getattr(kept, kind)
    return replace(kept, **{kind: Matrix(matrix.keys.assign(**columns), matrix.values, matrix.features)})


def measured(flagged: set[int], true: set[int]) -> tuple[float, float]:
    """Precision and recall."""
    return len(flagged & true) / len(flagged), len(flagged & true) / len(true)


def test_slips_on_limits_and_releases_are_those_of_the_simulated_operators(
    lender: Book, kept: Kept, settings: Settings, agreed: ControlParameters
) -> None:
    truth = lender.whole("oracle/requests").merge(
        kept.requests.keys[["request_id", "review_id"]], on="request_id"
    )
    found = found_in(kept, settings, agreed)
    # The truth knows of the reviews that a request rests on.
    known = set(truth["review_id"])
    flagged = (ids_of(found, "limit_above_rules") | ids_of(found, "limit_overwritten")) & known
    slips = set(truth.loc[truth["limit_slip"], "review_id"])
    precision, recall = measured(flagged, slips)
    assert len(slips) > 40
    assert precision >= 0.9
    assert recall >= 0.9
    wrong = ids_of(found, "released_against_system") | ids_of(found, "refused_against_system")
    assert wrong == set(truth.loc[truth["release_slip"], "request_id"])
    assert len(wrong) > 20


def test_limits_overwritten_without_a_trace_are_found_by_the_model(
    lender: Book, kept: Kept, settings: Settings, agreed: ControlParameters
) -> None:
    keys = kept.reviews.keys
    rng = np.random.default_rng(3)
    judged = keys["month"].to_numpy() >= 1
    hit = judged & (rng.random(len(keys)) < 0.02)
    assessed = np.where(hit, keys["limit_assessed"] * 2.5, keys["limit_assessed"]).astype(np.float32)
    tampered = changed(kept, "reviews", limit_assessed=assessed, slip=1.0)
    # Fitted to the overwritten limits, as a lender's own model would be.
    limit = stages.fit_limit(lender, tampered.reviews, settings, QUIET)
    score = stages.score_reviews(tampered.reviews, limit)
    override = unrecorded_override(tampered.reviews.keys, score, settings.models.overrides)
    found = found_in(replace(tampered, override=override), settings, agreed)
    precision, recall = measured(
        ids_of(found, "limit_overwritten"), set(keys.loc[hit, "review_id"].astype(int))
    )
    assert hit.sum() > 200
    assert precision >= 0.9
    assert recall >= 0.9


def test_a_sound_record_gives_no_finding_on_policy_age_reviews_and_batches(
    kept: Kept, settings: Settings, agreed: ControlParameters
) -> None:
    found = found_in(kept, settings, agreed)
    for check in ("policy_version", "limit_stale", "feed_silent", "review_twice", "limit_below_rules"):
        assert found.loc[check, "count"] == 0 < found.loc[check, "looked_at"]
    assert found.loc["released_above_cap", "count"] <= 0.001 * found.loc["released_above_cap", "looked_at"]


def test_policies_that_are_unknown_or_of_another_month_are_named(
    kept: Kept, settings: Settings, agreed: ControlParameters
) -> None:
    versions = kept.requests.keys["policy_version"].astype(str).to_numpy().astype(object)
    versions[3] = "v99"
    versions[8] = next(name for name in versions if name != versions[8] and name != "v99")
    found = found_in(changed(kept, "requests", policy_version=versions), settings, agreed)
    ids = kept.requests.keys["request_id"]
    assert found.loc["policy_version", "examples"] == f"{ids[3]} (v99), {ids[8]} ({versions[8]})"


def test_a_release_above_a_cap_or_with_a_payment_overdue_is_found(
    kept: Kept, settings: Settings, agreed: ControlParameters
) -> None:
    keys = kept.requests.keys
    sound = (keys["decision_system"].astype(str) == "release") & (
        keys["decision_executed"].astype(str) == "release"
    )
    above, overdue = np.flatnonzero(sound)[:2]
    values = kept.requests.values.copy()
    values[above, kept.requests.features.index("bureau_lenders")] = 40
    values[overdue, kept.requests.features.index("own_dpd_current")] = 9
    before = found_in(kept, settings, agreed).loc["released_above_cap", "count"]
    matrix = Matrix(keys, values, kept.requests.features)
    found = found_in(replace(kept, requests=matrix), settings, agreed)
    assert found.loc["released_above_cap", "count"] == before + 2
    assert str(found.loc["released_above_cap", "examples"]).startswith(
        f"{keys['request_id'][overdue]} (×inf), "
    )
    assert keys["request_id"][above] in ids_of(found, "released_above_cap")


def test_limits_reviewed_too_long_ago_and_silent_feeds_are_found(
    kept: Kept, settings: Settings, agreed: ControlParameters
) -> None:
    keys = kept.requests.keys
    asked = keys["requested_on"].to_numpy().astype("datetime64[D]").astype(np.int64)
    age = asked - keys["reviewed_on"].to_numpy().astype("datetime64[D]").astype(np.int64)
    stricter = agreed.model_copy(update={"review_days": 60})
    found = found_in(kept, settings, stricter)
    assert ids_of(found, "limit_stale") == set(keys.loc[age > 60, "request_id"])
    assert 0 < (age > 60).sum() < len(keys)
    middle = int(np.median(asked))
    days = np.array([day for day in range(19_000, 21_000) if not middle <= day < middle + 30])
    found = found_in(replace(kept, arrivals=kept.arrivals | {"bureau": days}), settings, agreed)
    late = (asked >= middle + 7) & (asked < middle + 30)
    assert ids_of(found, "feed_silent") == set(keys.loc[late, "request_id"])
    assert "(bureau)" in str(found.loc["feed_silent", "examples"])


def test_a_second_review_on_one_day_is_found(
    kept: Kept, settings: Settings, agreed: ControlParameters
) -> None:
    keys = kept.reviews.keys
    again = keys.iloc[[5, 17]].assign(review_id=[-5, -17])
    rows = [*range(len(keys)), 5, 17]
    doubled = Matrix(
        pd.concat([keys, again], ignore_index=True), kept.reviews.values[rows], kept.reviews.features
    )
    found = found_in(replace(kept, reviews=doubled, override=None), settings, agreed)
    assert found.loc["review_twice", "examples"] == "-5, -17"
    assert found.loc["limit_overwritten", "looked_at"] == 0


def test_a_batch_that_jumped_is_found_and_no_other(
    kept: Kept, settings: Settings, agreed: ControlParameters
) -> None:
    few = agreed.model_copy(update={"batches": agreed.batches.model_copy(update={"rows": 30})})
    before = found_in(kept, settings, few)
    assert before.loc["batch_jump", "looked_at"] > 100
    assert before.loc["batch_jump", "count"] == 0
    keys = kept.reviews.keys
    here = (keys["month"] == 14) & (keys["region"] == 3)
    assessed = np.where(here, keys["limit_assessed"] * 2.5, keys["limit_assessed"])
    found = found_in(changed(kept, "reviews", limit_assessed=assessed), settings, few)
    month = keys.loc[here, "reviewed_on"].iloc[0]
    assert str(found.loc["batch_jump", "examples"]).startswith(f"limit {month:%Y-%m}, 3 (PSI ")
    assert found.loc["batch_jump", "count"] == 1


def test_findings_are_as_many_as_are_shown_at_most_and_the_gravest_stand_first(
    kept: Kept, settings: Settings
) -> None:
    found = control_findings(kept, settings.models, settings.explanations.control)
    shown = found["examples"].str.count(r"\(×").max()
    assert shown == settings.explanations.control.examples
    order = found["severity"].map(SEVERITIES.index)
    assert order.is_monotonic_increasing
    factors = [float(number) for number in re.findall(r"×([\d.]+)", str(found["examples"].iloc[0]))]
    assert factors == sorted(factors, reverse=True)
