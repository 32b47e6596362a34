"""Two models on one book: each decides, both are measured on the same requests, and what changes is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commandline import Console
from data.errors import CallError, DataFault
from settings import Settings
from stages.books import matrices
from stages.models import cohorts, score_reviews

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from data.book import Book
    from explanations.cohorts import Cohorts
    from explanations.comparison.result import Comparison
    from features.matrix import Matrix
    from models.boosted import Floats
    from models.limit_model import LimitModel
    from models.logistic_scorecard import LogisticScorecard
    from models.release_model import Releasing
    from training.home import ModelKind
    from training.tracking import Store

SCORECARD = "scorecard"
"""What the benchmark is called in a call."""
STEPS = 60


@dataclass(frozen=True)
class Named:
    """A model as a call names it; the scorecard is there once it is fitted."""

    name: str
    model: Any


def named_models(
    store: Store, book: Book, champion: str, challenger: str, settings: Settings
) -> tuple[Named, Named]:
    """The two models that a call names.

    Raises:
        CallError: One does not exist, they are of two kinds, neither was trained on the book, or one cannot be judged
            on it.
        DataFault: One is damaged.
    """
    from features.catalogue import catalogue_of
    from training.periods import require_same_splits
    from training.registry import load_either

    pair = tuple(
        Named(name, None if name == SCORECARD else load_either(store, name))
        for name in (champion, challenger)
    )
    known: list[tuple[str, Any]] = [(one.name, one.model) for one in pair if one.model is not None]
    if not known:
        raise CallError("the scorecard cannot be compared with itself; name a release model beside it.")
    if len({kind_of(one) for one in pair}) > 1:
        raise CallError(
            f"{champion} is a {kind_of(pair[0])} model and {challenger} a {kind_of(pair[1])} model; name two of a kind."
        )
    catalogue = catalogue_of(book)
    features = catalogue.limit if kind_of(pair[0]) == "limit" else catalogue.release
    for name, model in known:
        try:
            model.require(features)
        except DataFault as error:
            raise CallError(f"{name} is a model of another book: {error}") from error
        require_same_splits(model, book, settings.training)
    if all(model.origin.book_digest != book.digest for _, model in known):
        names = " and ".join(dict.fromkeys(name for name, _ in known))
        raise CallError(
            f"{names}: trained on another book (digest {known[0][1].origin.book_digest[:12]}) than {book.path} "
            f"(digest {book.digest[:12]}); name a model of this book, or that book."
        )
    return pair[0], pair[1]


def kind_of(named: Named) -> str:
    """`limit` or `release`; the scorecard decides on releases."""
    from models.limit_model import LimitModel

    return "limit" if isinstance(named.model, LimitModel) else "release"


def compare(
    store: Store,
    book: Book,
    pair: tuple[Named, Named],
    beside: str | None,
    settings: Settings,
    console: Console,
) -> tuple[Comparison, LogisticScorecard | None]:
    """Two models on a book, and (release models) the scorecard that stands beside them.

    Args:
        store: Where the model of the other kind is.
        book: The book.
        pair: Champion and challenger.
        beside: URI of the model of the other kind that decides with both; by default the latest of the book.
        settings: Parameters.
        console: Shows progress.

    Raises:
        CallError: There is no model of the other kind, or nothing to compare on.
    """
    from training.registry import latest_model, load_either

    other: ModelKind = "release" if kind_of(pair[0]) == "limit" else "limit"
    found: Any = load_either(store, beside or latest_model(store, other, book.digest))
    if kind_of(Named("", found)) != other:
        raise CallError(f"{beside} is no {other} model; name one that decides beside both.")
    requests, reviews = matrices(book, settings, console)
    if other == "release":
        limits = [judged_limit(one.name, one.model, book, requests, reviews, found, settings) for one in pair]
        return compare_limits(book, requests, reviews, limits[0], limits[1], settings, console), None
    limit_score = score_reviews(reviews, found)
    card = fit_scorecard(book, requests, settings, console)
    releases = [
        judged_release(one.name, one.model or card, book, requests, reviews, limit_score, settings)
        for one in pair
    ]
    return compare_releases(book, requests, releases[0], releases[1], card, settings, console), card


@dataclass(frozen=True)
class Judged:
    """A model with its decisions on every request of a book.

    Attributes:
        name: What the call names it.
        model: The model that is compared.
        score: Its score of each row that it scores (log-odds of requests, log-RMB of reviews).
        decided: Decisions on all requests (see `models.decisions`).
        cohorts: Who is judged, and who is in conflict.
    """

    name: str
    model: Any
    score: Floats
    decided: pd.DataFrame
    cohorts: Cohorts


def fit_scorecard(book: Book, requests: Matrix, settings: Settings, console: Console) -> LogisticScorecard:
    """Fits the logistic scorecard that stands beside the release model."""
    from training.logistic_fit import fit_scorecard_on

    with console.step("Fitting the logistic scorecard"):
        return fit_scorecard_on(
            book, requests, settings.training, settings.models.calibration, settings.governance.benchmark
        )


def judged_release(
    name: str,
    model: Releasing,
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit_score: Floats,
    settings: Settings,
) -> Judged:
    """A release model with its decisions."""
    model.require(requests.features)
    margin = model.margin(requests.values)
    decided, members = cohorts(book, requests, reviews, limit_score, model, margin, settings)
    return Judged(name, model, margin, decided, members)


def judged_limit(
    name: str,
    model: LimitModel,
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    release: Releasing,
    settings: Settings,
) -> Judged:
    """A limit model with the decisions that follow from it beside one release model."""
    score = score_reviews(reviews, model)
    margin = release.margin(requests.values)
    decided, members = cohorts(book, requests, reviews, score, release, margin, settings)
    return Judged(name, model, score, decided, members)


def compare_releases(
    book: Book,
    requests: Matrix,
    champion: Judged,
    challenger: Judged,
    benchmark: LogisticScorecard,
    settings: Settings,
    console: Console,
) -> Comparison:
    """Two release models, with the logistic scorecard beside them.

    Raises:
        CallError: The book holds no requests out of time.
    """
    import pandas as pd

    from explanations.comparison.result import BENCHMARK, CHALLENGER, CHAMPION, Comparison
    from training.labels import observed_bad, oracle_bad
    from training.metrics import reliability
    from training.paired import compare_releases
    from training.swap_sets import Decisions, swap_sets, trade_off

    ids, rows = requests.keys["request_id"], champion.cohorts.judged
    _require_judged(book, rows)
    observed, oracle = observed_bad(book, ids), oracle_bad(book, ids)
    margins = {
        CHAMPION: (champion.model, champion.score),
        CHALLENGER: (challenger.model, challenger.score),
        BENCHMARK: (benchmark, benchmark.margin(requests.values)),
    }
    if benchmark in (champion.model, challenger.model):
        del margins[BENCHMARK]  # it stands there already
    probability = {name: model.calibration.pd(score) for name, (model, score) in margins.items()}
    who = requests.keys["borrower_id"].to_numpy("int64")
    measured, calibrated = [], []
    with console.step("Measuring both models on the same draws"):
        for population, outcome in _populations(observed, oracle).items():
            told = rows & (outcome == outcome)
            given = {name: values[told] for name, values in probability.items()}
            measured.append(
                compare_releases(given, outcome[told], who[told], settings.governance.comparison).assign(
                    population=population
                )
            )
            calibrated += [
                reliability(outcome[told], values).assign(population=population, model=name)
                for name, values in given.items()
                if name != BENCHMARK
            ]
    decisions = {
        name: Decisions.of(one.decided[rows])
        for name, one in ((CHAMPION, champion), (CHALLENGER, challenger))
    }
    worth, matured = _worth(book, requests, champion, challenger, observed, oracle, settings)
    known = observed[rows] if oracle is None else oracle[rows]
    swapped = swap_sets(decisions[CHAMPION], decisions[CHALLENGER], worth)
    curves = [trade_off(one, known, STEPS).assign(model=name) for name, one in decisions.items()]
    changed, same = _changes(book, requests, champion, challenger, observed, oracle, settings, console)
    tables = {
        "metrics": _leading(pd.concat(measured, ignore_index=True), "population"),
        "swap_sets": swapped,
        "trade_off": _leading(pd.concat(curves, ignore_index=True), "model"),
        **changed,
        "calibration": _leading(pd.concat(calibrated, ignore_index=True), "population", "model"),
        "stability": _stability(
            book, requests, {name: score for name, (_, score) in margins.items()}, settings
        ),
    }
    summary = _summary("release", book, champion, challenger, settings) | {
        "benchmark": {"digest": benchmark.digest, "features": list(benchmark.used)},
        "outcomes_12m": matured,
        "same_reason": same,
    }
    return Comparison(summary, tables)


def compare_limits(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    champion: Judged,
    challenger: Judged,
    settings: Settings,
    console: Console,
) -> Comparison:
    """Two limit models beside one release model.

    Raises:
        CallError: The book holds no requests or no reviews out of time.
    """
    import numpy as np
    import pandas as pd

    from explanations.comparison.changes import conflict_changes
    from explanations.comparison.result import CHALLENGER, CHAMPION, Comparison
    from training.from_book import log_limit
    from training.labels import observed_bad, oracle_bad
    from training.paired import compare_limits
    from training.periods import review_splits
    from training.ranking import limit_by_decile
    from training.splits import OUT_OF_TIME

    ids, assessed = requests.keys["request_id"], log_limit(reviews.keys)
    _require_judged(book, champion.cohorts.judged)
    rows = np.asarray(review_splits(book, reviews.keys, settings.training) == OUT_OF_TIME) & np.isfinite(
        assessed
    )
    _require_judged(book, rows)
    scores = {CHAMPION: champion.score, CHALLENGER: challenger.score}
    who = reviews.keys["borrower_id"].to_numpy(np.int64)[rows]
    with console.step("Measuring both models on the same draws"):
        measured = compare_limits(
            {name: score[rows] for name, score in scores.items()},
            assessed[rows],
            who,
            settings.governance.comparison,
        )
    deciles = [
        limit_by_decile(assessed[rows], score[rows]).assign(model=name) for name, score in scores.items()
    ]
    tables = {
        "metrics": _leading(measured.assign(population="reviews"), "population"),
        "conflicts": conflict_changes(
            champion.decided,
            challenger.decided,
            (champion.cohorts, challenger.cohorts),
            observed_bad(book, ids),
            oracle_bad(book, ids),
        ),
        "calibration": _leading(pd.concat(deciles, ignore_index=True), "model"),
        "stability": _stability(book, reviews, scores, settings),
    }
    return Comparison(_summary("limit", book, champion, challenger, settings), tables)


def _require_judged(book: Book, rows: NDArray[np.bool_]) -> None:
    if not rows.any():
        raise CallError(
            f"{book.path} holds nothing out of time to compare models on; take a longer or larger book."
        )


def _populations(observed: Floats, oracle: Floats | None) -> dict[str, Floats]:
    from training.metrics import ORACLE, RELEASED

    return {RELEASED: observed} | ({} if oracle is None else {ORACLE: oracle})


def _leading(table: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The table with some columns first."""
    return table[[*columns, *(name for name in table if name not in columns)]]


