"""A later period held against the one in which the models were judged."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from commandline import Console
from data.errors import CallError
from settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from data.blocks import Engine
    from data.book import Book
    from explanations.cohorts import Cohorts
    from explanations.explain import Evidence
    from models.boosted import Floats
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel
    from training.drift import Check

    Flags = NDArray[np.bool_]


def baseline_of(
    evidence: Evidence,
    book: Book,
    members: Cohorts,
    margin: Floats,
    limit: LimitModel,
    settings: Settings,
    console: Console,
    engine: Engine | None = None,
) -> dict[str, Any]:
    """What is kept of the period in which the models are judged, for `monitor` to hold later ones against."""
    import numpy as np

    from data.months import month_start
    from training.periods import review_splits
    from training.profile import Seen, profile_of
    from training.splits import OUT_OF_TIME

    decided, chosen = evidence.decided, settings.monitoring
    seen = Seen(
        requests=evidence.requests,
        margin=margin,
        probability=evidence.release.calibration.pd(margin),
        asked=members.judged,
        # A later period is judged by the models alone, so this one is, too.
        favoured=decided["favoured_model"].to_numpy(bool),
        refused=decided["refused_model"].to_numpy(bool),
        bad=np.where(members.judged, evidence.observed_bad, math.nan),
        reviews=evidence.reviews,
        limit_score=evidence.limit_score,
        reviewed=review_splits(book, evidence.reviews.keys, settings.training) == OUT_OF_TIME,
    )
    told: dict[str, Any] = {
        "profile": profile_of(seen, _monitored(book, limit, evidence.release), chosen.rows),
        "models": {"limit": limit.digest, "release": evidence.release.digest},
        "trained_on": {"limit": limit.origin.book_digest, "release": evidence.release.origin.book_digest},
        "book_digest": book.digest,
        "period": None,
        "delays": None,
    }
    if not book.dated:
        favoured = decided.loc[decided["favoured_model"].to_numpy(bool), "limit_score"]
        least = float(favoured.min()) if len(favoured) else None
        return told | {"cutoff": float(decided["cutoff"].iloc[0]), "favoured_from": least}
    periods, first_month = settings.training.periods, str(book.manifest.first_month)
    first = int(month_start(periods.calibration_until + 1, first_month))
    last = int(month_start(periods.out_of_time_until + 1, first_month)) - 1
    with console.step("Reading how late data arrive") as move:
        delays = _delays(book, first, last, settings, console, move, engine)
    return told | {"period": _period(first, last), "delays": delays}


@dataclass(frozen=True)
class Monitored:
    """What was found.

    Attributes:
        checks: Every figure with its threshold.
        about: Periods, rows and digests, JSON-ready.
    """

    checks: list[Check]
    about: dict[str, Any]


def monitor(
    book: Book,
    day: pd.Timestamp | None,
    before: dict[str, Any],
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
    console: Console,
    engine: Engine | None = None,
) -> Monitored:
    """A period of a book held against what was kept of an earlier one (`baseline_of`).

    Args:
        book: The book of the period.
        day: The period's last day; None where the book has no dates, so that all its clients are looked at.
        before: What was kept.
        limit: The limit model that was judged then.
        release: The release model that was.
        settings: Thresholds, and how books are read.
        console: Where progress is shown.
        engine: Where blocks are worked on.

    Raises:
        CallError: One has dates and the other has none, or the period holds no request.
    """
    from training.drift import checks_of
    from training.profile import profile_of

    if book.dated != (before["period"] is not None):
        raise CallError(
            f"{book.path} {'has' if book.dated else 'has no'} dates, what it is held against is the other way round: "
            "name a book of the same kind."
        )
    chosen = settings.monitoring
    if day is None:
        seen, period, outcomes = _clients(book, before, limit, release, settings, console), None, None
    else:
        seen, period, outcomes = _window(book, day, limit, release, settings, console, engine)
    if not seen.asked.any():
        raise CallError(
            f"{book.path} holds no requests of the months that are monitored; name another day or more months."
        )
    now = profile_of(seen, _monitored(book, limit, release), chosen.rows, before["profile"])
    delays = None
    if period is not None:
        with console.step("Reading how late data arrive") as move:
            delays = before["delays"], _delays(book, *period, settings, console, move, engine)
    about = {
        "book_digest": book.digest,
        "models": before["models"],
        "period": None if period is None else _period(*period),
        "outcomes_of": None if outcomes is None else _period(*outcomes),
        "requests": now["requests"],
        "reviews": now["reviews"],
        "known": int(now["outcomes"]["known"]),
        "against": {name: before[name] for name in ("book_digest", "period")}
        | {name: before["profile"][name] for name in ("requests", "reviews")},
        "thresholds": chosen.model_dump(mode="json"),
    }
    return Monitored(checks_of(before["profile"], now, delays, chosen), about)


def _window(
    book: Book,
    day: pd.Timestamp,
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
    console: Console,
    engine: Engine | None,
) -> tuple[Any, tuple[int, int], tuple[int, int]]:
    """What both models see in the last months of a dated book, its days, and those whose outcomes are judged."""
    import numpy as np
    import pandas as pd

    from data.months import month_index, to_days
    from features.matrix import whole_matrices
    from models.decisions import decide_requests
    from training.labels import observed_bad
    from training.profile import Seen

    chosen, periods = settings.monitoring, settings.training.periods
    last, first = _days_of(day, chosen.months)
    matured = day - pd.Timedelta(days=periods.label_days)
    known_last, known_first = _days_of(matured, chosen.outcome_months)
    first_month = str(book.manifest.first_month)
    since = int(month_index(np.array([min(first, known_first)], dtype=np.int32), first_month)[0])
    back = math.ceil(settings.models.favoured.window_days / 28)  # no month is shorter
    with console.step("Reading what was visible at each request and review", book.blocks) as move:
        requests, reviews = whole_matrices(
            book,
            ("request", "review"),
            settings.features,
            engine or settings.blocks.local,
            console.track(move),
            since=since - back,
            asked_since=since,
        )
    if not len(requests.keys):
        raise CallError(
            f"{book.path} holds no requests of the months that are monitored; name another day or more months."
        )
    margin, limit_score = release.margin(requests.values), limit.score(reviews.values)
    nowhere = np.zeros(len(margin), dtype=bool)
    decided = decide_requests(book, requests, reviews, limit_score, release, margin, nowhere, settings.models)
    on, reviewed_on = to_days(requests.keys["requested_on"]), to_days(reviews.keys["reviewed_on"])
    bad = observed_bad(book, requests.keys["request_id"])
    held_out = np.ones(len(on), dtype=bool)
    if release.origin.book_digest in (
        book.digest,
        *book.ancestors,
    ):  # nothing is judged that the model was made of
        held_out = month_index(on, first_month) > periods.calibration_until
    judged = (on >= known_first) & (on <= known_last) & held_out
    seen = Seen(
        requests=requests,
        margin=margin,
        probability=release.calibration.pd(margin),
        asked=(on >= first) & (on <= last),
        favoured=decided["favoured"].to_numpy(bool),
        refused=decided["refused"].to_numpy(bool),
        bad=np.where(judged, bad, math.nan),
        reviews=reviews,
        limit_score=limit_score,
        reviewed=(reviewed_on >= first) & (reviewed_on <= last),
    )
    return seen, (first, last), (known_first, known_last)


def _clients(
    book: Book,
    before: dict[str, Any],
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
    console: Console,
) -> Any:
    """What both models see of the clients of a book without dates, under the cut-offs that were in force before.

    Of the book that the models were fitted on, those held out alone.
    """
    import numpy as np

    from models.decisions import undecidable
    from stages.books import matrices
    from training.labels import observed_bad
    from training.periods import request_splits, review_splits
    from training.profile import Seen
    from training.splits import OUT_OF_TIME

    requests, reviews = matrices(book, settings, console)
    limit.require(reviews.features)
    release.require(requests.features)
    margin, limit_score = release.margin(requests.values), limit.score(reviews.values)
    probability = release.calibration.pd(margin)
    asked, reviewed = np.ones(len(margin), dtype=bool), np.ones(len(limit_score), dtype=bool)
    if release.origin.book_digest in (book.digest, *book.ancestors):
        asked = np.asarray(request_splits(book, requests.keys, settings.training) == OUT_OF_TIME)
        reviewed = np.asarray(review_splits(book, reviews.keys, settings.training) == OUT_OF_TIME)
    score = reviews.keys[["borrower_id"]].assign(score=limit_score).set_index("borrower_id")["score"]
    least = math.inf if before["favoured_from"] is None else before["favoured_from"]
    bad = observed_bad(book, requests.keys["request_id"])
    return Seen(
        requests=requests,
        margin=margin,
        probability=probability,
        asked=asked,
        favoured=(requests.keys["borrower_id"].map(score) >= least).to_numpy(bool),
        refused=(probability > before["cutoff"]) | undecidable(book, requests, release),
        bad=np.where(asked, bad, math.nan),
        reviews=reviews,
        limit_score=limit_score,
        reviewed=reviewed,
    )


def _monitored(book: Book, limit: LimitModel, release: ReleaseModel) -> dict[str, list[str]]:
    from features.catalogue import catalogue_of
    from training.profile import monitored_features

    context = [feature.name for feature in catalogue_of(book).features if feature.stream == "context"]
    return {
        "limit": monitored_features(limit, context),
        "release": monitored_features(release, context),
    }


def _delays(
    book: Book,
    first: int,
    last: int,
    settings: Settings,
    console: Console,
    move: Any,
    engine: Engine | None,
) -> dict[str, dict[str, float | None]]:
    from features.arrivals import arrivals

    workers = engine or settings.blocks.local
    return arrivals(book, first, last, settings.monitoring.borrowers, workers, console.track(move))


def _days_of(last: pd.Timestamp, months: int) -> tuple[int, int]:
    """A span of months by its last day, and the first: days since 1970-01-01."""
    import pandas as pd

    from data.months import to_days

    first = last + pd.Timedelta(days=1) - pd.DateOffset(months=months)
    return int(to_days(last)), int(to_days(first))


def _period(first: int, last: int) -> dict[str, str]:
    import numpy as np

    return {"from": f"{np.datetime64(first, 'D')}", "to": f"{np.datetime64(last, 'D')}"}
