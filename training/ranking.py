"""Ranking: whom the release model puts first, as a curve and by decile; and how near predicted limits come."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from models.boosted import Floats
from training.metrics import equal_groups

STEPS = 100
"""Even steps of a curve, in shares of the requests."""
GROUPS = 10
QUANTILES = {"p10": 0.1, "p25": 0.25, "p50": 0.5, "p75": 0.75, "p90": 0.9}
"""Quantiles of assessed over predicted limits, by column."""

CURVE_COLUMNS = ("share", "pd", "bad_share", "good_share", "largest_gap")
LIFT_COLUMNS = ("decile", "requests", "bad", "bad_rate", "lift", "captured")


def ranking_curve(bad: Floats, probability: Floats) -> pd.DataFrame:
    """What refusing the riskiest would catch: the ROC curve and the two curves of KS, at even steps.

    Args:
        bad: 1 bad, 0 good, by request.
        probability: Calibrated PD (0–1) by request.

    Returns:
        By step, from nobody refused to all: share (of the requests with the highest PDs; equal PDs are refused
        together), pd (the lowest of them), bad_share (of all bad ones that are among them; upright in the ROC curve),
        good_share (of all good ones; across), largest_gap (the one step at which the two lie furthest apart: KS).
        Empty where not both classes are there.
    """
    if len(np.unique(bad)) < 2:
        return pd.DataFrame(columns=list(CURVE_COLUMNS)).astype({"largest_gap": bool})
    good_share, bad_share, threshold = roc_curve(bad, probability, drop_intermediate=False)
    bads = float(bad.sum())
    share = (bad_share * bads + good_share * (len(bad) - bads)) / len(bad)
    furthest = int(np.argmax(bad_share - good_share))
    # Ends of steps are compared with half a request's room, since shares are rounded.
    steps = np.searchsorted(share + 0.5 / len(bad), np.arange(STEPS + 1) / STEPS)
    kept = np.unique([*np.minimum(steps, len(share) - 1), furthest])
    return pd.DataFrame(
        {
            "share": share[kept],
            "pd": np.minimum(threshold[kept], 1.0),  # nobody is above a PD of 1
            "bad_share": bad_share[kept],
            "good_share": good_share[kept],
            "largest_gap": kept == furthest,
        }
    )


def lift_by_decile(bad: Floats, probability: Floats) -> pd.DataFrame:
    """How much more often than all the requests of each decile of PD go bad.

    Returns:
        decile (1 the riskiest), requests, bad, bad_rate, lift (bad_rate over that of all; NaN where nobody is bad),
        captured (share of all bad ones in this decile and the riskier ones).
    """
    if not len(bad):
        return pd.DataFrame(columns=list(LIFT_COLUMNS))
    decile = GROUPS + 1 - equal_groups(probability, GROUPS)
    requests, bads = (np.bincount(decile, weights, GROUPS + 1)[1:] for weights in (np.ones(len(bad)), bad))
    total = bads.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        rate = bads / requests
        table = {
            "decile": np.arange(1, GROUPS + 1),
            "requests": requests.astype(np.int64),
            "bad": bads.astype(np.int64),
            "bad_rate": rate,
            "lift": rate / (total / len(bad)),
            "captured": np.cumsum(bads) / total,
        }
    found = pd.DataFrame(table)
    return found[found["requests"] > 0].reset_index(drop=True)


def limit_by_decile(log_limit: Floats, log_predicted: Floats) -> pd.DataFrame:
    """Assessed over predicted limits, by decile of the predicted one (both log-RMB).

    Returns:
        decile (1 the lowest limits), reviews, predicted and assessed (medians, RMB), mae_log (mean absolute error,
        log-RMB), and quantiles of assessed over predicted (`QUANTILES`).
    """
    order = np.argsort(log_predicted, kind="stable")
    rows = []
    for place, part in enumerate(np.array_split(order, GROUPS)):
        if not len(part):
            continue
        off = log_limit[part] - log_predicted[part]
        quantiles = np.exp(np.quantile(off, list(QUANTILES.values())))
        rows.append(
            {
                "decile": place + 1,
                "reviews": len(part),
                "predicted": float(np.exp(np.median(log_predicted[part]))),
                "assessed": float(np.exp(np.median(log_limit[part]))),
                "mae_log": float(np.abs(off).mean()),
                **dict(zip(QUANTILES, quantiles.tolist(), strict=True)),
            }
        )
    columns = ["decile", "reviews", "predicted", "assessed", "mae_log", *QUANTILES]
    return pd.DataFrame(rows, columns=columns)
