"""The invariant: parameters hold what was written and nothing else, or one sentence says what is wrong."""

import json
from datetime import date
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError, model_validator

from data.errors import CallError
from data.parameters import Parameters, flatten, merge, read_parameters
from data.yaml_tree import parse


class Market(Parameters):
    competition: float = Field(0.3, ge=0, le=1)
    shares: tuple[float, ...] = (0.5, 0.5)
    mood: Literal["easy", "neutral", "tight"] = "neutral"
    note: str = ""

    @model_validator(mode="after")
    def shares_sum_to_one(self) -> "Market":
        if abs(sum(self.shares) - 1) > 1e-9:
            raise ValueError("the shares must sum to 1")
        return self


class Simulation(Parameters):
    borrowers: int = Field(20_000, ge=1)
    first_month: date = date(2024, 1, 1)
    macro: bool = True
    memory_limit: int | None = None
    market: Market = Market()


class World(Parameters):
    simulation: Simulation = Simulation()
    scenarios: dict[str, Market] = Field(default_factory=dict)
    seed: int


def read(text: str, *overrides: str) -> World:
    return read_parameters(World, text, overrides, "params.yaml")


def refusal(text: str, *overrides: str) -> str:
    with pytest.raises(CallError) as caught:
        read(text, *overrides)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def test_what_is_written_is_read_and_the_rest_keeps_its_defaults() -> None:
    world = read("seed: 3\nsimulation:\n  borrowers: 500\n  market: {shares: [0.25, 0.75], mood: tight}\n")
    expected = Simulation(borrowers=500, market=Market(shares=(0.25, 0.75), mood="tight"))
    assert world == World(seed=3, simulation=expected)


def test_an_empty_text_is_an_empty_set_of_parameters() -> None:
    assert read_parameters(Market, "", [], "params.yaml") == Market()
    assert read_parameters(Market, "# only a comment\n", [], "params.yaml") == Market()


def test_a_tree_is_read_as_the_text_that_it_comes_from() -> None:
    tree = {"seed": 3, "simulation": {"first_month": date(2025, 2, 1), "market": {"shares": (0.5, 0.5)}}}
    text = "{seed: 3, simulation: {first_month: 2025-02-01, market: {shares: [0.5, 0.5]}}}"
    assert read_parameters(World, tree, [], "a tree") == read(text)


def test_parameters_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        read("seed: 3").seed = 4


@pytest.mark.parametrize(
    ("text", "path", "value"),
    [
        ("1e-3", "competition", 0.001),
        (".5", "competition", 0.5),
        ("1", "competition", 1.0),
        ("1_000", "borrowers", 1000),
        ("0", "competition", 0.0),
        ("2024-02-29", "first_month", date(2024, 2, 29)),
        ("~", "memory_limit", None),
        ("", "memory_limit", None),
        ("'3'", "note", "3"),
        ("no", "note", "no"),
        ("2024-02-30", "note", "2024-02-30"),
        ("12:30", "note", "12:30"),
        ("[0.2, 0.8]", "shares", (0.2, 0.8)),
    ],
)
def test_a_scalar_means_what_it_looks_like(text: str, path: str, value: Any) -> None:
    group = "simulation" if path in Simulation.model_fields else "simulation.market"
    holder: Any = read("seed: 3", f"{group}.{path}={text}").simulation
    holder = holder if path in Simulation.model_fields else holder.market
    assert getattr(holder, path) == value
    assert type(getattr(holder, path)) is type(value)


@pytest.mark.parametrize(
    ("path", "text", "expected", "given"),
    [
        ("seed", "3.0", "should be a valid integer", "3.0"),
        ("seed", "'3'", "should be a valid integer", '"3"'),
        ("seed", "true", "should be a valid integer", "true"),
        ("seed", "010", "should be a valid integer", '"010"'),
        ("seed", "null", "should be a valid integer", "null"),
        ("simulation.borrowers", "0", "should be greater than or equal to 1", "0"),
        ("simulation.macro", "yes", "should be a valid boolean", '"yes"'),
        ("simulation.macro", "1", "should be a valid boolean", "1"),
        ("simulation.first_month", "2024-13-01", "should be a valid date", '"2024-13-01"'),
        ("simulation.memory_limit", "much", "should be a valid integer", '"much"'),
        ("simulation.market", "3", "should be a mapping", "3"),
        ("simulation.market.competition", "1.5", "should be less than or equal to 1", "1.5"),
        ("simulation.market.competition", "'.5'", "should be a valid number", '".5"'),
        ("simulation.market.competition", "true", "should be a valid number", "true"),
        ("simulation.market.competition", ".nan", "should be a finite number", "NaN"),
        ("simulation.market.competition", ".inf", "should be", "Infinity"),
        ("simulation.market.shares", "0.5", "should be a list", "0.5"),
        ("simulation.market.mood", "esy", "should be 'easy', 'neutral' or 'tight'", '"esy"'),
        ("simulation.market.note", "3", "should be a text", "3"),
        ("scenarios.war.competition", "2", "should be less than or equal to 1", "2"),
    ],
)
def test_a_wrong_value_is_refused_by_its_dotted_name(path: str, text: str, expected: str, given: str) -> None:
    sentence = refusal("seed: 3", f"{path}={text}")
    assert sentence.startswith(f"--set {path}={text}: '{path}' {expected}")
    assert sentence.endswith(f", but is {given}; correct it there.")


