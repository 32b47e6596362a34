"""Files of events become the same dated book whatever their order, or one sentence says which row stands against it."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data import csv_files, spill
from data.book import Book, open_book
from data.check import faults
from data.errors import CallError, DataFault
from data.event_export import export_events
from data.event_import import import_events
from data.event_mapping import EventMapping, read_either
from data.protected import protected_attributes
from data.schema import NO_CAP
from features.catalogue import catalogue_of
from tests.data.event_lender import Lender

Change = Callable[[Lender], Any]


@pytest.fixture
def lender(tmp_path: Path) -> Lender:
    return Lender(tmp_path / "files")


def plain(book: Book, table: str) -> pd.DataFrame:
    frame = book.whole(table)
    return frame.astype(dict.fromkeys(frame.select_dtypes("category"), str))


def imported(folder: Path, out: Path, block_size: int) -> Book:
    mapping = read_either(folder / "mapping.yaml")
    assert isinstance(mapping, EventMapping)
    return import_events(mapping, folder, out, block_size)


def test_an_exported_book_comes_back_as_it_was_whatever_the_order_of_its_rows(
    small_book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spill, "ROWS", 20_000)
    monkeypatch.setattr(csv_files, "PART_BYTES", 1 << 16)
    export_events(small_book, tmp_path / "files")
    first = imported(tmp_path / "files", tmp_path / "first", 600)
    assert list(faults(first)) == []
    names = [name for name in small_book.manifest.rows if not name.startswith("oracle/")]
    for name in names:
        pd.testing.assert_frame_equal(plain(small_book, name), plain(first, name))
    assert (first.manifest.first_month, first.manifest.months) == ("2024-01", 24)
    assert first.manifest.source == "imported"
    for file in sorted((tmp_path / "files").glob("*.csv")):
        rows = pd.read_csv(file, dtype=str, keep_default_na=False)
        rows.sample(frac=1, random_state=3).to_csv(file, index=False)
    again = imported(tmp_path / "files", tmp_path / "again", 600)
    assert again.manifest.parts == first.manifest.parts
    larger = imported(tmp_path / "files", tmp_path / "larger", 1100)
    assert larger.blocks == 2
    for name in names:
        pd.testing.assert_frame_equal(plain(first, name), plain(larger, name))


def test_what_a_lender_wrote_stands_in_the_book_in_its_own_units(lender: Lender) -> None:
    book = lender.book()
    assert list(faults(book)) == []
    assert book.blocks == 2
    assert book.currency == "EUR"
    who = plain(book, "borrowers")
    assert who["borrower_id"].tolist() == [1, 2, 3, 4]
    assert book.whole("source_ids/borrowers")["source_id"].tolist() == ["C-01", "C-02", "C-03", "C-04"]
    assert who["region"].tolist() == [1, 0, 0, 1]
    assert who["gender"].tolist() == ["male", "unknown", "female", "female"]
    ledger = plain(book, "observations/own_ledger")
    assert ledger["balance"].tolist() == [1000.5, 900.0, 1200.0, 200.0, 0.0]
    assert ledger["draw_amount"].tolist() == [0, 0, 300, 0, 0]
    assert (ledger["visible_on"] == ledger["occurred_on"]).all()
    calls = plain(book, "observations/calls")
    assert calls["kind"].tolist() == ["complaint", "question", "complaint", "complaint"]
    assert calls["visible_on"].dt.strftime("%m-%d").tolist() == ["02-01", "03-09", "03-06", "02-21"]
    np.testing.assert_array_equal(calls["minutes"], np.array([10, np.nan, 20, 4]))
    assert book.manifest.rows["observations/bureau"] == 0


def test_what_a_lender_does_not_write_follows_from_what_it_does(lender: Lender) -> None:
    book = lender.book()
    reviews = plain(book, "limit_reviews")
    assert reviews["limit_before"].fillna(0).tolist() == [0, 1000, 0, 0, 0]
    assert reviews["limit_assessed"].tolist() == reviews["limit_after"].tolist()
    requests = plain(book, "draw_requests").set_index("request_id")
    texts = book.whole("source_ids/requests").set_index("source_id")["request_id"]
    asked = requests.loc[texts[["q1", "q2", "q3"]]]
    assert asked["decision_executed"].tolist() == ["release", "refuse", "release"]
    assert asked["decision_system"].tolist() == asked["decision_executed"].tolist()
    assert asked["policy_version"].tolist() == ["spring", "spring", "tight"]
    after = reviews.set_index("review_id")["limit_after"]
    assert after.loc[asked["review_id"]].tolist() == [1500, 800, 1500]
    # An outcome that is not known yet is left out.
    assert plain(book, "outcomes")["bad"].tolist() == [0]
    policy = plain(book, "policy")
    assert policy["month_start"].dt.strftime("%Y-%m").unique().tolist() == [
        "2023-01",
        "2023-02",
        "2023-03",
        "2023-04",
    ]
    assert policy[policy["region"] == 0]["cutoff"].tolist() == pytest.approx([0.06, 0.06, 0.06, 0.04])


def test_rows_after_the_time_that_a_mapping_names_are_left_out(lender: Lender) -> None:
    lender.mapping |= {"last_month": "2023-03", "known_until": "2023-03"}
    book = lender.book()
    assert list(faults(book)) == []
    assert book.manifest.months == 3
    assert book.manifest.rows["draw_requests"] == 2
    assert plain(book, "observations/own_ledger")["occurred_on"].max() == pd.Timestamp("2023-03-05")
    assert plain(book, "outcomes")["bad"].tolist() == [0]


def test_ids_stay_whole_numbers_where_no_request_of_a_file_is_left(lender: Lender) -> None:
    lender.files["asked.csv"]["request"] = [901, 902, 903]
    lender.files["decided.csv"]["request"] = [902, 901, 903]
    lender.files["ends.csv"]["request"] = [901, 903]
    lender.files["asked_later.csv"] = {
        "request": [904],
        "client": ["C-01"],
        "day": ["2023-06-01"],
        "amount": [9],
    }
    lender.mapping["draw_requests"]["files"] = "asked*.csv"
    lender.mapping["last_month"] = "2023-04"
    assert sorted(plain(lender.book(), "draw_requests")["request_id"]) == [901, 902, 903]


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ({"column": "random"}, [True, False, False]),
        ({"column": "random", "values": {"yes": "Yes", "N": 0}}, [True, False, False]),
        ({"column": "random", "values": {"yes": False, "N": True}}, [False, True, True]),
        ({"constant": True}, [True] * 3),
        ({"constant": "No"}, [False] * 3),
    ],
)
def test_true_and_false_are_what_their_words_mean(cell: Any, expected: list[bool], lender: Lender) -> None:
    lender.files["decided.csv"] |= {"verdict": ["yes", "yes", "yes"], "random": ["N", "yes", "N"]}
    lender.mapping["decisions"]["columns"] |= {
        "decision_system": {"constant": "refuse"},
        "random_release": cell,
    }
    book = lender.book()
    texts = book.whole("source_ids/requests").set_index("source_id")["request_id"]
    random = plain(book, "draw_requests").set_index("request_id")["random_release"]
    assert random.loc[texts[["q1", "q2", "q3"]]].tolist() == expected


def test_what_decisions_do_not_tell_stays_as_the_requests_tell_it(lender: Lender) -> None:
    lender.mapping["draw_requests"]["columns"]["decision_system"] = {"constant": "refuse"}
    assert set(plain(lender.book(), "draw_requests")["decision_system"]) == {"refuse"}


def test_history_lasts_to_the_month_that_a_mapping_names(lender: Lender) -> None:
    lender.files["ends.csv"]["defaulted"] = [0, 1]
    lender.mapping |= {"last_month": "2023-09", "known_until": "2023-12"}
    book = lender.book()
    assert book.manifest.months == 9
    assert list(faults(book)) == []


def test_a_source_may_lack_what_another_tells_or_none_does(lender: Lender) -> None:
    lender.files["later.csv"] = {"from": ["2023-03-01"], "cut": [5], "name": ["mild"], "how": [2]}
    first = lender.mapping["policy"]
    lender.mapping["policy"] = [
        first,
        {"files": "later.csv", "columns": first["columns"] | {"tightness": "how", "cap_lenders": "how"}},
    ]
    lender.mapping["streams"]["bureau"] = {
        "sources": {
            "files": "calls.csv",
            "lag_days": 0,
            "columns": {
                "borrower_id": "client",
                "occurred_on": {"column": "day", "dates": "%d/%m/%Y"},
                "kind": {"constant": "enquiry"},
            },
        }
    }
    book = lender.book()
    assert list(faults(book)) == []
    assert plain(book, "observations/bureau")["amount"].isna().tolist() == [True] * 5
    policy = plain(book, "policy")
    policy = policy[policy["region"] == 0]
    assert policy["tightness"].tolist() == [1, 1, 2, 1]
    assert policy["cap_lenders"].tolist() == [NO_CAP, NO_CAP, 2, NO_CAP]


def of(file: str, column: str, row: int, value: object) -> Change:
    def change(lender: Lender) -> None:
        lender.files[file][column][row] = value

    return change


def mapped(*path: str, value: object) -> Change:
    def change(lender: Lender) -> None:
        within = lender.mapping
        for key in path[:-1]:
            within = within[key]
        within[path[-1]] = value

    return change


def without(file: str, column: str) -> Change:
    return lambda lender: lender.files[file].pop(column)


def reviews_called(*names: int) -> Change:
    def change(lender: Lender) -> None:
        lender.files["limits.csv"]["rid"] = list(names)
        lender.mapping["limit_reviews"]["columns"]["review_id"] = "rid"

    return change


def second(table: str, without: str) -> Change:
    """Another source of the same files that lacks a column which the first has."""

    def change(lender: Lender) -> None:
        first = lender.mapping[table]
        first["columns"].setdefault(without, {"constant": 1})
        kept = {name: cell for name, cell in first["columns"].items() if name != without}
        lender.mapping[table] = [first, first | {"columns": kept}]

    return change


CALLS = ("streams", "calls")
WRONG_FILES: list[tuple[Change, str]] = [
    (lambda lender: lender.files.pop("limits.csv"), r"files has no file 'limits\.csv'"),
    (without("asked.csv", "amount"), r"asked\.csv lacks the column 'amount'"),
    (of("ledger_2023.csv", "client", 1, "C-99"), r"ledger_2023\.csv, line 3: client is 'C-99', whom none"),
    (
        of("ledger_2023.csv", "late", 1, "three"),
        r"ledger_2023\.csv, line 3: late is 'three', which is not a number",
    ),
    (of("ledger_2023.csv", "late", 1, 2.5), r"line 3: late is '2\.5', but dpd must be a whole number"),
    (
        of("ledger_2023.csv", "late", 1, -1),
        r"ledger_2023\.csv, line 3: late is -1, but expected was 0 or more",
    ),
    (
        of("ledger_2023.csv", "day", 4, "2021-01-01"),
        r"line 6: day is 2021-01-01, but expected was a day on or after the opening of the account",
    ),
    (
        of("calls.csv", "known", 0, "31/01/2023"),
        r"calls\.csv, line 2: it was known on 2023-01-31, before it happened on",
    ),
    (
        of("calls.csv", "day", 0, "2023-02-01"),
        r"calls\.csv, line 2: day is '2023-02-01', which is no date as %d/%m/%Y",
    ),
    (of("calls.csv", "day", 0, "30/02/2023"), r"calls\.csv, line 2: day is '30/02/2023', which is no date"),
    (
        of("limits.csv", "day", 0, "9999-12-31"),
        r"limits\.csv, line 2: day is '9999-12-31', but a book holds days",
    ),
    (of("calls.csv", "day", 0, ""), r"calls\.csv, line 2: day is missing"),
    (
        of("calls.csv", "type", 0, "praise"),
        r"calls\.csv, line 2: type is 'praise', but the `values` of kind know only",
    ),
    (
        of("clients.csv", "client", 1, "C-03"),
        r"clients\.csv, line 3: client is 'C-03', which stands already in .*line 2",
    ),
    (of("clients.csv", "client", 1, ""), r"clients\.csv, line 3: client is missing"),
    (
        of("asked.csv", "request", 2, "q1"),
        r"asked\.csv, line 4: request is 'q1', which stands already in .*line 2",
    ),
    (
        of("asked.csv", "amount", 0, 5000),
        r"asked\.csv, line 2: amount is 5000, but expected was at most limit_after",
    ),
    (of("asked.csv", "day", 1, "2022-12-01"), r"asked\.csv, line 3: day is 2022-12-01, but expected was"),
    (of("asked.csv", "client", 0, ""), r"asked\.csv, line 2: client is missing"),
    (
        of("decided.csv", "request", 0, "q9"),
        r"decided\.csv, line 2: request is 'q9', which none of the files of draw_req",
    ),
    (of("decided.csv", "verdict", 0, ""), r"decided\.csv, line 2: verdict is '', but the `values`"),
    (
        of("decided.csv", "request", 0, "q1"),
        r"decided\.csv, line 3: request is q1, but expected was a request that no",
    ),
    (
        lambda lender: [column.pop(0) for column in lender.files["decided.csv"].values()],
        r"asked\.csv, line 3: request is q2, but expected was a row in the files of decisions",
    ),
    (
        of("ends.csv", "request", 0, "q2"),
        r"ends\.csv, line 2: request is .*, but expected was a released request",
    ),
    (
        of("ends.csv", "request", 0, "q7"),
        r"ends\.csv, line 2: request is 'q7', which none of the files of draw_requests",
    ),
    (of("ends.csv", "defaulted", 0, 2), r"ends\.csv, line 2: defaulted is 2, but expected was 0 to 1"),
    (
        of("policy.csv", "from", 1, "2023-04-15"),
        r"policy\.csv, line 3: from is 2023-04-15, but expected was the first day",
    ),
    (
        of("policy.csv", "from", 0, "2023-02-01"),
        r"policy\.csv, line 2: the first row of policy in its region, but history",
    ),
    (of("policy.csv", "cut", 0, 600), r"policy\.csv, line 2: cut is 6, but expected was 0 to 1"),
    (of("limits.csv", "limit", 0, 0), r"limits\.csv, line 2: limit is 0, but expected was a value above 0"),
    (
        of("limits.csv", "day", 2, "2023-03-25"),
        r"asked\.csv, line 3: day is 2023-03-20, but expected was a day on or af",
    ),
    (
        reviews_called(7, 8, 9, 10, 7),
        r"limits\.csv, line 6: rid is '7', which stands already in .*line 2",
    ),
    (
        mapped("draw_requests", "columns", "amount", value={"column": "amount", "scale": 1e38}),
        r"asked\.csv, line 2: amount is '300', but amount must be a number of at most 3\.4e\+38",
    ),
    (
        mapped(*CALLS, "sources", "columns", "minutes", value={"column": "minutes", "scale": 1e38}),
        r"calls\.csv, line 2: minutes is '10', but minutes must be a number of at most",
    ),
]


@pytest.mark.parametrize(("change", "said"), WRONG_FILES)
def test_a_faulty_file_is_told_with_row_and_column_and_leaves_nothing(
    change: Change, said: str, lender: Lender
) -> None:
    change(lender)
    with pytest.raises((CallError, DataFault), match=said) as raised:
        lender.book()
    assert "\n" not in str(raised.value)
    assert str(raised.value).endswith(".")
    assert sorted(path.name for path in lender.folder.parent.iterdir()) == ["files"]


WRONG_MAPPINGS: list[tuple[Change, str]] = [
    (mapped("kind", value="event"), r"the kind 'event' is unknown"),
    (mapped("currency", value="euro"), r"'euro' is no currency"),
    (mapped("first_month", value="2023"), r"'2023' is no month"),
    (mapped("first_month", value="2024-06"), r"History ends before its first month"),
    (mapped("limit_reviews", "files", value="../limits.csv"), r"'\.\./limits\.csv' leaves"),
    (mapped("limit_reviews", "files", value="/etc/passwd"), r"'/etc/passwd' leaves"),
    (mapped("limit_reviews", "columns", "limit", value="limit"), r"limit_reviews has no column 'limit'"),
    (
        mapped("draw_requests", "columns", "amount", value={"constant": 3, "column": "a"}),
        r"either the file's",
    ),
    (lambda lender: lender.mapping["draw_requests"]["columns"].pop("apr"), r"draw_requests lacks apr"),
    (lambda lender: lender.mapping.pop("decisions"), r"draw_requests lacks decision_executed"),
    (lambda lender: lender.mapping.pop("policy"), r"'policy' is missing"),
    (mapped(*CALLS, "sources", "lag_days", value=3), r"streams\.calls needs one of the two"),
    (
        lambda lender: lender.mapping["streams"]["calls"].pop("label"),
        r"calls is none of the project's own streams",
    ),
    (
        lambda lender: lender.mapping["streams"]["own_ledger"]["sources"].pop("lag_days"),
        r"streams\.own_ledger needs",
    ),
    (
        mapped("streams", "own_ledger", "sources", "columns", "fees", value="fees"),
        r"own_ledger has no column 'fees'",
    ),
    (mapped("streams", "flat", value={"label": ["a", "b"], "sources": []}), r"flat"),
    (
        mapped("decisions", "columns", "random_release", value={"constant": "oui"}),
        r"the constant 'oui' of random_release is not true or false",
    ),
    (
        mapped("decisions", "columns", "random_release", value={"column": "verdict", "values": {"9": "oui"}}),
        r"the `values` of random_release give 'oui', which is not true or false",
    ),
    (
        mapped("draw_requests", "columns", "amount", value={"column": "amount", "values": {"300": "much"}}),
        r"the `values` of amount give 'much', which is not a number",
    ),
    (
        mapped("draw_requests", "columns", "term", value={"constant": 12.5}),
        r"the constant 12\.5 of term is not a whole number from -128 to 127",
    ),
    (
        mapped("draw_requests", "columns", "term", value={"constant": 1200}),
        r"the constant '1200' of term is not a whole number from -128 to 127",
    ),
    (mapped("borrowers", "files", value="."), r"'\.' is no path or pattern of files"),
    (mapped("borrowers", "files", value="**x"), r"'\*\*x' is no path or pattern of files"),
    (second("borrowers", "age"), r"borrowers has age in one of its sources, but not in all"),
    (second("borrowers", "region"), r"borrowers has region in one of its sources, but not in all"),
    (second("limit_reviews", "review_id"), r"limit_reviews has review_id in one of its sources"),
    (mapped("secret", value=1), r"unknown parameter 'secret'"),
]


@pytest.mark.parametrize(("change", "said"), WRONG_MAPPINGS)
def test_a_faulty_mapping_is_told_in_one_sentence(change: Change, said: str, lender: Lender) -> None:
    change(lender)
    with pytest.raises(CallError, match=said) as raised:
        lender.book()
    assert "\n" not in str(raised.value)
    assert sorted(path.name for path in lender.folder.parent.iterdir()) == ["files"]


def test_a_source_may_be_written_as_other_programs_write_it(lender: Lender) -> None:
    expected = lender.book("plain")
    limits = pd.DataFrame(lender.files.pop("limits.csv"))
    lender.write()
    text = limits.to_csv(index=False, sep=";").replace("00\n", "00,0\n")
    (lender.folder / "limits.csv.gz").write_bytes(gzip.compress(text.encode("utf-16")))
    lender.mapping["limit_reviews"] |= {"files": "limits.csv.gz", "encoding": "utf-16", "decimal": ","}
    ledger = pd.DataFrame(lender.files.pop("ledger_2023.csv")).assign(
        day=lambda rows: pd.to_datetime(rows["day"])
    )
    (lender.folder / "ledger_2023.csv").unlink()
    ledger.to_parquet(lender.folder / "ledger_2023.parquet")
    lender.mapping["streams"]["own_ledger"]["sources"]["files"] = "ledger_*.parquet"
    assert lender.book("other").manifest.parts == expected.manifest.parts


def test_a_link_that_leads_out_of_the_folder_is_refused(lender: Lender) -> None:
    lender.write()
    (lender.folder.parent / "elsewhere.csv").write_text((lender.folder / "limits.csv").read_text())
    del lender.files["limits.csv"]
    (lender.folder / "limits.csv").unlink()
    (lender.folder / "limits.csv").symlink_to(lender.folder.parent / "elsewhere.csv")
    with pytest.raises(CallError, match="leads out of"):
        lender.book()


def test_a_book_of_another_kind_is_not_written_over(small_book: Book, lender: Lender) -> None:
    mapping = read_either(lender.write())
    assert isinstance(mapping, EventMapping)
    with pytest.raises(CallError, match="from another source"):
        import_events(mapping, lender.folder, small_book.path, 3)
    assert open_book(small_book.path).manifest.source == "simulated"
    with pytest.raises(CallError, match="holds other files"):
        import_events(mapping, lender.folder, lender.folder, 3)
    with pytest.raises(CallError, match="No folder at"):
        import_events(mapping, lender.folder / "none", lender.folder.parent / "book", 3)


def test_an_imported_book_of_events_is_exported_with_its_own_streams(lender: Lender, tmp_path: Path) -> None:
    lender.files["calls.csv"]["type"][0] = "None"
    lender.mapping["missing"] = [""]
    lender.mapping["streams"]["calls"]["sources"]["columns"]["kind"] = "type"
    book = lender.book()
    export_events(book, tmp_path / "out")
    again = imported(tmp_path / "out", tmp_path / "again", 3)
    assert protected_attributes(again).groups == protected_attributes(book).groups
    assert catalogue_of(again).digest == catalogue_of(book).digest
    assert protected_attributes(again).values.equals(protected_attributes(book).values)
    for name in ("observations/calls", "observations/own_ledger", "policy", "limit_reviews", "draw_requests"):
        assert [again.manifest.parts[part] for part in again.manifest.parts if part.startswith(name)] == [
            book.manifest.parts[part] for part in book.manifest.parts if part.startswith(name)
        ]