def _worth(
    book: Book,
    requests: Matrix,
    champion: Judged,
    challenger: Judged,
    observed: Floats,
    oracle: Floats | None,
    settings: Settings,
) -> tuple[Any, dict[str, int]]:
    """What each judged request comes to, and how many matured outcomes tell the PD of 90+ within 12 months.

    That PD is the mean of what both models say: a model that judged its own choices would always like them.
    """
    import numpy as np

    from models.economics import expected_loss, fit_pd_12m, profit
    from training.labels import observed_bad_12m
    from training.periods import request_splits
    from training.splits import TRAIN
    from training.swap_sets import Worth

    rows, economics = champion.cohorts.judged, settings.economics
    keys = champion.decided[rows]
    pd_12m, matured = [], {"known": 0, "bad": 0}
    later = np.zeros(len(rows), dtype=bool)
    if book.dated:
        bad_12m = observed_bad_12m(book, requests.keys["request_id"])
        # What the models were grown on they rank too well.
        later = ~np.isnan(bad_12m) & np.asarray(
            request_splits(book, requests.keys, settings.training) != TRAIN
        )
        later &= requests.keys["month"].to_numpy() >= 1
        matured = {"known": int(later.sum()), "bad": int(bad_12m[later].sum())}
    for one in (champion, challenger):
        try:
            line = (
                fit_pd_12m(one.score[later], bad_12m[later], settings.models.calibration)
                if later.any()
                else None
            )
        except DataFault:
            line = None  # too few to tell: the PD itself stands for it, which the page says
        pd_12m.append((line or one.model.calibration).pd(one.score[rows]))
        if line is None:
            matured = matured | {"bad": 0}
    mean = np.mean(pd_12m, axis=0)
    limit = keys["limit_recorded"].to_numpy(np.float64)
    # A client of a book without requests draws what he was granted.
    amount = keys["amount"].to_numpy(np.float64)
    amount = np.where(np.isnan(amount), limit, amount)
    apr, term = (
        keys[name].to_numpy(np.float64) if name in keys else np.full(len(keys), float(usual))
        for name, usual in (("apr", economics.apr), ("term", economics.term))
    )
    lost, earned = expected_loss(mean, amount, economics), profit(mean, amount, apr, term, economics)
    truth = None if oracle is None else oracle[rows]
    return Worth(observed[rows], truth, limit, amount, lost, earned), matured


