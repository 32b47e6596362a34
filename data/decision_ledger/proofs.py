"""Proofs that a decision is in the ledger, for who holds nothing of it but its head (docs/check_proof.py)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc

from data.decision_ledger.chain import FORMAT, Block, head_of, index_file, rows_file, sound_chain
from data.decision_ledger.merkle import path_of, root_of
from data.decision_ledger.reading import Unreadable, read_index, read_rows
from data.decision_ledger.rows import leaf_hashes, told
from data.errors import CallError, DataFault


def proofs(folder: Path, request: str) -> list[dict[str, Any]]:
    """A proof of inclusion for each row of a request, the oldest first.

    Raises:
        CallError: The ledger has none.
        DataFault: Its rows are not as they were appended, so that nothing can be proved.
    """
    chain = sound_chain(folder)
    found = [proof for block in chain for proof in _in_block(folder, chain, block, request)]
    if not found:
        raise CallError(f"{folder} holds no decision on request {request}; name another request or ledger.")
    return found


def _in_block(folder: Path, chain: Sequence[Block], block: Block, request: str) -> Iterator[dict[str, Any]]:
    try:
        requests, _ = read_index(index_file(folder, block.height))
        places = np.flatnonzero(pc.equal(requests, request).to_numpy())
        if not len(places):
            return
        rows = read_rows(rows_file(folder, block.height))
    except Unreadable as error:
        raise DataFault(
            f"{folder}: a file of block {block.height} {error}; run `releasegap audit verify` on this ledger."
        ) from None
    leaves = leaf_hashes(rows)
    if root_of(leaves) != block.root:
        raise DataFault(
            f"{folder}: the rows of block {block.height} are not as they were appended, so that nothing can be proved; "
            "run `releasegap audit verify` on this ledger."
        )
    for place in places.tolist():
        yield {
            "format": FORMAT,
            "row": told(rows, place),
            "place": place,
            "path": [hashed.hex() for hashed in path_of(leaves, place)],
            "block": {
                "height": block.height,
                "first_row": block.first_row,
                "rows": block.rows,
                "previous": block.previous.hex(),
            },
            "later": [{"rows": one.rows, "root": one.root.hex()} for one in chain[block.height + 1 :]],
            "head": head_of(chain).head,
        }
