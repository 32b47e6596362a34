"""Why limits on show would be refused: each cause against what the book's own tables say."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from data.blocks import Processes
from data.book import Book
from explanations.remedies.phantom import Asking, limits_on_show
from explanations.remedies.phantom_causes import ON_SHOW, limits_with_causes
from explanations.remedies.phantom_files import read_phantom, refused_rows, renewed, totals, write_phantom
from models.policy import CAPS
from settings import Settings
from tests.explanations.remedies.fixed_model import FixedModel

DAY = pd.Timestamp("2025-12-15")
LOANS = "bureau_new_loans_3m"


class WithoutCaps(Book):
    """A book whose policy is a cut-off of .1 alone."""

    def table(self, name: str, *others: Any, **more: Any) -> pd.DataFrame:
        table = super().table(name, *others, **more)
        if name == "policy":
            table = table.drop(columns=[cap for cap in CAPS if cap in table])
        return table.assign(cutoff=0.1) if "cutoff" in table else table


def asking(book: Book, settings: Settings, model: FixedModel) -> Asking:
    chosen = settings.explanations.phantom
    return Asking(book, DAY, cast(Any, model), settings.features, settings.models, chosen)


def everyone(book: Book) -> list[tuple[int, None]]:
    return [(block, None) for block in range(book.blocks)]


def set_on(book: Book) -> pd.Series:
    """Day of the review that set the limit in force on the day, by borrower."""
    reviews = book.whole("limit_reviews")
    reviews = reviews[reviews["reviewed_on"] <= DAY].sort_values(["borrower_id", "reviewed_on"])
    changed = reviews["limit_before"].isna() | (reviews["limit_after"] != reviews["limit_before"])
    return reviews[changed].groupby("borrower_id")["reviewed_on"].last()


def test_the_policy_is_to_blame_where_that_of_the_day_the_limit_was_set_would_release(
    small_book: Book, settings: Settings
) -> None:
    shown, read = limits_with_causes(asking(small_book, settings, FixedModel(0.05)), everyone(small_book))
    assert read == 1500
    held = shown[shown["refused_by"] == "score"]
    day = set_on(small_book)[held["borrower_id"]]
    region = small_book.whole("borrowers").set_index("borrower_id")["region"][held["borrower_id"]]
    policy = small_book.table("policy").set_index(["month_start", "region"])["cutoff"]
    first = policy.index.get_level_values(0).min()
    months = day.clip(lower=first).to_numpy().astype("datetime64[M]").astype("datetime64[ns]")
    then = policy.loc[list(zip(months, region, strict=True))].to_numpy()
    assert 0.1 < (then >= 0.05).mean() < 0.9
    assert set(held.loc[then < 0.05, "cause"]) == {"never"}
    assert {"policy"} <= set(held.loc[then >= 0.05, "cause"]) <= {"policy", "changed", "data_lag", "never"}


def test_late_data_changes_and_limits_that_were_never_backed_are_told_apart(
    small_book: Book, settings: Settings
) -> None:
    book = WithoutCaps(small_book.path, small_book.manifest)
    never_late = settings.models.policy.model_copy(update={"overdue_days": 10_000})
    how = asking(book, settings, FixedModel(of=LOANS))
    how = replace(how, models=settings.models.model_copy(update={"policy": never_late}))
    shown, _ = limits_with_causes(how, everyone(book))
    held = shown[shown["refused_by"] == "score"].set_index("borrower_id")
    bureau = small_book.whole("observations/bureau")
    asked = bureau[(bureau["kind"] == "loan_opened") & bureau["borrower_id"].isin(held.index)]
    day = set_on(small_book)[asked["borrower_id"]].to_numpy()
    happened = (asked["occurred_on"] <= day) & (asked["occurred_on"] > day - pd.Timedelta(days=91))
    seen = happened & (asked["visible_on"] <= day)
    known, on_show = (
        rows.groupby(asked["borrower_id"]).any().reindex(held.index, fill_value=False)
        for rows in (happened, seen)
    )
    expected = np.select([on_show, known], ["never", "data_lag"], "changed")
    assert set(expected) == {"never", "data_lag", "changed"}
    assert held["cause"].tolist() == expected.tolist()


@pytest.mark.usefixtures("copied")
def test_what_is_on_show_is_what_the_report_tells(small_book: Book, settings: Settings) -> None:
    model = FixedModel(0.05)
    shown, _ = limits_with_causes(asking(small_book, settings, model), everyone(small_book), Processes(2))
    chosen = settings.explanations.phantom
    told, _ = limits_on_show(small_book, DAY, cast(Any, model), settings.features, settings.models, chosen)
    pd.testing.assert_frame_equal(shown.drop(columns="cause"), told, check_dtype=False)
    assert ((shown["cause"] != "") == (shown["refused_by"] != "")).all()
    assert (shown.loc[shown["refused_by"] == "overdue", "cause"] == "overdue").all()


def test_some_borrowers_asked_again_give_the_same_as_all(small_book: Book, settings: Settings) -> None:
    how = asking(small_book, settings, FixedModel(0.05))
    shown, _ = limits_with_causes(how, everyone(small_book))
    ids = small_book.table("borrowers", 1)["borrower_id"].to_numpy()[::40]
    again, read = limits_with_causes(how, [(1, ids)])
    assert read == len(ids)
    blank = shown.assign(pd=np.where(shown["borrower_id"].isin(ids), 0.5, shown["pd"]))
    pd.testing.assert_frame_equal(renewed(blank, again, ids), shown)
    gone = renewed(shown, again.iloc[:0], ids)
    assert len(gone) == len(shown) - shown["borrower_id"].isin(ids).sum()


def test_a_result_is_read_again_as_it_was_written(
    small_book: Book, settings: Settings, tmp_path: Path
) -> None:
    shown, _ = limits_with_causes(asking(small_book, settings, FixedModel(0.05)), [(0, None)])
    told = totals(shown, {"on": "2025-12-15", "parameters": {"a.b": 0.5}}, 0.95)
    write_phantom(shown, told, tmp_path)
    read, said = read_phantom(tmp_path)
    pd.testing.assert_frame_equal(read, shown)
    assert said == told
    everything = told["totals"][0]
    assert sum(row["borrowers"] for row in told["causes"]) == everything["refused"]
    assert sum(row["available"] for row in told["causes"]) == pytest.approx(everything["phantom"])


def test_each_who_would_be_refused_gets_a_reason_and_a_remedy_in_both_languages(
    small_book: Book, settings: Settings
) -> None:
    shown, _ = limits_with_causes(asking(small_book, settings, FixedModel(0.05)), [(0, None)])
    rows = refused_rows(shown)
    assert len(rows) == (shown["cause"] != "").sum() > 0
    for name in ("refusal", "why", "remedy"):
        for tongue in ("en", "zh"):
            assert rows[f"{name}_{tongue}"].str.len().min() > 1
        assert rows[f"{name}_zh"].str.contains("[一-鿿]").all()


def test_nobody_on_show_is_no_fault(small_book: Book, settings: Settings) -> None:
    nobody = np.array([], dtype=np.int64)
    shown, read = limits_with_causes(asking(small_book, settings, FixedModel()), [(0, nobody)])
    assert (len(shown), read, tuple(shown.columns)) == (0, 0, ON_SHOW)
    assert totals(shown, {}, 0.95) == {"on_show": 0, "totals": [], "causes": []}
