"""The figures that a simulated world must reach, and those that a book does reach.

The bands are those of the published orders of magnitude that docs/world.md cites, widened by what one book
of 20,000 borrowers varies from seed to seed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.book import Book

TELLING = 2_000
"""Borrowers from which on a book's figures say something: of 21 figures chance puts 4.1 out of their bands in books of
300 borrowers, 2.2 of 1,000, 1.3 of 2,000, and 1.5 of 10,000 (means of ten seeds, of the last six)."""
MODEL_TELLING = 20_000
"""The same for the figures of a model, whose AUC some 340 bad outcomes leave open by ±.03."""

_FAVOURED_DAYS = 182
_FAVOURED_FACTOR = 1.15


@dataclass(frozen=True)
class Target:
    """A figure, the target of the domain, and the band within which a book holds it.

    Attributes:
        name: Name of the figure.
        unit: Its unit.
        target: The target as the domain states it.
        low: Lower end of the band.
        high: Upper end of the band.
    """

    name: str
    unit: str
    target: str
    low: float
    high: float


TARGETS = (
    Target("limit P5", "RMB", "4,900", 4_200, 5_700),
    Target("limit P25", "RMB", "9,600", 8_600, 10_600),
    Target("limit median", "RMB", "15,000", 13_800, 16_500),
    Target("limit P75", "RMB", "23,000", 21_000, 25_500),
    Target("limit P95", "RMB", "44,000", 39_000, 48_500),
    Target("limits above 50,000", "share", "0.03", 0.02, 0.045),
    Target("draw P5", "RMB", "1,100", 900, 1_250),
    Target("draw P25", "RMB", "2,500", 2_250, 2_750),
    Target("draw median", "RMB", "4,700", 4_300, 5_100),
    Target("draw P75", "RMB", "8,500", 7_900, 9_200),
    Target("draw P95", "RMB", "18,800", 17_300, 20_500),
    Target("with 2 or more lenders", "share", "0.39", 0.34, 0.43),
    Target("with 4 or more lenders", "share", "0.11", 0.08, 0.14),
    Target("enquiries in 3 months, mean", "count", "1.5", 1.3, 1.85),
    Target("enquiries in 3 months, P95", "count", "5", 4, 6),
    Target("past due, of accounts with a balance", "share", "about 0.03", 0.024, 0.036),
    Target("bad, released", "share", "0.013-0.015", 0.0115, 0.0170),
    Target("bad, refused", "share", "0.09-0.10", 0.075, 0.11),
    Target("refused, of requests", "share", "0.15-0.21", 0.15, 0.21),
    Target("refused, of favoured", "share", "0.13-0.19", 0.13, 0.19),
    Target("conflicts, of requests", "share", "0.05-0.08", 0.05, 0.08),
)

MODEL_TARGETS = (
    Target("PD model AUC, all requests", "AUC", "0.76-0.80", 0.76, 0.80),
    Target("PD model KS, all requests", "KS", "0.41-0.47", 0.40, 0.475),
    Target("PD model AUC, released only", "AUC", "0.67-0.72", 0.66, 0.73),
)
"""Reached by a release model, so known only once one is trained; bands for the mean over three books."""


def target_table(book: Book) -> pd.DataFrame:
    """Target and reached value of each figure (see `compare`)."""
    return compare(TARGETS, dict(_figures(book)))


def compare(targets: tuple[Target, ...], reached: dict[str, float]) -> pd.DataFrame:
    """Target against reached: columns name, unit, target, reached, holds, and where it misses (above or below)."""
    rows = []
    for target in targets:
        value = reached[target.name]
        misses = "below" if value < target.low else "above" if value > target.high else ""
        holds = target.low <= value <= target.high
        rows.append((target.name, target.unit, target.target, value, holds, misses))
    return pd.DataFrame(rows, columns=["name", "unit", "target", "reached", "holds", "misses"])


def _figures(book: Book) -> Iterator[tuple[str, float]]:
    first_day = np.datetime64(f"{book.manifest.first_month}-01")
    reviews = book.whole("limit_reviews")
    yield from _limit_figures(reviews.loc[reviews["reviewed_on"] >= first_day, "limit_after"])
    requests = book.whole("draw_requests")
    for name, quantile in (("P5", 5), ("P25", 25), ("median", 50), ("P75", 75), ("P95", 95)):
        yield f"draw {name}", float(np.percentile(requests["amount"], quantile))
    quarters = book.whole("oracle/quarters")
    yield "with 2 or more lenders", float((quarters["lenders"] >= 2).mean())
    yield "with 4 or more lenders", float((quarters["lenders"] >= 4).mean())
    yield "enquiries in 3 months, mean", float(quarters["enquiries"].mean())
    yield "enquiries in 3 months, P95", float(np.percentile(quarters["enquiries"], 95))
    yield "past due, of accounts with a balance", _past_due(book, first_day)
    yield from _decision_figures(requests, reviews, book.whole("oracle/requests"))


def _limit_figures(limits: pd.Series) -> Iterator[tuple[str, float]]:
    for name, quantile in (("P5", 5), ("P25", 25), ("median", 50), ("P75", 75), ("P95", 95)):
        yield f"limit {name}", float(np.percentile(limits, quantile))
    yield "limits above 50,000", float((limits > 50_000).mean())


def _past_due(book: Book, first_day: np.datetime64) -> float:
    """Share of monthly statements with a balance that are past due, over history."""
    last_day = first_day.astype("datetime64[M]") + np.timedelta64(book.manifest.months or 0, "M")
    owing = late = 0
    for block in range(book.blocks):
        ledger = book.table(
            "observations/own_ledger", block, ["occurred_on", "dpd", "balance", "draw_amount"]
        )
        day = ledger["occurred_on"].to_numpy()
        stated = (
            (ledger["draw_amount"] == 0) & (ledger["balance"] > 0) & (day >= first_day) & (day < last_day)
        )
        owing += int(stated.sum())
        late += int((stated & (ledger["dpd"] > 0)).sum())
    return late / max(owing, 1)


def _decision_figures(
    requests: pd.DataFrame, reviews: pd.DataFrame, oracle: pd.DataFrame
) -> Iterator[tuple[str, float]]:
    refused = (requests["decision_executed"] == "refuse").to_numpy()
    bad = oracle["bad_with_draw"].to_numpy()
    favoured = _favoured_by_record(requests, reviews)
    yield "bad, released", float(bad[~refused].mean())
    yield "bad, refused", float(bad[refused].mean())
    yield "refused, of requests", float(refused.mean())
    yield "refused, of favoured", float(refused[favoured].mean())
    yield "conflicts, of requests", float((refused & favoured).mean())


def _favoured_by_record(requests: pd.DataFrame, reviews: pd.DataFrame) -> np.ndarray:
    """Which requests follow within six months a review that assessed a limit well above the one before."""
    raised = reviews[reviews["limit_assessed"] >= _FAVOURED_FACTOR * reviews["limit_before"]]
    dated = requests[["request_id", "borrower_id", "requested_on"]]
    pairs = dated.merge(raised[["borrower_id", "reviewed_on"]], on="borrower_id")
    since = pairs["requested_on"] - pairs["reviewed_on"]
    near = since.between(pd.Timedelta(0), pd.Timedelta(days=_FAVOURED_DAYS))
    return requests["request_id"].isin(pairs.loc[near, "request_id"]).to_numpy()


def as_text(table: pd.DataFrame) -> str:
    """A table of targets as lines of text, a line a figure."""
    lines = [f"{'figure':<38}{'target':>14}{'reached':>12}"]
    for row in table.itertuples(index=False):
        reached = f"{row.reached:,.0f}" if row.unit == "RMB" else f"{row.reached:,.4f}"
        lines.append(f"{row.name:<38}{row.target:>14}{reached:>12}  {row.misses}")
    return "\n".join(lines)
