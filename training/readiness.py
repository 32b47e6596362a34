"""Whether a book is fit to train on: what is no fault of its tables, yet spoils models or misleads who reads them.

Each note says what was found and what is done about it; what is to be done beyond that a human decides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.sampling import spread_places
from features.matrix import Matrix
from models.boosted import Floats
from training.parameters import ReadinessParameters
from training.stability import psi_by_month

Flags = NDArray[np.bool_]
Kind = Literal["maturity", "duplicates", "constant", "identical", "leak", "drift", "proxy"]

# Trees enough to tell whether a group can be told from the features at all.
_PROBE = {
    "objective": "binary",
    "learning_rate": 0.1,
    "num_leaves": 15,
    "min_data_in_leaf": 20,
    "num_threads": 1,
    "deterministic": True,
    "force_col_wise": True,
    "seed": 1,
    "verbosity": -1,
}
_PROBE_TREES = 60


@dataclass(frozen=True)
class Note:
    """Something to know before training.

    Attributes:
        kind: What kind of thing it is.
        what: The feature or attribute, or the table; of two identical features both names.
        figure: How many rows, the AUC, or the stability index.
        said: What was found, and what is done about it.
    """

    kind: Kind
    what: str
    figure: float
    said: str


def maturity_notes(observed: Floats, released: Flags, old_enough: Flags, fitted: Flags) -> Iterator[Note]:
    """Releases whose outcome is not known, or was not when the models are fitted.

    Args:
        observed: Outcome of each request; NaN where nobody saw one.
        released: Requests that were paid out.
        old_enough: Requests whose outcome was known on the day of the fit.
        fitted: Requests of the periods that models are fitted, stopped and calibrated on.
    """
    unknown = int((released & np.isnan(observed)).sum())
    if unknown:
        yield Note(
            "maturity",
            "draw_requests",
            unknown,
            f"{unknown:,} of {int(released.sum()):,} released requests have no outcome yet; they are scored, and left "
            "out of fits and measures",
        )
    young = int((fitted & ~np.isnan(observed) & ~old_enough).sum())
    if young:
        yield Note(
            "maturity",
            "draw_requests",
            young,
            f"{young:,} requests of the training periods have an outcome that was not known yet in the month of the "
            "fit (training.periods.fit_month); they are left out of fits",
        )


def duplicate_notes(requests: Matrix, observed: Floats) -> Iterator[Note]:
    """Clients who are alike in every feature and in their outcome."""
    alike = pd.util.hash_pandas_object(pd.DataFrame(requests.values).assign(bad=observed), index=False)
    count = int(alike.duplicated().sum())
    if count:
        yield Note(
            "duplicates",
            "borrowers",
            count,
            f"{count:,} of {len(alike):,} clients are the same as another in every feature and outcome; all are "
            "kept: look whether they stand twice in the file under two ids",
        )


def column_notes(matrices: Mapping[str, Matrix]) -> Iterator[Note]:
    """Features with one value, and features that are the same; `matrices` by what their rows are."""
    done: set[str] = set()
    for matrix in matrices.values():
        if not len(matrix.values):
            continue
        same: dict[bytes, str] = {}
        for place, name in enumerate(matrix.features):
            column = np.ascontiguousarray(matrix.values[:, place])
            if np.isnan(column).all() or (column == column[0]).all():
                if name not in done:
                    done.add(name)
                    yield Note(
                        "constant",
                        name,
                        len(column),
                        f"the feature {name} has one value in all {len(column):,} rows; no tree splits on it",
                    )
            else:
                told = hashlib.sha256(np.where(np.isnan(column), np.float32(np.nan), column).data).digest()
                first = same.setdefault(told, name)
                if first != name and name not in done:
                    done.add(name)
                    yield Note(
                        "identical",
                        f"{first}, {name}",
                        len(column),
                        f"the features {first} and {name} are the same in every row; trees take either, so that each "
                        "gets an arbitrary part of what both explain: keep one",
                    )


def leak_notes(requests: Matrix, observed: Floats, parameters: ReadinessParameters) -> Iterator[Note]:
    """Features that tell the outcome nearly by themselves, missing values as the least or the largest."""
    from sklearn.metrics import roc_auc_score

    known = np.flatnonzero(~np.isnan(observed))
    known = known[spread_places(len(known), parameters.rows)]
    bad = observed[known]
    if not len(bad) or bad.min() == bad.max():
        return
    for place, name in enumerate(requests.features):
        column = requests.values[known, place].astype(np.float64)
        least, largest = np.nanmin(column, initial=0.0), np.nanmax(column, initial=0.0)
        auc = max(
            abs(roc_auc_score(bad, np.where(np.isnan(column), instead, column)) - 0.5)
            for instead in (least - 1, largest + 1)
        )
        if auc + 0.5 >= parameters.leak_auc:
            yield Note(
                "leak",
                name,
                auc + 0.5,
                f"the feature {name} alone tells good from bad with an AUC of {auc + 0.5:.3f}; models use it as it is: "
                "if it is known only after the event, take it out of the mapping",
            )


def drift_notes(
    matrices: Mapping[str, tuple[Matrix, Flags, Flags]], parameters: ReadinessParameters
) -> Iterator[Note]:
    """Features whose values out of time lie elsewhere than in training; each matrix with its rows of both."""
    done: set[str] = set()
    for matrix, train, later in matrices.values():
        month = np.where(later, 0, -1)
        for place, name in enumerate(matrix.features):
            if name in done:
                continue
            done.add(name)
            table = psi_by_month(matrix.values[:, place], month, train, [0])
            if len(table) and table["psi"].iloc[0] > max(parameters.psi, table["chance"].iloc[0]):
                index = float(table["psi"].iloc[0])
                yield Note(
                    "drift",
                    name,
                    index,
                    f"the feature {name} has moved between training and the period that is judged (population "
                    f"stability index {index:.2f}); models are judged as they are, and `monitor` watches it",
                )


def proxy_notes(
    requests: Matrix, attributes: pd.DataFrame, parameters: ReadinessParameters
) -> Iterator[Note]:
    """Protected attributes that can be told from the features of the release model.

    A group is told by trees that are grown on every second borrower and judged on the others.

    Args:
        requests: Release snapshots; a borrower's last is taken.
        attributes: borrower_id, and a column for each attribute; of numbers the upper half is the group.
        parameters: From which AUC on a note is made, of how many groups and on how many rows at most.
    """
    import lightgbm as lgb
    from sklearn.metrics import roc_auc_score

    last = np.flatnonzero(~requests.keys["borrower_id"].duplicated(keep="last").to_numpy())
    last = last[spread_places(len(last), parameters.rows)]
    values = requests.values[last]
    known = attributes.set_index("borrower_id").reindex(requests.keys["borrower_id"].to_numpy()[last])
    grown, judged = np.arange(len(last)) % 2 == 0, np.arange(len(last)) % 2 == 1
    for name in known.columns:
        best, told, by = 0.5, "", ""
        for group, inside in _groups(known[name], parameters.proxy_groups).items():
            if min(inside[grown].sum(), inside[judged].sum()) < parameters.proxy_rows:
                continue
            rows = lgb.Dataset(
                np.ascontiguousarray(values[grown]),
                inside[grown].astype(np.float32),
                feature_name=list(requests.features),
                params=_PROBE,
            )
            trees = lgb.train(_PROBE, rows, _PROBE_TREES)
            auc = float(roc_auc_score(inside[judged], trees.predict(values[judged], raw_score=True)))
            if auc > best:
                best, told = auc, group
                by = ", ".join(_most_used(trees.feature_importance("gain"), requests.features))
        if best >= parameters.proxy_auc:
            yield Note(
                "proxy",
                name,
                best,
                f"the protected attribute {name} can be told from the features (AUC {best:.2f} for {told}; by {by}); "
                "no model reads the attribute, and the report tells approval by group: weigh whether those features "
                "are needed",
            )


def _groups(values: pd.Series, most: int) -> dict[str, Flags]:
    """The groups of an attribute that are tried: its largest categories, or of numbers the upper half."""
    if pd.api.types.is_numeric_dtype(values):
        middle = float(values.median())
        return {f"more than {middle:g}": (values > middle).to_numpy()}
    texts = values.astype("str")
    names = sorted(texts.value_counts(sort=True).index[:most])
    if len(names) == 2:
        names = names[:1]  # the other says the same
    return {name: (texts == name).to_numpy() for name in names}


def _most_used(gain: NDArray[np.float64], features: Sequence[str]) -> list[str]:
    order = np.argsort(-gain, kind="stable")[:3]
    return [features[place] for place in order if gain[place] > 0]
