"""Appending to the decision ledger: rows are written aside in blocks, and take their place all at once or never."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from data.atomic import whole_file
from data.decision_ledger.chain import (
    BLOCKS,
    CHAIN,
    LOCK,
    Block,
    Checkpoints,
    following,
    head_of,
    holds,
    index_file,
    rows_file,
    sound_chain,
)
from data.decision_ledger.merkle import root_of
from data.decision_ledger.rows import DIGEST, SCHEMA, WORDS, Hashes, leaf_hashes
from data.errors import CallError, DataFault
from data.lock import alone, claim, clear, remove

BLOCK_ROWS: Final = 65_536
"""Rows of a block at most: a proof then has a path of 16 hashes."""
INDEX: Final = pa.schema(
    [pa.field("request_id", pa.string(), nullable=False), pa.field("leaf", DIGEST, nullable=False)]
)
_ASIDE: Final = ".append"


class Appending:
    """Rows that are about to be appended (`appending` gives one)."""

    def __init__(self, aside: Path, block_rows: int) -> None:
        """Writes blocks into a folder aside."""
        self.aside = aside
        self.block_rows = block_rows
        self.written: list[tuple[int, bytes]] = []
        self._waiting: list[pa.Table] = []
        self._rows = 0

    def add(self, rows: pa.Table) -> None:
        """Takes rows in their order.

        Raises:
            ValueError: Their columns are not the ledger's, or one holds a null.
        """
        rows = rows.select(SCHEMA.names).cast(SCHEMA)
        if any(column.null_count for column in rows.columns):
            raise ValueError("a row of the ledger holds no null")
        self._waiting.append(rows)
        self._rows += len(rows)
        while self._rows >= self.block_rows:
            self._write(self.block_rows)

    def end(self) -> None:
        """Writes what is left."""
        if self._rows:
            self._write(self._rows)

    def _write(self, count: int) -> None:
        waiting = pa.concat_tables(self._waiting)
        rows, rest = waiting.slice(0, count), waiting.slice(count)
        self._waiting, self._rows = [rest], len(rest)
        leaves, number = leaf_hashes(rows), len(self.written)
        _write_rows(rows_file(self.aside, number), rows)
        _write_index(index_file(self.aside, number), rows, leaves)
        self.written.append((count, root_of(leaves)))


@contextmanager
def appending(
    folder: Path, checkpoints: Checkpoints | None = None, block_rows: int = BLOCK_ROWS
) -> Iterator[Appending]:
    """Yields what takes rows; when the block ends well they are the last of the ledger, all of them, else none.

    Any number of processes may append at once: each writes aside, and takes its place in the chain by itself.

    Args:
        folder: The ledger's folder, made where there is none.
        checkpoints: Where its head is kept.
        block_rows: Most rows of a block.

    Raises:
        CallError: The folder holds something else, or another process appends for minutes.
        DataFault: The chain is broken, or has not grown from the checkpoint: nothing is built on such a ledger.
    """
    _ready(folder)
    with ExitStack() as held:
        with _locked(folder):
            _remove_leftovers(folder)
            mine = claim(folder, _ASIDE)
            held.callback(mine.let_go)
            held.callback(remove, mine.path)
        (mine.path / BLOCKS).mkdir(parents=True)
        made = Appending(mine.path, block_rows)
        yield made
        made.end()
        _commit(folder, made, checkpoints)


def _commit(folder: Path, made: Appending, checkpoints: Checkpoints | None) -> None:
    """Puts the blocks behind the last and writes the chain, by whose renaming they become part of the ledger."""
    with _locked(folder):
        chain = sound_chain(folder)
        known = checkpoints.read() if checkpoints is not None else None
        if known is not None and not holds(chain, known):
            raise DataFault(
                f"{folder} has not grown from its checkpoint of {known.blocks} blocks (head {known.head[:12]}); "
                "nothing was appended. Run `releasegap audit verify` on this ledger; if another ledger keeps its "
                "checkpoint under the same name in MLflow, give this folder a name of its own."
            )
        for number, (rows, root) in enumerate(made.written):
            chain.append(following(chain, rows, root))
            for file in (rows_file, index_file):
                file(made.aside, number).replace(file(folder, chain[-1].height))
        if made.written:
            _write_chain(folder, chain)
        # Also where a process ended between the two: the checkpoint then lags behind the chain.
        if checkpoints is not None and len(chain) > (known.blocks if known is not None else 0):
            checkpoints.write(head_of(chain))


def _ready(folder: Path) -> None:
    """Makes the folder, unless something else stands there."""
    strange = folder.is_file() or (
        folder.is_dir()
        and not (folder / CHAIN).is_file()
        and any(
            path.name not in (BLOCKS, LOCK) and not path.name.startswith(".") for path in folder.iterdir()
        )
    )
    if strange:
        raise CallError(
            f"{folder} holds something else than a ledger; name a folder that does not exist yet."
        )
    (folder / BLOCKS).mkdir(parents=True, exist_ok=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with ExitStack() as held:
        try:
            held.enter_context(alone(folder / LOCK))
        except sqlite3.OperationalError as error:
            raise CallError(
                f"{folder} is being appended to, or cannot be written ({error}); try again."
            ) from error
        yield


def _remove_leftovers(folder: Path) -> None:
    """Removes what a process left that ended while it appended: folders that nobody holds, files of no block."""
    clear(folder, _ASIDE)
    for file in leftovers(folder, sound_chain(folder)):
        file.unlink(missing_ok=True)


def leftovers(folder: Path, chain: list[Block]) -> list[Path]:
    """Files beside a ledger's blocks that belong to none of them."""
    known = {file(folder, block.height) for block in chain for file in (rows_file, index_file)}
    return sorted(path for path in (folder / BLOCKS).glob("*") if path not in known)


def _write_rows(path: Path, rows: pa.Table) -> None:
    pq.write_table(
        rows, path, compression="zstd", compression_level=1, use_dictionary=[*WORDS], write_statistics=False
    )
    _settle(path)


def _write_index(path: Path, rows: pa.Table, leaves: Hashes) -> None:
    hashed = pa.FixedSizeBinaryArray.from_buffers(
        DIGEST, len(leaves), [None, pa.py_buffer(np.ascontiguousarray(leaves))]
    )
    index = pa.Table.from_arrays([rows["request_id"], hashed], schema=INDEX)
    pq.write_table(index, path, compression="none", use_dictionary=False, write_statistics=False)
    _settle(path)


def _write_chain(folder: Path, chain: list[Block]) -> None:
    with whole_file(folder / CHAIN) as aside:
        aside.write_text("".join(f"{block.line}\n" for block in chain), encoding="utf-8", newline="\n")
        _settle(aside)


def _settle(path: Path) -> None:
    """Waits until a file is on the disk: what the chain names must outlast the end of the power, too."""
    with path.open("rb") as stream:
        os.fsync(stream.fileno())
