"""Whether a version of a model may become the champion: every gate measured on its book."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commandline import Console
from data.errors import CallError, DataFault
from settings import Settings
from stages.comparing import Judged, fit_scorecard, judged_limit, judged_release
from stages.models import score_reviews

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from data.book import Book
    from features.matrix import Matrix
    from models.boosted import Boosted
    from training.gates import Gate
    from training.home import ModelKind
    from training.tracking import Store

DISTRIBUTED = "distributed_workers"
"""What the card of a model tells that was fitted on the workers of a cluster."""


@dataclass(frozen=True)
class Contest:
    """A version that may become the champion, and the models that it is measured with.

    Attributes:
        kind: Which model it is.
        candidate: The version.
        champion: The champion; None where there is none.
        beside: The latest model of the other kind of the book, which decides with it.
    """

    kind: ModelKind
    candidate: Any
    champion: Any
    beside: Any


def contest_of(
    store: Store, book: Book, kind: ModelKind, candidate: str, champion: str | None, settings: Settings
) -> Contest:
    """The models of a promotion, loaded and found fit to be judged on the book.

    Args:
        store: Where the models are.
        book: The book that the candidate was trained on.
        kind: Which model it is.
        candidate: URI of the version.
        champion: URI of the champion; None where there is none.
        settings: Parameters.

    Raises:
        CallError: The candidate was trained on another book, either was trained with other periods, the champion reads
            other features, or no model of the other kind was trained on this book.
        DataFault: A model is damaged.
    """
    from features.catalogue import catalogue_of
    from training.periods import require_same_splits
    from training.registry import latest_model, load_either

    model = load_either(store, candidate)
    require_trained_on(candidate, model, book)
    require_same_splits(model, book, settings.training)
    before = None if champion is None else load_either(store, champion)
    if before is not None:
        catalogue = catalogue_of(book)
        if before.features != (catalogue.release if kind == "release" else catalogue.limit):
            raise CallError(
                f"{champion}, the champion, reads other features than {book.path} holds, so nobody can compare the "
                "two; train the champion's successor on a book of the same features."
            )
        require_same_splits(before, book, settings.training)
    other: ModelKind = "release" if kind == "limit" else "limit"
    return Contest(kind, model, before, load_either(store, latest_model(store, other, book.digest)))


def gates_of(
    contest: Contest, book: Book, requests: Matrix, reviews: Matrix, settings: Settings, console: Console
) -> list[Gate]:
    """What each gate says of the version of a contest on its book."""
    models = (contest.candidate, contest.champion, contest.beside)
    measured = _release_gates if contest.kind == "release" else _limit_gates
    return measured(book, requests, reviews, *models, settings, console)


def require_trained_on(name: str, model: Any, book: Book) -> None:
    """Raises CallError where a model was trained on another book."""
    if model.origin.book_digest != book.digest:
        raise CallError(
            f"{name} was trained on another book (digest {model.origin.book_digest[:12]}) than {book.path} (digest "
            f"{book.digest[:12]}); name that book, or train a model on this one."
        )


def _release_gates(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    model: Any,
    before: Any,
    limit: Any,
    settings: Settings,
    console: Console,
) -> list[Gate]:
    import numpy as np

    from features.catalogue import catalogue_of
    from training import gates
    from training.labels import observed_bad
    from training.paired import compare_releases
    from training.periods import request_splits

    wanted = settings.governance.gates
    one = judged_release("", model, book, requests, reviews, score_reviews(reviews, limit), settings)
    split = request_splits(book, requests.keys, settings.training)
    observed = observed_bad(book, requests.keys["request_id"])
    rows = one.cohorts.judged & ~np.isnan(observed)
    compared = {gates.CHALLENGER: model} | ({} if before is None else {gates.CHAMPION: before})
    compared[gates.BENCHMARK] = fit_scorecard(book, requests, settings, console)
    with console.step("Measuring performance and calibration"):
        metrics = compare_releases(
            {name: each.pd(requests.values[rows]) for name, each in compared.items()},
            observed[rows],
            requests.keys["borrower_id"].to_numpy(np.int64)[rows],
            settings.governance.comparison,
        )
    judged = requests.values[one.cohorts.judged]
    return [
        *gates.release_performance(metrics, wanted),
        gates.calibration(metrics, wanted),
        _stability(one.score, split, settings),
        _monotonicity(model, judged, catalogue_of(book).release_signs, settings, console),
        _fairness(book, one, one.decided["refused"].to_numpy(bool), settings, console),
        _additive(model, judged, model.margin(judged), settings, console),
        _reproducible(book, model, requests, settings, console),
    ]


def _limit_gates(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    model: Any,
    before: Any,
    release: Any,
    settings: Settings,
    console: Console,
) -> list[Gate]:
    import numpy as np

    from features.catalogue import catalogue_of
    from training import gates
    from training.from_book import log_limit
    from training.paired import compare_limits
    from training.periods import review_splits
    from training.splits import OUT_OF_TIME

    wanted = settings.governance.gates
    one = judged_limit("", model, book, requests, reviews, release, settings)
    split, assessed = review_splits(book, reviews.keys, settings.training), log_limit(reviews.keys)
    later = np.asarray(split == OUT_OF_TIME)
    rows = later & np.isfinite(assessed)
    compared = {gates.CHALLENGER: model} | ({} if before is None else {gates.CHAMPION: before})
    with console.step("Measuring performance and calibration"):
        metrics = compare_limits(
            {name: each.score(reviews.values[rows]) for name, each in compared.items()},
            assessed[rows],
            reviews.keys["borrower_id"].to_numpy(np.int64)[rows],
            settings.governance.comparison,
        )
    judged = reviews.values[later]
    return [
        gates.limit_performance(metrics, wanted),
        gates.calibration(metrics, wanted),
        _stability(one.score, split, settings),
        _monotonicity(model, judged, catalogue_of(book).limit_signs, settings, console),
        _fairness(book, one, ~one.decided["favoured"].to_numpy(bool), settings, console),
        _additive(model, judged, model.score(judged), settings, console),
        _reproducible(book, model, reviews, settings, console),
    ]


def _stability(score: Any, split: Any, settings: Settings) -> Gate:
    import numpy as np

    from training import gates
    from training.splits import OUT_OF_TIME, TRAIN
    from training.stability import psi_by_month

    later = np.asarray(split == OUT_OF_TIME)
    table = psi_by_month(score, np.where(later, 0, -1), np.asarray(split == TRAIN), [0])
    index = float(table["psi"].iloc[0]) if len(table) else float("nan")
    return gates.stability(index, settings.governance.gates)


def _monotonicity(model: Boosted, values: Any, signs: Any, settings: Settings, console: Console) -> Gate:
    from models.monotone import monotone
    from training import gates

    rows = settings.governance.gates.monotone_rows
    with console.step("Checking that features push the way they may"):
        return gates.monotonicity(monotone(model, signs, values, rows, settings.training.cards.values))


def _fairness(
    book: Book, one: Judged, refused: NDArray[np.bool_], settings: Settings, console: Console
) -> Gate:
    """Rates of approval (of being favoured) by protected group."""
    from data.protected import protected_attributes
    from explanations.fairness import APPROVAL, fairness
    from training import gates
    from training.labels import observed_bad

    attributes = protected_attributes(book).values
    observed = observed_bad(book, one.decided["request_id"])
    decided = one.decided.assign(refused=refused)
    with console.step("Checking rates by protected group"):
        _, spread = fairness(decided, one.cohorts, observed, None, attributes, settings.explanations)
    told = {
        str(row["attribute"]): (float(row["ratio"]), str(row["lowest"]), str(row["highest"]))
        for row in spread[spread["measure"] == APPROVAL].to_dict("records")
    }
    return gates.fairness(told, settings.governance.gates)


def _additive(model: Boosted, judged: Any, score: Any, settings: Settings, console: Console) -> Gate:
    """Contributions of some rows against as many others, and their sum against the score."""
    import numpy as np

    from data.sampling import spread_places
    from explanations.kernel.contrast import contributions
    from training import gates

    wanted = settings.governance.gates
    at = spread_places(len(judged), wanted.explained)
    with console.step("Checking that explanations add up"):
        try:
            found, base = contributions(model.booster, judged[at], judged[at[::-1]])
        except DataFault:
            return gates.additive(float("inf"), len(at), wanted)
    return gates.additive(float(np.abs(base + found.sum(axis=1) - score[at]).max()), len(at), wanted)


def _reproducible(book: Book, model: Any, matrix: Matrix, settings: Settings, console: Console) -> Gate:
    from training import gates

    if DISTRIBUTED in model.parameters:
        return gates.reproducible(model.digest, None, "it was fitted on the workers of a cluster")
    with console.step("Fitting it again as its card says"):
        try:
            again = _fitted_again(book, model, matrix, settings)
        except (CallError, DataFault, ValueError) as error:
            return gates.reproducible(model.digest, None, str(error).splitlines()[0])
    return gates.reproducible(_identity(model), _identity(again))


def _fitted_again(book: Book, model: Any, matrix: Matrix, settings: Settings) -> Any:
    """The model fitted again with the parameters of its card."""
    from models.limit_model import LimitModel
    from models.parameters import CalibrationParameters
    from training.from_book import fit_limit_on, fit_release_on
    from training.parameters import BoosterParameters, ReleaseFitParameters

    card = dict(model.parameters)
    kind = "limit" if isinstance(model, LimitModel) else "release"
    group = BoosterParameters if kind == "limit" else ReleaseFitParameters
    fit = group(**{name: card[name] for name in group.model_fields if name in card})
    training = settings.training.model_copy(update={kind: fit, "seed": int(card["seed"])})
    if kind == "limit":
        return fit_limit_on(book, matrix, training)
    calibrate = CalibrationParameters(slope_spread=card["slope_spread"])
    return fit_release_on(
        book, matrix, training, settings.models.model_copy(update={"calibration": calibrate})
    )


def _identity(model: Any) -> str:
    """Digest of all that a model decides with: its trees, and the calibration where it has one."""
    line = getattr(model, "calibration", None)
    told = model.digest if line is None else f"{model.digest} {line.slope!r} {line.intercept!r}"
    return hashlib.sha256(told.encode()).hexdigest()
