"""Levers: what a borrower can change about a request, each as a grid of plausible values, the smallest change first."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.parameters import RecourseParameters

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

LEVERS = ("pay_down_here", "pay_down_elsewhere", "wait", "term", "amount")
"""Kinds of change, in the order in which a borrower makes them."""

UNITS = {"amount": "RMB", "term": "m", "pay_down_here": "RMB", "pay_down_elsewhere": "RMB", "wait": "d"}
_COMMON = 0.01  # share of requests; a term that fewer chose is no offer
_LEAST_COST = 1e-6  # so that of two changes that cost nothing the smaller one comes first


@dataclass(frozen=True)
class Asked:
    """Requests and what borrowers have to pay with; an entry per request.

    Attributes:
        amount: Amount asked for (RMB).
        term: Months over which it is to be repaid.
        apr: Price (per cent a year).
        balance: Owed to the lender (RMB).
        elsewhere: Owed elsewhere, as far as it is seen (RMB).
        liquid: Liquid assets (RMB); NaN where they are not known.
    """

    amount: Floats
    term: Floats
    apr: Floats
    balance: Floats
    elsewhere: Floats
    liquid: Floats


@dataclass(frozen=True)
class Offers:
    """What the lender's requests show to be on offer.

    Attributes:
        least: Smallest amount drawn (RMB).
        terms: Terms (months), ascending.
    """

    least: float
    terms: tuple[float, ...]


@dataclass(frozen=True)
class Lever:
    """One lever of some requests (requests × steps), the smallest change first; NaN where there is no such step.

    Attributes:
        before: Its value as it is, by request (of what is paid: what is owed).
        value: Its value after each step.
        cost: What a step costs, as a share of the amount asked for: given up, paid, or interest.
        days: Days until a step counts, by step.
    """

    before: Floats
    value: Floats
    cost: Floats
    days: Places


def offers_of(requests: pd.DataFrame) -> Offers:
    """What the requests of a book (amount and term) show to be on offer: terms that one in a hundred chose."""
    shares = requests["term"].value_counts(normalize=True).sort_index()
    terms = shares.index[shares >= _COMMON].to_numpy(np.float64)
    return Offers(float(requests["amount"].min()), tuple(terms.tolist()))


def levers_of(asked: Asked, offers: Offers, parameters: RecourseParameters) -> dict[str, Lever]:
    """All levers of some requests, by kind.

    What is paid must leave money over from the draw and be there: it is less than the amount asked for, and not more
    than the liquid assets on show. Where none are on show the borrower alone knows, and a step stays possible.
    """
    days = parameters.wait_days
    waiting = np.broadcast_to(np.array(days, dtype=np.float64), (len(asked.amount), len(days)))
    return {
        "amount": _smaller_amount(asked, offers, parameters),
        "term": _longer_term(asked, offers),
        "pay_down_here": _paid(asked.balance, asked, parameters, parameters.ledger_days),
        "pay_down_elsewhere": _paid(asked.elsewhere, asked, parameters, parameters.elsewhere_days),
        "wait": Lever(np.zeros(len(asked.amount)), waiting, np.zeros_like(waiting), np.array(days)),
    }


def _smaller_amount(asked: Asked, offers: Offers, parameters: RecourseParameters) -> Lever:
    """Even steps down to the smallest amount drawn, each rounded down."""
    left = 1 - np.arange(1, parameters.amount_steps + 1) / parameters.amount_steps
    to = _rounded(asked.amount[:, None] * left, parameters.round_to, np.floor)
    least = _rounded(np.array(offers.least), parameters.round_to, np.ceil)
    to = _distinct(np.where(to < asked.amount[:, None], np.maximum(to, least), np.nan), asked.amount)
    cost = 1 - to / asked.amount[:, None]
    return Lever(asked.amount, np.where(cost > 0, to, np.nan), cost, np.zeros(to.shape[1], dtype=np.int64))


def _longer_term(asked: Asked, offers: Offers) -> Lever:
    """Every longer term on offer; it costs interest on half the amount, since the balance falls evenly."""
    term = asked.term[:, None]
    to = np.where(np.array(offers.terms) > term, np.array(offers.terms), np.nan)
    # A lever without a step has one that nobody can take, so that all levers look alike.
    to = to if to.shape[1] else np.full((len(term), 1), np.nan)
    interest = np.nan_to_num(asked.apr)[:, None] / 100 / 12 * (to - term) / 2
    cost = interest + _LEAST_COST * (to - term)
    return Lever(asked.term, to, cost, np.zeros(to.shape[1], dtype=np.int64))


def _paid(owed: Floats, asked: Asked, parameters: RecourseParameters, days: int) -> Lever:
    """Even steps from what is owed to nothing, what is paid rounded up."""
    share = np.arange(1, parameters.pay_steps + 1) / parameters.pay_steps
    paid = _rounded(owed[:, None] * share, parameters.round_to, np.ceil)
    paid = np.minimum(paid, owed[:, None])
    possible = (paid > 0) & (paid < asked.amount[:, None]) & ~(paid > asked.liquid[:, None])
    to = _distinct(np.where(possible, owed[:, None] - paid, np.nan), owed)
    cost = (owed[:, None] - to) / asked.amount[:, None]
    return Lever(owed, to, cost, np.full(to.shape[1], days, dtype=np.int64))


def _distinct(to: Floats, before: Floats) -> Floats:
    """Steps that go on from the one before them; the others NaN."""
    previous = np.concatenate([before[:, None], to[:, :-1]], axis=1)
    return np.where(to < previous, to, np.nan)


def _rounded(amount: Floats, to: float, way: np.ufunc) -> Floats:
    # Products of floats lie a hair beside whole numbers.
    nudge = 1e-9 if way is np.floor else -1e-9
    return np.asarray(way(amount / to + nudge) * to)
