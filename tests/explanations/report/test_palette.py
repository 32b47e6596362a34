"""Colours that can be told apart, and text that can be read: on white, on dark, and by who sees colours otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import combinations

import pytest
from coloraide import Color

from explanations.report.palette import (
    AGAINST,
    CAUSE_COLOURS,
    FAMILY_COLOURS,
    FAVOUR,
    LOW_TO_HIGH,
    TINTS,
    VARIABLES,
    Colour,
    family_colours,
)
from explanations.report.words import same

SCHEMES = {"light": 0, "dark": 1}
TOLD_APART = 10.0
"""Least distance (CIEDE2000) of two colours that mean different things; 2 can just be seen side by side."""
DEEPEST = 0.6
"""The deepest tint that a table lays under its figures."""


def seen(colour: str, eyes: str) -> Color:
    """The colour as seen without one kind of cones."""
    return Color(colour) if eyes == "all cones" else Color(colour).filter(eyes)


def of_scheme(colours: Iterable[Colour], scheme: str) -> list[Colour]:
    by_light = {pair[0]: pair for pair in VARIABLES.values()}
    return [by_light[colour][SCHEMES[scheme]] for colour in colours]


def named(scheme: str, *names: str) -> list[Colour]:
    return [VARIABLES[name][SCHEMES[scheme]] for name in names]


def contrast(colour: str | Color, ground: str | Color) -> float:
    return Color(colour).contrast(Color(ground), method="wcag21")


def test_no_two_variables_are_one_colour_on_white() -> None:
    assert len({light for light, _ in VARIABLES.values()}) == len(VARIABLES)


@pytest.mark.parametrize("eyes", ["all cones", "protan", "deutan", "tritan"])
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize(
    "colours",
    [FAMILY_COLOURS.values(), CAUSE_COLOURS.values(), (AGAINST, FAVOUR), LOW_TO_HIGH[::3]],
    ids=["families", "causes", "for and against", "low, middle, high"],
)
def test_colours_that_mean_different_things_are_told_apart(
    colours: Iterable[Colour], scheme: str, eyes: str
) -> None:
    shown = [seen(colour, eyes) for colour in of_scheme(colours, scheme)]
    nearest = min(one.delta_e(other, method="2000") for one, other in combinations(shown, 2))
    assert nearest >= TOLD_APART


@pytest.mark.parametrize("scheme", SCHEMES)
def test_marks_stand_out_from_the_paper(scheme: str) -> None:
    backgrounds = {"line", "paper", "ground", "faint", "grid"}
    [paper] = named(scheme, "paper")
    marks = {name: colours[SCHEMES[scheme]] for name, colours in VARIABLES.items() if name not in backgrounds}
    assert {name: contrast(mark, paper) for name, mark in marks.items() if contrast(mark, paper) < 3} == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_text_can_be_read_on_everything_that_lies_behind_it(scheme: str) -> None:
    for ground in named(scheme, "paper", "ground", "faint"):
        assert all(contrast(text, ground) >= 4.5 for text in named(scheme, "ink", "muted", "favour"))


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("tint", ["against-tint", "favour-tint"])
def test_figures_can_be_read_on_the_deepest_tint(scheme: str, tint: str) -> None:
    ink, paper = named(scheme, "ink", "paper")
    laid = Color(f"rgb({TINTS[tint]} / {DEEPEST})").layer([Color(paper)])
    assert contrast(ink, laid) >= 4.5


def test_known_families_keep_their_colours_and_others_take_what_is_left() -> None:
    colours = family_colours([same("income"), same("weather"), same("income"), same("tides")])
    assert list(colours) == ["income", "weather", "tides"]
    assert colours["income"] == FAMILY_COLOURS["income"]
    assert len(set(colours.values())) == 3
    assert all(isinstance(colour, Colour) for colour in colours.values())
