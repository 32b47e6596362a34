"""A sound book has no fault; whatever is changed in it is found, and its table, column and row are named."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.book import MANIFEST, SEAL, Book, Manifest, open_book, sha256
from data.book_writer import BookWriter, write_part
from data.check import faults
from data.findings import Finding, told
from data.importing import import_book
from data.mapping import BookMapping, tables_of
from data.parameters import read_parameters
from data.schema import DATED_TABLES, Table
from data.simulate import simulate_book
from data.world import World
from data.yaml_tree import parse

ROOT = Path(__file__).resolve().parents[2]

MAPPING = """
id_column: id
outcome: {column: bad, bad: [1], good: [0]}
limit_column: limit
currency: TWD
protected: [{name: sex}, {name: age, kind: number}]
policy: {refused_top_share: 0.2}
favoured_top_share: 0.33
features:
  - {name: late, label_en: Late, label_zh: 逾期, unit: n, family: record, limit_sign: "-", release_sign: "+"}
  - {name: paid, label_en: Paid, label_zh: 还款, unit: n, family: record, limit_sign: "+", release_sign: "-"}
"""


@pytest.fixture(scope="module")
def world() -> World:
    params = ROOT / "params.yaml"
    return read_parameters(World, parse(params.read_text("utf-8"), "params.yaml")["world"], (), "params.yaml")


@pytest.fixture(scope="module")
def sound(world: World, tmp_path_factory: pytest.TempPathFactory) -> Book:
    return simulate_book(tmp_path_factory.mktemp("sound") / "book", 80, 24, 5, "baseline", world, 40)


@pytest.fixture(scope="module")
def sound_flat(tmp_path_factory: pytest.TempPathFactory) -> Book:
    folder = tmp_path_factory.mktemp("flat")
    rows = [
        f"{number},{number % 3 % 2},{1000 + number},M,{20 + number},{number % 4}," for number in range(1, 41)
    ]
    (folder / "book.csv").write_text(
        "\n".join(["id,bad,limit,sex,age,late,paid", *rows, "99,1,500,F,,,7"]), "utf-8"
    )
    mapping = read_parameters(BookMapping, MAPPING, (), "mapping")
    return import_book(mapping, folder / "book.csv", folder / "book")


@pytest.fixture
def book(sound: Book, tmp_path: Path) -> Book:
    shutil.copytree(sound.path, tmp_path / "book")
    return open_book(tmp_path / "book", as_it_is=True)


@pytest.fixture
def flat(sound_flat: Book, tmp_path: Path) -> Book:
    shutil.copytree(sound_flat.path, tmp_path / "book")
    return open_book(tmp_path / "book", as_it_is=True)


def restate(book: Book, change: Callable[[dict[str, Any]], object]) -> Book:
    """The book with a changed manifest."""
    said = json.loads((book.path / MANIFEST).read_text("utf-8"))
    change(said)
    said.pop(SEAL, None)  # as a book of before
    (book.path / MANIFEST).write_text(json.dumps(said), "utf-8")
    return open_book(book.path, as_it_is=True)


def note_parts(book: Book) -> Book:
    """The book with a manifest that agrees with its parts, so that only what they hold can be wrong."""

    def note(said: dict[str, Any]) -> None:
        for part in said["parts"]:
            said["parts"][part] = sha256(book.path / part)
        for table in said["rows"]:
            files = sorted((book.path / table).glob("part-*.parquet"))
            said["rows"][table] = sum(pq.read_metadata(file).num_rows for file in files)

    return restate(book, note)


def table_of(book: Book, name: str) -> Table:
    if book.dated:
        return DATED_TABLES[name]
    said = {key: value for key, value in (book.manifest.mapping or {}).items() if key != "file_sha256"}
    return tables_of(BookMapping.model_validate(said, strict=False))[name]


def rewrite(
    book: Book, name: str, change: Callable[[pd.DataFrame], pd.DataFrame | None], block: int = 0
) -> Book:
    """The book with one part changed, and a manifest that agrees with it."""
    frame = book.table(name, block)
    changed = change(frame)
    write_part(book.path, table_of(book, name), block, frame if changed is None else changed)
    return note_parts(book)


def rewrite_arrow(book: Book, name: str, change: Callable[[pa.Table], pa.Table]) -> Book:
    """The same where the change does not fit the schema."""
    part = book.path / name / "part-00000.parquet"
    pq.write_table(change(pq.read_table(part, partitioning=None)), part)
    return note_parts(book)


def put(column: str, row: int, value: Any) -> Callable[[pd.DataFrame], None]:
    """Puts a value into a cell."""

    def change(frame: pd.DataFrame) -> None:
        if isinstance(frame[column].dtype, pd.CategoricalDtype):
            frame[column] = frame[column].astype(object)
        elif isinstance(value, str):
            frame.loc[row, column] = pd.Timestamp(value).as_unit(frame[column].dt.unit)
            return
        frame.loc[row, column] = value

    return change


def test_a_simulated_book_has_no_fault(sound: Book) -> None:
    assert list(faults(sound)) == []


def test_a_book_with_an_outage_has_no_fault(world: World, tmp_path: Path) -> None:
    assert list(faults(simulate_book(tmp_path / "book", 60, 24, 5, "bureau_outage", world, 60))) == []


def test_an_imported_book_has_no_fault(sound_flat: Book) -> None:
    assert list(faults(sound_flat)) == []


SPOILED = [
    ("borrowers", "city_tier", 3, 7, "1 to 4, found 7"),
    ("borrowers", "age", 3, -1, "0 to 130, found -1"),
    ("borrowers", "opened_on", 4, "2031-01-01", "1950-01-01 to 2026-03-31, found 2031-01-01"),
    ("observations/own_ledger", "dpd", 3, -3, "0 or more, found -3"),
    ("observations/own_ledger", "balance", 4, -0.5, "0 or more, found -0.5"),
    ("observations/own_ledger", "visible_on", 5, "2001-01-01", "occurred_on or later, found 2001-01-01"),
    ("observations/bureau", "kind", 3, "rumour", "one of enquiry, loan_opened"),
    ("observations/bureau", "card_utilization", 4, -1.0, "0 or more, found -1"),
    ("observations/agency", "kind", 3, "rumour", "one of application, loan, found rumour"),
    ("observations/income_assets", "inferred_income", 3, -1.0, "0 or more, found -1"),
    ("observations/consumption", "necessities", 3, -1.0, "0 or more, found -1"),
    ("observations/device_social", "shared_device_risk", 3, 1.5, "0 to 1, found 1.5"),
    ("limit_reviews", "limit_after", 3, 0.0, "a value above 0, found 0"),
    ("draw_requests", "amount", 3, -10.0, "a value above 0, found -10"),
    ("draw_requests", "amount", 4, 9e6, "at most limit_after of the review in force, found 9000000"),
    ("draw_requests", "review_id", 5, -1, "a review of the same borrower, found -1"),
    ("draw_requests", "decision_executed", 6, "perhaps", "one of release, refuse, found perhaps"),
    (
        "draw_requests",
        "policy_version",
        7,
        "99-lax",
        "the version in force in its month and region, found 99-lax",
    ),
    ("draw_requests", "requested_on", 8, "2023-06-01", "2024-01-01 to 2025-12-31, found 2023-06-01"),
    ("draw_requests", "requested_on", 9, "2026-02-01", "2024-01-01 to 2025-12-31, found 2026-02-01"),
    ("outcomes", "bad", 3, 2, "0 to 1, found 2"),
    ("outcomes", "request_id", 4, -5, "a request of this block, found -5"),
    ("policy", "tightness", 3, 3, "0 to 2, found 3"),
    ("policy", "cutoff", 3, 1.5, "0 to 1, found 1.5"),
    (
        "market",
        "month_start",
        3,
        "2024-05-02",
        "the first day of a month from 1950 to 2199, found 2024-05-02",
    ),
]


@pytest.fixture(scope="module")
def lines_of_spoiled(sound: Book, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The faults of a book with all the changes above."""
    path = tmp_path_factory.mktemp("spoiled") / "book"
    shutil.copytree(sound.path, path)
    book = open_book(path, as_it_is=True)
    for table in dict.fromkeys(change[0] for change in SPOILED):
        frame = book.table(table)
        for _, column, row, value, _ in (change for change in SPOILED if change[0] == table):
            put(column, row, value)(frame)
        write_part(path, DATED_TABLES[table], 0, frame)
    return list(faults(note_parts(book)))


