"""A book: a folder of Parquet tables, one part per block of borrowers, with a manifest `book.json`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.errors import CallError, DataFault
from data.parquet_files import dictionaries, refuse_unpacked, unfolded
from data.schema import DATED_TABLES, Table

SCHEMA_VERSION = 1
MANIFEST = "book.json"
UNSEALED = "0" * 64
"""Stands for the digest in the text that is digested."""
SEAL = "sha256"
"""Under this name a manifest holds the digest of all else that it says; books of before have none."""
MOST_BLOCKS = 100_000
"""As many as the names of parts can number."""


@dataclass(frozen=True)
class Manifest:
    """What a book says of itself.

    Attributes:
        schema_version: Version of the tables' layout.
        source: `simulated` or `imported`.
        blocks: Number of blocks of borrowers, so of parts of each partitioned table.
        seed: Seed of a simulated world.
        scenario: Scenario of a simulated world.
        first_month: Month 1 of history as `YYYY-MM` (dated books).
        months: Months of history (dated books).
        parameters: The parameters of the world, as resolved.
        mapping: The mapping of an imported book, as resolved.
        rows: Rows of each table.
        parts: sha256 of each part, by its path inside the book.
        appends: What was appended, the oldest first: the digest before (`to`), and whether it concerns `everyone`.
    """

    schema_version: int
    source: str
    blocks: int
    seed: int | None = None
    scenario: str | None = None
    first_month: str | None = None
    months: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    mapping: dict[str, Any] | None = None
    rows: dict[str, int] = field(default_factory=dict)
    parts: dict[str, str] = field(default_factory=dict)
    appends: list[dict[str, Any]] = field(default_factory=list)


APPENDED = Table("appended", {"borrower_id": pa.int64()}, ("borrower_id",), ("borrower_id",))
"""Borrowers whom an append touched, a part for each; what was appended when is no part of a book's digest."""


