"""Merkle trees of RFC 6962: the root of a block's leaves, and the path that proves one of them."""

from __future__ import annotations

from hashlib import sha256
from typing import Final

import numpy as np

from data.decision_ledger.rows import Hashes

_NODE: Final = 1


def root_of(leaves: Hashes) -> bytes:
    """The root of a tree; of none, SHA-256 of nothing."""
    if not len(leaves):
        return sha256(b"").digest()
    while len(leaves) > 1:
        leaves = _above(leaves)
    return bytes(leaves[0])


def path_of(leaves: Hashes, place: int) -> list[bytes]:
    """The hashes beside the way from a leaf to the root, the lowest first."""
    path = []
    while len(leaves) > 1:
        beside = place ^ 1
        if beside < len(leaves):
            path.append(leaves[beside].tobytes())
        leaves, place = _above(leaves), place // 2
    return path


def _above(level: Hashes) -> Hashes:
    """The next level: SHA-256 of a byte 1 and two neighbours; one without a neighbour goes up as it is."""
    pairs = len(level) // 2
    told = np.empty((pairs, 65), dtype=np.uint8)
    told[:, 0] = _NODE
    told[:, 1:] = level[: 2 * pairs].reshape(pairs, 64)
    flat = told.tobytes()
    hashed = b"".join([sha256(flat[begin : begin + 65]).digest() for begin in range(0, len(flat), 65)])
    above = np.frombuffer(hashed, dtype=np.uint8).reshape(pairs, 32)
    return np.concatenate([above, level[2 * pairs :]])