@pytest.mark.parametrize(("table", "column", "row", "value", "expected"), SPOILED)
def test_a_value_that_cannot_be_is_found_where_it_stands(
    lines_of_spoiled: list[str], table: str, column: str, row: int, value: Any, expected: str
) -> None:
    wanted = f"{table}/part-00000.parquet, column {column}, row {row}: expected {expected}"
    assert any(line.startswith(wanted) for line in lines_of_spoiled), lines_of_spoiled


def test_a_number_without_end_is_found(book: Book) -> None:
    [line] = faults(rewrite(book, "observations/own_ledger", put("balance", 3, np.inf)))
    place = "observations/own_ledger/part-00000.parquet"
    assert line == f"{place}, column balance, row 3: expected a finite number, found inf"


def rows_of(frame: pd.DataFrame, where: Callable[[pd.DataFrame], Any]) -> int:
    return int(np.flatnonzero(where(frame))[0])


def test_an_event_before_the_opening_of_the_account_is_found(book: Book) -> None:
    def earlier(frame: pd.DataFrame) -> None:
        frame.loc[0, "reviewed_on"] = pd.Timestamp("1999-01-01").as_unit("ms")

    expected = "a day on or after the opening of the account, found 1999-01-01"
    [line] = faults(rewrite(book, "limit_reviews", earlier))
    assert line == f"limit_reviews/part-00000.parquet, column reviewed_on, row 0: expected {expected}"


