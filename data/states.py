"""The state of the world at a request, from which its PD follows: what no reader of features sees directly."""

from __future__ import annotations

import json
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.book import Book
from data.errors import CallError
from data.randomness import Floats
from data.repayment import debt_service, strain, true_pd
from data.world import World


@dataclass(frozen=True)
class State:
    """States at requests, one value each (arrays of one shape).

    Attributes:
        willingness: Latent willingness to pay (standard deviations).
        network: Latent risk of the borrower's network (standard deviations).
        liquidity: Sudden need of cash, as a share of income.
        jobless: Whether the job is lost.
        macro: Macro index.
        income: Income of the month (RMB).
        lenders: Lenders elsewhere with open loans.
        debt_elsewhere: Balance there (RMB), reported or not.
        status: Months past due.
        balance: Balance with us before the draw (RMB).
        amount: The draw (RMB).
    """

    willingness: Floats
    network: Floats
    liquidity: Floats
    jobless: Floats | NDArray[np.bool_]
    macro: Floats
    income: Floats
    lenders: Floats
    debt_elsewhere: Floats
    status: Floats | NDArray[np.int16]
    balance: Floats
    amount: Floats


def pd_of(state: State, world: World) -> Floats:
    """PD of a draw (30+ days past due within 90 days) in each state."""
    pressed = strain(
        state.willingness,
        state.network,
        state.liquidity,
        state.jobless,
        state.lenders,
        state.macro,
        world.repayment,
    )
    owed = state.balance + state.amount + state.debt_elsewhere
    service = debt_service(owed, state.income, world.borrowing)
    return true_pd(state.status, pressed, state.liquidity, service, world)


def world_of(book: Book) -> World:
    """The world that a simulated book was made in.

    Raises:
        CallError: The book is not a simulated one.
    """
    if book.manifest.source != "simulated":
        raise CallError(f"{book.path} is not a simulated book, so its world is not known.")
    return World.model_validate_json(json.dumps(book.manifest.parameters))


def states_of(book: Book, request_ids: NDArray[np.int64]) -> State:
    """The states at requests of a simulated book, in the order of their ids."""
    columns = {
        "income_true": "income",
        "lenders_true": "lenders",
        "months_past_due": "status",
        **{name: name for name in ("liquidity", "jobless", "macro", "debt_elsewhere", "balance")},
    }
    known = book.whole("oracle/requests", ["request_id", *columns]).set_index("request_id").loc[request_ids]
    asked = book.whole("draw_requests", ["request_id", "borrower_id", "amount"])
    asked = asked.set_index("request_id").loc[request_ids]
    traits = book.whole("oracle/borrowers", ["borrower_id", "willingness", "network"])
    traits = traits.set_index("borrower_id").loc[asked["borrower_id"]]
    parts = {ours: known[name].to_numpy(np.float64) for name, ours in columns.items()}
    parts |= {name: traits[name].to_numpy(np.float64) for name in ("willingness", "network")}
    return State(amount=asked["amount"].to_numpy(np.float64), **parts)
