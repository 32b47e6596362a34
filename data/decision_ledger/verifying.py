"""A ledger held against its chain and its checkpoint: whatever was changed is found and named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from data.decision_ledger.chain import (
    Block,
    Checkpoint,
    block_of,
    following,
    head_of,
    index_file,
    read_lines,
    rows_file,
)
from data.decision_ledger.merkle import root_of
from data.decision_ledger.reading import Unreadable, read_index, read_rows
from data.decision_ledger.rows import Hashes, leaf_hashes


@dataclass(frozen=True)
class Tampering:
    """Something that is not as it was appended.

    Attributes:
        what: changed, removed, inserted or reordered (a row); block, index, chain or checkpoint (what is larger).
        said: What is wrong, in words.
        block: Number of the block; None where none is meant.
        row: Number of the row in the ledger, from 0; a row that was removed stood there.
        request: Its request.
    """

    what: str
    said: str
    block: int | None = None
    row: int | None = None
    request: str | None = None

    def __str__(self) -> str:
        """One line that names it."""
        where = [] if self.block is None else [f"block {self.block}"]
        where += [] if self.row is None else [f"row {self.row}"]
        where += [] if self.request is None else [f"request {self.request}"]
        return f"{', '.join(where)}: {self.said}" if where else self.said


@dataclass
class Verified:
    """What was held against the chain.

    Attributes:
        head: What the chain comes to.
        unchecked: How many blocks at the end no checkpoint knows.
    """

    head: Checkpoint
    unchecked: int


def verify(
    folder: Path,
    checkpoint: Checkpoint | None = None,
    head: str | None = None,
    moved: Callable[[int], None] = lambda done: None,
) -> tuple[Verified, Iterator[Tampering]]:
    """What a ledger's chain comes to, and whatever is not as it was appended, found as it is read.

    Args:
        folder: The ledger.
        checkpoint: What is known of it from elsewhere.
        head: The hash of one of its blocks (hex) that somebody knows.
        moved: Told how many blocks were read.
    """
    lines = read_lines(folder)
    chain, broken = _chain(lines)
    known = 0 if checkpoint is None else checkpoint.blocks

    def found() -> Iterator[Tampering]:
        yield from broken
        if checkpoint is not None:
            yield from _against(chain, checkpoint)
        if head is not None and head.lower() not in {block.hash.hex() for block in chain}:
            yield Tampering("checkpoint", f"no block of the chain has the head {head} that you know")
        places = {block.root: block.height for block in chain}
        for done, block in enumerate(chain, start=1):
            yield from _in_block(folder, block, places)
            moved(done)

    return Verified(head_of(chain), max(len(chain) - known, 0)), found()


def _chain(lines: list[str]) -> tuple[list[Block], list[Tampering]]:
    """The blocks that the chain's lines tell, and what is wrong with the lines."""
    chain: list[Block] = []
    found: list[Tampering] = []
    for place, line in enumerate(lines):
        try:
            block = block_of(line)
        except ValueError:
            found.append(Tampering("chain", "its line in the chain cannot be read", place))
            continue
        if block.line != line:
            found.append(
                Tampering("chain", "its line in the chain was changed: its hash is another", block.height)
            )
        expected = following(chain, block.rows, block.root)
        if block != expected:
            after = f"block {chain[-1].height}" if chain else "the beginning"
            found.append(
                Tampering(
                    "chain",
                    f"it does not follow from {after}, behind which it stands: a block between them was removed or "
                    "inserted, or one of the two was moved or changed",
                    block.height,
                )
            )
        chain.append(block)
    return chain, found


def _against(chain: list[Block], checkpoint: Checkpoint) -> Iterator[Tampering]:
    """What a checkpoint knows and the chain does not hold."""
    if len(chain) < checkpoint.blocks:
        first, last = len(chain), checkpoint.blocks - 1
        many = f"blocks {first} to {last} were" if last > first else f"block {first} was"
        yield Tampering(
            "checkpoint",
            f"{many} cut off the end: the checkpoint knows {checkpoint.blocks:,} blocks and {checkpoint.rows:,} rows, "
            f"the chain has {len(chain):,} blocks",
            first,
        )
    elif checkpoint.blocks and chain[checkpoint.blocks - 1].hash.hex() != checkpoint.head:
        yield Tampering(
            "checkpoint",
            f"it is not the block that was checkpointed (head {checkpoint.head[:12]}): it or one before it was "
            "replaced, and the chain was written anew",
            checkpoint.blocks - 1,
        )


