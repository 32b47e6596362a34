"""Books as stages take them: opened, simulated, read into matrices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from commandline import Console
from data.errors import CallError
from settings import Settings, code_and_libraries

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from data.blocks import Engine
    from data.book import Book
    from features.matrix import Kind, Matrix


def open_verified(path: Path) -> Book:
    """The book in a folder, its parts held against their digests."""
    from data.book import open_book

    book = open_book(path)
    book.verify()
    return book


def require_simulated(book: Book, why: str) -> None:
    """Raises CallError where the book is not a simulated one."""
    if book.manifest.source != "simulated":
        raise CallError(f"{book.path} is not a simulated book: {why}.")


def book_folder(settings: Settings, home: Path) -> Path:
    """Where the main job keeps the book that it simulates."""
    made = settings.simulation
    return home / "books" / f"{made.scenario}-{made.borrowers}x{made.months}-seed{made.seed}"


def simulate(
    settings: Settings, out: Path, console: Console, engine: Engine | None = None, resume: bool = True
) -> Book:
    """Makes the synthetic book that the parameters describe.

    Blocks of the same world that a process which died has made with the same code and libraries are taken up, unless
    `resume` is False.
    """
    from data.simulate import simulate_book

    made, blocks = settings.simulation, settings.blocks
    count = -(-made.borrowers // blocks.size)
    with console.step(f"Simulating {made.borrowers:,} borrowers, {made.months} months", count) as move:
        return simulate_book(
            out=out,
            borrowers=made.borrowers,
            months=made.months,
            seed=made.seed,
            scenario=made.scenario,
            world=settings.world,
            block_size=blocks.size,
            engine=engine or blocks.local,
            track=console.track(move),
            made_by=code_and_libraries() if resume else None,
            taken_up=lambda done: console.note(
                f"Taking up {done} of {count} blocks that an earlier call has made."
            ),
        )


def matrices(
    book: Book,
    settings: Settings,
    console: Console,
    engine: Engine | None = None,
    kinds: tuple[Kind, ...] = ("request", "review"),
) -> tuple[Matrix, ...]:
    """The snapshots of all requests and reviews of a book, a matrix for each kind that is asked for.

    Reviews of a dated book that have a part in nothing (before history begins) are left out.
    """
    from features.matrix import whole_matrices
    from training.periods import first_month_of_reviews

    with console.step(f"Reading what was visible at each {' and '.join(kinds)}", book.blocks) as move:
        made = whole_matrices(
            book,
            kinds,
            settings.features,
            engine or settings.blocks.local,
            console.track(move),
            first_month_of_reviews(settings.training.periods, settings.models.favoured.window_days),
        )
    book.require_unchanged()
    return made


@contextmanager
def excerpt_of(book: Book, borrowers: NDArray[np.int64], console: Console, engine: Engine) -> Iterator[Book]:
    """The book of some borrowers alone, for stages that read them again and again; the same rows, read once for all.

    It is the book itself where it has no dates, and where workers elsewhere might not see a folder of this machine.
    """
    if not book.dated or engine.elsewhere or not len(borrowers):
        yield book
        return
    from contextlib import ExitStack

    from data.excerpt import excerpt

    with ExitStack() as open_until_the_end:
        with console.step("Picking out the borrowers in conflict") as move:
            found = excerpt(book, borrowers, engine, console.track(move))
            part = open_until_the_end.enter_context(found)
        yield part
