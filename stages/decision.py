"""The decision model: written from both models, the policy, and the reference of the reasons."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from commandline import Console
from settings import Settings
from stages.models import cohorts

if TYPE_CHECKING:
    from data.book import Book
    from features.matrix import Matrix
    from models.boosted import Floats
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel
    from training.tracking import DecisionFiles


@contextmanager
def decision_files(
    book: Book,
    requests: Matrix | None,
    reviews: Matrix | None,
    limit: LimitModel | None,
    limit_score: Floats | None,
    release: ReleaseModel | None,
    margin: Floats | None,
    settings: Settings,
    console: Console,
) -> Iterator[DecisionFiles | None]:
    """What the decision model of a book is logged from, in a folder that goes with the block.

    None where only one of its two models is given.
    """
    if requests is None or reviews is None or limit is None or release is None:
        yield None
        return
    assert limit_score is not None
    assert margin is not None
    import tempfile
    from pathlib import Path

    import scoring
    from scoring.carried import folder_digest, write_decision
    from training.home import DECISION
    from training.tracking import DecisionFiles

    with tempfile.TemporaryDirectory(prefix="releasegap-") as name:
        folder = Path(name, DECISION)  # MLflow keeps it under this name
        folder.mkdir()
        with console.step("Putting the decision model together"):
            decided, members = cohorts(book, requests, reviews, limit_score, release, margin, settings)
            write_decision(
                folder,
                book,
                limit,
                release,
                requests.values[members.reference],
                float(decided["cutoff"].iloc[0]),
                settings.models.policy,
                settings.explanations.reasons,
            )
        yield DecisionFiles(
            code=Path(scoring.__file__).with_name("decision.py"),
            folder=folder,
            digest=folder_digest(folder),
            features=tuple(dict.fromkeys((*limit.features, *release.features))),
            by_region=book.dated,
        )
