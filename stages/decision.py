"""The decision model: written from both models, the policy, and the reference of the reasons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from commandline import Console
from stages.scored_book import ScoredBook

if TYPE_CHECKING:
    from training.runs import DecisionFiles


@contextmanager
def decision_files(both: ScoredBook | None, console: Console) -> Iterator[DecisionFiles | None]:
    """What the decision model of a book is logged from, in a folder that goes with the block.

    None where only one of its two models is given.
    """
    if both is None:
        yield None
        return
    import tempfile
    from pathlib import Path

    import scoring
    from scoring.carried import folder_digest, write_decision
    from training.home import DECISION
    from training.runs import DecisionFiles

    with tempfile.TemporaryDirectory(prefix="releasegap-") as name:
        folder = Path(name, DECISION)  # MLflow keeps it under this name
        folder.mkdir()
        with console.step("Putting the decision model together"):
            write_decision(
                folder,
                both.book,
                both.limit,
                both.release,
                both.requests.values[both.members.reference],
                float(both.decided["cutoff"].iloc[0]),
                both.settings.models.policy,
                both.settings.explanations.reasons,
            )
        yield DecisionFiles(
            code=Path(scoring.__file__).with_name("decision.py"),
            folder=folder,
            digest=folder_digest(folder),
            features=tuple(dict.fromkeys((*both.limit.features, *both.release.features))),
            by_region=both.book.dated,
        )
