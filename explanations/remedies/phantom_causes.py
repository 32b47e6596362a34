"""Why each limit on show would be refused: what has come between the limit and the release, and what to do."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.blocks import HERE, Engine, Track, untracked
from data.months import to_days
from explanations.remedies.phantom import Asked, Asking
from features.catalogue import catalogue_of
from features.matrix import request_values
from features.readers import read_as_of
from features.snapshots import snapshot
from features.streams import Streams, read_streams
from features.windows import Days, latest

CAUSES = ("data_missing", "overdue", "policy", "never", "data_lag", "changed")
"""What comes between a limit and a release, in the order in which it is looked for (see `cause_of`)."""

ON_SHOW = ("borrower_id", "limit", "available", "pd", "cutoff", "refused_by", "raised", "cause")
"""Columns of what is on show."""


def limits_with_causes(
    asking: Asking,
    wanted: Iterable[tuple[int, NDArray[np.int64] | None]],
    engine: Engine = HERE,
    track: Track[Any] = untracked,
) -> tuple[pd.DataFrame, int]:
    """The limits on show, and of each that would be refused the cause.

    Args:
        asking: Who is asked when, of which model and policy.
        wanted: Blocks to read, each with the borrowers of whom it is asked; all of them, where that is None.
        engine: Where the blocks are worked on; changes nothing in the result.
        track: Follows the blocks as they are done.

    Returns:
        A row per borrower with something available, by borrower_id (`ON_SHOW`; cause is empty where the money would
        be released), and how many borrowers were read.
    """
    blocks = list(wanted)
    telling = _Telling(replace(asking, book=asking.book.absolute()))
    parts = list(track(engine.map_blocks(telling.of_block, blocks), len(blocks)))
    shown = [part for part, _ in parts] or [pd.DataFrame(columns=list(ON_SHOW))]
    joined = pd.concat(shown, ignore_index=True).astype(dict.fromkeys(("refused_by", "cause"), "str"))
    return joined.sort_values("borrower_id", kind="stable", ignore_index=True), sum(read for _, read in parts)


@dataclass(frozen=True)
class _Telling:
    asking: Asking

    def of_block(self, wanted: tuple[int, NDArray[np.int64] | None]) -> tuple[pd.DataFrame, int]:
        block, borrowers = wanted
        streams = read_streams(self.asking.book, block, borrowers)
        asked = self.asking.of_streams(block, streams)
        shown = asked.shown.assign(cause="")
        refused = (shown["refused_by"] != "").to_numpy()
        if refused.any():
            shown.loc[refused, "cause"] = cause_of(self.asking, streams, asked, refused)
        return shown[list(ON_SHOW)], len(streams.borrower_ids)


def cause_of(
    asking: Asking, streams: Streams, asked: Asked, refused: NDArray[np.bool_]
) -> NDArray[np.object_]:
    """What comes between the limit in force and the release, the first of `CAUSES` that holds.

    The same request is decided again as on the day of the review that set the limit, one thing after the other:

    - data_missing, overdue: the rule that refuses, which nothing of that day would mend.
    - policy: the policy of that day would release what is known today.
    - never: under that policy, even what the limit's reader saw that day would be refused.
    - data_lag: that would be released, but not all that had happened by that day, shown or not: it came late.
    - changed: that would be released, too: the borrower's situation has changed since.

    Args:
        asking: Model, policy and day.
        streams: What was read.
        asked: What the borrowers ask for.
        refused: Which of them would be refused.

    Returns:
        One by borrower who would be refused.
    """
    keys, at = asked.keys[refused].reset_index(drop=True), asked.at[refused]
    set_on = limit_set_on(streams, at, to_days(keys["requested_on"]))
    # A limit may be older than the policy table: then the oldest policy on record stands for that day's.
    first = to_days(asking.book.table("policy", columns=["month_start"])["month_start"]).min()
    policy_on = keys.assign(requested_on=np.maximum(set_on, first).astype("datetime64[D]"))

    def is_refused(values: NDArray[np.float32]) -> NDArray[np.bool_]:
        return np.asarray(asking.decided(keys, values, policy_on)[1]["refused_by"] != "")

    def seen_then(shown: Streams, as_of: dict[str, Days] | None = None) -> NDArray[np.float32]:
        seen = snapshot(shown, at, set_on, "release", asking.features, as_of)
        return request_values(seen, keys, asking.features, catalogue_of(asking.book).release)

    # A review goes on in an outage, with what its last refresh brought.
    by_the_reader = seen_then(
        replace(streams, outages={}), read_as_of("limit", set_on, streams.declared.refresh)
    )
    rule = asked.shown["refused_by"].to_numpy(object)[refused]
    holds = (
        rule == "data_missing",
        rule == "overdue",
        ~is_refused(asked.values[refused]),
        is_refused(by_the_reader),
        is_refused(seen_then(streams.up_to_date())),
    )
    return np.select(holds, CAUSES[:-1], default=CAUSES[-1]).astype(object)


def limit_set_on(streams: Streams, at: NDArray[np.int64], days: Days) -> Days:
    """The day of the review that set the limit in force: the latest up to a day that changed it.

    Args:
        streams: What was read.
        at: Position of borrowers who have a limit by then.
        days: Day of each.
    """
    limit, offsets = streams.reviews.values["limit_after"], streams.reviews.events.offsets
    changed = np.append(True, limit[1:] != limit[:-1])[: len(limit)]
    changed[offsets[:-1][offsets[:-1] < offsets[1:]]] = True  # the first of each borrower sets one, too
    events = streams.reviews.events.only(changed)
    return latest(events, at, days, limit[changed]).last_day.astype(np.int32)
