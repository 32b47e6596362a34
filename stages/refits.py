"""The release model fitted again with other seeds, while other work goes on: whether reasons depend on the fit."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING

from stages.models import as_fitted

if TYPE_CHECKING:
    from models.release_model import ReleaseModel
    from stages.scored_book import ScoredBook

Refits = Sequence["Future[ReleaseModel | None]"]
"""By seed the fit under way; it gives None for a seed with which nothing can be fitted."""


class GivenUp(Exception):
    """Ends a fit that nobody waits for."""


@contextmanager
def refits_begun(both: ScoredBook) -> Iterator[Refits]:
    """The release model fitted again on its book as its card says, on so many requests at most, from here on.

    There are none where the model was fitted on another book, nobody is in conflict, or no reason may be told. Fits
    that are under way when the block ends are given up.
    """
    from explanations.reasons.principal_reasons import any_reason
    from features.catalogue import catalogue_of
    from models.threads import processors

    parameters = both.settings.explanations.reasons
    own = both.release.origin.book_digest == both.book.digest
    told = any_reason(catalogue_of(both.book)) and bool(both.members.conflict.any())
    if not own or not told or not parameters.refits:
        yield ()
        return
    refit, given_up = _refit(both), Event()
    first = as_fitted(both.settings.training, None, both.release).seed + 1
    # Each fit takes one thread; one processor is left to the work that goes on meanwhile.
    with ThreadPoolExecutor(max(1, min(processors() - 1, parameters.refits))) as pool:
        try:
            yield [pool.submit(refit, seed, given_up) for seed in range(first, first + parameters.refits)]
        finally:
            given_up.set()
            pool.shutdown(cancel_futures=True)


def finished(refits: Refits, move: Callable[[int], None]) -> Iterator[ReleaseModel]:
    """The fits in the order of their seeds, each waited for; moves a bar to so many done."""
    for done, fit in enumerate(refits, start=1):
        found = fit.result()
        move(done)
        if found is not None:
            yield found


def _refit(both: ScoredBook) -> Callable[[int, Event], ReleaseModel | None]:
    """Fits the release model with a seed, unless it is given up."""
    from data.errors import DataFault
    from data.sampling import spread_places
    from features.matrix import Matrix
    from training.fitting import grown_on_one_thread
    from training.from_book import fit_release_on

    settings, requests = both.settings, both.requests
    most = settings.explanations.reasons.refit_rows
    if len(requests.values) > most:
        at = spread_places(len(requests.values), most)
        keys = requests.keys.iloc[at].reset_index(drop=True)
        requests = Matrix(keys, requests.values[at], requests.features)
    as_told = as_fitted(settings.training, None, both.release)

    def refit(seed: int, given_up: Event) -> ReleaseModel | None:
        def go_on(done: int, most: int, score: float) -> None:
            if given_up.is_set():
                raise GivenUp

        training = as_told.model_copy(update={"seed": seed})
        try:
            return fit_release_on(
                both.book, requests, training, settings.models, go_on, grow=grown_on_one_thread
            )
        except DataFault:
            return None

    return refit
