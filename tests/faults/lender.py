"""What faults are tried on: a small lender, its files, and how the stages are called on it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from tests.faults.children import Ended, call

BORROWERS, BLOCK = 1_000, 250
FAST = (
    *(
        "training.limit.rounds=8",
        "training.release.rounds=8",
        "training.limit.patience=8",
        "training.release.patience=8",
    ),
    *("explanations.reasons.refits=0", "explanations.checked_conflicts=0", "explanations.bootstrap_draws=20"),
    *("explanations.cause_draws=1", "explanations.recourse.conflicts=3", "explanations.cases=5"),
    *("governance.comparison.draws=20", "blocks.processes=1"),
)
"""Parameters that make little work of each stage: a kill is to cost seconds, in the same code as ever."""


@dataclass(frozen=True)
class Lender:
    """A folder with a book, a home with models, and a file of applicants, on which one stage is tried.

    Attributes:
        folder: Where everything lies.
        seed: Seed of the book.
    """

    folder: Path
    seed: int = 5

    @property
    def home(self) -> Path:
        """The home."""
        return self.folder / "home"

    @property
    def book(self) -> Path:
        """The book."""
        return self.folder / "book"

    @property
    def log(self) -> Path:
        """What calls say."""
        return self.folder / "said.txt"

    def call(self, *words: object, after: float | None = None) -> Ended:
        """Calls a stage with little work to do; see `faults.children.call`."""
        return call([*words, *(f"--set={change}" for change in FAST)], self.log, after)

    def must(self, *words: object) -> Ended:
        """The same for a call that must end well."""
        ended = self.call(*words)
        if ended.status:
            raise RuntimeError(
                f"{' '.join(map(str, words))} ended with {ended.status}:\n{ended.said[-3000:]}"
            )
        return ended

    def simulate(self, out: Path | None = None) -> tuple[object, ...]:
        """The call that makes the book."""
        to = out or self.book
        return (
            "simulate",
            "--set",
            f"blocks.size={BLOCK}",
            "--borrowers",
            BORROWERS,
            "--seed",
            self.seed,
            "--out",
            to,
            "--home",
            self.home,
            "--quiet",
        )

    def train(self) -> tuple[object, ...]:
        """The call that trains both models."""
        return ("train", "all", "--book", self.book, "--home", self.home, "--quiet")


def temporaries(lender: Lender) -> Path:
    """A folder of temporary files for all that follows in this process, so that what is left in it can be told."""
    import tempfile

    place = lender.folder / "tmp"
    place.mkdir(exist_ok=True)
    tempfile.tempdir = os.environ["TMPDIR"] = str(place)
    return place
