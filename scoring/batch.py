"""A file scored in blocks: limit, PD, decision and the rule that refused, with reasons where they are wanted."""

from __future__ import annotations

import csv
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import lightgbm as lgb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.atomic import whole_file
from data.categories import Coding
from data.errors import CallError, DataFault
from models.codes import Scorer, scorer_of
from models.trees import trees_of
from scoring.decision import (
    LIMIT_TREES,
    MOST_REASONS,
    RELEASE_TREES,
    RELEASED,
    Decided,
    Parts,
    decide,
    in_force_at,
)

CSV_BLOCK: Final = 1 << 24  # bytes read at a time: some 30,000 rows
PARQUET_BLOCK: Final = 1 << 15  # rows
REGION, ASKED_ON = "region", "requested_on"
MADE: Final = (
    "limit",
    "pd",
    "decision",
    "refused_by",
    *(f"reason_{rank + 1}" for rank in range(MOST_REASONS)),
)
"""Columns of the result besides those that are kept."""
Moved = Callable[[int], None]
"""Told how many thousandths of the file are done."""


@dataclass(frozen=True)
class Judged:
    """A batch of rows and the decision on each.

    Attributes:
        batch: The columns that were read.
        values: Each feature of either model, by name.
        in_force: cutoff, and the caps where there are any, by row.
        decided: The decisions.
        first: Number of the first row in the file, from 0.
    """

    batch: pa.RecordBatch
    values: dict[str, NDArray[np.float64]]
    in_force: dict[str, NDArray[np.float64]]
    decided: Decided
    first: int


Record = Callable[[Judged], None]
"""Keeps the decisions on a batch."""


@dataclass(frozen=True)
class Decider:
    """A decision model made ready for many rows.

    Attributes:
        parts: Policy and reasons.
        limit: Scores of the limit model.
        release: Scores of the release model.
    """

    parts: Parts
    limit: Scorer
    release: Scorer

    @property
    def by_region(self) -> bool:
        """Whether the policy differs by region."""
        return self.parts.facts["policy"]["table"] is not None

    @cached_property
    def codings(self) -> dict[str, Coding]:
        """How the values of each feature of categories are numbered."""
        told = self.parts.facts.get("categories", {})
        return {
            name: Coding(
                said["numbers"],
                np.nan if said["rest"] is None else float(said["rest"]),
                tuple((english, chinese) for english, chinese in said["levels"]),
            )
            for name, said in told.items()
        }

    @property
    def needed(self) -> list[str]:
        """The columns without which no row can be decided."""
        facts = self.parts.facts
        features = dict.fromkeys((*facts["limit_features"], *facts["release_features"]))
        return [*features, *([REGION] if self.by_region else [])]


@dataclass
class Scored:
    """What was scored.

    Attributes:
        rows: How many rows.
        refused: How many of them by each rule.
        unused: Columns of the file that nothing was done with.
        strange: By feature of categories how many rows hold each value that is none of them.
    """

    rows: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    unused: list[str] = field(default_factory=list)
    strange: dict[str, Counter[str]] = field(default_factory=dict)


def decider_of(folder: Path, parts: Parts) -> Decider:
    """A decision model made ready from the folder that it carries; its scores are LightGBM's own to the bit."""
    limit, release = (
        scorer_of(trees_of(lgb.Booster(model_file=str(folder / name))))
        for name in (LIMIT_TREES, RELEASE_TREES)
    )
    return Decider(parts, limit, release)


def score_file(
    source: Path,
    out: Path,
    decider: Decider,
    kept: Sequence[str] = (),
    *,
    reasons: bool = False,
    moved: Moved = lambda done: None,
    ledger: AbstractContextManager[Record] | None = None,
    ids: str | None = None,
) -> Scored:
    """Scores every row of a file, in its order; the result appears whole or not at all.

    Args:
        source: CSV or Parquet with a column for each feature; a feature of categories as text has the values that its
            mapping names, as numbers those of the book.
        out: CSV or Parquet: the kept columns, limit, pd, decision, refused_by, and reason_1 to reason_4 if wanted.
        decider: The model.
        kept: Columns of the file that go along, such as an id.
        reasons: Whether reasons are wanted.
        moved: Told how far the work is.
        ledger: Where every decision is recorded, with the reasons that are wanted, before the result appears.
        ids: The column that names the request, needed by a ledger.

    Raises:
        CallError: There is no such file, it lacks a column, or one is of another type.
        DataFault: A value is not a number, no policy is on record for a row, or there are no rows.
    """
    for path, what in ((source, "--input"), (out, "--out")):
        if path.suffix.lower() not in (".csv", ".parquet"):
            raise CallError(f"{what} {path} is neither .csv nor .parquet; name a file of one of these kinds.")
    if source.resolve() == out.resolve():
        raise CallError(f"--out {out} is the file that is scored; name another one, or it would be lost.")
    if not source.is_file():
        raise CallError(f"No file at {source}; name a .csv or .parquet file with a row per applicant.")
    scored = Scored()
    named = (*kept, *([ids] if ids is not None and ids not in kept else []))
    # The ledger is left before the file takes its name: no decision is given out that was not recorded.
    with (
        _opened(source, decider, named, scored, moved) as batches,
        whole_file(out) as aside,
        ledger or nullcontext() as record,
    ):
        writer: Any = None
        for batch in batches:
            judged = _judged(batch, decider, source, scored, reasons)
            decided = judged.decided
            if record is not None:
                record(judged)
            table = _result(batch, decided, decider.parts, kept, reasons)
            if writer is None:
                writer = _writer(out, aside, table.schema)
            writer.write_table(table)
            scored.rows += len(batch)
            rules, counts = np.unique(decided.rule[decided.rule != RELEASED], return_counts=True)
            broken = (decider.parts.rules[rule] for rule in rules)
            scored.refused.update(dict(zip(broken, counts.tolist(), strict=True)))
        if writer is None:
            raise DataFault(f"{source} holds no rows below its column names; give it a row per applicant.")
        writer.close()
    return scored