def test_a_wrong_element_of_a_list_is_named_by_its_index() -> None:
    sentence = refusal("seed: 3", "simulation.market.shares=[0.5, half]")
    assert "'simulation.market.shares.1' should be a valid number, but is \"half\"" in sentence


def test_a_list_that_is_too_short_is_refused_by_the_index_that_it_lacks() -> None:
    class Periods(Parameters):
        train: tuple[int, int]

    with pytest.raises(CallError, match=r"^--set train=\[1\]: the parameter 'train\.1' is missing"):
        read_parameters(Periods, "", ["train=[1]"], "params.yaml")


def test_a_long_wrong_value_is_shown_in_short() -> None:
    sentence = refusal(f"seed: {'x' * 500}")
    assert len(sentence) < 200
    assert "xxx…" in sentence


def test_a_rule_over_several_values_speaks_in_its_own_words() -> None:
    sentence = refusal("seed: 3", "simulation.market.shares=[0.5]")
    expected = "'simulation.market' is not right: the shares must sum to 1."
    assert sentence == f"--set simulation.market.shares=[0.5]: {expected}"


def test_a_missing_value_is_refused_by_name() -> None:
    assert refusal("simulation: {}") == "params.yaml: the parameter 'seed' is missing; give it a value."


@pytest.mark.parametrize(
    ("unknown", "nearest"),
    [
        ("simulation.borowers", "simulation.borrowers"),
        ("simulation.market.mod", "simulation.market.mood"),
        ("simulaton.borrowers", "simulation"),
        ("sed", "seed"),
        ("borrowers", "simulation.borrowers"),
        ("mood", "simulation.market.mood"),
        ("market.mood", "simulation.market"),
        ("scenarios.war.competiton", "scenarios.war.competition"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_known_one(unknown: str, nearest: str) -> None:
    sentence = refusal("seed: 3", f"{unknown}=1")
    named = unknown if not unknown.startswith(("simulaton", "market")) else unknown.partition(".")[0]
    expected = f"unknown parameter '{named}'; the nearest known name is '{nearest}'."
    assert sentence == f"--set {unknown}=1: {expected}"


def test_a_name_like_no_other_is_refused_with_those_known_beside_it() -> None:
    assert refusal("seed: 3", "zz=1") == (
        "--set zz=1: unknown parameter 'zz'; known there: simulation, scenarios, seed."
    )


def test_a_misspelt_name_is_reported_before_the_value_that_it_leaves_missing() -> None:
    assert "unknown parameter 'sed'" in refusal("sed: 3")


def test_a_fault_is_placed_at_its_line() -> None:
    text = "seed: 3\nsimulation:\n  # how many\n  borrowers: many\n"
    assert refusal(text).startswith("params.yaml, line 4: 'simulation.borrowers' should be a valid integer")
    text = "seed: 3\nsimulation:\n  borrowers: 5\n  marco: true\n"
    assert refusal(text).startswith("params.yaml, line 4: unknown parameter 'simulation.marco'")


@pytest.mark.parametrize(
    ("text", "place", "problem"),
    [
        ("seed: 3\nseed: 4\n", "params.yaml, line 2: ", "the key 'seed' stands twice"),
        ("seed: 3\n'seed': 4\n", "params.yaml, line 2: ", "the key 'seed' stands twice"),
        ("simulation:\n  macro: true\n  macro: true\n", "params.yaml, line 3: ", "'macro' stands twice"),
        ("seed: 3\n simulation: 4\n", "params.yaml, line 2: ", "not allowed here"),
        ("seed: [1, 2\n", "params.yaml, line 2: ", "expected ',' or ']'"),
        ("seed: 1\n---\nseed: 2\n", "params.yaml, line 2: ", "another document"),
        ("seed: 1\n? [a, b]\n: 2\n", "params.yaml, line 2: ", "a key must be a name"),
        ("seed: !!python/object/apply:os.getcwd []\n", "params.yaml, line 1: ", "python/object"),
        ("seed: &a {b: *a}\n", "params.yaml, line 1: ", "recursive"),
        ("seed: \x00\n", "params.yaml: ", "special characters are not allowed"),
        ("seed: " + "[" * 5000, "params.yaml: ", "recursion"),
        ("[1, 2]", "params.yaml: ", "a mapping of names to values was expected"),
        ("seed", "params.yaml: ", "a mapping of names to values was expected"),
    ],
)
def test_a_text_that_is_not_a_yaml_mapping_is_refused_in_one_sentence(
    text: str, place: str, problem: str
) -> None:
    sentence = refusal(text)
    assert sentence.startswith(place)
    assert problem in sentence


@pytest.mark.parametrize("override", ["seed", "", "=3", "simulation..macro=true", ".seed=3", "seed.=3"])
def test_an_override_that_is_no_assignment_is_refused(override: str) -> None:
    sentence = refusal("seed: 3", override)
    assert sentence.startswith(f"--set {override}: this is not of the form NAME=VALUE")


def test_an_override_that_is_not_yaml_is_refused() -> None:
    assert refusal("seed: 3", "seed=[1").startswith("--set seed=[1: this is not valid YAML: ")


def test_an_override_wins_over_the_text_and_a_later_one_over_an_earlier() -> None:
    assert read("seed: 3", "seed=4").seed == 4
    assert read("seed: 3", "seed=4", "seed=5").seed == 5


def test_an_override_keeps_what_stands_beside_it() -> None:
    world = read("{seed: 3, simulation: {borrowers: 7, macro: false}}", "simulation.borrowers=8")
    assert world.simulation == Simulation(borrowers=8, macro=False)


def test_an_override_value_may_hold_an_equals_sign() -> None:
    assert read("seed: 3", "simulation.market.note=a=b").simulation.market.note == "a=b"


def test_merging_places_a_fault_in_the_text_that_holds_it() -> None:
    project = parse("seed: 3\nsimulation:\n  borrowers: 5\n  macro: true\n", "params.yaml")
    own = parse("simulation:\n  borrowers: none\n", "own.yaml")
    with pytest.raises(CallError, match=r"^own\.yaml, line 2: 'simulation\.borrowers'"):
        read_parameters(World, merge(project, own), [], "params.yaml")


leaves = st.integers() | st.lists(st.integers(), max_size=2)
groups = st.recursive(
    st.dictionaries(st.sampled_from("abc"), leaves, min_size=1),
    lambda below: st.dictionaries(st.sampled_from("abc"), below | leaves, min_size=1),
    max_leaves=8,
)
trees = st.just({}) | groups


def leaf_paths(tree: dict[str, Any], above: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    found: dict[tuple[str, ...], Any] = {}
    for key, value in tree.items():
        found |= leaf_paths(value, (*above, key)) if isinstance(value, dict) else {(*above, key): value}
    return found


@given(base=trees, over=trees)
def test_merging_keeps_every_leaf_laid_over_and_each_other_that_is_not_replaced(
    base: dict[str, Any], over: dict[str, Any]
) -> None:
    merged, below, top = leaf_paths(merge(base, over)), leaf_paths(base), leaf_paths(over)
    assert top.items() <= merged.items()
    for path in below.keys() - top.keys():
        replaced = any(path[: len(other)] == other or other[: len(path)] == path for other in top)
        assert replaced or merged[path] == below[path]
    assert merged.keys() <= below.keys() | top.keys()


@given(tree=trees)
def test_merging_with_nothing_or_with_itself_changes_nothing(tree: dict[str, Any]) -> None:
    assert merge(tree, {}) == merge({}, tree) == merge(tree, tree) == tree


@given(base=trees, middle=trees, over=trees)
def test_merging_changes_none_of_its_arguments(
    base: dict[str, Any], middle: dict[str, Any], over: dict[str, Any]
) -> None:
    before = json.dumps([base, middle, over])
    merge(merge(base, middle), over)
    assert json.dumps([base, middle, over]) == before


# What YAML allows in a text: no control characters, no surrogates.
texts = st.text(st.characters(exclude_categories=["C"], exclude_characters="\u2028\u2029"), max_size=20)
shares = st.floats(0, 1).map(lambda share: (share, 1 - share))
markets = st.builds(
    Market,
    competition=st.floats(0, 1),
    shares=shares,
    mood=st.sampled_from(["easy", "neutral", "tight"]),
    note=texts,
)
worlds = st.builds(
    World,
    seed=st.integers(),
    simulation=st.builds(
        Simulation,
        borrowers=st.integers(1, 10**9),
        first_month=st.dates(),
        macro=st.booleans(),
        memory_limit=st.none() | st.integers(),
        market=markets,
    ),
    scenarios=st.dictionaries(st.from_regex("[a-z]{1,5}", fullmatch=True), markets, max_size=2),
)


@given(world=worlds)
def test_flattened_parameters_read_back_as_overrides(world: World) -> None:
    flat = flatten(world)
    quoted = {name: json.dumps(value) if name.endswith(".note") else value for name, value in flat.items()}
    overrides = [f"{name}={value}" for name, value in quoted.items()]
    assert read_parameters(World, "", overrides, "nothing") == world


@given(world=worlds)
def test_flattened_parameters_are_scalars_under_distinct_dotted_names(world: World) -> None:
    flat = flatten(world)
    assert all(isinstance(value, str | int | float) for value in flat.values())
    assert flat["simulation.market.competition"] == world.simulation.market.competition
    assert flat["simulation.macro"] is world.simulation.macro
    scenario_leaves = len(Market.model_fields) * len(world.scenarios) or 1
    assert len(flat) == 4 + len(Market.model_fields) + 1 + scenario_leaves


def test_flattening_keeps_the_order_in_which_parameters_are_declared() -> None:
    assert list(flatten(Market())) == list(Market.model_fields)


def test_a_set_without_parameters_flattens_to_nothing() -> None:
    class Nothing(Parameters):
        pass

    assert flatten(Nothing()) == {}