def test_a_review_after_its_request_is_found(book: Book) -> None:
    requests = book.table("draw_requests")
    review = requests["review_id"].iloc[0]

    def later(frame: pd.DataFrame) -> None:
        frame.loc[frame["review_id"] == review, "reviewed_on"] = pd.Timestamp("2025-12-31").as_unit("ms")

    lines = list(faults(rewrite(book, "limit_reviews", later)))
    assert any(
        "column requested_on, row 0: expected a day on or after the review in force" in line for line in lines
    )


def test_a_limit_that_does_not_follow_from_the_review_before_is_found(book: Book) -> None:
    row = rows_of(book.table("limit_reviews"), lambda frame: frame["limit_before"].notna())
    before = float(book.table("limit_reviews")["limit_before"].to_numpy()[row])
    [line] = faults(rewrite(book, "limit_reviews", put("limit_before", row, before + 100)))
    assert f"column limit_before, row {row}: expected limit_after of the borrower's review before" in line
    assert line.endswith(f"found {before + 100:g}")


def test_a_limit_before_the_first_review_is_found(book: Book) -> None:
    [line] = faults(rewrite(book, "limit_reviews", put("limit_before", 0, 900.0)))
    assert line.endswith(
        "column limit_before, row 0: expected nothing at the borrower's first review, found 900"
    )


def test_an_outcome_of_a_refused_request_is_found(book: Book) -> None:
    requests = book.table("draw_requests")
    refused = requests.loc[requests["decision_executed"] == "refuse", "request_id"].iloc[0]

    def add(frame: pd.DataFrame) -> pd.DataFrame:
        more = pd.DataFrame({"request_id": [refused], "bad": np.array([1], np.int8), "bad_12m": [np.nan]})
        return pd.concat([frame, more]).sort_values("request_id", ignore_index=True)

    [line] = faults(rewrite(book, "outcomes", add))
    assert "outcomes/part-00000.parquet, column request_id" in line
    assert line.endswith(f"expected a released request, found {refused}")


def test_a_release_without_its_outcome_is_found(book: Book) -> None:
    gone = book.table("outcomes")["request_id"].iloc[4]
    [line] = faults(rewrite(book, "outcomes", lambda frame: frame.drop(index=4)))
    assert line.endswith(f"expected a row in outcomes, 120 days after the release, found {gone}")


