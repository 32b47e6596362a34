"""Measurements as a user reads them."""

from training.stopwatch import as_text


def test_measurements_are_told_to_three_significant_digits() -> None:
    values = (1.2345678901234567e-15, 0.98765, 40, 283471, 1234567)
    lines = as_text([{"name": "stage", "value": value, "unit": "s"} for value in values]).splitlines()
    assert [line.split()[1] for line in lines] == ["1.23e-15", "0.988", "40", "283,000", "1,230,000"]
    assert len({len(line) for line in lines}) == 1