def _writer(out: Path, aside: Path, schema: pa.Schema) -> Any:
    return (
        pa.csv.CSVWriter(aside, schema) if out.suffix.lower() == ".csv" else pq.ParquetWriter(aside, schema)
    )


@contextmanager
def _opened(
    source: Path, decider: Decider, kept: Sequence[str], scored: Scored, moved: Moved
) -> Iterator[Iterator[pa.RecordBatch]]:
    """The file's batches of the columns that are wanted."""
    read = _csv_batches if source.suffix.lower() == ".csv" else _parquet_batches
    with source.open("rb") as stream:
        yield read(source, stream, decider, kept, scored, moved)


def _csv_batches(
    source: Path, stream: Any, decider: Decider, kept: Sequence[str], scored: Scored, moved: Moved
) -> Iterator[pa.RecordBatch]:
    names: list[str] = []
    size = max(source.stat().st_size, 1)
    try:
        names = next(csv.reader([stream.readline().decode("utf-8-sig")]), [])
        wanted = _wanted(source, names, decider, kept, scored)
        types: dict[str, pa.DataType] = dict.fromkeys(wanted, pa.float64())
        types |= dict.fromkeys((set(kept) - set(decider.needed)) | set(decider.codings), pa.string())
        special = {REGION: pa.int64(), ASKED_ON: pa.timestamp("s")}
        types |= {name: kind for name, kind in special.items() if name in wanted and decider.by_region}
        stream.seek(0)
        reader = pa.csv.open_csv(
            stream,
            read_options=pa.csv.ReadOptions(block_size=CSV_BLOCK),
            convert_options=pa.csv.ConvertOptions(
                include_columns=wanted, column_types=types, strings_can_be_null=False
            ),
        )
        for batch in reader:
            if len(batch):
                yield batch
            moved(1000 * min(stream.tell(), size) // size)
    except (pa.ArrowException, UnicodeDecodeError, csv.Error) as error:
        raise _unsound(source, error, names) from None


def _parquet_batches(
    source: Path, stream: Any, decider: Decider, kept: Sequence[str], scored: Scored, moved: Moved
) -> Iterator[pa.RecordBatch]:
    try:
        file = pq.ParquetFile(stream)
        wanted = _wanted(source, file.schema_arrow.names, decider, kept, scored)
        total, done = max(file.metadata.num_rows, 1), 0
        for batch in file.iter_batches(PARQUET_BLOCK, columns=wanted):
            yield batch
            done += len(batch)
            moved(1000 * done // total)
    except pa.ArrowException as error:
        raise _unsound(source, error, []) from None


def _wanted(
    source: Path, names: Sequence[str], decider: Decider, kept: Sequence[str], scored: Scored
) -> list[str]:
    """The columns to read; those that are lacking are named in one sentence."""
    needed = [*decider.needed, *kept]
    lacking = [name for name in needed if name not in names]
    if lacking:
        noun = "column" if len(lacking) == 1 else "columns"
        raise CallError(
            f"{source} lacks the {noun} {', '.join(lacking)}; add what is missing, empty where unknown."
        )
    clash = sorted(set(kept) & {*MADE})
    if clash:
        raise CallError(f"--keep {clash[0]} is the name of a column of the result; rename it in {source}.")
    twice = [name for name, count in Counter(names).items() if count > 1 and name in needed]
    if twice:
        raise CallError(f"{source} has the column {twice[0]} twice; rename or remove one.")
    optional = [ASKED_ON] if decider.by_region and ASKED_ON in names else []
    wanted = list(dict.fromkeys([*needed, *optional]))
    scored.unused = [name for name in names if name not in wanted]
    return wanted


def _judged(batch: pa.RecordBatch, decider: Decider, source: Path, scored: Scored, reasons: bool) -> Judged:
    facts, before = decider.parts.facts, scored.rows
    columns = {}
    for name in decider.needed:
        if name in decider.codings and _is_text(batch.column(name)):
            strange = scored.strange.setdefault(name, Counter())
            absent = facts["categories"][name]["missing"]
            columns[name] = _categories(batch.column(name), decider.codings[name], absent, strange)
        elif name != REGION:
            columns[name] = _numbers(batch, name, source)
    limit_values, values = (_matrix(columns, facts[f"{kind}_features"]) for kind in ("limit", "release"))
    region = _regions(batch, source, before) if decider.by_region else None
    try:
        in_force = in_force_at(facts, region, _dates(batch, source), len(batch))
    except ValueError as error:
        raise DataFault(
            f"{source}: {error}; correct it there, or train on a book with that policy."
        ) from None
    limit_score, margin = decider.limit.raw(limit_values), decider.release.raw(values)
    decided = decide(decider.parts, limit_score, margin, values, in_force, reasons=reasons)
    return Judged(batch, columns, in_force, decided, before)


def _matrix(columns: dict[str, NDArray[np.float64]], features: Sequence[str]) -> NDArray[np.float32]:
    values = np.empty((len(columns[features[0]]), len(features)), dtype=np.float32)
    with np.errstate(over="ignore"):  # beyond float32 lies no threshold
        for place, name in enumerate(features):
            values[:, place] = columns[name]
    return values


def _numbers(batch: pa.RecordBatch, name: str, source: Path) -> NDArray[np.float64]:
    column = batch.column(name)
    if not pa.types.is_float64(column.type):
        if not (
            pa.types.is_integer(column.type)
            or pa.types.is_floating(column.type)
            or pa.types.is_null(column.type)
        ):
            raise CallError(f"{source}: {name} is of type {column.type}, but must hold numbers; convert it.")
        column = pc.cast(column, pa.float64())
    return np.asarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _is_text(column: pa.Array) -> bool:
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _categories(
    column: pa.Array, coding: Coding, missing: Sequence[str], strange: Counter[str]
) -> NDArray[np.float64]:
    """A column of categories as their numbers; NaN where missing. A null is what an empty cell is."""
    words = (column if pa.types.is_dictionary(column.type) else column.dictionary_encode()).cast(
        pa.dictionary(pa.int32(), pa.string())
    )
    places = np.asarray(words.indices.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)
    texts = [word.strip() for word in words.dictionary.to_pylist()]
    rows = np.bincount(places[places >= 0], minlength=len(texts)).tolist()
    numbers = []
    for word, count in zip(texts, rows, strict=True):
        known = coding.number(word)
        if known is None and word and word not in missing:
            strange[word] += count
            known = coding.rest
        numbers.append(np.nan if known is None else known)
    empty = coding.number("")
    return np.array([*numbers, np.nan if empty is None else empty], dtype=np.float64)[places]


def _regions(batch: pa.RecordBatch, source: Path, before: int) -> NDArray[np.int64]:
    column = batch.column(REGION)
    if not pa.types.is_integer(column.type):
        raise CallError(
            f"{source}: {REGION} is of type {column.type}, but must hold whole numbers; convert it."
        )
    if column.null_count:
        row = before + pc.index(pc.is_null(column), True).as_py() + 1
        raise DataFault(f"{source}: row {row} names no {REGION}, by which the policy differs; add it.")
    return np.asarray(column.to_numpy(), dtype=np.int64)


def _dates(batch: pa.RecordBatch, source: Path) -> NDArray[np.datetime64] | None:
    if ASKED_ON not in batch.schema.names:
        return None
    column = batch.column(ASKED_ON)
    if pa.types.is_null(column.type):
        return None
    if not (
        pa.types.is_temporal(column.type)
        or pa.types.is_string(column.type)
        or pa.types.is_large_string(column.type)
    ):
        raise CallError(f"{source}: {ASKED_ON} is of type {column.type}, but must hold dates; convert it.")
    return np.asarray(pc.cast(column, pa.timestamp("s"), safe=False).to_numpy(zero_copy_only=False))


def _result(
    batch: pa.RecordBatch, decided: Decided, parts: Parts, kept: Sequence[str], reasons: bool
) -> pa.Table:
    columns: dict[str, Any] = {name: batch.column(name) for name in kept}
    columns |= {"limit": pa.array(decided.limit), "pd": pa.array(decided.pd)}
    columns["decision"] = words_at(("refuse", "release"), (decided.rule == RELEASED).astype(np.int8))
    columns["refused_by"] = words_at((*parts.rules, ""), decided.rule)
    if reasons:
        for rank in range(MOST_REASONS):
            columns[f"reason_{rank + 1}"] = words_at((*parts.codes, ""), decided.reason[:, rank])
    return pa.table(columns)


def words_at(words: Sequence[str], places: NDArray[Any]) -> pa.Array:
    """The word at each place; -1 is the last."""
    at = np.where(places < 0, len(words) - 1, places).astype(np.int32)
    return pa.DictionaryArray.from_arrays(pa.array(at), pa.array(list(words), pa.string())).cast(pa.string())


def _unsound(source: Path, error: Exception, names: Sequence[str]) -> DataFault:
    """What is wrong with a file that cannot be read."""

    def named(match: re.Match[str]) -> str:
        place = int(match[1])
        return f"column {names[place]}:" if place < len(names) else match[0]

    said = re.sub(r"In CSV column #(\d+):", named, re.sub(r"\s+", " ", str(error)).strip())
    return DataFault(f"{source} cannot be read: {said[:200]}; correct it there.")
