"""Matrices: their columns, their keys, and what they do not depend on."""

import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from data.blocks import Processes
from data.book import Manifest, open_book
from data.book_writer import BookWriter
from data.errors import DataFault
from data.schema import FLAT_TABLES, Table
from features.catalogue import own_catalogue
from features.matrix import request_matrix, review_matrix, whole_matrices, whole_matrix

KINDS = ("request", "review")


@pytest.fixture(scope="module")
def frames(make_random_frames):
    return make_random_frames(20, 3)


@pytest.fixture
def book(frames, write, tmp_path):
    return write(frames, tmp_path / "book", 1)


def test_columns_stand_in_the_order_of_the_catalogue(book, parameters):
    requests, reviews = request_matrix(book, 0, parameters), review_matrix(book, 0, parameters)
    assert requests.features == own_catalogue().release
    assert reviews.features == own_catalogue().limit
    for matrix in (requests, reviews):
        assert matrix.values.shape == (len(matrix.keys), len(matrix.features))
        assert matrix.values.dtype == np.float32
        assert matrix.values.flags.c_contiguous
        assert not np.isinf(matrix.values).any()


def test_keys_are_what_was_recorded_of_each_row(book, frames, parameters):
    requests, reviews = request_matrix(book, 0, parameters).keys, review_matrix(book, 0, parameters).keys
    recorded = frames["draw_requests"]
    pd.testing.assert_frame_equal(
        requests[list(recorded)], recorded, check_dtype=False, check_categorical=False
    )
    region = frames["borrowers"].set_index("borrower_id")["region"]
    assert (requests["region"] == requests["borrower_id"].map(region)).all()
    year_and_month = (requests["requested_on"].dt.year - 2023) * 12 + requests["requested_on"].dt.month
    assert (requests["month"] == year_and_month).all()
    review = frames["limit_reviews"].set_index("review_id").loc[requests["review_id"]].reset_index()
    assert (requests["limit_after"] == review["limit_after"]).all()
    assert (requests["limit_before"] == review["limit_before"]).all()
    assert (requests["reviewed_on"] == review["reviewed_on"]).all()
    assert (requests["available"] == requests["limit_after"] - requests["balance"]).all()
    assert list(reviews) == [*frames["limit_reviews"], "region", "month"]


