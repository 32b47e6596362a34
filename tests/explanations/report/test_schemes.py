"""Colours become variables, and only colours do."""

from __future__ import annotations

import re

import pytest

from explanations.report.palette import CHART_CONFIG, INK, VARIABLES, Colour
from explanations.report.schemes import in_variables, scheme_css


def test_a_colour_becomes_its_variable_wherever_it_stands() -> None:
    spec = {"mark": {"fill": INK}, "values": [{"colour": INK, "mean": 0.5}], "range": (INK, INK)}
    assert in_variables(spec) == {
        "mark": {"fill": "var(--ink)"},
        "values": [{"colour": "var(--ink)", "mean": 0.5}],
        "range": ["var(--ink)", "var(--ink)"],
    }


def test_text_of_the_data_stays_what_it_is_even_if_it_reads_like_a_colour() -> None:
    label = str(INK)
    assert in_variables({"label": label, "nothing": None}) == {"label": label, "nothing": None}


def test_a_colour_that_no_scheme_knows_is_refused() -> None:
    with pytest.raises(KeyError):
        in_variables({"fill": Colour("#123456")})


def test_no_colour_of_the_charts_look_is_left_as_it_is() -> None:
    assert "#" not in str(in_variables(CHART_CONFIG))


def test_dark_holds_a_value_for_every_variable_and_only_on_a_screen() -> None:
    css = scheme_css()
    light, by_system, by_switch = css.split("\n")
    for block, place in ((light, 0), (by_system, 1), (by_switch, 1)):
        said = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", block))
        assert said == {name: colours[place] for name, colours in VARIABLES.items()}
    assert "@media" not in light
    assert all(block.startswith("@media screen") for block in (by_system, by_switch))
