"""Reasons say what is so, the principal ones first: held against the rule done by hand, conflict by conflict."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.mechanisms import MECHANISMS
from explanations.explanation import Explanation
from explanations.parameters import ReasonParameters
from explanations.reasons.principal_reasons import (
    LENDERS,
    NONE,
    RULE_BREAKS,
    Found,
    counted,
    find_reasons,
    groups_of,
    reasons_table,
    with_reasons,
)
from features.catalogue import Catalogue, own_catalogue

LEAST = ReasonParameters(
    least_share=0.05, least_cause=0.1, tested=100, random_choices=1, refits=0, refit_rows=100
)
HAPPENED = {"R01", "R02", "R03", "R07", "R13"}

Reasoned = tuple[Explanation, Found, dict[str, np.ndarray]]


def by_hand(
    values: dict[str, float],
    pushes: dict[str, float],
    usual: dict[str, float],
    catalogue: Catalogue,
    rules: list[str],
    by_score: bool,
) -> list[tuple[str, str]]:
    """Codes and principal features of one conflict that was assessed."""
    late = values["own_dpd_max_12m"] > 0 or values["own_late_count_6m"] > 0
    sums: dict[str, float] = defaultdict(float)
    leads: dict[str, tuple[float, str]] = {}
    for feature in (catalogue[name] for name in catalogue.release):
        if not feature.reason_code or feature.reason_use == "N":
            continue
        value, push, code = values[feature.name], pushes[feature.name], feature.reason_code
        happened = not (code in HAPPENED and feature.release_sign == "+") or value > 0
        worse = value > usual[feature.name] if feature.release_sign == "+" else value < usual[feature.name]
        may = happened and worse
        if np.isnan(value):
            lacking = {"bureau": "R12", "agency": "R12", "income_assets": "R06"}.get(feature.stream)
            code, may = lacking or code, lacking is not None
        elif feature.name == "own_ontime_streak" and not late:
            code = "R12"
        sums[code] += push
        if may and push > leads.get(code, (0.0, ""))[0]:
            leads[code] = (push, feature.name)
    toward = {code: sums[code] for code in leads if sums[code] > 0}
    named = [code for code in toward if toward[code] >= LEAST.least_share * sum(toward.values())]
    ordered = sorted(named, key=lambda code: -toward[code]) if by_score else []
    first = [RULE_BREAKS[rule] for rule in RULE_BREAKS if rule in rules]
    others = [(code, leads[code][1]) for code in ordered if code not in {code for code, _ in first}]
    return [*first, *others][:4]


def test_every_conflict_has_the_reasons_that_the_rule_gives_by_hand(reasoned: Reasoned) -> None:
    explanation, _, broken = reasoned
    assert explanation.reasons is not None
    catalogue, names = explanation.catalogue, list(explanation.catalogue.release)
    seen = explanation.release_features
    released = seen.loc[seen["cohort"] == "reference", names]
    usual = released.median().to_dict()
    values = seen[seen["cohort"] == "conflict"].set_index("request_id")
    pushes = explanation.release_contributions.set_index("request_id")
    borrowers = explanation.reasons[explanation.reasons["side"] == "borrower"]
    told = {
        request: list(zip(rows["code"], rows["feature"], strict=True))
        for request, rows in borrowers.groupby("request_id")
    }
    compared = 0
    for at, (request, rule) in enumerate(explanation.conflicts[["request_id", "refused_by"]].to_numpy()):
        if rule == "slip":
            assert told[request] == [("R19", "")]
            continue
        rules = [name for name in RULE_BREAKS if broken[name][at]]
        expected = by_hand(
            values.loc[request].to_dict(),
            pushes.loc[request].to_dict(),
            usual,
            catalogue,
            rules,
            bool(broken["score"][at]),
        )
        if expected:
            assert told[request] == expected
            compared += 1
    assert compared > 200


def test_a_push_is_the_sum_of_its_features_and_no_push_stands_where_a_rule_alone_refuses(
    reasoned: Reasoned,
) -> None:
    explanation, found, broken = reasoned
    pushes = explanation.release_contributions[list(found.groups.features)].to_numpy()
    for row in (0, 1, 2, 3):
        for code, push in zip(found.given.code[row], found.given.push[row], strict=True):
            if code != NONE:
                assert push == pytest.approx(pushes[row, found.groups.code[row] == code].sum())
    assert broken["score"][:4].all()
    alone = ~broken["score"]
    assert alone.any()
    assert np.isnan(found.given.push[alone]).all()


def groups_with(catalogue: Catalogue, **values: float) -> Any:
    """Groups of one conflict that is as the released are but for some values."""
    released = np.ones((5, len(catalogue.release)), dtype=np.float32)
    row = released[:1].copy()
    for name, value in values.items():
        row[0, catalogue.release.index(name)] = value
    return groups_of(catalogue, row, released)


def code_of(groups: Any, name: str) -> str:
    return str(groups.codes[groups.code[0, groups.features.index(name)]])


def test_an_unseen_income_is_one_that_cannot_be_verified_and_no_low_one() -> None:
    catalogue = own_catalogue()
    assert code_of(groups_with(catalogue, income_verified=np.nan), "income_verified") == "R06"
    assert code_of(groups_with(catalogue, income_verified=3000.0), "income_verified") == "R05"
    assert code_of(groups_with(catalogue, card_utilization=np.nan), "card_utilization") == "R12"


def test_a_short_record_without_late_payments_is_no_late_payment() -> None:
    catalogue = own_catalogue()
    clean = groups_with(catalogue, own_ontime_streak=0.5, own_dpd_max_12m=0.0, own_late_count_6m=0.0)
    assert code_of(clean, "own_ontime_streak") == "R12"
    late = groups_with(catalogue, own_ontime_streak=0.5, own_dpd_max_12m=3.0, own_late_count_6m=0.0)
    assert code_of(late, "own_ontime_streak") == "R02"


@pytest.mark.parametrize(
    ("name", "value", "fact"),
    [
        ("bureau_lenders", 2.0, True),
        ("bureau_lenders", 1.0, False),  # as usual
        ("bureau_lenders", 0.0, False),
        ("income_drop_3m", -0.1, False),  # it rose
        ("cash_buffer", 0.5, True),
        ("cash_buffer", 2.0, False),
        ("high_ticket_30d", np.nan, False),  # nothing is known
    ],
)
def test_a_feature_speaks_only_where_its_fact_is_so_and_worse_than_usual(
    name: str, value: float, fact: bool
) -> None:
    groups = groups_with(own_catalogue(), **{name: value})
    assert groups.fact[0, groups.features.index(name)] == fact


def test_features_that_may_not_be_named_stand_for_nothing() -> None:
    groups = groups_with(own_catalogue())
    for name in ("days_since_limit_review", "contact_change_30d", "requested_term"):
        assert groups.code[0, groups.features.index(name)] == NONE


def test_the_lenders_causes_stand_apart_largest_first_from_a_share_on(reasoned: Reasoned) -> None:
    explanation, _, _ = reasoned
    assert explanation.reasons is not None
    assert explanation.causes is not None
    lenders = explanation.reasons[explanation.reasons["side"] == "lender"]
    borrowers = explanation.reasons[explanation.reasons["side"] == "borrower"]
    assert not {*lenders["code"]} & {*borrowers["code"]}
    for request, shares in explanation.causes.set_index("request_id")[list(MECHANISMS)].head(40).iterrows():
        expected = [
            LENDERS[str(name)] for name, share in shares.sort_values(ascending=False).items() if share >= 0.1
        ]
        assert list(lenders.loc[lenders["request_id"] == request, "code"]) == expected


def test_the_summary_counts_what_the_table_holds(reasoned: Reasoned) -> None:
    explanation, _, _ = reasoned
    assert explanation.reasons is not None
    told = json.loads(json.dumps(explanation.summary["reasons"], allow_nan=False))
    borrowers = explanation.reasons[explanation.reasons["side"] == "borrower"]
    for code, counts in told["given"].items():
        assert counts["any"] == (borrowers["code"] == code).sum()
        assert counts["first"] == ((borrowers["code"] == code) & (borrowers["rank"] == 1)).sum()
    assert told["without"] == len(explanation.conflicts) - borrowers["request_id"].nunique()
    assert sum(counts["first"] for counts in told["given"].values()) + told["without"] == told["conflicts"]


def test_codes_are_counted_by_place_and_side() -> None:
    rows = [
        ("borrower", "R08", 1),
        ("borrower", "R09", 2),
        ("borrower", "R01", 3),
        ("borrower", "R09", 1),
        ("borrower", "R08", 2),
        ("borrower", "R08", 1),
        ("lender", "R18", 1),
        ("lender", "C3", 2),
        ("lender", "R18", 1),
    ]
    table = pd.DataFrame(rows, columns=["side", "code", "rank"]).astype(
        {"side": "category", "code": "category"}
    )
    four: Any = SimpleNamespace(conflicts=range(4))
    assert counted(table, four) == {
        "codes": 3,
        "conflicts": 4,
        "without": 1,
        "mean": 2.0,
        "given": {
            "R01": {"any": 1, "first": 0},
            "R08": {"any": 3, "first": 2},
            "R09": {"any": 2, "first": 1},
        },
        "lender": {"C3": 1, "R18": 2},
    }
    nobody = counted(table[table["side"] == "lender"], four)
    assert (nobody["codes"], nobody["without"], nobody["mean"], nobody["given"]) == (0, 4, None, {})


def test_the_table_tells_value_usual_and_the_first_reason_of_each(reasoned: Reasoned) -> None:
    explanation, found, _ = reasoned
    table = reasons_table(explanation, found, LEAST)
    assert table["rank"].dtype == np.int8
    assert set(table["side"]) == {"borrower", "lender"}
    borrowers = table[(table["side"] == "borrower") & (table["feature"] != "")]
    seen = explanation.release_features[explanation.release_features["cohort"] == "conflict"]
    values = seen.set_index("request_id")
    usual = dict(zip(found.groups.features, found.groups.usual, strict=True))
    first = table[(table["side"] == "borrower") & (table["rank"] == 1)].set_index("request_id")
    refused_by = explanation.conflicts.set_index("request_id")["refused_by"]
    for row in borrowers.head(60).itertuples():
        np.testing.assert_equal(row.value, np.float32(values.loc[row.request_id, row.feature]))
        np.testing.assert_equal(row.usual, usual[row.feature])
        assert row.first == first.loc[row.request_id, "code"]
        assert row.first_feature == first.loc[row.request_id, "feature"]
        assert row.refused_by == refused_by[row.request_id]
        assert np.isnan(row.share)
    lenders = table[table["side"] == "lender"]
    shares = explanation.causes
    assert shares is not None
    cause = {code: name for name, code in LENDERS.items()}
    for row in lenders.head(60).itertuples():
        assert row.share == shares.set_index("request_id").loc[row.request_id, cause[str(row.code)]]
        assert row.feature == ""
        assert np.isnan([row.push, row.value, row.usual]).all()


def test_a_book_without_causes_has_no_reasons_of_the_lenders(reasoned: Reasoned) -> None:
    explanation, found, _ = reasoned
    for causes in (None, explanation.causes.iloc[:0] if explanation.causes is not None else None):
        table = with_reasons(dataclasses.replace(explanation, causes=causes), found, LEAST).reasons
        assert table is not None
        assert set(table["side"]) == {"borrower"}


def test_at_most_four_reasons_in_a_row_of_ranks(reasoned: Reasoned) -> None:
    explanation, _, _ = reasoned
    assert explanation.reasons is not None
    borrowers = explanation.reasons[explanation.reasons["side"] == "borrower"]
    for _, rows in borrowers.groupby("request_id"):
        assert list(rows["rank"]) == list(range(1, len(rows) + 1))
        assert len(rows) <= 4
        assert rows["code"].nunique() == len(rows)


def test_the_same_conflicts_give_the_same_reasons_in_any_company(reasoned: Reasoned) -> None:
    explanation, _, broken = reasoned
    half = np.arange(len(explanation.conflicts)) % 2 == 0
    ids = explanation.conflicts.loc[half, "request_id"]
    assert explanation.causes is not None
    seen = explanation.release_features
    part = dataclasses.replace(
        explanation,
        conflicts=explanation.conflicts[half].reset_index(drop=True),
        release_features=seen[(seen["cohort"] == "reference") | seen["request_id"].isin(ids)],
        release_contributions=explanation.release_contributions[half].reset_index(drop=True),
        causes=explanation.causes[half].reset_index(drop=True),
    )
    found = find_reasons(part, {name: hit[half] for name, hit in broken.items()}, LEAST)
    again, whole = with_reasons(part, found, LEAST).reasons, explanation.reasons
    assert again is not None
    assert whole is not None
    of_part = whole[whole["request_id"].isin(ids)].reset_index(drop=True)
    pd.testing.assert_frame_equal(of_part.astype(object), again.astype(object))


def test_a_book_whose_features_stand_for_no_reason_gets_none(imported: Explanation) -> None:
    broken = {"score": np.ones(len(imported.conflicts), dtype=bool)}
    assert find_reasons(imported, broken, LEAST) is None
    told = with_reasons(imported, None, LEAST)
    assert told.reasons is None
    assert told.summary["reasons"] == {"codes": 0}
