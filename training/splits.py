"""Splits: which rows a model is fitted, stopped, calibrated and judged on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.months import month_index, month_start
from training.parameters import PeriodParameters, ShareParameters

TRAIN = "train"
EARLY_STOPPING = "early_stopping"
CALIBRATION = "calibration"
OUT_OF_TIME = "out_of_time"
OUTSIDE = "outside"

SPLITS = (TRAIN, EARLY_STOPPING, CALIBRATION, OUT_OF_TIME)
"""The splits in their order; a dated row before, after or between them is `OUTSIDE`."""

NAMES = (*SPLITS, OUTSIDE)

Days = NDArray[np.int32]


def splits_by_period(days: Days, first_month: str, periods: PeriodParameters) -> pd.Categorical[str]:
    """The split of each row of a dated book (one of `NAMES`, a byte a row).

    Args:
        days: Days since 1970-01-01 of the reviews or requests.
        first_month: Month 1 of history as `YYYY-MM`.
        periods: The last month of each period.
    """
    month = month_index(days, first_month)
    ends = (
        0,
        periods.train_until,
        periods.early_stopping_until,
        periods.calibration_until,
        periods.out_of_time_until,
    )
    place = np.searchsorted(ends, month, side="left").astype(np.int8)
    outside = np.int8(len(SPLITS))
    codes = np.array([outside, *range(len(SPLITS)), outside], dtype=np.int8)[place]
    return _named(codes)


def hashed_places(ids: Iterable[object]) -> NDArray[np.float64]:
    """A place from 0 to 1 for each id, by its hash: the same in every order and extract."""
    hashed = [int.from_bytes(hashlib.blake2b(str(id_).encode(), digest_size=8).digest()) for id_ in ids]
    return np.asarray(np.array(hashed, dtype=np.uint64) / 2.0**64)


def splits_by_hash(places: NDArray[np.floating[Any]], shares: ShareParameters) -> pd.Categorical[str]:
    """The split of each row of an undated book, by the hashed place of its id.

    What stands for out of time here is the share held out.
    """
    ends = np.cumsum([shares.train, shares.early_stopping, shares.calibration])
    return _named(np.searchsorted(ends, places, side="right").astype(np.int8))


def label_known(days: Days, first_month: str, periods: PeriodParameters) -> NDArray[np.bool_]:
    """Whether the label of a request made on each day was old enough when the models were fitted."""
    fitted_on = month_start(periods.fit_month, first_month)
    return np.asarray(days + periods.label_days <= fitted_on)


def _named(codes: NDArray[np.int8]) -> pd.Categorical[str]:
    return pd.Categorical.from_codes(codes, categories=pd.Index(NAMES), ordered=False)
