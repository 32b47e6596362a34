"""Invariant: no label covers another label, a point or what else is taken, at its width and at any wider."""

from hypothesis import given
from hypothesis import strategies as st

from explanations.report.label_placement import Box, Placement, label_box, place_labels, text_width

SIZE = (400.0, 300.0)
LINE = 14.0
POINTS = st.lists(
    st.tuples(st.floats(0, SIZE[0]), st.floats(0, SIZE[1]), st.floats(2, 18)), min_size=1, max_size=25
)


def apart(one: Box, other: Box) -> bool:
    room = 1e-6
    return (
        one.right <= other.left + room
        or other.right <= one.left + room
        or one.bottom <= other.top + room
        or other.bottom <= one.top + room
    )


def boxes(
    points: list[tuple[float, float, float]], widths: list[float], placed: list[Placement | None]
) -> list[Box]:
    return [
        label_box(point, width, placement, LINE)
        for point, width, placement in zip(points, widths, placed, strict=True)
        if placement
    ]


@given(points=POINTS, width=st.floats(10, 150), wider=st.floats(1, 4))
def test_labels_cover_no_other_label_here_and_on_any_wider_plot(
    points: list[tuple[float, float, float]], width: float, wider: float
) -> None:
    widths = [width] * len(points)
    placed = place_labels(points, widths, [], SIZE, LINE)
    for scale in (1.0, wider):
        moved = [(x * scale, y, radius) for x, y, radius in points]
        labels = boxes(moved, widths, placed)
        assert all(apart(one, other) for i, one in enumerate(labels) for other in labels[:i])
        assert all(box.left >= -1e-6 and box.right <= SIZE[0] * scale + 1e-6 for box in labels)


@given(points=POINTS)
def test_labels_cover_no_point_but_their_own(points: list[tuple[float, float, float]]) -> None:
    widths = [60.0] * len(points)
    placed = place_labels(points, widths, [], SIZE, LINE)
    for i, (point, placement) in enumerate(zip(points, placed, strict=True)):
        if placement is None:
            continue
        label = label_box(point, 60.0, placement, LINE)
        others = [Box(x, x - r, x + r, y - r, y + r) for j, (x, y, r) in enumerate(points) if j != i]
        assert all(apart(label, other) for other in others)


def test_the_first_point_gets_its_label_where_only_one_has_room() -> None:
    placed = place_labels([(50, 10, 3), (52, 10, 3)], [80, 80], [], (100, 20), LINE)
    assert [placement is not None for placement in placed].count(True) <= 1


def test_labels_keep_off_what_is_taken() -> None:
    point = [(200.0, 150.0, 5.0)]
    free = place_labels(point, [60], [], SIZE, LINE)
    taken = Box(400, 204, 400, 140, 160)
    kept_off = place_labels(point, [60], [taken], SIZE, LINE)
    assert free[0] == Placement(9.0, 0, "left")
    assert kept_off[0] is not None
    assert apart(label_box(point[0], 60, kept_off[0], LINE), taken)


def test_a_point_without_text_gets_no_label() -> None:
    assert place_labels([(200, 150, 5)], [0], [], SIZE, LINE) == [None]


def test_chinese_is_wider_than_latin_letter_by_letter() -> None:
    assert text_width("查询", 10) == 20
    assert text_width("ab", 10) < 20
