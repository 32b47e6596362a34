"""A mapping is refused unless a book can be made by it, in which no model reads what it must not."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from data.errors import CallError
from data.mapping import BookMapping, read_mapping, tables_of

MAPPINGS = Path(__file__).resolve().parents[2] / "data" / "mappings"
Read = Callable[[dict[str, Any]], BookMapping]
BUNDLED = sorted(MAPPINGS.glob("*.yaml"))


def feature(name: str, **said: Any) -> dict[str, Any]:
    usual = {"label_en": name, "label_zh": name, "unit": "n", "family": "record"}
    return {"name": name, **usual, "limit_sign": "0", "release_sign": "0", **said}


def tree(**said: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {
        "id_column": "ID",
        "outcome": {"column": "BAD", "bad": [1], "good": [0]},
        "limit_column": "LIMIT",
        "currency": "TWD",
        "protected": [{"name": "SEX"}],
        "policy": {"refused_top_share": 0.2},
        "favoured_top_share": 0.3,
        "features": [feature("late"), feature("income")],
    }
    return usual | said


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def of(said: dict[str, Any]) -> BookMapping:
        path = tmp_path / "mapping.yaml"
        path.write_text(yaml.safe_dump(said, allow_unicode=True, sort_keys=False), "utf-8")
        return read_mapping(path)

    return of


def test_a_whole_number_stands_for_the_same_code_as_text(read: Read) -> None:
    mapping = read(tree(features=[feature("late", values={1: 3, 2: None}, limit_sign=0, release_sign="+")]))
    assert mapping.outcome.bad == ("1",)
    assert mapping.features[0].values == {"1": 3.0, "2": None}
    assert mapping.features[0].limit_sign == "0"


def test_the_columns_read_are_each_named_once(read: Read) -> None:
    burden = feature("burden", derive={"how": "ratio", "columns": ["AMOUNT", "income"]}, limit_sign="x")
    mapping = read(tree(amount_column="AMOUNT", features=[feature("late"), feature("income"), burden]))
    assert mapping.columns == ("ID", "BAD", "LIMIT", "AMOUNT", "SEX", "late", "income")


def assert_refused(read: Read, said: dict[str, Any], message: str) -> None:
    """A mapping with these names is refused in one sentence that holds the message."""
    with pytest.raises(CallError) as refused:
        read(tree(**said))
    assert message in str(refused.value)
    assert "mapping.yaml" in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"limit_colum": "LIMIT"},
            "unknown parameter 'limit_colum'; the nearest known name is 'limit_column'",
        ),
        (
            {"features": [feature("late") | {"lable_en": "Late"}]},
            "unknown parameter 'features.0.lable_en'; the nearest known name is 'features.0.label_en'",
        ),
        ({"favoured_top_share": 1.5}, "'favoured_top_share' should be less than 1, but is 1.5"),
        (
            {"currency": "dollars"},
            "'currency' is not right: 'dollars' is no currency; write its code of three",
        ),
        (
            {"outcome": {"column": "BAD", "bad": [1], "good": [1, 0]}},
            "the outcome '1' stands under bad and under good",
        ),
        (
            {"outcome": {"column": "BAD", "bad": [], "good": [0]}},
            "'outcome.bad' is not right: it is empty; name one at least",
        ),
        ({"outcome": {"column": "BAD", "bad": [0.5], "good": [0]}}, "should be a text, but is 0.5"),
        ({"features": []}, "'features' is not right: it is empty"),
        ({"features": [feature("late"), feature("late")]}, "the name 'late' stands twice"),
        ({"features": [feature("late"), feature("SEX", column="x")]}, "the name 'SEX' stands twice"),
        (
            {"features": [feature("request_id")]},
            "the name 'request_id' is kept for the project's own columns",
        ),
        ({"features": [feature("a b")]}, "'features.0.name' is not right: 'a b' is no name; write a letter"),
        (
            {"features": [feature("late", limit_sign="up")]},
            "'features.0.limit_sign' should be '+', '-', '0' or 'x'",
        ),
        ({"features": [feature("late", limit_sign="x")]}, "no feature is in the limit model"),
        ({"features": [feature("late", release_sign="x")]}, "no feature is in the release model"),
        (
            {"features": [feature("late", limit_sign="x", release_sign="x")]},
            "the feature is in neither model",
        ),
        (
            {"features": [feature("late", release_sign="+", reason_code="R18")]},
            "'R18' is no reason for a refusal",
        ),
        ({"features": [feature("late", reason_code="R02")]}, "R02 needs a release_sign of + or -"),
        (
            {"features": [feature("late", reason_use="C")]},
            "a `reason_use` says nothing without a `reason_code`",
        ),
        (
            {"features": [feature("late", column="L", derive={"how": "sum", "columns": ["a", "b"]})]},
            "a derived feature has neither `column` nor `values`",
        ),
        (
            {"features": [feature("late", derive={"how": "ratio", "columns": ["a", "b", "c"]})]},
            "a ratio is of two columns, not of 3",
        ),
        (
            {"features": [feature("late", derive={"how": "sum", "columns": ["a"]})]},
            "a sum is of two columns or more",
        ),
        ({"features": [feature("late", column="")]}, "'features.0.column' is not right: it is empty"),
        (
            {"limit_column": "BAD"},
            "the column 'BAD' cannot be two of id, outcome, limit and the lender's decisions",
        ),
    ],
)
def test_what_no_book_can_be_made_of_is_refused_with_its_reason(
    read: Read, said: dict[str, Any], message: str
) -> None:
    assert_refused(read, said, message)


@pytest.mark.parametrize(
    ("column", "reason"),
    [
        ("SEX", "protected"),
        ("BAD", "the outcome"),
        ("ID", "the id"),
        ("LIMIT", "the limit that the limit model is to predict"),
        ("AMOUNT", "the amount asked for, unknown at the review"),
    ],
)
@pytest.mark.parametrize("derived", [False, True])
def test_no_feature_reads_what_a_model_must_not_know(
    read: Read, column: str, reason: str, derived: bool
) -> None:
    origin = {"derive": {"how": "max", "columns": ["income", column]}} if derived else {"column": column}
    with pytest.raises(CallError, match=f"feature leak reads '{column}', which is {reason}"):
        read(tree(amount_column="AMOUNT", features=[feature("late"), feature("leak", **origin)]))


@pytest.mark.parametrize("column", ["LIMIT", "AMOUNT"])
def test_the_release_model_may_read_limit_and_amount(read: Read, column: str) -> None:
    known = feature("known", column=column, limit_sign="x")
    mapping = read(tree(amount_column="AMOUNT", features=[feature("late"), known]))
    assert column in mapping.columns


def test_a_missing_mapping_is_named(tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"No mapping at .*none\.yaml"):
        read_mapping(tmp_path / "none.yaml")


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"a: [1", b"- just\n- a list", b""])
def test_what_is_no_mapping_is_one_clear_sentence(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "mapping.yaml").write_bytes(content)
    with pytest.raises(CallError, match=r"mapping\.yaml") as refused:
        read_mapping(tmp_path / "mapping.yaml")
    assert "\n" not in str(refused.value)


def test_a_folder_is_no_mapping(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="cannot be read"):
        read_mapping(tmp_path)


def test_the_tables_hold_what_the_mapping_names(read: Read) -> None:
    tables = tables_of(read(tree(protected=[{"name": "SEX"}, {"name": "AGE", "kind": "number"}])))
    assert list(tables["borrowers"].columns) == ["borrower_id", "source_id", "SEX", "AGE"]
    assert list(tables["observations/flat"].columns) == ["borrower_id", "late", "income"]
    assert str(tables["borrowers"].columns["SEX"]) == "string"
    assert str(tables["borrowers"].columns["AGE"]) == "float"


@pytest.mark.parametrize("path", BUNDLED, ids=lambda path: path.stem)
def test_a_bundled_mapping_says_everything_in_both_languages(path: Path) -> None:
    mapping = read_mapping(path)
    for said in mapping.features:
        assert said.family_zh
        assert (said.definition_en is None) == (said.definition_zh is None)
        assert said.label_en.isascii()
        assert not said.label_zh.isascii()
    for language in ("en", "zh"):
        labels = [getattr(said, f"label_{language}") for said in mapping.features]
        assert len(set(labels)) == len(labels)
    families = {said.family: said.family_zh for said in mapping.features}
    assert all(families[said.family] == said.family_zh for said in mapping.features)


def test_both_real_books_are_bundled() -> None:
    assert [path.stem for path in BUNDLED] == ["german_credit", "taiwan_default"]


def test_taiwan_keeps_the_newest_months_from_the_limit_model() -> None:
    mapping = read_mapping(MAPPINGS / "taiwan_default.yaml")
    limit = {said.name for said in mapping.features if said.limit_sign != "x"}
    older = {f"{kind}{month}" for kind in ("PAY_", "BILL_AMT", "PAY_AMT") for month in (4, 5, 6)}
    assert limit == older | {"EDUCATION"}
    release = {said.name for said in mapping.features if said.release_sign != "x"}
    assert {"PAY_0", "BILL_AMT1", "PAY_AMT1"} < release
    assert {kept.source for kept in mapping.protected} == {"SEX", "MARRIAGE", "AGE"}
    assert not {"SEX", "MARRIAGE", "AGE"} & {name for said in mapping.features for name in said.sources}


def short(*features: dict[str, Any], **said: Any) -> dict[str, Any]:
    return tree(features=list(features), **said)


def test_a_feature_may_be_one_line(read: Read) -> None:
    late, income = read(short({"name": "late", "sign": "+"}, {"name": "income", "sign": 0})).features
    assert (late.label_en, late.label_zh, late.unit) == ("Late", "Late", "index")
    assert (late.family, late.family_zh) == ("other", "其他")
    assert (late.limit_sign, late.release_sign) == ("-", "+")
    assert (income.limit_sign, income.release_sign) == ("0", "0")


@pytest.mark.parametrize(
    ("name", "label"), [("late_12m", "Late 12m"), ("PAY_0", "PAY_0"), ("payAmt", "PayAmt")]
)
def test_a_label_that_is_left_out_is_the_name_as_people_read_it(read: Read, name: str, label: str) -> None:
    assert read(short({"name": name, "sign": "+"})).features[0].label_en == label


def test_what_a_feature_says_itself_is_kept(read: Read) -> None:
    said = {
        "name": "late",
        "sign": "+",
        "limit_sign": "x",
        "label_zh": "逾期",
        "family": "record",
        "unit": "n",
    }
    mapped = read(short(said, feature("income"))).features[0]
    assert (mapped.limit_sign, mapped.release_sign, mapped.unit) == ("x", "+", "n")
    assert (mapped.label_en, mapped.label_zh, mapped.family, mapped.family_zh) == (
        "逾期",
        "逾期",
        "record",
        None,
    )


def test_snapshots_are_told_by_patterns_of_names_or_columns(read: Read) -> None:
    snapshots = {"limit": ["*_before", "A?"], "release": ["*"]}
    features = (
        {"name": "late_before", "sign": "+"},
        {"name": "late", "sign": "+"},
        {"name": "age", "column": "A1"},
    )
    mapped = read(short(*features, snapshots=snapshots)).features
    assert [(one.limit_sign, one.release_sign) for one in mapped] == [("-", "+"), ("x", "+"), ("0", "0")]


def test_snapshots_say_what_a_model_sees_and_signs_which_way_it_pushes(read: Read) -> None:
    features = ({"name": "a", "limit_sign": "+"}, {"name": "b", "limit_sign": "+", "release_sign": "x"})
    mapped = read(short(*features, snapshots={"limit": ["b"], "release": ["*"]})).features
    assert [(one.limit_sign, one.release_sign) for one in mapped] == [("x", "0"), ("+", "x")]


def test_the_unit_currency_is_the_mappings(read: Read) -> None:
    assert read(short({"name": "late", "sign": "+", "unit": "currency"})).features[0].unit == "TWD"


def test_a_kept_mapping_read_again_is_the_same(read: Read) -> None:
    features = ({"name": "late", "sign": "+", "missing": [-9], "least": 0}, {"name": "income", "sign": "-"})
    mapped = read(short(*features, encoding="GB18030", snapshots={"limit": ["l*"], "release": ["*"]}))
    assert BookMapping.model_validate_json(mapped.model_dump_json()) == mapped
    assert mapped.features[0].missing == ("-9",)


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (
            {"snapshots": {"limit": ["lat*", "PAY_*"], "release": ["*"]}},
            "'PAY_*' under 'snapshots.limit' names no feature",
        ),
        ({"snapshots": {"limit": ["income"]}}, "the parameter 'snapshots.release' is missing"),
        ({"snapshots": {"limit": "*", "release": ["*"]}}, "'snapshots.limit' should be a list"),
        (
            {
                "snapshots": {"limit": ["income"], "release": ["income"]},
                "features": [{"name": "income"}, {"name": "x1"}],
            },
            "the feature is in neither model",
        ),
        ({"features": [{"name": "late"}]}, "the parameter 'features.0.limit_sign' is missing"),
        ({"features": [{"sign": "+"}]}, "the parameter 'features.0.name' is missing"),
        ({"features": [feature("late", sign="x")]}, "'features.0.sign' should be '+', '-' or '0'"),
        (
            {"features": [feature("late", missing=["none"])]},
            "'none' is no number; texts that mean missing stand under",
        ),
        ({"features": [feature("late", missing=[-9], values={1: 1})]}, "among `values` write null"),
        ({"features": [feature("late", least=2, most=1)]}, "its `least`, 2, is above its `most`, 1"),
        ({"encoding": "../passwd"}, "'../passwd' is no encoding known here; write one of utf-8, gb18030"),
        ({"delimiter": "::"}, "'::' is no delimiter"),
        ({"decimal": "." * 2}, "'decimal' should be '.' or ','"),
        ({"date_format": "%d.%m"}, "'%d.%m' is no form of a date"),
        ({"date_format": "%Y-%d-%m"}, "'%Y-%d-%m' cannot be told from ISO dates"),
        ({"protected": [{"name": "SEX", "missing": [-9]}]}, "`missing` is for numbers; write `kind: number`"),
        ({"sheet": ""}, "'sheet' is not right: it is empty"),
    ],
)
def test_what_is_short_and_wrong_is_refused_with_its_reason(
    read: Read, said: dict[str, Any], message: str
) -> None:
    assert_refused(read, said, message)