def test_a_random_release_that_was_none_is_found(book: Book) -> None:
    row = rows_of(book.table("draw_requests"), lambda frame: frame["decision_system"] == "release")
    [line] = faults(rewrite(book, "draw_requests", put("random_release", row, True)))
    assert f"column random_release, row {row}: expected true only where the system refused" in line


def test_a_bureau_event_with_a_value_of_another_kind_is_found(book: Book) -> None:
    row = rows_of(book.table("observations/bureau"), lambda frame: frame["kind"] == "enquiry")
    [line] = faults(rewrite(book, "observations/bureau", put("amount", row, 5.0)))
    assert f"column amount, row {row}: expected a value where kind is loan_opened or loan_closed" in line


def test_a_row_of_an_unknown_borrower_is_found_in_every_table(book: Book) -> None:
    for name in ("observations/agency", "limit_reviews"):
        book = rewrite(
            book, name, lambda frame: frame.assign(borrower_id=frame["borrower_id"].replace(39, 5000))
        )
    lines = list(faults(book))
    for name in ("observations/agency", "limit_reviews"):
        assert any(line.startswith(name) and "a borrower of this block, found 5000" in line for line in lines)


def test_rows_out_of_order_are_found(book: Book) -> None:
    def swap(frame: pd.DataFrame) -> pd.DataFrame:
        order = np.arange(len(frame))
        order[[0, -1]] = order[[-1, 0]]
        return frame.iloc[order].reset_index(drop=True)

    lines = list(faults(rewrite(book, "observations/consumption", swap)))
    assert any("row 1: expected rows in the order of borrower_id, occurred_on" in line for line in lines)


def test_a_key_that_stands_twice_in_a_part_is_found(book: Book) -> None:
    twice = book.table("draw_requests")["request_id"].iloc[0]
    lines = list(faults(rewrite(book, "draw_requests", put("request_id", 1, twice))))
    assert any(f"column request_id, row 1: expected no key twice, found {twice}" in line for line in lines)


def test_a_key_that_stands_in_two_blocks_is_found(book: Book) -> None:
    first = book.table("limit_reviews", 0)["review_id"].iloc[5]
    lines = list(faults(rewrite(book, "limit_reviews", put("review_id", 2, first), block=1)))
    ends = ((1, 2, 0), (0, 5, 1))
    wanted = [
        f"limit_reviews/part-0000{at}.parquet, column review_id, row {row}: "
        f"expected no key of limit_reviews/part-0000{other}.parquet, found {first}"
        for at, row, other in ends
    ]
    assert set(wanted) & set(lines)


def test_a_month_without_policy_is_found(book: Book) -> None:
    def drop(frame: pd.DataFrame) -> pd.DataFrame:
        return frame[~((frame["region"] == 2) & (frame["month_start"] == "2024-05-01"))].reset_index(
            drop=True
        )

    lines = list(faults(rewrite(book, "policy", drop)))
    expected = "a row for region 2 in every month of history, found none in 1 of them, the first is 2024-05"
    assert lines == [f"policy, column month_start: expected {expected}"]


def test_an_outage_that_ends_before_it_begins_is_found(book: Book) -> None:
    def add(frame: pd.DataFrame) -> pd.DataFrame:
        days = pd.to_datetime(["2024-02-02", "2024-02-01"]).as_unit("ms")
        return pd.DataFrame({"stream": pd.Categorical(["bureau"]), "from_on": days[:1], "until_on": days[1:]})

    assert list(faults(rewrite(book, "outages", add))) == [
        "outages/part-00000.parquet, column until_on, row 0: expected from_on or later, found 2024-02-01"
    ]


def test_a_null_where_none_may_be_is_found(book: Book) -> None:
    def null(table: pa.Table) -> pa.Table:
        column = table["dpd"].to_pandas().astype("Int16")
        column.iloc[6] = pd.NA
        return table.set_column(table.schema.get_field_index("dpd"), "dpd", pa.array(column, type=pa.int16()))

    assert list(faults(rewrite_arrow(book, "observations/own_ledger", null))) == [
        "observations/own_ledger/part-00000.parquet, column dpd, row 6: expected a value, found nothing"
    ]


