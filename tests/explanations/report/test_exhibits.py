from hypothesis import given
from hypothesis import strategies as st

from explanations.report.exhibits import LINE, in_lines
from explanations.report.words import Text, same


def test_a_long_label_stands_in_two_lines_and_a_short_one_in_one() -> None:
    label = Text("Worst days past due elsewhere, 24 months", "近24个月他机构最大逾期")
    assert in_lines(label) == Text("Worst days past due elsewhere,\n24 months", "近24个月他机构最大逾期")


@given(st.text(st.characters(categories=["L", "N", "Zs"]), max_size=120))
def test_a_label_has_at_most_two_lines_that_fit(label: str) -> None:
    lines = in_lines(same(label))
    for language in ("en", "zh"):
        written = lines[language].split("\n")
        assert len(written) <= 2
        assert all(len(line) <= LINE[language] for line in written)