def _changes(
    book: Book,
    requests: Matrix,
    champion: Judged,
    challenger: Judged,
    observed: Floats,
    oracle: Floats | None,
    settings: Settings,
    console: Console,
) -> tuple[dict[str, pd.DataFrame], dict[str, int]]:
    """Tables of conflicts and reasons, and how many conflicts of both keep their principal reason."""
    from explanations.comparison.changes import conflict_changes, reason_changes

    members = (champion.cohorts, challenger.cohorts)
    conflicts = conflict_changes(champion.decided, challenger.decided, members, observed, oracle)
    with console.step("Giving both models' refusals their reasons"):
        reasons = [_first_reasons(book, requests, one, settings) for one in (champion, challenger)]
    both = members[0].conflict & members[1].conflict
    shared = (both[members[0].conflict], both[members[1].conflict])
    table = reason_changes(reasons[0], reasons[1], shared)
    return {"conflicts": conflicts, "reasons": table}, {
        "same": int(table["same"].sum()),
        "of": int(both.sum()),
    }


def _first_reasons(book: Book, requests: Matrix, one: Judged, settings: Settings) -> NDArray[np.object_]:
    import numpy as np

    from explanations.comparison.changes import first_reasons
    from explanations.kernel.contrast import contributions
    from explanations.reasons.refusals import refusals_of
    from features.catalogue import catalogue_of
    from models.logistic_scorecard import LogisticScorecard

    members = one.cohorts
    if not members.conflict.any() or not members.reference.any():
        return np.full(int(members.conflict.sum()), "", dtype=object)
    values, released = requests.values[members.conflict], requests.values[members.reference]
    if isinstance(one.model, LogisticScorecard):
        pushes = one.model.contributions(values, released)
    else:
        pushes, _ = contributions(one.model.booster, values, released)
    catalogue, conflicts = catalogue_of(book), one.decided[members.conflict].reset_index(drop=True)
    refusals = refusals_of(book, conflicts, one.model, catalogue, settings.models.policy)
    broken = refusals.broken(values, slice(None))
    least = settings.explanations.reasons.least_share
    return first_reasons(catalogue, values, released, pushes, conflicts["refused_by"], broken, least)


