"""Cross-fitting: who is held out where, and that nobody's score knows his own outcome."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import settings
from commandline import Console
from data.book import Book
from data.errors import DataFault
from explanations.cross_fitting.fold import ScoredFold
from explanations.kernel.contrast import TOLERANCE
from models import threads
from stages import matrices
from stages.cross_fitting import scored_folds
from tests.training.small_clients import FITTED_SMALL, imported_book, small_clients
from training.cross_fitting import clients_of, fit_fold, folds_of, is_cross_fitted
from training.parameters import CrossFittingParameters, ShareParameters

SMALL = settings.resolved(None, list(FITTED_SMALL))
SHARES = ShareParameters(train=0.6, early_stopping=0.1, calibration=0.1)
PARAMETERS = CrossFittingParameters(rows=1_000, folds=5, repeats=3)
IDS = np.array([f"client {number}" for number in range(400)], dtype=object)


def scored(book: Book) -> list[ScoredFold]:
    requests, reviews = matrices(book, SMALL, Console(quiet=True))
    clients = clients_of(book, requests, reviews)
    folds = folds_of(clients.ids, SMALL.training.cross_fitting, SMALL.training.shares)
    return scored_folds(book, clients, folds, SMALL, lambda done: None)


def by_client(book: Book, folds: list[ScoredFold]) -> pd.DataFrame:
    """The scores by the lender's id and repeat, ids that the book gives left out."""
    known = book.whole("borrowers", ["borrower_id", "source_id"])
    table = pd.concat([fold.scores for fold in folds]).merge(known, on="borrower_id")
    return table.drop(columns=["borrower_id", "request_id"]).set_index(["source_id", "repeat"]).sort_index()


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return small_clients()


@pytest.fixture(scope="module")
def book(table: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Book:
    return imported_book(table, tmp_path_factory.mktemp("clients") / "b")


@pytest.fixture(scope="module")
def folds(book: Book) -> list[ScoredFold]:
    return scored(book)


def test_each_repeat_holds_every_client_once_and_fits_on_others() -> None:
    folds = folds_of(IDS, PARAMETERS, SHARES)
    for repeat in (1, 2, 3):
        own = [fold for fold in folds if fold.repeat == repeat]
        assert [fold.fold for fold in own] == [1, 2, 3, 4, 5]
        np.testing.assert_array_equal(np.sort(np.concatenate([fold.held for fold in own])), np.arange(400))
        for fold in own:
            parts = [fold.held, fold.train, fold.early_stopping, fold.calibration]
            np.testing.assert_array_equal(np.sort(np.concatenate(parts)), np.arange(400))
            assert 0.68 < len(fold.train) / (400 - len(fold.held)) < 0.82
    assert len({tuple(fold.held) for fold in folds}) == len(folds), "each repeat deals them anew"


def test_where_a_client_stands_depends_on_his_id_alone() -> None:
    order = np.random.default_rng(1).permutation(400)[:300]
    whole, part = folds_of(IDS, PARAMETERS, SHARES), folds_of(IDS[order], PARAMETERS, SHARES)
    for one, other in zip(whole, part, strict=True):
        for name in ("held", "train", "early_stopping", "calibration"):
            there = set(IDS[getattr(one, name)]) & set(IDS[order])
            assert set(IDS[order][getattr(other, name)]) == there


def test_a_fold_without_clients_is_none() -> None:
    few = folds_of(IDS[:2], PARAMETERS, SHARES)
    assert all(len(fold.held) for fold in few)
    assert sum(len(fold.held) for fold in few) == 6


def test_no_score_and_no_decision_knows_the_own_outcome(
    table: pd.DataFrame, book: Book, folds: list[ScoredFold], tmp_path: Path
) -> None:
    usual = by_client(book, folds)
    ids = table["client"].to_numpy(object)
    dealt = folds_of(ids, SMALL.training.cross_fitting, SMALL.training.shares)
    trains = {
        one.repeat: {place for fold in dealt if fold.repeat == one.repeat for place in fold.train}
        for one in dealt
    }
    for client in ids[sorted(trains[1] & trains[2])[:2]]:
        other = table.assign(
            result=table["result"].where(
                table["client"] != client, table["result"].map({"bad": "good", "good": "bad"})
            )
        )
        flipped = imported_book(other, tmp_path / client)
        now = by_client(flipped, scored(flipped))
        pd.testing.assert_frame_equal(now.loc[client], usual.loc[client], check_exact=True)
        assert (now["release_margin"] != usual["release_margin"]).mean() > 0.3, "others do know it"


def test_the_order_of_the_file_and_the_number_of_threads_change_nothing(
    table: pd.DataFrame,
    book: Book,
    folds: list[ScoredFold],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    other = imported_book(table.sample(frac=1, random_state=4), tmp_path / "shuffled")
    monkeypatch.setattr(threads, "processors", lambda: 3)
    found = scored(other)
    pd.testing.assert_frame_equal(by_client(other, found), by_client(book, folds), check_exact=True)
    for one, before in zip(found, folds, strict=True):
        assert (one.contributions is None) == (before.contributions is None)
        if one.contributions is not None and before.contributions is not None:
            columns = ["base", "income", "savings", "enquiries", "late_days"]
            pd.testing.assert_frame_equal(
                one.contributions[columns], before.contributions[columns], check_exact=True
            )


def test_contributions_add_up_to_the_score_that_did_not_see_the_client(folds: list[ScoredFold]) -> None:
    explained = 0
    for fold in folds:
        if fold.contributions is None:
            continue
        given = fold.contributions.drop(columns="repeat").set_index("request_id")
        margin = fold.scores.set_index("request_id")["release_margin"]
        assert (given.sum(axis=1) - margin.loc[given.index]).abs().max() < TOLERANCE
        released = fold.scores["favoured"] & ~fold.scores["refused"]
        mean = fold.scores.loc[released, "release_margin"].mean()
        assert np.abs(given["base"] - mean).max() < 1e-9
        explained += len(given)
    assert explained > 20


def test_a_repeat_in_which_a_fold_cannot_be_fitted_is_left_out_whole(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fit(clients: object, fold: object, *rest: object) -> object:
        if (fold.repeat, fold.fold) == (1, 2):  # type: ignore[attr-defined]
            raise DataFault("All 3 labelled draw requests are good.")
        return fit_fold(clients, fold, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr("training.cross_fitting.fit_fold", fit)
    assert {int(fold.scores["repeat"].iloc[0]) for fold in scored(book)} == {2}


def test_only_small_books_without_dates_are_cross_fitted(book: Book, small_book: Book) -> None:
    assert is_cross_fitted(book, PARAMETERS)
    assert not is_cross_fitted(book, PARAMETERS.model_copy(update={"rows": 239}))
    assert not is_cross_fitted(small_book, PARAMETERS.model_copy(update={"rows": 10**9}))
