"""A book that is being written: its parts, its manifest, and the blocks of one that was cut off."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self
from uuid import uuid4

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data.atomic import whole_folder
from data.book import MANIFEST, SEAL, UNSEALED, Manifest, part_of, sha256
from data.errors import CallError
from data.schema import Table


class BookWriter:
    """Writes a book aside and puts it in its place when it is whole.

    Use as a context manager: `write` parts (from one process, or `write_part` from many and `add` here),
    then `finish`. Leaving the block without `finish` leaves nothing behind.
    """

    def __init__(self, target: Path, key: str | None = None) -> None:
        """Makes ready to write a book at `target` (refused if something else lies there).

        With the `key` of the work, parts that a dead process left of the same are in the folder (`whole_folder`).
        """
        self._context = whole_folder(target, MANIFEST, key)
        self._finished = False
        self._parts: dict[str, str] = {}
        self._rows: dict[str, int] = {}

    def __enter__(self) -> Self:
        """Opens the folder aside."""
        self.folder = self._context.__enter__()
        return self

    def write(self, table: Table, block: int, columns: Mapping[str, Any] | pd.DataFrame) -> None:
        """Writes one part of a table."""
        self.add([write_part(self.folder, table, block, columns)])

    def add(self, written: Iterable[tuple[str, str, int]]) -> None:
        """Takes note of parts that `write_part` wrote (path, sha256, rows)."""
        for part, digest, rows in written:
            self._parts[part] = digest
            table = part.rpartition("/")[0]
            self._rows[table] = self._rows.get(table, 0) + rows

    def finish(self, manifest: Manifest) -> None:
        """Writes the manifest, with the rows and digests of what was written; removes what was left half-written."""
        for path in self.folder.rglob("*"):
            if path.is_file() and path.relative_to(self.folder).as_posix() not in self._parts:
                path.unlink()
        said = asdict(manifest) | {
            "rows": dict(sorted(self._rows.items())),
            "parts": dict(sorted(self._parts.items())),
        }
        said[SEAL] = UNSEALED
        text = json.dumps(said, indent=1, ensure_ascii=False, sort_keys=True) + "\n"
        text = text.replace(UNSEALED, hashlib.sha256(text.encode()).hexdigest())
        (self.folder / MANIFEST).write_text(text, encoding="utf-8")
        self._finished = True

    def __exit__(self, *raised: Any) -> None:
        """Puts the book in its place, or removes what was written if the work failed."""
        if not self._finished and raised[0] is None:
            unfinished = RuntimeError("a book was left without a call of finish; nothing was written")
            raised = (RuntimeError, unfinished, None)
            self._context.__exit__(*raised)
            raise unfinished
        self._context.__exit__(*raised)


def record_block(folder: Path, block: int, written: Sequence[tuple[str, str, int]]) -> None:
    """Notes in a book under way that all parts of a block are there (as `write_part` told of them)."""
    record = folder / _record_of(block)
    aside = record.with_name(f"{record.name}.{uuid4().hex}")
    aside.write_text(json.dumps(list(written)), encoding="utf-8")
    aside.replace(record)


def recorded_blocks(folder: Path) -> int:
    """How many blocks of a book under way were noted as done."""
    return sum(1 for _ in folder.glob(".block-*.json"))


def recorded_block(folder: Path, block: int) -> list[tuple[str, str, int]] | None:
    """The parts of a block that was noted as done, held against their digests; None where it is to be done."""
    try:
        noted = json.loads((folder / _record_of(block)).read_text(encoding="utf-8"))
        written = [(str(part), str(digest), int(rows)) for part, digest, rows in noted]
        return written if all(sha256(folder / part) == digest for part, digest, _ in written) else None
    except (OSError, ValueError, TypeError):
        return None


def _record_of(block: int) -> str:
    return f".block-{block:05d}.json"


def write_part(
    folder: Path, table: Table, block: int, columns: Mapping[str, Any] | pd.DataFrame
) -> tuple[str, str, int]:
    """Writes one part of a table below `folder`; returns its path inside the book, sha256 and rows.

    `columns` maps each column of the table to an array. Integer days become dates. The bytes depend on
    the values alone, and a part is whole or not there: it may be written again, even by two processes at once.

    Raises:
        CallError: `folder` is not there: this process sees another file system than the one that made it, or the
            work has been given up.
    """
    arrays = [_arrow(columns[name], kind) for name, kind in table.columns.items()]
    rows = pa.Table.from_arrays(arrays, schema=table.arrow_schema())
    part = part_of(table.name, block)
    try:
        for within in reversed(Path(part).parents[:-1]):
            (folder / within).mkdir(exist_ok=True)
    except (FileNotFoundError, FileExistsError) as error:
        # The latter of a folder that another removes in this moment: it is there when made, and gone when looked at.
        raise CallError(
            f"{folder} is not there for all workers: let them share the file system of the book."
        ) from error
    path = folder / part
    aside = path.with_name(f".{path.name}.{uuid4().hex}")
    words = [name for name, kind in table.columns.items() if pa.types.is_dictionary(kind)]
    # A run reads a book three or four times: LZ4 packs less than Zstandard (28 % more bytes), but takes half as long.
    pq.write_table(rows, aside, compression="lz4", use_dictionary=words, store_schema=True)
    digest = sha256(aside)
    aside.replace(path)
    return part, digest, rows.num_rows


def _arrow(values: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(values, pa.Array):
        return values
    if isinstance(values, pd.Series):
        return pa.Array.from_pandas(values, type=kind)
    if pa.types.is_date32(kind):
        return pa.array(values, type=pa.int32()).view(pa.date32())
    return pa.array(values, type=kind, from_pandas=True)
