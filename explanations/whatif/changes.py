"""What a call changes of a book's policy: names that may be changed, and their values before and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from data.errors import CallError
from data.parameters import Leaf

OF_BOOK = ("world.policy.", "world.limit_reviews.spending")
"""Parameters that a dated book was made with, and that a what-if replaces."""
OF_MODELS = ("models.policy.", "models.favoured.")
"""Parameters of the models' policy."""
FACTORS = ("whatif.cutoff_factor", "whatif.spending_weight")
"""Factors on what is in force, 1 where nothing is changed."""
FLAT = ("models.policy.", "whatif.cutoff_factor")
"""What a book without dates, of one decision on each client, lets be changed."""


@dataclass(frozen=True)
class Change:
    """A parameter with its value before and after."""

    name: str
    before: Leaf
    after: Leaf


def changes(before: Mapping[str, Leaf], given: Mapping[str, Leaf], dated: bool) -> tuple[Change, ...]:
    """What the values of a call change of the policy as it is, in the order of their names.

    Args:
        before: Value of every parameter as it is, by its dotted name: the world's as the book was made with them.
        given: The values that the call gives; those outside of `world`, `models` and `whatif` change no policy.
        dated: Whether the book has dates.

    Raises:
        CallError: One would change what a what-if cannot: borrowers, the past, or what the book does not have.
    """
    able = (*OF_BOOK, *OF_MODELS, *FACTORS) if dated else FLAT
    told = []
    for name in sorted(given):
        if not among(name, ("world.", *OF_MODELS, *FACTORS)) or given[name] == before.get(name):
            continue
        if not among(name, able):
            raise CallError(
                f"--set {name}: a what-if takes the {'borrowers and their past' if dated else 'clients'} as they "
                f"are and cannot change this; of this book it can change "
                f"{', '.join(one + '*' if one.endswith('.') else one for one in able)}."
            )
        if name not in before:
            raise CallError(f"--set {name}: the book was made without this parameter; make the book again.")
        told.append(Change(name, before[name], given[name]))
    return tuple(told)


def among(name: str, able: Sequence[str]) -> bool:
    """Whether a parameter is one of those named, or lies in one of the groups, which end in a dot."""
    return any(name.startswith(one) if one.endswith(".") else name == one for one in able)