def test_a_column_that_is_missing_strange_or_of_another_type_is_found(book: Book) -> None:
    def change(table: pa.Table) -> pa.Table:
        table = table.drop_columns(["dpd"]).append_column("mood", pa.array(["fine"] * len(table)))
        at = table.schema.get_field_index("balance")
        return table.set_column(at, "balance", table["balance"].cast(pa.float64()))

    place = "observations/own_ledger/part-00000.parquet"
    assert list(faults(rewrite_arrow(book, "observations/own_ledger", change))) == [
        f"{place}, column dpd: expected a column of type int16, found none",
        f"{place}, column balance: expected type float, found double",
        f"{place}, column mood: expected no such column, found string",
    ]


def test_a_changed_byte_is_found_though_every_value_may_still_be_right(book: Book) -> None:
    part = book.path / "market/part-00000.parquet"
    table = pq.read_table(part, partitioning=None)
    pq.write_table(table, part, compression="none")
    [line] = faults(book)
    assert line.startswith("market/part-00000.parquet: expected sha256 ")


@pytest.mark.parametrize("content", [b"", b"no parquet", b"PAR1" + bytes(200) + b"PAR1"])
def test_a_part_that_is_no_parquet_is_a_line_and_no_traceback(book: Book, content: bytes) -> None:
    (book.path / "limit_reviews/part-00000.parquet").write_bytes(content)
    lines = list(faults(note_digest_only(book, "limit_reviews/part-00000.parquet")))
    assert any(
        line.startswith("limit_reviews/part-00000.parquet: expected a readable Parquet file")
        for line in lines
    )


def note_digest_only(book: Book, part: str) -> Book:
    return restate(book, lambda said: said["parts"].update({part: sha256(book.path / part)}))


def test_every_part_cut_short_is_found(book: Book) -> None:
    parts = list(book.manifest.parts)
    for part in parts:
        content = (book.path / part).read_bytes()
        (book.path / part).write_bytes(content[: len(content) // 2])
    lines = list(faults(book, most=1000))
    assert {
        part for part in parts if any(line.startswith(f"{part}: expected sha256") for line in lines)
    } == set(parts)


def test_a_part_that_is_missing_and_a_file_that_is_no_part_are_found(book: Book) -> None:
    (book.path / "outcomes/part-00001.parquet").rename(book.path / "outcomes/part-00007.parquet")
    assert list(faults(book)) == [
        "outcomes/part-00001.parquet: expected a file, found none",
        f"outcomes: expected {book.manifest.rows['outcomes']} rows by book.json, "
        f"found {len(book.table('outcomes'))}",
        "outcomes/part-00007.parquet: expected no file that book.json does not name",
    ]


def test_a_part_that_the_manifest_does_not_know_is_found(book: Book) -> None:
    book = restate(book, lambda said: said["parts"].pop("draw_requests/part-00001.parquet"))
    lines = list(faults(book))
    assert "draw_requests: expected 2 parts in book.json, found 1" in lines
    assert "draw_requests/part-00001.parquet: expected no file that book.json does not name" in lines


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (
            {"first_month": "January"},
            "book.json, column first_month: expected a month as YYYY-MM, found 'January'",
        ),
        ({"months": None}, "book.json, column months: expected 1 to 1200 months of history, found None"),
        ({"source": "hearsay"}, "book.json, column source: expected simulated or imported, found 'hearsay'"),
        ({"parts": ["a"]}, "book.json, column parts: expected an object, found ['a']"),
        (
            {"rows": {"policy": "many"}},
            "book.json, column rows.policy: expected a valid integer, found 'many'",
        ),
    ],
)
def test_a_manifest_that_cannot_be_is_a_line_and_no_traceback(
    book: Book, change: dict[str, Any], wanted: str
) -> None:
    assert list(faults(restate(book, lambda said: said.update(change)))) == [wanted]


