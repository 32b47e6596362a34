"""Recourse: the smallest changes that a borrower can make after which both models would let him have the money.

What is searched is the space of actions, not of features: each lever (`recourse.levers`) is a short grid, and from
the changed request, balances and days all features follow as they are read for any request. So the search is
exhaustive: every step of each lever alone; where none does without waiting, every pair of steps of two levers. Each is
decided as a request is (`explanations.recourse.redecision`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from data.blocks import HERE, Engine, Track, untracked
from data.book import Book
from data.sampling import spread_places
from explanations.parameters import RecourseParameters
from explanations.recourse.levers import LEVERS, UNITS, Lever, Offers, Places, levers_of
from explanations.recourse.redecision import SHOWN, Decider, Flags, decider_of
from explanations.recourse.search import NO_STEP, WAIT, Plans, found_plans
from explanations.recourse.summary import outcomes
from explanations.recourse.trials import COLUMNS as TRIALS
from explanations.recourse.trials import nearest_trials
from features.parameters import FeatureParameters
from features.reread import requests_by_block
from models.limit_model import LimitModel
from models.parameters import ModelsParameters
from models.release_model import ReleaseModel

KINDS = (*LEVERS, "correct_record", "none")
"""All kinds of step."""

COLUMNS = (
    *("request_id", "option", "step", "kind", "from_value", "to_value", "unit", "days"),
    *("pd_after", "cutoff", "exhaustive", "what"),
)


def searched(conflicts: pd.DataFrame, most: int) -> Flags:
    """For which conflicts a way is looked for: all, or those that are shown and others spread evenly over the rest."""
    shown = conflicts["place"].to_numpy() > 0
    others = np.flatnonzero(~shown)
    chosen = shown.copy()
    chosen[others[spread_places(len(others), max(0, most - int(shown.sum())))]] = True
    return chosen if most else np.zeros(len(conflicts), dtype=bool)


def recourse(
    book: Book,
    conflicts: pd.DataFrame,
    offers: Offers,
    audit: pd.DataFrame,
    limit: LimitModel,
    release: ReleaseModel,
    features: FeatureParameters,
    models: ModelsParameters,
    parameters: RecourseParameters,
    engine: Engine = HERE,
    track: Track[Any] = untracked,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The smallest changes after which each conflict would be released, or that there is none.

    Args:
        book: A dated book.
        conflicts: request_id, borrower_id, review_id, limit_before, limit_after, refused_by, cutoff and place.
        offers: What the lender offers.
        audit: The lag audit, which knows where data that were late would have led to a release.
        limit: The limit model.
        release: The release model.
        features: How features are read.
        models: Policy and favour.
        parameters: Which changes are tried.
        engine: Where the blocks are worked on; changes nothing in the result.
        track: Follows the blocks as they are done.

    Returns:
        `COLUMNS`, in the order of the conflicts: a row per option (that with the fewest days, then the least cost,
        first) and step. `none` where nothing helps. `what` says whose record is to be corrected: a stream, or `slip`.
        And the nearest trials that failed (see `explanations.recourse.trials`), of those of the shown conflicts that
        nothing helps now.
    """
    wanted = conflicts[searched(conflicts, parameters.conflicts)]
    search = Search(book.absolute(), offers, limit, release, features, models, parameters)
    late = audit[audit["favoured"] & ~audit["refused"]]
    jobs = []
    for block, held in requests_by_block(book, wanted["request_id"].to_numpy()):
        here = wanted[wanted["request_id"].isin(held["request_id"])].reset_index(drop=True)
        jobs.append((block, here, late[late["request_id"].isin(here["request_id"])]))
    parts = list(track(engine.map_blocks(search.of_block, jobs), len(jobs)))
    ways, trials = zip(*parts, strict=True) if parts else ((), ())
    return (
        _in_order(ways, conflicts, COLUMNS, "option"),
        _in_order(trials, conflicts, TRIALS, "trial"),
    )


def _in_order(
    parts: Sequence[pd.DataFrame], conflicts: pd.DataFrame, columns: Sequence[str], number: str
) -> pd.DataFrame:
    """The rows of all blocks in the order of the conflicts."""
    parts = [part for part in parts if len(part)]
    if not parts:
        return pd.DataFrame({name: [] for name in columns})
    told = pd.concat(parts, ignore_index=True)
    place = pd.Index(conflicts["request_id"]).get_indexer(pd.Index(told["request_id"]))
    order = np.lexsort((told["step"].to_numpy(), told[number].to_numpy(), place))
    found: pd.DataFrame = told.iloc[order].reset_index(drop=True)
    return found


@dataclass(frozen=True)
class Search:
    """What the search in every block takes: see `recourse`."""

    book: Book
    offers: Offers
    limit: LimitModel
    release: ReleaseModel
    features: FeatureParameters
    models: ModelsParameters
    parameters: RecourseParameters

    def of_block(self, job: tuple[int, pd.DataFrame, pd.DataFrame]) -> tuple[pd.DataFrame, pd.DataFrame]:
        """The options of a block's conflicts, and the nearest trials of those that are shown."""
        block, conflicts, late = job
        later = (0, *self.parameters.wait_days)
        decider = decider_of(
            self.book,
            block,
            conflicts[list(SHOWN)],
            later,
            self.limit,
            self.release,
            self.features,
            self.models,
        )
        levers = levers_of(decider.can_pay, self.offers, self.parameters)
        plans = found_plans(decider, levers)
        ways = _told(plans, decider, levers, conflicts, late, self.parameters)
        return ways, _tried(ways, decider, levers, conflicts)


