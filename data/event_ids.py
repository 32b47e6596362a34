"""Ids as a lender's files write them, and the whole numbers that a book has for them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

_WHOLE = "^(0|[1-9][0-9]{0,17})$"


def all_whole(texts: pa.StringArray) -> bool:
    """Whether all ids are whole numbers; those with leading zeros are texts, since two of them could be one number."""
    return bool(pc.all(pc.match_substring_regex(texts, _WHOLE), min_count=0).as_py())


@dataclass(frozen=True)
class Ids:
    """Ids of borrowers, each once.

    Attributes:
        numbers: The book's ids, ascending.
        texts: What the files write for them.
        whole: Whether that is the numbers themselves.
    """

    numbers: NDArray[np.int64]
    texts: pa.StringArray
    whole: bool

    def places(self, texts: pa.StringArray) -> NDArray[np.int64]:
        """Place of each text among the ids; -1 where it is none of them."""
        words = texts.dictionary_encode()
        at = self._places(words.dictionary)
        return at[np.asarray(words.indices.to_numpy(zero_copy_only=False), dtype=np.int64)]

    def _places(self, words: pa.StringArray) -> NDArray[np.int64]:
        if not self.whole:
            found = pc.fill_null(pc.index_in(words, value_set=self.texts), -1)
            return np.asarray(found.to_numpy(zero_copy_only=False), dtype=np.int64)
        right = pc.match_substring_regex(words, _WHOLE)
        number = np.asarray(
            pc.cast(pc.if_else(right, words, "-1"), pa.int64()).to_numpy(zero_copy_only=False)
        )
        at = np.searchsorted(self.numbers, number).clip(0, len(self.numbers) - 1)
        return np.where(self.numbers[at] == number, at, -1)


def numbered(texts: pa.StringArray) -> tuple[Ids, NDArray[np.int64]]:
    """Ids as numbers, and the order of the rows that goes with them.

    Ids that are all whole numbers stay as they are; others are numbered from 1 in their own order.
    """
    if all_whole(texts):
        numbers = np.asarray(pc.cast(texts, pa.int64()).to_numpy(zero_copy_only=False))
        order = np.argsort(numbers, kind="stable")
        return Ids(numbers[order], texts.take(pa.array(order)), True), order
    order = np.asarray(pc.sort_indices(texts).to_numpy(), dtype=np.int64)
    return Ids(np.arange(1, len(order) + 1), texts.take(pa.array(order)), False), order


def first_again(texts: pa.StringArray) -> tuple[int, int] | None:
    """Places of the first text that stands twice: the later one, and the one before; None where all differ."""
    words = texts.dictionary_encode()
    if len(words.dictionary) == len(texts):
        return None
    at = np.asarray(words.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
    _, first = np.unique(at, return_index=True)
    again = int(np.argmax(first[at] != np.arange(len(at))))
    return again, int(first[at][again])