def test_a_part_outside_the_book_is_not_read(book: Book) -> None:
    outside = {"../../elsewhere/part-00000.parquet": "0" * 64}
    lines = list(faults(restate(book, lambda said: said["parts"].update(outside))))
    found = "'../../elsewhere/part-00000.parquet'"
    assert lines == [f"book.json, column parts: expected TABLE/part-00000.parquet, found {found}"]


def test_an_empty_book_is_found(tmp_path: Path) -> None:
    with BookWriter(tmp_path / "book") as writer:
        writer.finish(Manifest(1, "simulated", 0, first_month="2024-01", months=24))
    assert "borrowers: expected a borrower at least, found none" in list(
        faults(open_book(tmp_path / "book", as_it_is=True))
    )


def test_many_faults_of_one_kind_are_named_up_to_a_bound_and_counted_beyond(book: Book) -> None:
    for block in (0, 1):
        book = rewrite(book, "observations/consumption", lambda frame: frame.assign(necessities=-1.0), block)
    rows = book.manifest.rows["observations/consumption"]
    lines = list(faults(book, most=4))
    assert [line.partition(":")[0] for line in lines[:4]] == [
        f"observations/consumption/part-00000.parquet, column necessities, row {row}" for row in range(4)
    ]
    more = f"{rows - 4} more of the same (expected 0 or more)"
    assert lines[4:] == [f"observations/consumption, column necessities: {more}"]


def test_findings_of_different_columns_do_not_share_their_bound() -> None:
    found = [Finding("t/part-00000.parquet", column, "x", 2, (0, 1), ("a", "b")) for column in ("p", "q")]
    assert [line.partition(":")[0] for line in told(found, 1)][:2] == [
        "t/part-00000.parquet, column p, row 0",
        "t/part-00000.parquet, column q, row 0",
    ]


@pytest.mark.parametrize(
    ("table", "column", "value", "expected"),
    [
        ("limit_reviews", "limit_assessed", 0.0, "a value above 0, found 0"),
        ("limit_reviews", "borrower_id", 1000, "a borrower of this block, found 1000"),
        ("outcomes", "bad", 3, "0 to 1, found 3"),
        ("outcomes", "request_id", 4000, "a request of this block, found 4000"),
        ("observations/flat", "late", np.inf, "a finite number, found inf"),
        ("borrowers", "borrower_id", 1, "no key twice, found 1"),
    ],
)
def test_a_fault_of_an_imported_book_is_found_where_it_stands(
    flat: Book, table: str, column: str, value: Any, expected: str
) -> None:
    lines = list(faults(rewrite(flat, table, put(column, 3, value))))
    wanted = f"{table}/part-00000.parquet, column {column}, row 3: expected {expected}"
    assert wanted in lines


@pytest.mark.parametrize("table", ["observations/flat", "limit_reviews", "draw_requests", "outcomes"])
def test_a_client_of_an_imported_book_without_a_row_is_found(flat: Book, table: str) -> None:
    lines = list(faults(rewrite(flat, table, lambda frame: frame.drop(index=8))))
    assert any(f"expected a row in {table}, found 9" in line for line in lines)


def test_an_imported_book_whose_mapping_was_lost_is_a_line_and_no_traceback(flat: Book) -> None:
    [line] = faults(restate(flat, lambda said: said["mapping"].pop("limit_column")))
    expected = "the mapping of an imported book, found Field required"
    assert line == f"book.json, column mapping.limit_column: expected {expected}"


@pytest.mark.parametrize("days", [2**31 - 1, -(2**31) + 1, 10_000_000])
def test_an_impossible_date_is_a_line_and_no_traceback(book: Book, days: int) -> None:
    def change(table: pa.Table) -> pa.Table:
        column = table["reviewed_on"].combine_chunks().view(pa.int32()).to_numpy().copy()
        column[4] = days
        at = table.schema.get_field_index("reviewed_on")
        return table.set_column(at, table.schema.field(at), pa.array(column).view(pa.date32()))

    lines = list(faults(rewrite_arrow(book, "limit_reviews", change)))
    assert any("column reviewed_on, row 4: expected 1950-01-01 to 2025-12-31" in line for line in lines)
