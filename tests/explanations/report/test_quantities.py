import math
from functools import partial

import pytest

from explanations.report.quantities import (
    count,
    fixed,
    interval,
    limit_effect,
    money,
    number,
    odds_effect,
    push,
    share,
    unit_name,
    with_interval,
    with_unit,
)
from explanations.report.words import Text, same


def test_what_is_not_known_is_a_dash() -> None:
    nan = math.nan
    assert {count(nan), share(nan), money(nan, "RMB"), push(nan), number(nan), limit_effect(None)} == {"–"}
    assert {share(1, 0), odds_effect(nan), interval(nan, nan), count(None)} == {"–"}


@pytest.mark.parametrize(
    ("value", "currency", "written"),
    [
        (12345.6, "RMB", "¥12,346"),
        (-3, "RMB", "−¥3"),
        (-0.3, "RMB", "¥0"),
        (5000, "TWD", "NT$5,000"),
        (3271, "DEM", "DEM 3,271"),
    ],
)
def test_money_bears_its_currency(value: float, currency: str, written: str) -> None:
    assert money(value, currency) == written


@pytest.mark.parametrize(
    ("value", "written"), [(0.4234, "+0.42"), (-0.4, "−0.40"), (0.001, "0.00"), (-0.001, "0.00")]
)
def test_a_push_bears_its_sign_unless_it_rounds_to_nothing(value: float, written: str) -> None:
    assert push(value) == written


@pytest.mark.parametrize(("value", "written"), [(-0.0004, "0.000"), (-0.0312, "−0.031"), (1.25, "1.250")])
def test_a_fixed_number_that_rounds_to_nothing_bears_no_sign(value: float, written: str) -> None:
    assert fixed(value, 3) == written


def test_a_push_in_log_money_is_told_as_a_change_of_the_limit() -> None:
    assert limit_effect(math.log(1.25)) == "+25.0%"
    assert limit_effect(math.log(0.5)) == "−50.0%"


def test_a_push_in_log_odds_is_told_as_a_factor() -> None:
    assert odds_effect(math.log(2)) == "×2.00"


@pytest.mark.parametrize(
    ("value", "written"),
    [(7, "7"), (12345.6, "12,346"), (2.5, "2.5"), (0.08794, "0.0879"), (-0.16, "−0.16"), (1234, "1,234")],
)
def test_a_number_has_as_many_digits_as_it_needs(value: float, written: str) -> None:
    assert number(value) == written


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (12, "d", Text("12 days", "12 天")),
        (2.5, "m", Text("2.5 months", "2.5 个月")),
        (1, "0/1", Text("yes", "是")),
        (0, "0/1", Text("no", "否")),
        (3, "n", same("3")),
        (0.42, "r", same("0.42")),
        (800, "RMB", same("¥800")),
        (5, "parsec", same("5 parsec")),
        (math.nan, "RMB", Text("missing", "缺失")),
    ],
)
def test_a_feature_value_bears_its_unit_in_both_languages(value: float, unit: str, text: Text) -> None:
    assert with_unit(value, unit, "RMB") == text


def test_an_axis_names_a_unit_only_where_it_needs_one() -> None:
    assert unit_name("d", "RMB") == Text("days", "天")
    assert unit_name("TWD", "TWD") == same("TWD")
    assert unit_name("n", "RMB") == same("")


@pytest.mark.parametrize(("part", "written"), [(-0.17, "−17%"), (-0.001, "0%"), (0.5, "50%")])
def test_a_negative_share_bears_a_minus_and_nothing_bears_none(part: float, written: str) -> None:
    assert share(part, digits=0) == written


def test_an_interval_stands_behind_its_figure_in_one_piece_where_there_is_one() -> None:
    told = with_interval("0.714", 0.662, 0.761, partial(fixed, digits=2))
    assert told == "0.714 (0.66\N{NO-BREAK SPACE}…\N{NO-BREAK SPACE}0.76)"
    assert (
        with_interval("0.714", None, None, share) == with_interval("0.714", 0.1, math.nan, share) == "0.714"
    )
