"""Vintages count the released of each month, and the mature ones among them."""

import numpy as np
import pytest

from training.vintages import vintages


def test_each_month_counts_its_released_and_those_whose_year_is_over():
    month = np.array(["2024-02", "2024-01", "2024-01", "2024-01", "2024-02"])
    bad = np.array([1.0, 0, 1, np.nan, 0])  # the fourth was refused
    year = np.array([np.nan, 1.0, 0, np.nan, np.nan])
    table = vintages(month, bad, year, np.array([0.1, 0.2, 0.4, 0.9, 0.3])).set_index("month")
    assert table.index.tolist() == ["2024-01", "2024-02"]
    assert table.loc["2024-01", ["released", "bad", "mature", "bad_12m"]].tolist() == [2, 1, 2, 1]
    assert table.loc["2024-02", ["released", "bad", "mature", "bad_12m"]].tolist() == [2, 1, 0, 0]
    assert table["mean_pd"].tolist() == pytest.approx([0.3, 0.2])


def test_a_book_without_any_release_has_no_vintage():
    nothing = np.array([np.nan])
    assert vintages(np.array(["2024-01"]), nothing, nothing, np.array([0.1])).empty
