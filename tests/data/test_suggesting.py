"""A suggested mapping says what a file is, with its evidence; what a human must decide stands out, and nothing else."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data import suggesting
from data.column_names import feature_name, speaks_of, stem_of, unit_of, words_of
from data.column_profile import HIGH_CODES, LOW_CODES, profile_of
from data.errors import CallError, DataFault
from data.event_mapping import EventMapping
from data.flat_file import open_flat_file
from data.importing import import_book
from data.mapping import BookMapping, mapping_of
from data.suggesting import Suggestion, suggestion_for
from data.suggestion_text import DECIDE, quoted, suggestion_text
from data.table_form import MISSING, Form, TableFile
from tests.data.lenders import application_file, bureau_file


def cells(*values: object) -> Any:
    import pyarrow as pa

    return pa.array([str(value) for value in values])


def suggested(table: pd.DataFrame, folder: Path, name: str = "file.csv") -> Suggestion:
    table.to_csv(folder / name, index=False)
    return suggestion_for(folder / name)


def decided(text: str, limit: str = '["*"]') -> str:
    return text.replace(f"currency: {DECIDE}", "currency: CNY").replace(
        f"limit: [{DECIDE}]", f"limit: {limit}"
    )


@pytest.mark.parametrize(
    ("values", "kind", "missing", "doubtful"),
    [
        ([*range(40)] * 3, "number", [], []),
        ([*range(40), *[-9] * 9, *[-8] * 9, *[-7] * 9], "number", [-9, -8, -7], []),
        ([*range(0, 400, 10), *[-1] * 9], "number", [-1], []),
        ([*range(10)] * 9 + [-1] * 9, "number", [], [-1]),
        ([*range(-40, 40), *[-9] * 9], "number", [], []),
        ([*range(40), *[999] * 9], "number", [999], []),
        ([*range(90), *[99] * 9], "number", [], []),
        ([*range(40), -9], "number", [], []),
        ([1.5, 2.5, "NA", "", "?"] * 4, "number", [], []),
        (["1,5", "2,25"] * 9, "number", [], []),
        (["2024-01-31", "2024-02-28", ""] * 9, "date", [], []),
        (["31.12.2024", "1.2.2024"] * 9, "date", [], []),
        (["20240131", "20240228"] * 9, "date", [], []),
        ([10_000_001, 10_000_002] * 9, "number", [], []),
        (["own", "rent", "其他"] * 9, "code", [], []),
        ([f"word {n}" for n in range(50)], "text", [], []),
        ([7] * 9, "constant", [], []),
        (["", "NA"] * 9, "empty", [], []),
    ],
)
def test_a_column_is_what_its_cells_are(
    values: list[Any], kind: str, missing: list[float], doubtful: list[float]
) -> None:
    found = profile_of("x", 0, cells(*values))
    assert found.kind == kind
    assert [value for value, _ in found.missing] == missing
    assert [value for value, _ in found.doubtful] == doubtful
    if missing:
        assert found.values is not None
        assert not np.isin(found.values, missing).any()


def test_names_are_read_by_whole_words_in_english_and_by_characters_in_chinese() -> None:
    assert words_of("PAY_AMT1") == words_of("payAmt1") == ["pay", "amt"]
    assert speaks_of("personal_status_sex", ("sex",))
    assert speaks_of("客户年龄", ("年龄",))
    assert not speaks_of("average_usage", ("age",))
    assert stem_of("BILL_AMT_6") == stem_of("BILL_AMT1") == "BILL_AMT"
    assert (unit_of("card_balance"), unit_of("开户天数"), unit_of("x")) == ("currency", "d", None)
    assert unit_of("NUM_60_DPD") == unit_of("count_days_late") == "n"
    taken: set[str] = set()
    assert [feature_name(name, 4, taken) for name in ("a b", "a-b", "性别", "7days")] == [
        *("a_b", "a_b_2", "column_5", "column_5_7days")
    ]


def table_of(rows: int = 2_000) -> pd.DataFrame:
    draws = np.random.default_rng(3)
    risk = draws.normal(size=rows)
    bad = (draws.random(rows) < 1 / (1 + np.exp(2 - 1.5 * risk))).astype(int)
    return pd.DataFrame(
        {
            "客户编号": np.arange(rows) + 5_000_000,
            "性别": draws.choice(["男", "女"], rows),
            "age": draws.integers(20, 70, rows),
            "授信额度": np.round(np.exp(9 - 0.3 * risk + draws.normal(0, 0.3, rows)), -2) + 100,
            "late_1": np.maximum(np.round(risk + draws.normal(0, 0.5, rows)), 0),
            "late_2": np.maximum(np.round(risk + draws.normal(0, 0.9, rows)), 0),
            "noise": draws.normal(size=rows).round(3),
            "score": np.where(draws.random(rows) < 0.1, -9, np.round(600 - 50 * risk)),
            "recovered_amount": draws.integers(0, 900, rows) * bad,
            "dpd_after": bad * 30 + draws.integers(0, 20, rows),
            "closed_on": np.where(bad == 1, "", "2024-05-01"),
            "opened_on": "2023-05-01",
            "opened": draws.choice(["2023-05-01", "2023-06-01"], rows),
            "asked": draws.choice(["2024-05-01", "2024-06-01"], rows),
            "memo": [f"note {row}" for row in range(rows)],
            "是否违约": bad,
        }
    )


def test_roles_leaks_signs_and_families_are_found(tmp_path: Path) -> None:
    found = suggested(table_of(), tmp_path)
    assert found.identifier is not None
    assert found.identifier.name == "客户编号"
    assert (found.outcomes[0].name, found.bad, found.good) == ("是否违约", ("1",), ("0",))
    assert [one.name for one in found.limits] == ["授信额度"]
    assert [one.name for _, one in found.protected] == ["性别", "age"]
    assert [one.name for one in found.dates] == ["opened", "asked"]
    named = {one.profile.name: one for one in found.candidates}
    assert {name for name, one in named.items() if one.leak} == {"recovered_amount", "dpd_after"}
    signs = {name: one.evidence.sign for name, one in named.items() if one.evidence}
    assert (signs["late_1"], signs["noise"], signs["score"], signs["授信额度"]) == ("+", "0", "-", "-")
    assert (named["late_1"].limit_sign, named["noise"].limit_sign) == ("-", "0")
    assert named["late_1"].family == named["late_2"].family == "late"
    assert named["score"].profile.missing[0][0] == -9
    assert [name for name, _ in found.left_out] == ["closed_on", "opened_on", "memo"]


def test_a_unit_is_what_the_values_can_be_whatever_the_name_speaks_of(tmp_path: Path) -> None:
    table = table_of()
    draws = np.random.default_rng(6)
    table = table.assign(
        late_since_limit=draws.integers(0, 9, len(table)),
        pct_on_time=draws.integers(0, 100, len(table)),
        rate_used=draws.random(len(table)).round(3),
        debt=draws.integers(0, 90_000, len(table)),
    )
    lines = suggestion_text(suggested(table, tmp_path)).splitlines()
    [late, percent, rate, debt] = (
        next(line for line in lines if f"name: {name}," in line)
        for name in ("late_since_limit", "pct_on_time", "rate_used", "debt")
    )
    assert "unit" not in late
    assert 'unit: "%"' in percent
    assert 'unit: "r"' in rate
    assert 'unit: "currency"' in debt


def test_a_column_that_is_missing_where_clients_are_bad_is_marked(tmp_path: Path) -> None:
    table = table_of().assign(paid=lambda frame: frame["age"].where(frame["是否违约"] == 0))
    [leak] = [one.leak for one in suggested(table, tmp_path).candidates if one.profile.name == "paid"]
    assert leak is not None
    assert "whether it is missing tells the outcome" in leak


def test_the_rates_of_groups_are_those_of_the_file(tmp_path: Path) -> None:
    table = table_of()
    [late] = [one for one in suggested(table, tmp_path).candidates if one.profile.name == "late_1"]
    assert late.evidence is not None
    rates = table.groupby("late_1")["是否违约"].mean()
    np.testing.assert_allclose(late.evidence.rates, rates.to_numpy())
    assert late.evidence.labels == tuple(f"{value:g}" for value in rates.index)


def test_nothing_is_taken_before_a_human_has_decided(tmp_path: Path) -> None:
    text = suggestion_text(suggested(table_of(), tmp_path))
    with pytest.raises(CallError, match=r"'DECIDE' under 'snapshots\.limit' names no feature"):
        mapping_of(text, "m")
    with pytest.raises(CallError, match="'DECIDE' is no currency"):
        mapping_of(text.replace(f"limit: [{DECIDE}]", 'limit: ["late*"]'), "m")
    mapped = mapping_of(decided(text, '["late*"]'), "m")
    assert [one.name for one in mapped.features if one.limit_sign != "x"] == ["late_1", "late_2"]
    assert not {"recovered_amount", "dpd_after"} & set(mapped.columns)
    book = import_book(mapped, tmp_path / "file.csv", tmp_path / "book")
    assert book.manifest.rows["borrowers"] == 2_000


@pytest.mark.parametrize("code", [*HIGH_CODES, *LOW_CODES])
def test_a_code_that_means_missing_is_missing_in_the_book(tmp_path: Path, code: int) -> None:
    """As it is written in the mapping, whatever its size."""
    values = np.tile(np.arange(32) * max(abs(code) // 130, 1) + 1, 10)
    values[:250:5] = code
    bad = np.tile([0, 1, 0, 0], 80)
    table = pd.DataFrame({"bad": bad, "debt": values, "limit": np.arange(320) + 50.5})
    text = suggestion_text(suggested(table, tmp_path))
    assert f"{code} (50 rows)" in text
    book = import_book(mapping_of(decided(text), "m"), tmp_path / "file.csv", tmp_path / "book")
    assert book.whole("observations/flat")["debt"].isna().sum() == 50


def test_columns_named_as_yaml_names_values_are_features(tmp_path: Path) -> None:
    table = table_of(300)[["age", "授信额度", "late_1", "late_2", "noise", "是否违约"]]
    table = table.rename(columns={"late_1": "null", "late_2": "true", "noise": "No"})
    text = suggestion_text(suggested(table, tmp_path))
    book = import_book(mapping_of(decided(text), "m"), tmp_path / "file.csv", tmp_path / "book")
    assert {"null", "true", "No"} <= set(book.whole("observations/flat"))


def test_codes_for_missing_are_no_ages(tmp_path: Path) -> None:
    table = table_of(300).assign(age=lambda frame: frame["age"].mask(frame.index % 10 == 0, -9))
    text = suggestion_text(suggested(table, tmp_path))
    assert "so read as missing: -9 (30 rows)\n  - {name: age" in text
    ages = import_book(mapping_of(decided(text), "m"), tmp_path / "file.csv", tmp_path / "book").whole(
        "borrowers"
    )["age"]
    assert (ages.isna().sum(), ages.min()) == (30, table["age"][table["age"] > 0].min())


@pytest.mark.parametrize(
    ("opened", "asked", "said"),
    [
        ("03/01/2020", "04/02/2021", f'{DECIDE}  # "%d/%m/%Y" or "%m/%d/%Y": every date'),
        ("03/01/2020", "04/22/2021", '"%m/%d/%Y"\n'),
        ("03/01/2020", "22/04/2021", '"%d/%m/%Y"\n'),
        ("2020-01-03", "22/04/2021", '"%d/%m/%Y"\n'),
    ],
)
def test_dates_that_can_be_read_two_ways_are_for_a_human(
    tmp_path: Path, opened: str, asked: str, said: str
) -> None:
    other = asked.replace("2021", "2022")
    table = table_of(300).assign(opened=np.resize([opened, opened.replace("2020", "2019")], 300))
    text = suggestion_text(suggested(table.assign(asked=np.resize([asked, other], 300)), tmp_path))
    assert f"\ndate_format: {said}" in text
    if DECIDE in said:
        with pytest.raises(CallError, match="'DECIDE' is no form of a date"):
            mapping_of(decided(text), "m")


def test_leaks_and_dates_stand_in_comments_that_can_be_taken_in(tmp_path: Path) -> None:
    text = decided(suggestion_text(suggested(table_of(), tmp_path)))
    taken = [
        line[1:] for line in text.splitlines() if line.startswith(("#  - {name: dpd", "#  - {name: days"))
    ]
    assert len(taken) == 2
    at = text.index("\n# DECIDE: these may be known only after")
    mapped = mapping_of(text[:at] + "\n".join(taken) + text[at:], "m")
    assert [one.name for one in mapped.features][-2:] == ["dpd_after", "days_between"]


@pytest.mark.parametrize(
    ("name", "how", "said"),
    [
        ("f.csv", {"sep": ";", "decimal": ","}, 'decimal: ","'),
        ("f.csv", {"encoding": "gb18030"}, 'encoding: "gb18030"'),
        ("f.csv", {"encoding": "utf-16", "sep": "\t"}, 'encoding: "utf-16"'),
        ("f.csv.gz", {}, "cells between commas"),
        ("f.xlsx", {}, 'sheet: "Sheet1"'),
        ("f.parquet", {}, "Parquet, 500 rows"),
    ],
)
def test_how_a_file_is_written_is_found_and_the_import_takes_it(
    tmp_path: Path, name: str, how: dict[str, Any], said: str
) -> None:
    table = table_of(500)
    path = tmp_path / name
    if name.endswith(".xlsx"):
        table.to_excel(path, index=False)
    elif name.endswith(".parquet"):
        table.to_parquet(path)
    else:
        table.to_csv(path, index=False, **how)
    text = suggestion_text(suggestion_for(path))
    assert said in text
    book = import_book(mapping_of(decided(text), "m"), path, tmp_path / "book")
    assert set(book.whole("borrowers")["column_2"]) == {"男", "女"}


def test_accents_of_a_western_file_are_not_taken_for_chinese(tmp_path: Path) -> None:
    table = table_of(300).rename(columns=lambda name: name if name.isascii() else f"spalte_{ord(name[0])}")
    table["größe"] = np.where(table["age"] > 40, "groß", "klein")
    table = table.drop(columns="spalte_24615").to_csv(None, index=False)
    (tmp_path / "f.csv").write_bytes(table.replace("男", "für").replace("女", "gegen").encode("latin-1"))
    assert suggestion_for(tmp_path / "f.csv").form.encoding == "latin-1"


def test_a_large_file_is_looked_at_in_part_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(suggesting, "SAMPLE", 100)
    table = table_of(1_999)
    found = suggested(table, tmp_path)
    assert found.rows == 1_999
    assert 100 <= found.looked_at <= 200
    assert found.identifier is not None
    assert found.identifier.values is not None
    steps = np.diff(found.identifier.values)
    assert (steps == steps[0]).all()
    assert "1,999 rows\n# (" in suggestion_text(found)
    assert f"no value stands twice in it among the {found.looked_at} rows looked at\n" in suggestion_text(
        found
    )


def test_another_encoding_is_tried_for_what_is_no_text_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not for a file whose path says these words."""
    tried: list[str] = []

    def opened(path: Path, form: Form, wanted: Sequence[str]) -> TableFile:
        tried.append(form.encoding)
        return open_flat_file(path, form, wanted)

    monkeypatch.setattr(suggesting, "open_flat_file", opened)
    file = tmp_path / "this is not text in utf-8.csv"
    file.write_bytes("编号,b\n1,2,3\n".encode())
    with pytest.raises(DataFault, match="line 2: 3 values"):
        suggestion_for(file)
    file.write_bytes("编号,b\n1,2,3\n".encode("gb18030"))
    with pytest.raises(DataFault, match="line 2: 3 values"):
        suggestion_for(file)
    assert tried == ["utf-8", "utf-8", "gb18030"]


