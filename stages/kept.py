"""Explanations that were kept: read again, with their book and their models, to say more of one conflict."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from commandline import Console
from data.errors import CallError
from settings import as_explained
from stages.answers import add_recourse
from stages.explaining import add_timelines

if TYPE_CHECKING:
    from data.book import Book
    from explanations.explanation import Explanation


def kept_folder(folder: Path | None, home: Path) -> Path:
    """A folder, or that of the explanation which was written last into the home."""
    from explanations.files import latest_explanation

    return folder or latest_explanation(home)


def explained_book(explanation: Explanation, book: Path | None, home: Path) -> Book | None:
    """The book that an explanation was made from: the one in a folder, else one of the home's; None where it has none.

    Raises:
        CallError: The book in the folder is another one.
    """
    from data.book import MANIFEST, open_book

    digest = explanation.summary["book_digest"]
    if book is not None:
        opened = open_book(book)
        if opened.digest != digest:
            raise CallError(
                f"{book} (digest {opened.digest[:12]}) is not the book of this explanation (digest {digest[:12]}); "
                "name that one."
            )
        return opened
    kept = (open_book(path.parent) for path in sorted((home / "books").glob(f"*/{MANIFEST}")))
    return next((one for one in kept if one.digest == digest), None)


def with_timeline(
    explanation: Explanation, request_id: int, book: Path | None, home: Path, console: Console
) -> Explanation:
    """The explanation with what was visible when of one conflict, of which alone it is to be shown.

    It is read from its book, unless the report has told it and no book is named.
    """
    told = explanation.timelines
    if book is None and told is not None and (told["request_id"] == request_id).any():
        return explanation
    taken = explained_book(explanation, book, home)
    bare = replace(explanation, timelines=None)
    return bare if taken is None else add_timelines(bare, taken, console)


def with_ways(
    explanation: Explanation, folder: Path, request_id: int, book: Path | None, home: Path, console: Console
) -> Explanation:
    """The explanation with what the borrower of one conflict could do, if the report has not looked for that.

    It is looked for in its book, with its models and its parameters, whatever the call says of them now.
    """
    import pandas as pd

    from explanations.cases import found
    from explanations.files import explained_models
    from explanations.recourse.levers import offers_of

    if explanation.lag_audit is None or _all_told(explanation, request_id):
        return explanation
    taken = explained_book(explanation, book, home)
    if taken is None:
        return explanation
    settings = as_explained(explanation.summary["parameters"], folder, {"explanations.recourse.conflicts": 1})
    alone = replace(explanation, conflicts=explanation.conflicts[found(explanation.conflicts, request_id)])
    limit, release = explained_models(folder, explanation)
    audit = explanation.lag_audit
    asked = [taken.table("draw_requests", block, ["amount", "term"]) for block in range(taken.blocks)]
    offers = offers_of(pd.concat(asked, ignore_index=True))
    looked = add_recourse(alone, taken, offers, audit, limit, release, settings, console)
    told = explanation.recourse
    if told is not None:
        told = told[told["request_id"] != request_id]
    return replace(
        explanation,
        recourse=pd.concat([told, looked.recourse], ignore_index=True),
        recourse_trials=looked.recourse_trials,
    )


def _all_told(explanation: Explanation, request_id: int) -> bool:
    """Whether it tells a conflict's ways, and where none helps now and the case is shown the nearest trials, too."""
    from explanations.cases import found
    from explanations.recourse.summary import OUTCOMES, outcomes

    ways, trials = explanation.recourse, explanation.recourse_trials
    if ways is None or not (ways["request_id"] == request_id).any():
        return False
    helped = outcomes(ways[ways["request_id"] == request_id]).loc[request_id] in OUTCOMES[:2]
    shown = (explanation.conflicts.loc[found(explanation.conflicts, request_id), "place"] > 0).any()
    tried = trials is not None and (trials["request_id"] == request_id).any()
    return bool(helped or not shown or tried)
