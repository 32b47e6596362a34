"""The diagnostics' headline figures carry their intervals, under names that tell whose outcomes they are of."""

from __future__ import annotations

import numpy as np
import pandas as pd

from explanations.diagnostics import (
    ORACLE,
    RELEASED,
    diagnostics_summary,
    intervals_by_population,
    performance_with_intervals,
)
from explanations.explanation import Explanation
from training import metrics


def test_populations_are_called_what_those_who_judge_call_them() -> None:
    assert (RELEASED, ORACLE) == (metrics.RELEASED, metrics.ORACLE)


def test_the_summary_tells_lift_and_disparity_with_their_ends(simulated: Explanation) -> None:
    assert simulated.diagnostics is not None
    told = diagnostics_summary(simulated.diagnostics)
    lift = simulated.diagnostics.lift
    for prefix, population in (("", RELEASED), ("oracle_", ORACLE)):
        first = lift[(lift["population"] == population) & (lift["decile"] == 1)].iloc[0]
        for end in ("", "_low", "_high"):
            assert told[f"{prefix}lift_top_decile{end}"] == first[f"lift{end}"]
        assert first["lift_low"] < first["lift"] < first["lift_high"]
    assert told["approval_ratio_gender_low"] < told["approval_ratio_gender"]
    assert told["approval_ratio_gender"] < told["approval_ratio_gender_high"]


def test_intervals_stand_at_what_the_release_model_ranks_out_of_time_and_hold_it() -> None:
    rng = np.random.default_rng(3)
    probability = rng.random(800) / 2
    bad = (rng.random(800) < probability).astype(float)
    bad[::7] = np.nan
    judged, split = (
        np.arange(800) >= 300,
        pd.Categorical(np.where(np.arange(800) < 300, "train", "out_of_time")),
    )
    found = intervals_by_population({RELEASED: bad}, judged, probability, np.arange(800) // 2, 0.95)
    told = performance_with_intervals(metrics.release_performance(split, probability, bad, None), found)
    known = told.dropna(subset="low")
    assert set(zip(known["split"], known["metric"], strict=True)) == {
        ("out_of_time", name) for name in ("auc", "ks")
    }
    assert ((known["low"] < known["value"]) & (known["value"] < known["high"])).all()
