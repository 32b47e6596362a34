"""Whether a book is fit to train on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commandline import Console
from settings import Settings
from stages.books import matrices

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from data.book import Book
    from training.readiness import Note


def notes_of(book: Book, settings: Settings, console: Console) -> list[Note]:
    """What to know of a book without faults before models are trained on it."""
    import numpy as np

    from data.protected import protected_attributes
    from training import readiness
    from training.labels import observed_bad
    from training.periods import labels_old_enough, request_splits, review_splits
    from training.splits import OUT_OF_TIME, OUTSIDE, TRAIN

    chosen, training = settings.training.readiness, settings.training
    requests, reviews = matrices(book, settings, console)
    observed = observed_bad(book, requests.keys["request_id"])
    split, of_reviews = (
        np.asarray(found)
        for found in (
            request_splits(book, requests.keys, training),
            review_splits(book, reviews.keys, training),
        )
    )
    both = {"requests": requests, "reviews": reviews}
    periods = {
        "requests": (requests, split == TRAIN, split == OUT_OF_TIME),
        "reviews": (reviews, of_reviews == TRAIN, of_reviews == OUT_OF_TIME),
    }
    with console.step("Looking for what spoils models"):
        found = [*readiness.column_notes(both), *readiness.leak_notes(requests, observed, chosen)]
        if book.dated:
            released = requests.keys["request_id"].isin(_released(book)).to_numpy()
            fitted = (split != OUTSIDE) & (split != OUT_OF_TIME)
            old = labels_old_enough(book, requests.keys, training)
            found += [
                *readiness.maturity_notes(observed, released, old, fitted),
                *readiness.drift_notes(periods, chosen),
            ]
        else:
            found += readiness.duplicate_notes(requests, observed)
        found += readiness.proxy_notes(requests, protected_attributes(book).values, chosen)
    return found


def _released(book: Book) -> NDArray[np.int64]:
    """The requests that were paid out."""
    decided = book.whole("draw_requests", ["request_id", "decision_executed"])
    return decided.loc[decided["decision_executed"] != "refuse", "request_id"].to_numpy()
