"""Features of categories speak by the names of their categories, in distributions, dependence, swarms and rules."""

from dataclasses import replace

import numpy as np
import pytest

from explanations.explanation import Explanation
from explanations.report import first_screen
from explanations.report.contrast_table import contrast_rows
from explanations.report.dependence import dependences
from explanations.report.distribution_chart import distribution_chart
from explanations.report.distributions import main_distributions
from explanations.report.push_swarm import strip_of, swarm_chart
from explanations.report.quantities import usual_value, value_text
from explanations.report.rule_sentences import conditions_text
from explanations.report.section import Subject
from explanations.rules.candidates import Measure, candidates_of
from explanations.rules.surrogate import Condition, Figures, Rule
from features.catalogue import Catalogue, Feature

LEVELS = tuple((f"Level {place}", f"第{place}级") for place in range(7))
NONE = Figures(0, 0, 0, 0, (float("nan"), float("nan")))
EVERY = 100  # features, which are all


def of_categories(explanation: Explanation, *, ordered: bool) -> Explanation:
    """The explanation as if EDUCATION, the place of one of seven categories, were named."""

    def named(feature: Feature) -> Feature:
        if feature.name != "EDUCATION":
            return feature
        return replace(feature, unit="category", levels=LEVELS, ordered=ordered, label_en="Education")

    return replace(explanation, catalogue=Catalogue(tuple(map(named, explanation.catalogue.features))))


@pytest.fixture(params=[False, True], ids=["unordered", "ordered"])
def shown(request: pytest.FixtureRequest, imported: Explanation) -> Explanation:
    return of_categories(imported, ordered=request.param)


def education(explanation: Explanation, cohort: str | None = None) -> np.ndarray:
    table = explanation.release_features
    rows = slice(None) if cohort is None else (table["cohort"] == cohort).to_numpy()
    return np.asarray(np.rint(table["EDUCATION"].to_numpy(np.float64))[rows])


def test_a_distribution_has_a_bin_for_each_category_by_its_name(imported: Explanation) -> None:
    whole = imported.release_features.assign(EDUCATION=education(imported))
    for ordered in (False, True):
        explanation = of_categories(replace(imported, release_features=whole), ordered=ordered)
        rows = contrast_rows(explanation)
        every = {one.feature.name: one for one in main_distributions(explanation, rows, EVERY)}
        found = every["EDUCATION"]
        names = [record["range"].en for record in found.records]
        assert names == [english for english, _ in LEVELS[: len(names)]]
        held = education(explanation, "reference")
        each, counts = np.unique(held[np.isfinite(held)], return_counts=True)
        if not ordered:
            assert found.medians["reference"] == each[counts.argmax()]
        assert found.medians["reference"] in each
        chart = distribution_chart(0, found)
        assert chart.note is not None
        assert ("Most common" in chart.note.en) is not ordered
        assert LEVELS[0][1] in str(chart.specs)


def test_dependence_has_a_bin_for_each_category_and_joins_those_in_order_alone(shown: Explanation) -> None:
    rows = contrast_rows(shown)
    [found] = [one for one in dependences(shown, rows, EVERY, 0.95) if one.row.name == "EDUCATION"]
    assert found.joined_up is shown.catalogue["EDUCATION"].ordered
    assert found.unit_note is None
    named = {english for english, _ in LEVELS}
    assert {record["range"].en for record in found.records} <= {*named, "unknown", "Unknown"}


def test_a_swarm_of_categories_without_order_has_no_low_and_high(shown: Explanation) -> None:
    feature = shown.catalogue["EDUCATION"]
    pushes = np.array([-1.0, -1.0, -1.0, 1.0])
    strip = strip_of(pushes, np.array([5.0, 5.0, 1.0, 2.0]), np.arange(7.0), np.array([-2.0, 0, 2]), feature)
    assert strip.value.tolist() == [5, 2]
    assert np.isnan(strip.place).all() == feature.unordered
    chart = swarm_chart(shown, contrast_rows(shown), True, "TWD")
    assert chart.note is not None
    assert ("Categories have no low and high" in chart.note.en) is feature.unordered


def test_rules_speak_of_one_category_or_of_those_above(shown: Explanation) -> None:
    feature = shown.catalogue["EDUCATION"]
    candidates = candidates_of(shown, 0.7)
    mine = [at for at, one in enumerate(candidates.measures) if one.feature == "EDUCATION"]
    if feature.ordered:
        assert [candidates.measures[at].kind for at in mine] == ["value"]
        measure = Measure("EDUCATION", "value", "category", 0, True)
        conditions = [
            (Condition(measure, ">=", 5.0, False), "Education: Level 5 or Level 6", "第5级或第6级"),
            (
                Condition(measure, "<=", 2.0, True),
                "Education: Level 0, Level 1 or Level 2 or unknown",
                "第0级、",
            ),
        ]
    else:
        assert {candidates.measures[at].kind for at in mine} == {"is"}
        # Each client is in one of the categories, or in that of the missing values.
        assert (candidates.values[:, mine].sum(axis=1) == 1).all()
        third, unknown = (Measure("EDUCATION", "is", "0/1", 0, True, level) for level in (3, -1))
        conditions = [
            (Condition(third, ">=", 1.0, False), "Education: Level 3", "第3级"),
            (Condition(third, "<=", 0.0, False), "Education: not Level 3", "不是第3级"),
            (Condition(unknown, ">=", 1.0, False), "Education: missing", "缺失"),
        ]
    for condition, english, chinese in conditions:
        said = conditions_text(Rule((condition,), NONE, NONE), shown.catalogue, "TWD")
        assert said.en == english
        assert chinese in said.zh


def test_usual_is_the_most_common_or_the_lower_middle() -> None:
    feature = of_categories_feature(ordered=False)
    values = np.array([0.0, 4, 4, 5, np.nan, 6])
    assert usual_value(values, feature) == 4
    assert usual_value(np.array([0.0, 1]), of_categories_feature(ordered=True)) == 0
    assert np.isnan(usual_value(np.array([np.nan]), feature))
    assert value_text(float("nan"), feature, "TWD").en == "missing"
    assert value_text(6.0, feature, "TWD").zh == "第6级"


def of_categories_feature(*, ordered: bool) -> Feature:
    empty = dict.fromkeys(
        ("label_en", "label_zh", "definition_en", "definition_zh", "window", "family", "family_zh"), ""
    )
    return Feature(
        name="x",
        unit="category",
        stream="flat",
        limit_sign="0",
        release_sign="0",
        reason_code="",
        reason_use="N",
        levels=LEVELS,
        ordered=ordered,
        **empty,
    )


def test_a_category_without_an_order_has_no_median_on_the_first_screen(imported: Explanation) -> None:
    for ordered, said in (
        (False, "most often Level 2, against Level 3"),
        (True, "median Level 2, against Level 3"),
    ):
        subject = Subject(of_categories(imported, ordered=ordered))
        assert first_screen._typical(subject, "EDUCATION", 2.0, 3.0).en == said
