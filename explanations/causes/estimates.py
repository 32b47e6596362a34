"""What a book lets a lender estimate of what competition brings, of true income, and of how limits are assessed.

Nothing here reads what only a simulator knows: the pull of competition is estimated from the regional index and
the enquiries on show, true income from borrowers whose payroll is seen, usual spending from income. Loans that no
bureau ever heard of, and the true income of one borrower without payroll, stay unknown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.months import month_index, to_days
from features.matrix import Matrix
from models.boosted import Floats

TENURE_CEILING = 60.0
"""Months as a customer beyond which loyalty is worth no more."""

_ROWS_READ: Final = 8_192  # reviews read at a time: their features stay in the second-level cache

HOW_SPENT = (
    "discretionary_share_3m",
    "high_ticket_30d",
    "virtual_recharge_share_3m",
    "cashout_suspect_30d",
)


@dataclass(frozen=True)
class Neutral:
    """Estimates from a book of what competition brings and what spending hides.

    Attributes:
        pull: Log-rate of applications elsewhere per unit of the competition index.
        competition: Competition index by month of history and region, with `first_month` as its first row.
        first_month: Month of history of the first row.
        income: Coefficients of log income (constant, log inferred income, log spending) where no payroll is seen.
            Of a book that shows no payroll at all, those of the inferred income as it is.
        spending: Log of the usual spending on the platform, relative to income.
        usual: Median by feature of consumption that says how, not how much, is spent.
        surge: Median surge of spending by calendar month (1 to 12).
        assessment: Coefficients of the log of the assessed limit on what `assessed_from` reads: how the lender's
            system answers, whatever model comes after it.
    """

    pull: float
    competition: Floats
    first_month: int
    income: Floats
    spending: float
    usual: dict[str, float]
    surge: Floats
    assessment: Floats


def estimate(reviews: Matrix, market: pd.DataFrame, first_month: str) -> Neutral:
    """Estimates from the reviews of a book.

    Args:
        reviews: Limit snapshots of its reviews, from month 1 on.
        market: The market table of the book.
        first_month: Month 1 of history (`YYYY-MM`).
    """
    column = columns_of(reviews)
    month = month_index(to_days(market["month_start"]), first_month)
    regions = int(market["region"].max()) + 1
    competition = np.zeros((int(month.max() - month.min()) + 1, regions))
    competition[month - month.min(), market["region"].to_numpy()] = market["competition_index"].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        verified, proxy, spent = (
            np.log(column(name)) for name in ("income_verified", "income_proxy", "spend_avg_12m")
        )
    if not np.isfinite(verified).any():  # no payroll is on show: the inferred income is all that there is
        verified = proxy
    known = np.isfinite(verified) & np.isfinite(proxy) & np.isfinite(spent)
    income = _least_squares([(np.column_stack([proxy[known], spent[known]]), verified[known])])
    spending = float(np.median(spent[known] - verified[known])) if known.any() else 0.0
    calendar = reviews.keys["reviewed_on"].dt.month.to_numpy()
    surge = column("spend_surge_1m")
    return Neutral(
        pull=_pull(reviews, column("bureau_enq_6m"), _recent(competition, int(month.min()), reviews.keys)),
        competition=competition,
        first_month=int(month.min()),
        income=income,
        spending=spending,
        usual={name: _median(column(name)) for name in HOW_SPENT},
        surge=np.array([_median(surge[calendar == number]) for number in range(1, 13)]),
        assessment=_assessment(reviews),
    )


def assessed_change(neutral: Neutral, seen: Floats, then: Floats) -> Floats:
    """How the log of the assessed limit of each review changes with its snapshot.

    Args:
        neutral: Estimates from the book.
        seen: What the limit formula read of the snapshots as they were (`assessed_from`).
        then: The same with something neutralised.
    """
    change = np.nan_to_num(then - seen)
    # Not a product of matrices: its last bits may depend on the other rows.
    return np.asarray(np.einsum("ij,j->i", change, neutral.assessment[1:]))


def assessed_from(matrix: Matrix, marketing: Floats) -> Floats:
    """What a limit formula reads of snapshots and incentives, in the shape in which it acts on the log of the limit."""
    column = columns_of(matrix)
    verified, proxy = column("income_verified"), column("income_proxy")
    with np.errstate(divide="ignore", invalid="ignore"):
        income = np.log(np.where(np.isnan(verified), proxy, verified))
        spent = np.log(column("spend_avg_12m"))
    return np.column_stack(
        [
            income,
            spent,
            np.minimum(column("account_age"), TENURE_CEILING),
            np.nan_to_num(column("bureau_lenders")),
            np.nan_to_num(column("bureau_enq_3m")),
            np.nan_to_num(column("dti_ratio")),
            column("own_late_count_6m") > 0,
            column("shared_device_risk"),
            column("competition_index"),
            marketing,
        ]
    )


def lasting_income(reviews: Matrix, neutral: Neutral) -> pd.Series:
    """Log of what each borrower earns in the long run: the mean over all reviews that read him, by borrower_id."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return (
            pd.Series(np.log(income_of(reviews, neutral)))
            .groupby(reviews.keys["borrower_id"].to_numpy())
            .mean()
        )


def income_of(matrix: Matrix, neutral: Neutral) -> Floats:
    """Monthly income (RMB): payroll where it is seen, otherwise what inferred income and spending tell of it."""
    column = columns_of(matrix)
    verified, proxy = column("income_verified"), column("income_proxy")
    with np.errstate(divide="ignore", invalid="ignore"):
        inferred = np.exp(_applied(neutral.income, np.log(proxy), np.log(column("spend_avg_12m"))))
    return np.where(np.isnan(verified), inferred, verified)