def _stability(book: Book, matrix: Matrix, scores: dict[str, Floats], settings: Settings) -> pd.DataFrame:
    """Index of each score out of time, as a whole (month 0) and by month of history, against the training period."""
    import numpy as np
    import pandas as pd

    from training.periods import request_splits, review_splits
    from training.splits import OUT_OF_TIME, TRAIN
    from training.stability import psi_by_month

    of_requests = "request_id" in matrix.keys
    split = (request_splits if of_requests else review_splits)(book, matrix.keys, settings.training)
    base, later = np.asarray(split == TRAIN), np.asarray(split == OUT_OF_TIME)
    parts = []
    for name, score in scores.items():
        parts.append(psi_by_month(score, np.where(later, 0, -1), base, [0]).assign(model=name))
        if book.dated:
            month, periods = matrix.keys["month"].to_numpy(np.int64), settings.training.periods
            months = range(periods.calibration_until + 1, periods.out_of_time_until + 1)
            parts.append(psi_by_month(score, month, base, months).assign(model=name))
    return _leading(pd.concat(parts, ignore_index=True), "model")


def _summary(
    kind: str, book: Book, champion: Judged, challenger: Judged, settings: Settings
) -> dict[str, Any]:
    members = champion.cohorts, challenger.cohorts
    rows, both = members[0].judged, members[0].conflict & members[1].conflict
    dates = champion.decided.loc[rows, "requested_on"] if book.dated else None
    parameters = {"governance": settings.governance.model_dump(mode="json")}
    parameters |= {"economics": settings.economics.model_dump(mode="json")}
    return {
        "kind": kind,
        **book.facts,
        "period": {
            "from": None if dates is None else f"{dates.min():%Y-%m-%d}",
            "to": None if dates is None else f"{dates.max():%Y-%m-%d}",
        },
        "models": {
            part: {
                "named": one.name,
                "digest": one.model.digest,
                "book_digest": one.model.origin.book_digest,
            }
            for part, one in (("champion", champion), ("challenger", challenger))
        },
        "counts": {
            "requests": int(rows.sum()),
            "released": {
                part: int((rows & ~one.decided["refused"].to_numpy(bool)).sum())
                for part, one in (("champion", champion), ("challenger", challenger))
            },
            "favoured": {
                part: int((one.conflict | one.reference).sum())
                for part, one in zip(("champion", "challenger"), members, strict=True)
            },
            "conflicts": {
                "champion": int(members[0].conflict.sum()),
                "challenger": int(members[1].conflict.sum()),
                "both": int(both.sum()),
            },
        },
        "parameters": parameters,
    }