def _tried(
    ways: pd.DataFrame, decider: Decider, levers: Mapping[str, Lever], conflicts: pd.DataFrame
) -> pd.DataFrame:
    """The nearest trials of the shown conflicts that nothing helps now."""
    outcome = outcomes(ways).reindex(conflicts["request_id"]).to_numpy(object)
    shown = (conflicts["place"] > 0).to_numpy() & np.isin(outcome, ["later", "nothing"])
    cases = np.flatnonzero(shown)
    if not len(cases):
        return pd.DataFrame({name: [] for name in TRIALS})
    trials = nearest_trials(decider, levers, cases, outcome[cases] == "later")
    case = trials["case"].to_numpy(np.int64)
    known = {name: conflicts[name].to_numpy()[case] for name in ("request_id", "cutoff")}
    return trials.assign(**known)[list(TRIALS)]


def _told(
    plans: Plans,
    decider: Decider,
    levers: Mapping[str, Lever],
    conflicts: pd.DataFrame,
    late: pd.DataFrame,
    parameters: RecourseParameters,
) -> pd.DataFrame:
    """The options of the conflicts as rows, a step each; `none` where a conflict has no option."""
    slip = (conflicts["refused_by"] == "slip").to_numpy()
    plans = _without_idle(plans)
    ways = pd.DataFrame({"case": plans.case, "days": plans.days, "cost": plans.cost, "pd_after": plans.pd})
    as_it_is = (plans.steps == NO_STEP).all(axis=1)
    ways["what"] = np.where(as_it_is & slip[plans.case], "slip", "")
    ways["plan"] = np.arange(len(ways))
    ways = pd.concat([ways, _updates(conflicts, slip, late)], ignore_index=True)
    ways.loc[ways["what"] != "", "days"] = parameters.record_days
    ways = ways.sort_values(["case", "days", "cost"], kind="stable", ignore_index=True)
    ways["option"] = ways.groupby("case").cumcount() + 1
    ways = ways[ways["option"] <= parameters.options]
    steps = _steps(ways, plans, decider, levers, parameters)
    nothing = np.setdiff1d(np.arange(len(conflicts)), ways["case"].to_numpy())
    steps = pd.concat([steps, _nothing(nothing)], ignore_index=True)
    case = steps["case"].to_numpy(np.int64)
    steps["request_id"] = conflicts["request_id"].to_numpy()[case]
    steps["cutoff"] = conflicts["cutoff"].to_numpy()[case]
    return steps[list(COLUMNS)]


def _without_idle(plans: Plans) -> Plans:
    """Without ways that wait as long as waiting alone would take."""
    waits = plans.steps[:, WAIT] != NO_STEP
    alone = waits & ((plans.steps != NO_STEP).sum(axis=1) == 1)
    least = np.full(int(plans.case.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    least[plans.case[alone]] = plans.days[alone]
    return plans.taken(~waits | alone | (plans.days < least[plans.case]))


def _updates(conflicts: pd.DataFrame, slip: Flags, late: pd.DataFrame) -> pd.DataFrame:
    """The conflicts that data which came late would have released: the first such stream of each."""
    case = pd.Index(conflicts["request_id"]).get_indexer(pd.Index(late["request_id"]))
    rows = late.assign(case=case)[~slip[case]].drop_duplicates("case")
    return pd.DataFrame(
        {
            "case": rows["case"].to_numpy(np.int64),
            "cost": 0.0,
            "pd_after": rows["pd_fresh"].to_numpy(np.float64),
            "what": rows["stream"].to_numpy(),
            "plan": -1,
        }
    )


def _steps(
    ways: pd.DataFrame,
    plans: Plans,
    decider: Decider,
    levers: Mapping[str, Lever],
    parameters: RecourseParameters,
) -> pd.DataFrame:
    """A row per step of each way."""
    case, plan = ways["case"].to_numpy(np.int64), ways["plan"].to_numpy(np.int64)
    recorded = (ways["what"] != "").to_numpy()
    overdue = decider.overdue[case] & (plan >= 0)
    past_due = decider.asked["own_ledger"].features["own_dpd_current"].astype(np.float64)
    parts = [
        ways[overdue].assign(
            order=0,
            kind="pay_down_here",
            from_value=past_due[case[overdue]],
            to_value=0.0,
            unit="d",
            days=parameters.ledger_days,
            what="overdue",
        ),
        ways[recorded].assign(
            order=1, kind="correct_record", from_value=np.nan, to_value=np.nan, unit="", exhaustive=False
        ),
    ]
    for lever, name in enumerate(LEVERS):
        step = np.where(plan >= 0, plans.steps[plan, lever], NO_STEP) if len(plans.case) else plan
        moved = step != NO_STEP
        at = case[moved]
        parts.append(
            ways[moved].assign(
                order=lever + 2,
                kind=name,
                from_value=levers[name].before[at],
                to_value=levers[name].value[at, step[moved]],
                unit=UNITS[name],
                days=levers[name].days[step[moved]],
            )
        )
    whole = pd.concat([part.assign(exhaustive=part.get("exhaustive", True)) for part in parts])
    steps: pd.DataFrame = whole.sort_values(["case", "option", "order"], kind="stable", ignore_index=True)
    steps["step"] = steps.groupby(["case", "option"]).cumcount() + 1
    return steps


def _nothing(case: Places) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "case": case,
            "option": 1,
            "step": 1,
            "kind": "none",
            "from_value": np.nan,
            "to_value": np.nan,
            "unit": "",
            "days": np.nan,
            "pd_after": np.nan,
            "exhaustive": True,
            "what": "",
        }
    )