def test_texts_that_mean_missing_are_the_same_wherever_a_mapping_says_nothing() -> None:
    assert BookMapping.model_fields["missing"].default is MISSING
    assert EventMapping.model_fields["missing"].default is MISSING


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        (b"", DataFault, "is empty"),
        (b"a,b\n", DataFault, "no row below"),
        (b"a,a\n1,2\n", CallError, "has the column 'a' twice"),
        (b"a,b\n1,2,3\n", DataFault, "line 2: 3 values"),
    ],
)
def test_what_is_no_table_is_refused(
    tmp_path: Path, content: bytes, error: type[Exception], said: str
) -> None:
    (tmp_path / "f.csv").write_bytes(content)
    with pytest.raises(error, match=said):
        suggestion_for(tmp_path / "f.csv")


def one_line(error: Exception) -> None:
    assert "\n" not in str(error)


WORDS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        [
            'a: "b"',
            "# x",
            "'",
            '"',
            "\\",
            "{}",
            "a\nb",
            "\x00",
            "\x7f",
            "\x85",
            "\u2028",
            "\ufeff",
            "\U0001f600",
            "- x",
            "}]",
        ]
    ),
    st.sampled_from(
        ["limit", "sex", "default", "recovered", "amount", "id", "opened_on", "额度", "borrower_id", "base"]
    ),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    names=st.lists(WORDS, min_size=1, max_size=6, unique=True),
    draws=st.lists(
        st.lists(st.one_of(WORDS, st.integers(-9, 9).map(str)), min_size=6, max_size=6),
        min_size=1,
        max_size=8,
    ),
)
def test_whatever_stands_in_a_file_the_suggestion_is_yaml_and_no_more_than_that(
    names: list[str], draws: list[list[str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "f.csv"
        rows = [names, *(row[: len(names)] for row in draws)]
        lines = [",".join('"' + cell.replace('"', '""') + '"' for cell in row) for row in rows]
        path.write_text("\n".join(lines), "utf-8", errors="replace", newline="")
        try:
            text = suggestion_text(suggestion_for(path))
        except (CallError, DataFault) as error:
            one_line(error)
            return
        known = {
            "encoding",
            "decimal",
            "sheet",
            "date_format",
            "missing",
            "id_column",
            "outcome",
            "limit_column",
        }
        known |= {
            "amount_column",
            "currency",
            "policy",
            "favoured_top_share",
            "protected",
            "snapshots",
            "features",
        }
        assert set(yaml.safe_load(text)) <= known
        try:
            import_book(mapping_of(decided(text), "m"), path, Path(folder) / "book")
        except (CallError, DataFault) as error:
            one_line(error)


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=20))
def test_what_is_quoted_reads_as_it_was(text: str) -> None:
    assert yaml.safe_load(f"- {quoted(text)}  # {quoted(text)}") == [text]


@pytest.mark.parametrize("made", [bureau_file, application_file])
def test_what_a_realistic_file_is_suggested_makes_a_book(made: Any, tmp_path: Path) -> None:
    made(3_000, seed=5).to_csv(tmp_path / "file.csv", index=False)
    text = suggestion_text(suggestion_for(tmp_path / "file.csv"))
    book = import_book(mapping_of(decided(text), "m"), tmp_path / "file.csv", tmp_path / "book")
    assert book.manifest.rows["borrowers"] == 3_000