def test_the_balance_of_a_request_is_the_one_that_its_features_are_made_of(book, parameters):
    matrix = request_matrix(book, 0, parameters)
    values = pd.DataFrame(matrix.values, columns=list(matrix.features))
    income = matrix.keys["amount"] / values["amount_to_income"]
    known = values["own_balance_to_income"].notna()
    assert known.any()
    got = (values["own_balance_to_income"] * income)[known].to_numpy()
    assert got == pytest.approx(matrix.keys["balance"][known].to_numpy(), rel=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_a_matrix_is_the_same_whatever_the_blocks(kind, frames, book, write, tmp_path, parameters):
    in_one = whole_matrix(book, kind, parameters)
    in_seven = whole_matrix(write(frames, tmp_path / "cut", 7), kind, parameters)
    pd.testing.assert_frame_equal(in_one.keys, in_seven.keys)
    assert in_one.values.tobytes() == in_seven.values.tobytes()
    assert in_seven.values.flags.c_contiguous


@pytest.mark.parametrize("kind", KINDS)
def test_the_work_on_a_block_and_its_result_can_be_sent_to_another_process(
    kind, frames, write, tmp_path, parameters
):
    class Sent(Processes):
        """Stands in for a pool of processes, whose start would take longer than all these tests."""

        def map_blocks(self, work, blocks):
            sent = pickle.loads(pickle.dumps(work))
            return (pickle.loads(pickle.dumps(sent(block))) for block in blocks)

    book = write(frames, tmp_path / "cut", 2)
    here = whole_matrix(book, kind, parameters)
    elsewhere = whole_matrix(book, kind, parameters, Sent())
    pd.testing.assert_frame_equal(here.keys, elsewhere.keys)
    assert here.values.tobytes() == elsewhere.values.tobytes()


def test_both_matrices_are_made_in_one_go_and_can_be_followed(frames, write, tmp_path, parameters):
    followed = []

    def track(blocks, total):
        for requests, reviews in blocks:
            followed.append((len(requests.keys), len(reviews.keys), total))
            yield requests, reviews

    book = write(frames, tmp_path / "cut", 3)
    both = whole_matrices(book, ("request", "review"), parameters, track=track)
    assert [total for *_, total in followed] == [3, 3, 3]
    for place, kind in enumerate(("request", "review")):
        alone = whole_matrix(book, kind, parameters)
        assert sum(rows[place] for rows in followed) == len(alone.keys)
        pd.testing.assert_frame_equal(both[place].keys, alone.keys)
        np.testing.assert_array_equal(both[place].values, alone.values)
        assert both[place].features == alone.features


@pytest.mark.parametrize("kind", KINDS)
def test_protected_attributes_change_no_value(kind, frames, book, write, tmp_path, parameters):
    borrowers = frames["borrowers"]
    others = borrowers.assign(
        gender=pd.Categorical(["male"] * len(borrowers)),
        age=borrowers["age"] + np.int16(30),
        marital_status=pd.Categorical(["divorced"] * len(borrowers)),
    )
    changed = write(frames | {"borrowers": others}, tmp_path / "changed", 1)
    assert (
        whole_matrix(book, kind, parameters).values.tobytes()
        == whole_matrix(changed, kind, parameters).values.tobytes()
    )


def test_the_region_changes_no_value_of_the_release_model(frames, book, write, tmp_path, parameters):
    moved = frames["borrowers"].assign(region=np.int8(1))
    changed = write(frames | {"borrowers": moved}, tmp_path / "changed", 1)
    assert (
        request_matrix(book, 0, parameters).values.tobytes()
        == request_matrix(changed, 0, parameters).values.tobytes()
    )


def test_a_request_under_a_review_that_is_not_there_is_a_fault(frames, write, tmp_path, parameters):
    requests = frames["draw_requests"].assign(review_id=np.int64(5))
    broken = write(frames | {"draw_requests": requests}, tmp_path / "broken", 1)
    with pytest.raises(DataFault, match=r"request 10100 names review 5, which is not"):
        request_matrix(broken, 0, parameters)


MAPPING = {
    "features": [
        {
            "name": name,
            "label_en": name,
            "label_zh": name,
            "unit": "n",
            "family": "f",
            "limit_sign": limit,
            "release_sign": release,
        }
        for name, limit, release in (("late", "x", "+"), ("older", "-", "+"), ("income", "+", "x"))
    ]
}


def imported_book(path, columns=("late", "older", "income"), flat_ids=(1, 2, 3)):
    flat = {"borrower_id": pa.int64()} | dict.fromkeys(columns, pa.float32())
    table = Table("observations/flat", flat, ("borrower_id",), ("borrower_id",), frozenset(columns))
    values = {name: [10.0 * n + i for i in flat_ids] for n, name in enumerate(columns)}
    values["late"][0] = None
    with BookWriter(path) as writer:
        writer.write(table, 0, {"borrower_id": list(flat_ids)} | values)
        borrowers = Table("borrowers", {"borrower_id": pa.int64()}, ("borrower_id",), ("borrower_id",))
        writer.write(borrowers, 0, {"borrower_id": [1, 2, 3]})
        ids = {"request_id": [1, 2, 3], "review_id": [1, 2, 3], "borrower_id": [1, 2, 3]}
        writer.write(FLAT_TABLES["draw_requests"], 0, ids | {"amount": [None, 5.0, 6.0]})
        writer.write(FLAT_TABLES["limit_reviews"], 0, ids | {"limit_assessed": [7.0, 8.0, 9.0]})
        writer.finish(Manifest(1, "imported", 1, mapping=MAPPING))
    return open_book(path)


def test_an_imported_book_has_the_columns_of_its_mapping(tmp_path, parameters):
    book = imported_book(tmp_path / "book")
    requests, reviews = (whole_matrix(book, kind, parameters) for kind in KINDS)
    assert requests.features == ("late", "older")
    assert np.array_equal(requests.values, [[np.nan, 11], [2, 12], [3, 13]], equal_nan=True)
    assert list(requests.keys) == ["request_id", "borrower_id", "amount"]
    assert reviews.features == ("older", "income")
    assert reviews.values.tolist() == [[11, 21], [12, 22], [13, 23]]
    assert reviews.keys["limit_assessed"].tolist() == [7, 8, 9]
    for matrix in (requests, reviews):
        assert matrix.values.dtype == np.float32
        assert matrix.values.flags.c_contiguous


def test_an_imported_book_without_a_column_of_its_mapping_is_a_fault(tmp_path, parameters):
    book = imported_book(tmp_path / "book", columns=("late", "income"))
    with pytest.raises(DataFault, match="has no column 'older'"):
        request_matrix(book, 0, parameters)


def test_a_client_without_values_is_a_fault(tmp_path, parameters):
    book = imported_book(tmp_path / "book", flat_ids=(1, 2))
    with pytest.raises(DataFault, match="borrower 3 has no row in observations/flat"):
        review_matrix(book, 0, parameters)
