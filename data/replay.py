"""A simulated world lived through again with mechanisms switched off: who asks for what stays as it was."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.block import OUR_ID_MONTHS
from data.book import Book
from data.errors import CallError
from data.mechanisms import MECHANISMS
from data.script import Script
from data.simulate import write_world
from data.states import world_of


def script_of(book: Book, borrowers: NDArray[np.int64]) -> Script:
    """The requests of some borrowers of a simulated book, as they were made and decided.

    Args:
        book: A simulated book.
        borrowers: Ids of the borrowers.
    """
    requests = book.whole("draw_requests")
    requests = requests[requests["borrower_id"].isin(borrowers)]
    who = requests["borrower_id"].to_numpy()
    system, executed = (
        (requests[f"decision_{name}"].astype(str) == "refuse").to_numpy() for name in ("system", "executed")
    )
    at_random = requests["random_release"].to_numpy(bool)
    return Script(
        borrower_id=who,
        position=requests["request_id"].to_numpy() - who * OUR_ID_MONTHS,
        amount=requests["amount"].to_numpy(np.float64),
        term=requests["term"].to_numpy(np.int8),
        apr=requests["apr"].to_numpy(np.float64),
        refuse_system=system,
        refuse_executed=executed,
        random_release=at_random,
        slip=(system != executed) & ~at_random,
    )


def replay(
    book: Book,
    script: Script,
    mechanisms: Collection[str],
    out: Path,
    capacity_shown: bool = False,
) -> Book:
    """The book that the borrowers of a script leave in the same world with only some mechanisms on.

    Random numbers are those of the first life, so that only what a mechanism acts on is different; with all
    mechanisms on every row of these borrowers is as it was. Requests, their amounts and decisions are held
    fixed; limits, borrowing elsewhere, repayment and what shows of them follow the new world.

    Args:
        book: A simulated book.
        script: Requests of the borrowers to follow (`script_of`).
        mechanisms: Those that stay on (names of `MECHANISMS`); a mechanism off in the book cannot be switched on.
        out: Folder for the new book.
        capacity_shown: Whether streams of consumption and income show capacity instead of behaviour.

    Raises:
        CallError: The book is not a simulated one.
    """
    said, world = book.manifest, world_of(book)
    if said.seed is None or said.scenario is None or said.months is None:
        raise CallError(f"{book.path} does not tell its seed, scenario and months; make the book again.")
    on = {name: name in mechanisms and getattr(world.mechanisms, name) for name in MECHANISMS}
    changed = world.model_copy(update={"mechanisms": world.mechanisms.model_copy(update=on)})
    ids = np.unique(script.borrower_id)
    shown = replace(script, capacity_shown=capacity_shown)
    return write_world(out, [ids], said.months, said.seed, said.scenario, changed, script=shown)
