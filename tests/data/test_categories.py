"""Columns of categories are numbered by their mapping, whatever a file holds, and what is none of them is told."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.categories import coding_told, listed
from data.check import faults
from data.errors import CallError
from data.importing import import_book
from data.mapping import mapping_of
from features.catalogue import Catalogue, catalogue_of

HEAD = """
id_column: id
outcome: {column: end, bad: [1], good: [0]}
limit_column: limit
currency: EUR
policy: {refused_top_share: 0.2}
favoured_top_share: 0.33
features:
  - {name: late, sign: "+", limit_sign: x}
"""
PURPOSE = (
    "  - {name: purpose, kind: category,"
    " categories: {car: [Car, 汽车], bike: [Bicycle, 自行车], van: [Car, 汽车]}}"
)
HOUSING = "  - {name: housing, kind: category, categories: [parents, rent, own], ordered: true, sign: '-'}"


def taken(folder: Path, feature: str, cells: Sequence[object]) -> tuple[list[float], Catalogue, list[str]]:
    """The numbers that a column becomes (-1 where missing), the catalogue, and what the import said."""
    name = feature.partition("name: ")[2].partition(",")[0]
    column = feature.partition("column: ")[2].partition(",")[0] or name
    rows = len(cells)
    table = {"id": range(rows), "end": [0, 1] * (rows // 2) + [0] * (rows % 2), "limit": 100}
    table |= {"late": range(rows), column: cells}
    pd.DataFrame(table).to_csv(folder / "file.csv", index=False)
    said: list[str] = []
    book = import_book(
        mapping_of(f"{HEAD}{feature}\n", "m.yaml"), folder / "file.csv", folder / "b", said.append
    )
    assert list(faults(book)) == []
    values = book.whole("observations/flat")[name].fillna(-1).tolist()
    return values, catalogue_of(book), said[1:]


def test_categories_are_their_places_and_values_of_one_name_are_one(tmp_path: Path) -> None:
    values, catalogue, said = taken(tmp_path, PURPOSE, ["bike", "van", "car", "boat", "", "boat", "tent"])
    assert values == [1, 0, 0, 2, -1, 2, 2]
    feature = catalogue["purpose"]
    assert feature.levels == (("Car", "汽车"), ("Bicycle", "自行车"), ("Other", "其他"))
    assert feature.unordered
    assert said == [
        'purpose: 3 of 7 rows hold none of its categories and are read as \'Other\': "boat" (2), "tent" (1).'
    ]


def test_a_value_outside_of_an_order_is_missing(tmp_path: Path) -> None:
    values, catalogue, said = taken(tmp_path, HOUSING, ["own", "rent", "castle", "parents"])
    assert values == [2, 1, -1, 0]
    assert not catalogue["housing"].unordered
    assert catalogue["housing"].release_sign == "-"
    assert said == ['housing: 1 of 4 rows hold none of its categories and are read as missing: "castle" (1).']


def test_a_file_with_other_values_is_numbered_alike(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder, cells, numbers in (
        (first, ["car", "bike"], [0, 1]),
        (second, ["bike", "ark", "bike"], [1, 2, 1]),
    ):
        folder.mkdir()
        assert taken(folder, PURPOSE, cells)[0] == numbers


def test_a_missing_value_can_be_a_category_by_its_name(tmp_path: Path) -> None:
    feature = (
        "  - {name: job, kind: category, categories: {clerk: Clerk, '': [Not stated, 未填写], NA: Nobody}}"
    )
    values, catalogue, said = taken(tmp_path, feature, ["clerk", "", "NA", "n/a?"])
    assert values == [0, 1, 2, 3]
    assert catalogue["job"].levels[1] == ("Not stated", "未填写")
    assert len(said) == 1


def test_special_codes_of_a_number_are_kept_apart_by_a_second_feature(tmp_path: Path) -> None:
    feature = (
        "  - {name: known, column: score, kind: category, categories: {-9: No file, -8: [No account, 无账户]},"
        " other: [Scored, 有评分]}"
    )
    values, catalogue, _ = taken(tmp_path, feature, [-9, 640, -8, "-8.0", 700])
    assert values == [0, 2, 1, 1, 2]
    assert [english for english, _ in catalogue["known"].levels] == ["No file", "No account", "Scored"]


def test_other_may_be_one_of_the_categories() -> None:
    coding = coding_told({"categories": listed({"a": "A", "z": "Rest"}), "other": ["Rest", "Rest"]})
    assert coding is not None
    assert coding.levels == (("A", "A"), ("Rest", "Rest"))
    assert coding.rest == coding.numbers["z"] == 1


def test_categories_that_a_book_keeps_are_read_as_they_were_written(tmp_path: Path) -> None:
    mapping = mapping_of(f"{HEAD}{PURPOSE}\n{HOUSING}\n", "m.yaml")
    for feature in mapping.features[1:]:
        kept = feature.model_dump(mode="json")
        assert coding_told(kept) is not None
        np.testing.assert_equal(coding_told(kept), feature.coding)
    assert "categories" not in mapping.features[0].model_dump(mode="json")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("kind: category", "name its `categories`"),
        ("categories: [a], sign: 0", "`kind: category`"),
        ("kind: category, categories: 7", "write a list of its values"),
        ("kind: category, categories: [[a]]", "write a list of its values"),
        ("kind: category, categories: {a: [A]}", "write a list of its values"),
        ("kind: category, categories: {a: {b: c}}", "write a list of its values"),
        ("kind: category, categories: ['']", "write a list of its values"),
        ("kind: category, categories: [a, b, a]", "'a' stands twice"),
        ("kind: category, categories: [a], sign: '+'", "without an order it can have no sign"),
        ("kind: category, categories: [a], values: {a: 1}", "has no `values`"),
        ("kind: category, categories: [a], missing: [-9]", "`missing`"),
        ("kind: category, categories: [a], least: 0", "no `least`"),
        ("kind: category, categories: [a, b], ordered: true, other: [c, c]", "no place for `other`"),
        (f"kind: category, categories: [{', '.join(map(str, range(61)))}]", "more than 60"),
    ],
)
def test_what_is_wrong_is_said(said: str, why: str) -> None:
    with pytest.raises(CallError, match=why) as fault:
        mapping_of(f"{HEAD}  - {{name: purpose, {said}}}\n", "m.yaml")
    assert len(str(fault.value).splitlines()) == 1


def test_categories_are_no_columns_of_numbers() -> None:
    mapping = mapping_of(f"{HEAD}{HOUSING}\n", "m.yaml")
    assert mapping.numbers == ("limit", "late")