def _in_block(folder: Path, block: Block, places: dict[bytes, int]) -> Iterator[Tampering]:
    """What is not as the chain has it in the files of a block."""
    height = block.height
    try:
        rows = read_rows(rows_file(folder, height))
        leaves = leaf_hashes(rows)
    except (Unreadable, pa.ArrowException) as error:
        yield Tampering("block", f"the file of its rows {error}", height)
        return
    try:
        requests, sealed = read_index(index_file(folder, height))
    except Unreadable as error:
        yield Tampering("index", f"the file of its index {error}", height)
        requests = sealed = None
    same = sealed is not None and leaves.tobytes() == sealed.tobytes()
    named = requests is not None and requests.equals(rows["request_id"])
    root = root_of(leaves)
    if root == block.root and len(rows) == block.rows:
        if sealed is not None and not (same and named):
            yield Tampering("index", "its index was changed; its rows are as they were appended", height)
        return
    if sealed is not None and root_of(sealed) == block.root:
        before, after = requests.to_pylist(), rows["request_id"].to_pylist()
        differences = _differences(before, _each(sealed), after, _each(leaves))
        for what, place, request, said in differences:
            yield Tampering(what, said, height, block.first_row + place, request)
        return
    of = places.get(root)
    what = f"holds the rows of block {of}" if of is not None and of != height else "was replaced or changed"
    yield Tampering("block", f"it {what}: its rows do not give the root that the chain has", height)
    if sealed is not None and not same:
        before, after = requests.to_pylist(), rows["request_id"].to_pylist()
        for what, place, request, said in _differences(before, _each(sealed), after, _each(leaves)):
            yield Tampering(what, f"{said} (by the index)", height, block.first_row + place, request)


def _each(leaves: Hashes) -> list[bytes]:
    flat = leaves.tobytes()
    return [flat[begin : begin + 32] for begin in range(0, len(flat), 32)]


Difference = tuple[str, int, str, str]


def _differences(
    before: list[str], sealed: list[bytes], after: list[str], leaves: list[bytes]
) -> Iterator[Difference]:
    """Which rows were changed, removed, inserted or moved: what, place, request, in words.

    Args:
        before: The request of each row as it was appended.
        sealed: The hash of each.
        after: The request of each row that stands there now.
        leaves: The hash of each.
    """
    gone, new = _surplus(sealed, leaves), _surplus(leaves, sealed)
    by_request: dict[str, list[int]] = {}
    for place in gone:
        by_request.setdefault(before[place], []).append(place)
    left, found = set(gone), []
    for place in new:
        partner = by_request.get(after[place])
        if not partner:
            continue
        left.discard(partner.pop(0))
        found.append(("changed", place, after[place], "the row was changed"))
    paired = {place for _, place, _, _ in found}
    for place in new:
        if place in paired:
            continue
        if place in left and len(sealed) == len(leaves):
            left.discard(place)
            said = f"the row was changed; it was of request {before[place]}"
            found.append(("changed", place, after[place], said))
        else:
            found.append(("inserted", place, after[place], "the row was inserted"))
    found += [("removed", place, before[place], "the row was removed") for place in sorted(left)]
    yield from sorted(found, key=lambda difference: difference[1])
    yield from _moved(sealed, set(gone), after, leaves, set(new))


def _moved(
    sealed: list[bytes], gone: set[int], after: list[str], leaves: list[bytes], new: set[int]
) -> Iterator[Difference]:
    """Rows that are as they were appended, in another order."""
    was = [leaf for place, leaf in enumerate(sealed) if place not in gone]
    stands = [place for place in range(len(leaves)) if place not in new]
    for leaf, place in zip(was, stands, strict=True):
        if leaves[place] != leaf:
            yield "reordered", place, after[place], "the row is out of its order"


def _surplus(these: list[bytes], others: list[bytes]) -> list[int]:
    """Places of those of some hashes that are not, or less often, among others."""
    count = Counter(others)
    found = []
    for place, leaf in enumerate(these):
        if count[leaf] > 0:
            count[leaf] -= 1
        else:
            found.append(place)
    return found
