"""Intervals of a ranking's figures (AUC, KS, lift by decile), over borrowers with all their requests.

All are linearised: what each request adds to how far the figure may lie off is summed by borrower, and the spread of
these sums is the figure's (the sandwich estimate with clusters, as in `explanations.intervals.cluster_means`). Of the
AUC that is DeLong's interval (doi:10.2307/2531595) with Obuchowski's clusters (doi:10.2307/2533958). Drawing borrowers
says about the same (a test), and takes a thousand sorts of the whole book.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit, ndtri
from scipy.stats import rankdata

from explanations.intervals.proportions import wilson
from models.boosted import Floats

Ends = tuple[float, float]
_UNKNOWN: Ends = (float("nan"), float("nan"))


@dataclass(frozen=True)
class RankingIntervals:
    """Ends of the intervals of a ranking's figures; NaN where too few are bad or good to tell.

    Attributes:
        auc: Of the area under the ROC curve.
        ks: Of the largest distance between the two classes, at the PD at which it is largest.
        lift: Of the lift of each group, in the order of the groups (groups × 2); the edges of the groups stand fast.
    """

    auc: Ends
    ks: Ends
    lift: Floats


def ranking_intervals(
    bad: Floats,
    probability: Floats,
    group: NDArray[np.int64],
    groups: int,
    borrower_id: NDArray[np.int64],
    level: float,
) -> RankingIntervals:
    """Intervals of how well probabilities rank, over borrowers.

    Args:
        bad: 1 bad, 0 good, by request.
        probability: Calibrated PD (0-1) by request.
        group: The request's group of PD, from 0.
        groups: How many groups there are.
        borrower_id: The request's borrower.
        level: Coverage of the intervals.
    """
    who = np.unique(borrower_id, return_inverse=True)[1]
    is_bad = bad > 0
    if min(len(np.unique(who[is_bad])), len(np.unique(who[~is_bad]))) < 2:
        return RankingIntervals(_UNKNOWN, _UNKNOWN, np.full((groups, 2), np.nan))
    reach = float(ndtri((1 + level) / 2))
    lifts = [_lift(bad, group == place, who, reach, level) for place in range(groups)]
    return RankingIntervals(
        _auc(is_bad, probability, who, reach), _ks(is_bad, probability, who, reach), np.array(lifts)
    )


def _auc(is_bad: NDArray[np.bool_], probability: Floats, who: NDArray[np.int64], reach: float) -> Ends:
    """On the scale of log-odds, so that no end lies outside 0 and 1; none where the ranking is perfect."""
    bads, goods = int(is_bad.sum()), int((~is_bad).sum())
    place = rankdata(probability)
    below = (
        place[is_bad] - rankdata(probability[is_bad])
    ) / goods  # share of the good that lie below each bad
    above = 1 - (place[~is_bad] - rankdata(probability[~is_bad])) / bads
    auc = float(below.mean())
    if not 0 < auc < 1:
        return _UNKNOWN
    adds = np.empty(len(probability))
    adds[is_bad], adds[~is_bad] = (below - auc) / bads, (above - auc) / goods
    middle, off = float(logit(auc)), reach * _error(adds, who) / (auc * (1 - auc))
    return float(expit(middle - off)), float(expit(middle + off))


def _ks(is_bad: NDArray[np.bool_], probability: Floats, who: NDArray[np.int64], reach: float) -> Ends:
    """At the PD at which the distance is largest, as if it had been chosen beforehand."""
    from sklearn.metrics import roc_curve

    good_share, bad_share, threshold = roc_curve(is_bad, probability, drop_intermediate=False)
    furthest = int(np.argmax(bad_share - good_share))
    caught = probability >= threshold[furthest]
    adds = np.where(
        is_bad,
        (caught - bad_share[furthest]) / is_bad.sum(),
        (good_share[furthest] - caught) / (~is_bad).sum(),
    )
    gap, off = float(bad_share[furthest] - good_share[furthest]), reach * _error(adds, who)
    return max(gap - off, 0.0), min(gap + off, 1.0)


def _lift(bad: Floats, member: NDArray[np.bool_], who: NDArray[np.int64], reach: float, level: float) -> Ends:
    """On the scale of logs, as of any ratio; where nobody of a group is bad, by Wilson of so many borrowers."""
    usual, bads, rows = float(bad.mean()), float(bad[member].sum()), int(member.sum())
    borrowers = len(np.unique(who[member]))
    if borrowers < 2:
        return _UNKNOWN
    if not bads:
        return 0.0, wilson(0, borrowers, level)[1] / usual
    adds = np.where(member, bad / bads - 1 / rows, 0.0) - (bad / usual - 1) / len(bad)
    lift, off = bads / rows / usual, reach * _error(adds, who)
    return float(lift * np.exp(-off)), float(lift * np.exp(off))


def _error(adds: Floats, who: NDArray[np.int64]) -> float:
    """Standard error of a figure from what each request adds to its deviation, by the sums of borrowers."""
    sums = np.bincount(who, weights=adds)
    return float(np.sqrt(len(sums) / (len(sums) - 1) * np.sum(np.square(sums))))