def _pull(reviews: Matrix, enquiries: Floats, index: Floats) -> float:
    """Log-rate of enquiries per unit of the index, from means by region and month with effects of both."""
    cells = pd.DataFrame(
        {
            "region": reviews.keys["region"].to_numpy(),
            "month": reviews.keys["month"].to_numpy(),
            "enquiries": np.nan_to_num(enquiries),
            "index": index,
        }
    )
    cells = cells.groupby(["region", "month"], as_index=False).agg(
        enquiries=("enquiries", "mean"), index=("index", "mean"), rows=("index", "size")
    )
    cells = cells[(cells["enquiries"] > 0) & (cells["rows"] >= 20)]
    if len(cells) < 30 or cells["index"].std() == 0:
        return 0.0
    weight = np.sqrt((cells["enquiries"] * cells["rows"]).to_numpy())
    effects = pd.get_dummies(cells[["region", "month"]].astype(str), dtype=float).to_numpy()
    design = np.column_stack([cells["index"].to_numpy(), effects]) * weight[:, None]
    found = np.linalg.lstsq(design, np.log(cells["enquiries"].to_numpy()) * weight, rcond=None)[0]
    return float(max(found[0], 0.0))


def _recent(competition: Floats, first_month: int, keys: pd.DataFrame) -> Floats:
    """Mean competition index of each row's region over its six months.

    Over half a year more borrowing begets more (a debt leaves a gap that the next one fills), and that counts.
    """
    month, region = (keys[name].to_numpy(np.int64) for name in ("month", "region"))
    months = np.arange(month.min(initial=first_month), month.max(initial=first_month) + 1)
    regions = np.arange(competition.shape[1])
    cells = np.repeat(months, len(regions)), np.tile(regions, len(months))
    mean = _index(competition, first_month, *cells, 6).mean(axis=1).reshape(len(months), -1)
    return np.asarray(mean[month - months[0], region])


def _index(
    competition: Floats, first_month: int, month: NDArray[np.int64], region: NDArray[np.int64], months: int
) -> Floats:
    """Competition index of each row's region in each of its latest months."""
    at = month.astype(np.int64)[:, None] - first_month - np.arange(months)[None, :]
    return np.asarray(competition[np.clip(at, 0, len(competition) - 1), region[:, None]])


def kept_share(neutral: Neutral, month: NDArray[np.int64], region: NDArray[np.int64], months: int) -> Floats:
    """Share of the applications of the last months that would have come without competition."""
    pulled: Floats = np.exp(
        neutral.pull * _index(neutral.competition, neutral.first_month, month, region, months)
    )
    return np.asarray(1 / pulled.mean(axis=1))


def columns_of(matrix: Matrix) -> Callable[[str], Floats]:
    """Reads a feature of the matrix by name; all missing where the matrix has none of that name."""
    position = {name: place for place, name in enumerate(matrix.features)}

    def column(name: str) -> Floats:
        if name not in position:
            return np.full(len(matrix.values), np.nan)
        return matrix.values[:, position[name]].astype(np.float64)

    return column


def _assessment(reviews: Matrix) -> Floats:
    """Coefficients of the log of the assessed limit on what `assessed_from` reads."""
    log_assessed = np.log(reviews.keys["limit_assessed"].to_numpy(np.float64))
    marketing = reviews.keys["marketing"].to_numpy(np.float64)

    def parts() -> Iterator[tuple[Floats, Floats]]:
        """What is read of some reviews at a time, and the logs: all of it would be as large as the matrix."""
        for begin in range(0, max(len(marketing), 1), _ROWS_READ):
            rows = slice(begin, begin + _ROWS_READ)
            part = Matrix(reviews.keys.iloc[rows], reviews.values[rows], reviews.features)
            yield assessed_from(part, marketing[rows]), log_assessed[rows]

    told = np.zeros(1, dtype=bool)
    for read, _ in parts():
        told = told | np.isfinite(read).any(axis=0)
        if told.all():
            break

    def readable() -> Iterator[tuple[Floats, Floats]]:
        for read, log in parts():
            read[:, ~told] = 0.0  # what no review tells is given no weight
            kept = np.isfinite(read).all(axis=1) & np.isfinite(log)
            yield read[kept], log[kept]

    return _least_squares(readable())


def _least_squares(parts: Iterable[tuple[Floats, Floats]]) -> Floats:
    """Constant and coefficients by least squares, of inputs and targets of some rows at a time.

    Of each part only the triangle of its QR decomposition is kept: it holds all that least squares asks of the rows.
    """
    triangles, rows = [], 0
    for inputs, target in parts:
        triangles.append(np.linalg.qr(np.column_stack([np.ones(len(target)), inputs, target]), mode="r"))
        rows += len(target)
    triangle = np.vstack(triangles)
    design, target = triangle[:, :-1], triangle[:, -1]
    smallest = np.finfo(np.float64).eps * max(rows, design.shape[1])  # as `lstsq` has it for all rows
    return np.asarray(np.linalg.lstsq(design, target, rcond=smallest)[0])


def _applied(coefficients: Floats, *inputs: Floats) -> Floats:
    total = np.full(len(inputs[0]), coefficients[0])
    for weight, values in zip(coefficients[1:], inputs, strict=True):
        total = total + weight * values
    return total


def _median(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(np.median(known)) if len(known) else 0.0
