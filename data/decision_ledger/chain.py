"""The chain of the decision ledger: a line for each block, which tells its rows, its root and the block before it."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Final, Protocol

from data.errors import DataFault

FORMAT: Final = "releasegap decision ledger 1"
CHAIN: Final = "chain.jsonl"
BLOCKS: Final = "blocks"
LOCK: Final = ".lock"
GENESIS: Final = sha256(FORMAT.encode()).digest()
"""What stands for the block before the first."""
_MOST: Final = 1 << 62


@dataclass(frozen=True)
class Block:
    """A line of the chain.

    Attributes:
        height: Number of the block, from 0.
        first_row: Number of its first row in the ledger, from 0.
        rows: How many rows it has.
        root: Root of their Merkle tree.
        previous: Hash of the block before.
    """

    height: int
    first_row: int
    rows: int
    root: bytes
    previous: bytes

    @property
    def hash(self) -> bytes:
        """SHA-256 of a byte 2, the hash before, height, first row and rows (eight bytes each), and the root."""
        told = struct.pack(">32sQQQ32s", self.previous, self.height, self.first_row, self.rows, self.root)
        return sha256(b"\x02" + told).digest()

    @property
    def line(self) -> str:
        """The block as the chain's file has it."""
        numbers = {"height": self.height, "first_row": self.first_row, "rows": self.rows}
        hashes = {name: getattr(self, name).hex() for name in ("root", "previous", "hash")}
        return json.dumps(numbers | hashes)


@dataclass(frozen=True)
class Checkpoint:
    """What is known of a ledger from elsewhere: that it had so many blocks, and the hash of the last.

    Attributes:
        blocks: How many blocks.
        rows: How many rows.
        head: Hash of the last block, in hex.
    """

    blocks: int
    rows: int
    head: str


class Checkpoints(Protocol):
    """Where checkpoints of a ledger are kept, out of reach of who can write to its folder."""

    def read(self) -> Checkpoint | None:
        """The latest; None where there is none."""

    def write(self, checkpoint: Checkpoint) -> None:
        """Keeps it as the latest."""


def read_lines(folder: Path) -> list[str]:
    """The lines of a ledger's chain; none where there is no ledger yet."""
    path = folder / CHAIN
    return path.read_text(encoding="utf-8", errors="replace").splitlines() if path.is_file() else []


def block_of(line: str) -> Block:
    """The block that a line of the chain tells; it is as it was written where `Block.line` gives the same line.

    Raises:
        ValueError: The line tells none.
    """
    try:
        said = json.loads(line)
        height, first_row, rows = (said[name] for name in ("height", "first_row", "rows"))
        root, previous = (bytes.fromhex(said[name]) for name in ("root", "previous"))
    except (ValueError, KeyError, TypeError):
        raise ValueError("no line of a chain") from None
    whole = all(type(number) is int and 0 <= number < _MOST for number in (height, first_row, rows))
    if not whole or len(root) != 32 or len(previous) != 32:
        raise ValueError("no line of a chain")
    return Block(height, first_row, rows, root, previous)


def sound_chain(folder: Path) -> list[Block]:
    """The blocks of a ledger, each of which follows from the one before.

    Raises:
        DataFault: One does not.
    """
    chain: list[Block] = []
    for line in read_lines(folder):
        try:
            block = block_of(line)
        except ValueError:
            raise _broken(folder, len(chain)) from None
        if block.line != line or block != following(chain, block.rows, block.root):
            raise _broken(folder, len(chain))
        chain.append(block)
    return chain


def following(chain: Sequence[Block], rows: int, root: bytes) -> Block:
    """The block of these rows that comes after a chain."""
    if not chain:
        return Block(0, 0, rows, root, GENESIS)
    last = chain[-1]
    return Block(last.height + 1, last.first_row + last.rows, rows, root, last.hash)


def head_of(chain: Sequence[Block]) -> Checkpoint:
    """What is to be known elsewhere of a chain."""
    if not chain:
        return Checkpoint(0, 0, GENESIS.hex())
    last = chain[-1]
    return Checkpoint(last.height + 1, last.first_row + last.rows, last.hash.hex())


def holds(chain: Sequence[Block], checkpoint: Checkpoint) -> bool:
    """Whether a chain has grown from what a checkpoint knows."""
    return checkpoint.blocks <= len(chain) and head_of(chain[: checkpoint.blocks]) == checkpoint


def rows_file(folder: Path, height: int) -> Path:
    """Where the rows of a block lie."""
    return folder / BLOCKS / f"{height:08d}.parquet"


def index_file(folder: Path, height: int) -> Path:
    """Where the request and the hash of each of its rows lie, by which a row that was changed is named."""
    return folder / BLOCKS / f"{height:08d}.index.parquet"


def _broken(folder: Path, height: int) -> DataFault:
    return DataFault(
        f"{folder}: block {height} does not follow from the one before it; run `releasegap audit verify` on "
        "this ledger."
    )
