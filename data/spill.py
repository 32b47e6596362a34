"""Rows laid aside by block, so that a table of any size is sorted block by block without lying in memory whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc
from numpy.typing import NDArray

ROWS = 1_000_000
"""Rows that are held in memory before they are laid aside."""


class Spill:
    """Rows of one table, laid aside by block.

    Use `add` as rows come and `close` when all have; then `rows` gives those of a block.
    """

    def __init__(self, folder: Path, name: str, schema: pa.Schema, blocks: int) -> None:
        """Makes ready to lay rows of this schema aside in files of `folder`."""
        self._base = folder / name.replace("/", "-")
        self._schema, self._blocks = schema, blocks
        self._held: list[pa.Table] = []
        self._of: list[NDArray[np.int64]] = []
        self._count = 0
        self._files: list[Path] = []

    def add(self, rows: pa.Table, block: NDArray[np.int64]) -> None:
        """Takes rows, each with its block."""
        self._held.append(rows)
        self._of.append(block)
        self._count += len(block)
        if self._count >= ROWS:
            self.close()

    def close(self) -> None:
        """Lays aside what is still held in memory."""
        if not self._count:
            return
        block = np.concatenate(self._of)
        order = np.argsort(block, kind="stable")
        table = pa.concat_tables(self._held).take(pa.array(order)).combine_chunks()
        ends = np.searchsorted(block[order], np.arange(self._blocks + 1))
        path = self._base.with_name(f"{self._base.name}-{len(self._files)}.arrow")
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.ipc.new_file(path, self._schema, options=options) as file:
            for number in range(self._blocks):
                part = table.slice(ends[number], ends[number + 1] - ends[number]).combine_chunks()
                batches = part.to_batches()
                file.write_batch(
                    batches[0] if batches else pa.RecordBatch.from_pylist([], schema=self._schema)
                )
        self._files.append(path)
        self._held, self._of, self._count = [], [], 0

    def rows(self, block: int) -> pa.Table:
        """The rows of a block, in the order in which they came."""
        return pa.Table.from_batches(list(self._batches(block)), schema=self._schema).combine_chunks()

    def _batches(self, block: int) -> Iterator[pa.RecordBatch]:
        for path in self._files:
            with pa.OSFile(str(path)) as source:
                yield pa.ipc.open_file(source).get_batch(block)
