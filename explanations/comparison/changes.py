"""What another model does to the conflicts: which go, which come, and whether those that stay have the same reason."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.cohorts import Cohorts
from explanations.reasons.principal_reasons import NONE, given_reasons, groups_of
from features.catalogue import Catalogue
from models.boosted import Floats

Flags = NDArray[np.bool_]

CHANGES = ("both", "gone", "new")
CONFLICT_COLUMNS = ("change", "refused_by", "requests", "known", "bad", "bad_oracle")
REASON_COLUMNS = ("reason", "champion", "challenger", "same")
NOTHING = ""
"""Stands where a conflict has no reason that could be told."""


def conflict_changes(
    champion: pd.DataFrame,
    challenger: pd.DataFrame,
    cohorts: tuple[Cohorts, Cohorts],
    observed: Floats,
    oracle: Floats | None,
) -> pd.DataFrame:
    """Conflicts of both models, by what becomes of them and by the rule that refuses.

    Args:
        champion: Its decisions on all requests (see `models.decisions`).
        challenger: Those of the challenger.
        cohorts: The champion's and the challenger's.
        observed: Outcome of each request; NaN where nobody saw one.
        oracle: Outcome with the draw of each (simulated books).

    Returns:
        By change (`both`, `gone`: the champion's alone, `new`: the challenger's alone) and refused_by (what refuses
        in the model whose conflict it is; of both the challenger): requests, known (outcomes seen), bad (of them),
        bad_oracle (of all; NaN without an oracle).
    """
    first, second = (one.conflict for one in cohorts)
    rows = []
    for change, flags, decided in (
        ("both", first & second, challenger),
        ("gone", first & ~second, champion),
        ("new", ~first & second, challenger),
    ):
        rule = decided["refused_by"].to_numpy(object)
        for name, requests in sorted(
            pd.Series(rule[flags]).value_counts().items(), key=lambda item: (-item[1], str(item[0]))
        ):
            here = flags & (rule == name)
            seen = observed[here]
            rows.append(
                {
                    "change": change,
                    "refused_by": str(name),
                    "requests": int(requests),
                    "known": int((~np.isnan(seen)).sum()),
                    "bad": float(np.nansum(seen)),
                    "bad_oracle": float("nan") if oracle is None else float(oracle[here].sum()),
                }
            )
    return pd.DataFrame(rows, columns=list(CONFLICT_COLUMNS))


def first_reasons(
    catalogue: Catalogue,
    values: NDArray[np.float32],
    released: NDArray[np.float32],
    pushes: Floats,
    refused_by: pd.Series,
    broken: Mapping[str, Flags],
    least_share: float,
) -> NDArray[np.object_]:
    """The principal reason of each conflict: a reason's code, or (books whose features stand for none) a feature.

    Args:
        catalogue: Reason and sign of each feature.
        values: Release snapshots of the conflicts (conflicts × features).
        released: Those of the favoured and released.
        pushes: Contributions to the log-odds, of the same shape as `values`.
        refused_by: The rule that refuses each.
        broken: Which of them break each rule (`explanations.reasons.refusals`).
        least_share: Of all pushes toward refusal, below which there is no principal reason.
    """
    groups = groups_of(catalogue, values, released)
    if not groups.codes:
        strongest = np.asarray(catalogue.release, dtype=object)[pushes.argmax(axis=1)]
        return np.where((refused_by == "score").to_numpy(), strongest, NOTHING)
    given = given_reasons(groups, pushes, refused_by, broken, least_share)
    codes = np.asarray([*groups.codes, NOTHING], dtype=object)
    return codes[np.where(given.code[:, 0] == NONE, len(groups.codes), given.code[:, 0])]


def reason_changes(
    champion: NDArray[np.object_], challenger: NDArray[np.object_], shared: tuple[Flags, Flags]
) -> pd.DataFrame:
    """How often each principal reason is given by either model.

    Args:
        champion: Principal reason of each of its conflicts.
        challenger: Principal reason of each of its own.
        shared: Which of either's are conflicts of both, in the same order.

    Returns:
        By reason, the champion's most frequent first: champion and challenger (conflicts), same (conflicts of both to
        which both give it).
    """
    one, other = champion[shared[0]], challenger[shared[1]]
    same = one[one == other]
    rows = [
        (
            reason,
            int((champion == reason).sum()),
            int((challenger == reason).sum()),
            int((same == reason).sum()),
        )
        for reason in sorted({*champion, *challenger})
    ]
    table = pd.DataFrame(rows, columns=list(REASON_COLUMNS))
    return table.sort_values(["champion", "challenger"], ascending=False, kind="stable", ignore_index=True)
