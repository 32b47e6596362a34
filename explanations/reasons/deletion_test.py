"""The deletion test of reasons: repair what they name, score again, and see whether the refusal is gone.

The features behind the named reasons are set to the median of those favoured and released, all at once, and the
request is decided again by the same model, calibration, cut-off and rules. If reasons name what refuses, the refusal
goes; as many reasons chosen at random are the baseline. The test is of the model: whether a borrower could get there is
for recourse to say.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.sampling import spread_places
from explanations.explanation import Explanation
from explanations.intervals.bootstrap import share_interval
from explanations.json_numbers import finite
from explanations.parameters import ExplanationParameters
from explanations.reasons.principal_reasons import NONE, UNASSESSED, Found, Groups, conflict_values
from explanations.reasons.refusals import Flags, Refusals
from explanations.report.reason_sentences import NO_ASSESSMENT
from models.boosted import Floats

NAMED, FIRST, RANDOM = "named", "first", "random"
WAYS = (NAMED, FIRST, RANDOM)
"""What is repaired: all named reasons, the first alone, or as many as are named, chosen at random."""


def deletion_test(
    explanation: Explanation, found: Found, refusals: Refusals, parameters: ExplanationParameters
) -> dict[str, Any]:
    """Share of refusals that is gone when what the reasons name is repaired; JSON-ready.

    Refusals by a slip or for want of data are left out: nothing of the borrower refused them. Where there are too many
    others, evenly spread ones are tested.

    Returns:
        tested (refusals), of (from how many), and by way (see `WAYS`) share, low and high (bootstrap over borrowers).
    """
    rows = _testable(explanation, found)
    tested = rows[spread_places(len(rows), parameters.reasons.tested)]
    told: dict[str, Any] = {"tested": len(tested), "of": len(rows)}
    if not len(tested):
        return told
    values, groups, code = (
        conflict_values(explanation)[tested],
        found.groups.of(tested),
        found.given.code[tested],
    )
    gone = np.column_stack(
        [
            _removed(values, named_features(groups, code), groups, refusals, tested),
            _removed(values, named_features(groups, code[:, :1]), groups, refusals, tested),
            _removed_at_random(values, groups, code, refusals, tested, parameters),
        ]
    )
    shares = shares_of(gone, explanation.conflicts["borrower_id"].to_numpy(np.int64)[tested], parameters)
    return told | dict(zip(WAYS, shares, strict=True))


def named_features(groups: Groups, code: NDArray[np.int16]) -> Flags:
    """Which features stand for the named reasons of each request (requests × features)."""
    named = np.zeros(groups.code.shape, dtype=bool)
    for rank in range(code.shape[1]):
        named |= (groups.code == code[:, rank, None]) & (code[:, rank, None] != NONE)
    return named


def shares_of(
    values: Floats, borrower_id: NDArray[np.int64], parameters: ExplanationParameters
) -> list[dict[str, float | None]]:
    """Mean of each column of shares with its interval over borrowers; None for the ends where nothing tells them."""
    low, high = share_interval(
        values,
        borrower_id,
        draws=parameters.bootstrap_draws,
        seed=parameters.seed,
        level=parameters.bootstrap_level,
    )
    ends = [[finite(end) for end in side] for side in (low, high)]
    return [
        {"share": float(mean), "low": first, "high": last}
        for mean, first, last in zip(values.mean(axis=0), *ends, strict=True)
    ]


def _testable(explanation: Explanation, found: Found) -> NDArray[np.int64]:
    unassessed = explanation.conflicts["refused_by"].isin(UNASSESSED).to_numpy()
    return np.flatnonzero(~unassessed & (found.given.code[:, 0] != NONE))


def _removed(
    values: NDArray[np.float32], which: Flags, groups: Groups, refusals: Refusals, rows: NDArray[np.int64]
) -> Flags:
    """Which refusals are gone with some features of each at the median of those released."""
    repaired = np.where(which & ~np.isnan(groups.usual), groups.usual, values)
    return ~refusals.refused(repaired, rows)


def _removed_at_random(
    values: NDArray[np.float32],
    groups: Groups,
    code: NDArray[np.int16],
    refusals: Refusals,
    rows: NDArray[np.int64],
    parameters: ExplanationParameters,
) -> Floats:
    """The same with as many reasons chosen at random from all that its features stand for; mean over the choices."""
    standing = np.column_stack([(groups.code == at).any(axis=1) for at in range(len(groups.codes))])
    standing[:, groups.codes.index(NO_ASSESSMENT)] = False
    many = (code != NONE).sum(axis=1)
    gone = np.zeros(len(rows))
    choices = parameters.reasons.random_choices
    for choice in range(choices):
        lot = np.random.default_rng([parameters.seed, choice]).random(standing.shape)
        order = np.argsort(np.where(standing, lot, 2.0), axis=1, kind="stable")[:, : code.shape[1]]
        chosen = np.where(np.arange(order.shape[1]) < many[:, None], order, NONE).astype(np.int16)
        gone += _removed(values, named_features(groups, chosen), groups, refusals, rows)
    return gone / choices