@dataclass(frozen=True)
class Book:
    """A book on disk, opened for reading."""

    path: Path
    manifest: Manifest

    @property
    def name(self) -> str:
        """Name of its folder, by which people know it; also where it was opened as `.`."""
        return self.path.resolve().name

    @property
    def blocks(self) -> int:
        """Number of blocks of borrowers."""
        return self.manifest.blocks

    @property
    def block_size(self) -> int:
        """Borrowers of its first block, as many as of every other but the last."""
        return int(pq.read_metadata(self.path / part_of("borrowers", 0)).num_rows)

    @property
    def dated(self) -> bool:
        """Whether observations carry dates (an imported flat table has none)."""
        return self.manifest.first_month is not None

    @property
    def digest(self) -> str:
        """sha256 over the digests of all parts: the same tables give the same digest."""
        parts = sorted(self.manifest.parts.items())
        lines = [f"{name} {digest}" for name, digest in parts if not name.startswith(f"{APPENDED.name}/")]
        return hashlib.sha256("\n".join([self.manifest.source, *lines]).encode()).hexdigest()

    @property
    def currency(self) -> str:
        """What its amounts are in: as its mapping says, RMB of a simulated book."""
        return str((self.manifest.mapping or {}).get("currency", "RMB"))

    @property
    def facts(self) -> dict[str, Any]:
        """What results say of the book that they were made from, JSON-ready."""
        manifest = self.manifest
        return {
            "book_digest": self.digest,
            "source": manifest.source,
            "scenario": manifest.scenario,
            "seed": manifest.seed,
            "borrowers": manifest.rows["borrowers"],
            "currency": self.currency,
        } | ({"streams": self.stream_labels} if self.stream_labels else {})

    @property
    def stream_labels(self) -> dict[str, list[str]]:
        """What streams of the lender's own are called, in English and in Chinese."""
        told = (self.manifest.mapping or {}).get("streams", {})
        return {name: list(stream["label"]) for name, stream in sorted(told.items()) if stream["label"]}

    @property
    def ancestors(self) -> tuple[str, ...]:
        """Digests of the books that it was before news was appended, the latest first."""
        return tuple(str(append["to"]) for append in reversed(self.manifest.appends))

    def touched_since(self, digest: str) -> NDArray[np.int64] | None:
        """Borrowers whom the news touches that was appended since the book had this digest; None: it may be all.

        Raises:
            CallError: It never had.
            DataFault: A part that tells whom is missing or was changed.
        """
        if digest == self.digest:
            return np.empty(0, dtype=np.int64)
        if digest not in self.ancestors:
            raise CallError(
                f"{self.path} (digest {self.digest[:12]}) has not grown from the book with digest {digest[:12]}; name "
                "a result of this book, or of one that news was appended to."
            )
        first = max(place for place, append in enumerate(self.manifest.appends) if append["to"] == digest)
        since = range(first, len(self.manifest.appends))
        if any(self.manifest.appends[place]["everyone"] for place in since):
            return None
        self._hold([part_of(APPENDED.name, place) for place in since])
        parts = [self.table(APPENDED.name, place)["borrower_id"].to_numpy() for place in since]
        return np.unique(np.concatenate(parts))

    def has(self, table: str) -> bool:
        """Whether the book holds this table."""
        return table in self.manifest.rows

    def table(
        self,
        name: str,
        block: int = 0,
        columns: Sequence[str] | None = None,
        borrowers: NDArray[np.int64] | None = None,
    ) -> pd.DataFrame:
        """One part of a table, its columns as pandas types (dates as datetime64).

        Args:
            name: The table.
            block: The part.
            columns: Some of its columns; all if not given.
            borrowers: Ids of those whose rows are wanted; all if not given.

        Raises:
            DataFault: The book has no such table, or the part is missing or damaged.
        """
        frame: pd.DataFrame = self.rows(name, block, columns, borrowers).to_pandas(date_as_object=False)
        return frame

    def rows(
        self,
        name: str,
        block: int = 0,
        columns: Sequence[str] | None = None,
        borrowers: NDArray[np.int64] | None = None,
    ) -> pa.Table:
        """The same as Arrow has it."""
        part = self.path / part_of(name, block)
        if not part.is_file():
            raise DataFault(
                f"{self.path} has no {part_of(name, block)}; run `releasegap check` on this book."
            )
        self._refuse_outside(part)
        try:
            with pq.ParquetFile(part) as file:
                refuse_unpacked(part, file.metadata)
                folded = dictionaries(file)
            read = pq.read_table(
                part,
                columns=None if columns is None else list(columns),
                partitioning=None,
                read_dictionary=folded,
            )
            read = unfolded(part, read, folded)
        except pa.ArrowException as error:
            raise DataFault(f"{part} cannot be read ({_first_line(error)}); make the book again.") from error
        if borrowers is not None:
            # Sorted out before rows become pandas' own, which takes longer than to read them.
            read = read.filter(pa.array(np.isin(read["borrower_id"].to_numpy(), borrowers)))
        return read

    def whole(self, name: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """All parts of a table, in the order of the blocks."""
        parts = [self.table(name, block, columns) for block in range(self.parts_of(name))]
        return parts[0] if len(parts) == 1 else pd.concat(parts, ignore_index=True)

    def absolute(self) -> Book:
        """The book under its absolute path, for workers elsewhere, which have another current folder."""
        return replace(self, path=self.path.resolve())

    def verify(self, blocks: Collection[int] | None = None) -> None:
        """Holds every part against its digest, so that what is made from this book is made from what it says.

        Args:
            blocks: Parts of these blocks, and of what all blocks share, alone where given.

        Raises:
            DataFault: A part is missing or was changed.
        """
        parts = list(self.manifest.parts)
        if blocks is not None:
            shared = {part_of(name, 0) for name, table in DATED_TABLES.items() if not table.partitioned}
            cut = self.manifest.rows.keys() - {APPENDED.name}  # whose numbers are those of appends
            wanted = shared | {part_of(name, block) for name in cut for block in blocks}
            parts = [part for part in parts if part in wanted]
        self._hold(parts)

    def require_unchanged(self) -> None:
        """Raises DataFault where another process has put another book in its place since it was opened."""
        if open_book(self.path).digest != self.digest:
            raise DataFault(
                f"{self.path} was replaced by another book while it was being read; call again, and let other work "
                "write to other folders."
            )

    def _hold(self, parts: Iterable[str]) -> None:
        for part in parts:
            path = self.path / part
            self._refuse_outside(path)
            if not path.is_file() or sha256(path) != self.manifest.parts.get(part):
                what = "was changed" if path.is_file() else "is missing"
                raise DataFault(
                    f"{self.path}: {part} {what}; run `releasegap check` on this book, or make it again."
                )

    def _refuse_outside(self, path: Path) -> None:
        """Refuses a part that lies elsewhere, by its name or by a link."""
        if not path.resolve().is_relative_to(self.path.resolve()):
            raise DataFault(f"{path} leads out of the book {self.path}; put the file itself there.")

    def parts_of(self, name: str) -> int:
        """Number of parts of a table."""
        return sum(part.rpartition("/")[0] == name for part in self.manifest.parts)


def open_book(path: Path, *, as_it_is: bool = False) -> Book:
    """Opens a book for reading.

    Args:
        path: Its folder.
        as_it_is: Whether it is opened whatever its manifest says, to be told what is wrong with it (`data.check`).

    Raises:
        CallError: There is no book at `path`, or a later version of the workbench wrote it.
    """
    manifest = path / MANIFEST
    if not manifest.is_file():
        raise CallError(
            f"No book at {path}: it has no {MANIFEST}; make one with `releasegap simulate` or `import`."
        )
    try:
        text = manifest.read_bytes().decode()
        said = json.loads(text)
        version = said["schema_version"]
        if version != SCHEMA_VERSION:
            raise CallError(f"{path} has schema version {version}; this workbench reads {SCHEMA_VERSION}.")
        if SEAL in said and not is_sealed(text, said.pop(SEAL)) and not as_it_is:
            raise CallError(
                f"{manifest} was changed since the book was written; put the right one back, or make the book again."
            )
        read = Manifest(**said)
        if not as_it_is:
            _refuse_odd(read)
        return Book(path, read)
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise CallError(
            f"{manifest} is not a book's manifest ({_first_line(error)}); make the book again."
        ) from error


def is_sealed(text: str, seal: object) -> bool:
    """Whether a manifest's text is that of which it holds the digest, byte by byte."""
    if not isinstance(seal, str) or len(seal) != len(UNSEALED):
        return False
    return hashlib.sha256(text.replace(seal, UNSEALED).encode()).hexdigest() == seal


def _refuse_odd(manifest: Manifest) -> None:
    """Refuses what no book says of itself, before anything is made of it; `releasegap check` looks closer.

    Raises:
        ValueError: It is of another kind.
    """
    kinds: Mapping[str, type | tuple[type, ...]] = {
        **{"source": str, "blocks": int, "rows": dict, "parts": dict, "parameters": dict, "appends": list},
        **{"mapping": (dict, type(None)), "first_month": (str, type(None)), "months": (int, type(None))},
    }
    for name, kind in kinds.items():
        if not isinstance(getattr(manifest, name), kind) or isinstance(getattr(manifest, name), bool):
            raise ValueError(f"its {name} is of no known kind")
    if "borrowers" not in manifest.rows or not 0 < manifest.blocks < MOST_BLOCKS:
        raise ValueError("it counts no borrowers, or no blocks of them")
    for table, rows in manifest.rows.items():
        if not isinstance(rows, int) or isinstance(rows, bool) or rows < 0:
            raise ValueError(f"it counts no rows of {table}")
    for part, digest in manifest.parts.items():
        place = PurePosixPath(part)
        if place.is_absolute() or ".." in place.parts or "\\" in part or not isinstance(digest, str):
            raise ValueError(f"{part} is no part of a book")
    for append in manifest.appends:
        if not isinstance(append, dict) or not {"to", "everyone"} <= append.keys():
            raise ValueError("it does not say what was appended")


def refuse_other_source(target: Path, source: str) -> None:
    """Refuses to write a book over one from another source: no lender's data gives way to a simulation.

    Raises:
        CallError: Such a book stands at `target`.
    """
    if (target / MANIFEST).is_file() and open_book(target).manifest.source != source:
        raise CallError(
            f"{target} is a book from another source than {source}; name another folder for the new one."
        )


def sha256(path: Path) -> str:
    """sha256 of a file's bytes, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def part_of(table: str, block: int) -> str:
    """Path of a part of a table inside a book."""
    return f"{table}/part-{block:05d}.parquet"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
