import json
import math

import pytest

from explanations.explanation import Explanation
from explanations.report.conflict_map import NARROW, WIDE, conflict_map, map_figure, size_legend
from explanations.report.contrast_table import ContrastRow, Push, contrast_rows, families
from explanations.report.map_regions import frame_of, place_of
from explanations.report.palette import family_colours
from explanations.report.words import same


def row(release: float | None, limit: float | None, name: str = "one") -> ContrastRow:
    return ContrastRow(
        name=name,
        label=same(name),
        definition=same(f"{name}."),
        family=same("income"),
        release=None if release is None else Push(release, release - 0.01, release + 0.01),
        limit=None if limit is None else Push(limit, limit - 0.01, limit + 0.01),
        top_share=0.2,
    )


@pytest.mark.parametrize(
    ("release", "limit", "place"),
    [
        (0.5, 0.2, "praised_then_refused"),
        (0.5, -0.2, "doubted_twice"),
        (0.5, 0.001, "only_release"),
        (0.5, None, "only_release"),
        (0.001, 0.2, "only_limit"),
        (None, 0.2, "only_limit"),
        (None, -0.2, "only_limit_down"),
        (-0.5, 0.2, "praised_twice"),
        (-0.5, -0.2, "held_then_eased"),
        (-0.5, 0.0, "eased_at_release"),
        (0.001, 0.001, "quiet"),
    ],
)
def test_a_place_says_what_a_feature_did_in_both_models(
    release: float | None, limit: float | None, place: str
) -> None:
    frame = frame_of([row(0.5, 0.2), row(release, limit)])
    assert place_of(row(release, limit), frame) == place


def test_a_push_of_a_tenth_of_the_largest_is_no_longer_slight() -> None:
    frame = frame_of([row(1.0, 0.5)])
    assert place_of(row(0.1, 0.05), frame) == "praised_then_refused"
    assert place_of(row(0.0999, 0.05), frame) == "only_limit"
    assert place_of(row(0.1, 0.0499), frame) == "only_release"


def test_the_plot_holds_every_point_and_zero(simulated: Explanation) -> None:
    rows = contrast_rows(simulated)
    frame = frame_of(rows)
    for one in rows:
        assert one.limit is None or frame.x[0] < one.limit.mean < frame.x[1]
        assert one.release is None or frame.y[0] < one.release.mean < frame.y[1]
    assert frame.x[0] < 0 < frame.x[1]


@pytest.mark.parametrize(("lowest", "named"), [(-0.1, True), (-0.011, False)])
def test_a_region_too_narrow_for_its_name_has_none(lowest: float, named: bool) -> None:
    rows = [row(0.5, 0.1), row(0.1, lowest)]
    chart = conflict_map(rows, family_colours([same("income")]), "RMB")
    spec = json.dumps(chart.specs["en"])
    assert '"praised, then refused"' in spec
    assert ('"text": "doubted by both"' in spec) is named


def points_of(explanation: Explanation, language: str) -> list[dict[str, object]]:
    rows = contrast_rows(explanation)
    chart = conflict_map(rows, family_colours(families(explanation)), "RMB")
    spec = chart.specs["en" if language == "en" else "zh"]
    return max(spec["datasets"].values(), key=len)


def test_every_feature_is_on_the_map_those_of_one_model_on_its_axis(simulated: Explanation) -> None:
    points = points_of(simulated, "en")
    assert len(points) == len(simulated.catalogue.features)
    shapes = {str(point["label"]): (point["shape"], point["x"] == 0, point["y"] == 0) for point in points}
    assert shapes["Amount requested"] == ("diamond", True, False)
    assert shapes["Competition in the region"] == ("square", False, True)
    assert shapes["Credit enquiries, 3 months"] == ("circle", False, False)


def test_a_tooltip_tells_the_push_on_the_limit_as_a_change_of_the_limit(simulated: Explanation) -> None:
    spending = next(row for row in contrast_rows(simulated) if row.name == "spend_avg_12m")
    assert spending.limit is not None
    point = next(p for p in points_of(simulated, "en") if p["label"] == spending.label.en)
    assert point["limit_effect"] == f"+{100 * math.expm1(spending.limit.mean):.1f}%"


def test_labels_are_placed_for_a_narrow_and_for_a_wide_page(simulated: Explanation) -> None:
    points = points_of(simulated, "zh")
    narrow = [point["text0"] for point in points if point["text0"]]
    wide = [point["text1"] for point in points if point["text1"]]
    assert 5 < len(narrow) <= len(wide)
    assert "近3个月审批查询数" in narrow
    assert NARROW < WIDE


def test_a_picture_of_the_map_has_its_legend(simulated: Explanation) -> None:
    rows = contrast_rows(simulated)
    spec = map_figure(rows, family_colours(families(simulated)), "RMB", 700).to_dict()
    colour = next(
        layer["encoding"]["color"] for layer in spec["layer"] if "color" in layer.get("encoding", {})
    )
    assert sorted(colour["scale"]["domain"]) == sorted({row.family.en for row in rows})


def test_the_plot_holds_every_interval(imported: Explanation) -> None:
    rows = contrast_rows(imported)
    frame = frame_of(rows)
    for one in rows:
        assert one.limit is None or frame.x[0] <= one.limit.low <= one.limit.high <= frame.x[1]
        assert one.release is None or frame.y[0] <= one.release.low <= one.release.high <= frame.y[1]


def test_what_raised_only_the_limit_has_its_name_on_the_map(simulated: Explanation) -> None:
    chart = conflict_map(contrast_rows(simulated), family_colours(families(simulated)), "RMB")
    # The points' records name their region, too; a name on the map is a text of its own.
    texts = [value.get("text") for values in chart.specs["en"]["datasets"].values() for value in values]
    assert "raised only the limit" in texts


def test_the_legend_of_sizes_agrees_with_the_marks() -> None:
    sizes = [size for _, size in size_legend()]
    areas = [math.pi * (size / 2) ** 2 for size in sizes]
    # Equal steps of the share are equal steps of the area.
    assert (areas[1] - areas[0]) / 0.2 == pytest.approx((areas[2] - areas[1]) / 0.5, rel=0.02)
    assert size_legend()[0][0].en == "among the top three in 5%"
