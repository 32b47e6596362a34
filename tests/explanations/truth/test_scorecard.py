"""The scorecard: right for the truth itself, near chance for random answers, resumed from its files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from data.mechanisms import CAUSES, MECHANISMS, SUBSETS
from explanations.truth.cause_check import check_of
from explanations.truth.cause_measures import accuracy, calibration, confusion, error
from explanations.truth.fidelity import GROUPS
from explanations.truth.scorecard import CHECKED, NULL_CHANGE, overall, scorecard, tables
from explanations.truth.scored import COLUMNS, Scored, load, save, vanishing


def made(seed: int, scenario: str = "baseline", noise: float = 0.0, refit: int = 0) -> Scored:
    rng = np.random.default_rng(seed)
    truth = rng.dirichlet(np.full(len(CAUSES), 0.3), 200)
    answer = truth * (1 - noise) + noise * rng.dirichlet(np.ones(len(CAUSES)), 200)
    state = rng.normal(size=(200, len(GROUPS)))
    return Scored(
        seed=seed,
        scenario=scenario,
        refit=refit,
        request_id=np.arange(200),
        borrower_id=np.arange(200) // 2,
        truth=truth,
        ledger=answer,
        vanishes=(rng.random((200, len(MECHANISMS))) < truth[:, :-1]).astype(float),
        state=state,
        model=state * (1 - noise) + noise * rng.normal(size=state.shape),
        observed=np.hstack([truth[:, :3] + rng.normal(0, 0.3, (200, 3)), rng.normal(size=(200, 2))]),
    )


def test_the_truth_itself_is_right_and_random_shares_are_not() -> None:
    book = made(1)
    assert accuracy(book.truth, book.truth) == 1
    assert error(book.truth, book.truth) == 0
    random = np.random.default_rng(0).dirichlet(np.ones(len(CAUSES)), 200)
    assert accuracy(random, book.truth) < 0.4
    assert error(random, book.truth) > 0.1


def test_a_ledger_that_is_the_truth_holds_every_target() -> None:
    rows = scorecard([made(1), made(2)], seed=3)
    named = {"name", "value", "unit", "target", "holds", "seed", "scenario", "sd_seeds", "sd_refits"}
    assert {frozenset(row) for row in rows} == {frozenset(named)}
    judged = [row for row in rows if row["holds"] is not None]
    assert judged
    assert all(row["holds"] for row in judged)


def test_a_tracker_gets_the_same_names_from_a_scorecard_and_from_a_report() -> None:
    book = made(1, noise=0.5)
    told, checked = overall(scorecard([book], seed=3)), check_of(book)
    assert {name: told[name] for name in CHECKED.values()} == {
        name: value for name, value in checked.items() if isinstance(value, float)
    }


def test_a_noisy_ledger_misses_what_can_be_reached() -> None:
    rows = scorecard([made(1, noise=0.9), made(2, noise=0.9)], seed=3)
    overall = {row["name"]: row for row in rows if row["seed"] is None and row["scenario"] is None}
    assert overall["dominant cause, accuracy"]["value"] < 0.9
    assert overall["share, mean absolute error"]["value"] > 0.05


def test_a_rise_counts_where_its_interval_is_above_zero() -> None:
    calm, shocked = made(1), made(1, "policy_shock")
    more = shocked.truth.copy()
    more[:, 0] += 0.3
    rows = scorecard([calm, replace(shocked, truth=more, ledger=shocked.truth)], seed=3)
    rise = {row["name"]: row for row in rows if row["name"].endswith("rise of policy")}
    assert rise["truth: rise of policy"]["holds"]
    assert rise["truth: rise of policy"]["value"] == pytest.approx(0.3)
    assert not rise["ledger: rise of policy"]["holds"]


def test_calibration_tells_how_many_vanish() -> None:
    book = made(4)
    table = calibration(book)
    assert table["conflicts"].sum() == len(book.truth) * len(MECHANISMS)
    assert np.abs(table["said"] - table["vanish"])[table["conflicts"] > 50].max() < 0.15


def test_the_confusion_counts_strong_conflicts() -> None:
    book = made(5)
    strong = (book.truth.max(axis=1) >= 0.5).sum()
    assert confusion([book])[list(CAUSES)].to_numpy().sum() == strong
    assert np.trace(confusion([book])[list(CAUSES)].to_numpy()) == strong


def test_a_book_is_read_as_it_was_saved(tmp_path: Path) -> None:
    book = made(6, "downturn")
    save(book, tmp_path / "book.parquet")
    again = load(tmp_path / "book.parquet", 6, "downturn", 0)
    for name in ("request_id", "borrower_id", *COLUMNS, "observed"):
        np.testing.assert_array_equal(getattr(book, name), getattr(again, name))


def test_what_vanishes_is_read_off_the_worlds() -> None:
    kept = np.ones((1, len(SUBSETS)))
    kept[0, SUBSETS.index(frozenset(MECHANISMS) - {"error"})] = 0
    np.testing.assert_array_equal(vanishing(kept), [[0, 0, 0, 0, 1]])


def _row_of(rows: list[dict[str, object]], name: str) -> dict[str, object]:
    (row,) = [row for row in rows if (row["name"], row["seed"], row["scenario"]) == (name, None, None)]
    return row


def test_each_figure_tells_how_it_varies_over_seeds_and_fits() -> None:
    books = [made(seed, noise=0.1 * seed) for seed in (1, 2, 3)]
    books += [replace(book, refit=1, ledger=np.roll(book.ledger, 1, axis=1)) for book in books]
    row = _row_of(scorecard(books, seed=3), "share, mean absolute error")
    alone = [error(book.ledger, book.truth) for book in books]
    assert row["value"] == pytest.approx(np.mean(alone[:3]))
    assert row["sd_seeds"] == pytest.approx(np.std(alone[:3], ddof=1))
    assert row["sd_refits"] == pytest.approx(np.std([np.mean(alone[:3]), np.mean(alone[3:])], ddof=1))


def test_a_null_change_that_changes_something_is_seen_and_counts_nowhere_else() -> None:
    base = made(1, noise=0.2)
    same = replace(base, scenario=NULL_CHANGE)
    moved = replace(same, ledger=np.roll(base.ledger, 1, axis=1))
    other = replace(same, request_id=base.request_id + 1)
    held = {}
    for name, null in (("same", same), ("moved", moved), ("other", other)):
        rows = scorecard([base, null], seed=3)
        held[name] = [row["holds"] for row in rows if row["scenario"] == NULL_CHANGE]
        assert _row_of(rows, "conflicts")["value"] == 200
    assert held == {"same": [True, True], "moved": [False, False], "other": [False, False]}


def test_conflicts_that_no_score_refuses_have_no_part_in_the_features() -> None:
    book = made(1, noise=0.5)
    unknown = np.where(np.arange(200)[:, None] < 150, np.nan, book.state)
    rows = scorecard([replace(book, state=unknown)], seed=3)
    known = scorecard([replace(book, state=book.state[150:], model=book.model[150:])], seed=3)
    for name in ("features: 1 largest, agreement", "features: Spearman, mean over conflicts"):
        assert _row_of(rows, name)["value"] == _row_of(known, name)["value"] is not None


def test_two_causes_that_need_each_other_are_both_the_largest() -> None:
    truth = np.zeros((4, len(CAUSES)))
    truth[:2, 1] = truth[:2, 3] = 0.5
    truth[2:, 0] = 0.49999999999999994, 1.0
    truth[2, 5] = 0.5000000000000001
    said = np.zeros_like(truth)
    said[0, 1] = said[1, 3] = said[2, 5] = said[3, 2] = 1.0
    assert accuracy(said, truth) == 0.75
    assert accuracy(said[:, ::-1], truth[:, ::-1]) == 0.75
    assert accuracy(said, truth, alone=True) == 0.0
    counts = confusion([replace(made(1), truth=truth, ledger=said)])[list(CAUSES)].to_numpy()
    assert (counts.sum(), np.trace(counts)) == (4, 3)
    said[0, 3], said[3, 0] = 1.0, 1.0  # one answer names both, the other a right and a wrong one
    assert accuracy(said, truth) == 0.875
    counts = confusion([replace(made(1), truth=truth, ledger=said)])[list(CAUSES)].to_numpy()
    assert (counts.sum(), np.trace(counts)) == (4, 3.5)


def test_a_book_without_conflicts_has_no_figures_and_no_verdicts() -> None:
    book = made(1)
    empty = {name: getattr(book, name)[:0] for name in ("request_id", "borrower_id", *COLUMNS, "observed")}
    nothing = replace(book, **empty)
    rows = scorecard([nothing], seed=3)
    assert {row["holds"] for row in rows} == {None}
    assert all(table.shape[1] for table in tables([nothing]).values())


def test_the_tables_are_made_of_the_first_fit_alone() -> None:
    book = made(5)
    both = tables([book, replace(book, refit=1), replace(book, scenario=NULL_CHANGE)])
    for name, table in tables([book]).items():
        assert both[name].equals(table)
