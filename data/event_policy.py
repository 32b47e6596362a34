"""The tables that all borrowers of an imported book share, by month and region: policy, market, outages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.errors import DataFault
from data.event_files import FILE, ROW, EventFiles
from data.event_ids import all_whole
from data.months import month_ordinal
from data.schema import DATED_TABLES, NO_CAP
from data.table_rules import row_findings

_MOST_REGIONS = 127
_WITHOUT: Mapping[str, Any] = {
    "policy_version": "1",
    "tightness": 1,
    "cap_debt_service": float(NO_CAP),
    "cap_lenders": NO_CAP,
    "cap_enquiries": NO_CAP,
}


@dataclass(frozen=True)
class Regions:
    """Regions as the files write them, and their numbers in the book."""

    numbers: Mapping[str, int]
    whole: bool

    @classmethod
    def of(cls, texts: pa.StringArray) -> Regions:
        """Whole numbers up to 127 stay as they are; others are numbered from 0 in their own order."""
        words = sorted(pc.unique(texts).to_pylist())
        if all_whole(pa.array(words, pa.string())) and all(int(word) <= _MOST_REGIONS for word in words):
            return cls({word: int(word) for word in words}, True)
        if len(words) > _MOST_REGIONS:
            raise DataFault(
                f"The files name {len(words)} regions, more than the {_MOST_REGIONS} that a book can hold; give region "
                "`values` in the mapping that put them together."
            )
        return cls({word: number for number, word in enumerate(words)}, False)

    @property
    def names(self) -> dict[str, str]:
        """What the files call each region, by its number as text."""
        return {str(number): text for text, number in self.numbers.items()}

    def number(self, text: str) -> int | None:
        """The number of a region; None where no borrower lives there and it is no number itself."""
        if text in self.numbers:
            return self.numbers[text]
        whole = self.whole and text.isdecimal() and int(text) <= _MOST_REGIONS
        return int(text) if whole else None

    def codes(self, texts: pa.StringArray) -> NDArray[np.int8]:
        """The number of each text, all of which are known."""
        words = texts.dictionary_encode()
        numbers = np.array([self.numbers[word] for word in words.dictionary.to_pylist()], dtype=np.int8)
        return numbers[np.asarray(words.indices.to_numpy(zero_copy_only=False), dtype=np.int64)]


def monthly(
    files: EventFiles, name: str, regions: Regions, first: int, last: int, at_least: bool = False
) -> pd.DataFrame:
    """A table by month and region: each row holds from its month on until the next row of its region.

    Args:
        files: The lender's files.
        name: `policy` or `market`.
        regions: Regions of the borrowers; a row without a region is one of each.
        first: First month that must be told (since January 1970).
        last: Last month that is told; later rows are left out.
        at_least: Whether later rows are taken instead, and tell up to where.

    Returns:
        The table's columns, sorted by month_start and region.

    Raises:
        DataFault: A row does not begin with a month, two tell of the same, or the first month has none.
    """
    parts = list(files.parts(name))
    if not parts:
        raise DataFault(f"The files of {name} are empty; give them a row for every region at least.")
    rows = pa.concat_tables(parts).to_pandas()
    days = rows["month_start"].to_numpy().astype("datetime64[D]")
    _refuse(files, rows, days != days.astype("datetime64[M]"), "month_start", "the first day of a month")
    rows["month"] = days.astype("datetime64[M]").astype(np.int64)
    if at_least and len(rows):
        last = max(last, int(rows["month"].max()))
    rows = rows[rows["month"] <= last].reset_index(drop=True)
    told = _by_region(files, rows, regions)
    again = told.duplicated(["month", "region"]).to_numpy()
    _refuse(files, told, again, "month_start", "one row for each month and region")
    filled = [_until(files, name, part, region, first, last) for region, part in told.groupby("region")]
    lost = sorted(set(regions.numbers.values()) - set(told["region"]))
    if lost:
        said = next(text for text, number in regions.numbers.items() if number == lost[0])
        raise DataFault(
            f"The files of {name} tell nothing of region {said}, where borrowers live; add its rows."
        )
    table = pd.concat(filled, ignore_index=True)
    for column, value in _WITHOUT.items():
        if name == "policy":
            table[column] = table[column].fillna(value) if column in table else value
    if name == "policy":
        untold = "cutoff_without_competition" not in table
        kept = table["cutoff"] if untold else table["cutoff_without_competition"].fillna(table["cutoff"])
        table["cutoff_without_competition"] = kept
    ordered: pd.DataFrame = table.sort_values(["month_start", "region"], ignore_index=True)
    starts = ordered["month_start"].to_numpy().astype("datetime64[D]").astype("datetime64[s]")
    judged = ordered[list(DATED_TABLES[name].columns)].assign(month_start=starts)
    for finding in row_findings(name, DATED_TABLES[name], judged):
        row = ordered.iloc[finding.rows[0]]
        raise _wrong(files, row, finding.column, finding.found[0], finding.expected)
    return ordered[list(DATED_TABLES[name].columns)]


def market_of_none(policy: pd.DataFrame) -> pd.DataFrame:
    """The market of a lender who has no index of it: nothing, in every month and region of the policy."""
    return policy[["month_start", "region"]].assign(competition_index=0.0, macro_index=0.0)


def outages(files: EventFiles) -> pd.DataFrame:
    """The known outages of streams, sorted by stream and day."""
    columns = list(DATED_TABLES["outages"].columns)
    parts = [part.to_pandas() for part in files.parts("outages")]
    if not parts:
        return pd.DataFrame({name: [] for name in columns}).astype({"from_on": "int32", "until_on": "int32"})
    rows = pd.concat(parts, ignore_index=True)
    unknown = ~rows["stream"].isin(files.mapping.streams).to_numpy()
    _refuse(files, rows, unknown, "stream", f"one of {', '.join(files.mapping.streams)}")
    early = (rows["until_on"] < rows["from_on"]).to_numpy()
    _refuse(files, rows, early, "until_on", "the day of its beginning or a later one")
    again = rows.duplicated(["stream", "from_on"]).to_numpy()
    _refuse(files, rows, again, "from_on", "one outage of a stream from the same day")
    ordered: pd.DataFrame = rows.sort_values(["stream", "from_on"], ignore_index=True)
    return ordered[columns]


def _by_region(files: EventFiles, rows: pd.DataFrame, regions: Regions) -> pd.DataFrame:
    """The rows with the number of their region; those without a region once for each."""
    texts = rows["region"] if "region" in rows else pd.Series(None, index=rows.index, dtype=object)
    named = texts.notna()
    numbers = texts[named].map(regions.number)
    unknown = numbers.isna().reindex(rows.index, fill_value=False).to_numpy()
    _refuse(files, rows, unknown, "region", "a region in which a borrower lives")
    own = rows[named].assign(region=numbers.astype(np.int64))
    each = [rows[~named].assign(region=number) for number in sorted(set(regions.numbers.values()))]
    told: pd.DataFrame = pd.concat([own, *(part for part in each if len(part))], ignore_index=True)
    return told


def _until(
    files: EventFiles, name: str, part: pd.DataFrame, region: Any, first: int, last: int
) -> pd.DataFrame:
    """The rows of a region, one for every month up to the last."""
    part = part.sort_values("month")
    if part["month"].iloc[0] > first:
        month = np.datetime64(first, "M")
        row = part.iloc[0]
        place = files.place(int(row[FILE]), int(row[ROW]))
        raise DataFault(
            f"{place}: the first row of {name} in its region, but history begins with {month}; tell what held then."
        )
    months = np.arange(int(part["month"].iloc[0]), last + 1)
    at = np.searchsorted(part["month"].to_numpy(), months, side="right") - 1
    filled = part.iloc[at].reset_index(drop=True)
    return filled.assign(
        month_start=months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int32), region=region
    )


def _refuse(
    files: EventFiles, rows: pd.DataFrame, wrong: NDArray[np.bool_], column: str, expected: str
) -> None:
    if wrong.any():
        row = rows.iloc[int(np.argmax(wrong))]
        value = row[column]
        shown = np.datetime64(int(value), "D") if column in ("month_start", "from_on", "until_on") else value
        raise _wrong(files, row, column, shown, expected)


def _wrong(files: EventFiles, row: pd.Series, column: str, shown: object, expected: str) -> DataFault:
    file = int(row[FILE])
    return DataFault(
        f"{files.place(file, int(row[ROW]))}: {files.column(file, column)} is {shown}, but expected was {expected}; "
        "correct it there."
    )


def month_of_day(day: int) -> int:
    """The month (since January 1970) in which a day lies."""
    return int(np.datetime64(day, "D").astype("datetime64[M]").astype(np.int64))


def month_of(text: str | None) -> int | None:
    """The month (since January 1970) of a text `YYYY-MM`."""
    return None if text is None else month_ordinal(text)
