"""What a mapping declares is computed by the project's own windows, point in time, in both readers' snapshots."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from data.book import Book
from data.errors import CallError
from data.event_export import export_events
from data.event_import import import_events
from data.event_mapping import EventMapping, read_either
from data.months import to_days
from features.catalogue import catalogue_of, own_catalogue
from features.matrix import Matrix, request_matrix, review_matrix
from features.parameters import FeatureParameters
from features.reread import refreshed_snapshots
from settings import Settings
from tests.data.event_lender import Lender


def feature(name: str, stream: str, how: str, **more: Any) -> dict[str, Any]:
    meaning = {
        "label_en": name.replace("_", " "),
        "label_zh": "特征",
        "unit": "n",
        "family": "calls",
        "family_zh": "来电",
        "limit_sign": 0,
        "release_sign": "+",
    }
    return {"name": name, "stream": stream, "how": how} | meaning | more


TWINS = {
    "bureau_enq_6m": feature("enquiries", "bureau", "count", kinds=["enquiry"], days=182),
    "bureau_dpd_max_24m": feature("worst", "bureau", "max", column="dpd", kinds=["delinquency"], days=730),
    "mp_apps_30d": feature("applications", "agency", "count", kinds=["application"], days=30),
    "bureau_data_age": feature("age_of_news", "bureau", "days_since"),
    "own_dpd_max_12m": feature("worst_here", "own_ledger", "max", column="dpd", days=365),
}
"""Features of the project's own, and what a mapping says to have the same."""

PAY = {
    "label": ["Pay", "薪资"],
    "limit_refresh": "monthly",
    "sources": {
        "files": "income_assets.csv",
        "columns": {
            "borrower_id": "borrower_id",
            "occurred_on": "occurred_on",
            "visible_on": "visible_on",
            "pay": "payroll",
            "assets": "liquid_assets",
        },
    },
}
OWN = [
    feature("pay_mean", "pay", "mean", column="pay", days=180),
    feature("pay_sum", "pay", "sum", column="pay", days=180),
    feature("pay_count", "pay", "count", days=180),
    feature("assets_slope", "pay", "slope", column="assets", days=365),
    feature("pay_fresh", "pay", "days_since", if_none="zero"),
    feature(
        "pay_trend",
        "pay",
        "ratio",
        above={"how": "mean", "column": "pay", "days": 91},
        below={"how": "mean", "column": "pay", "days": 365},
    ),
]


@pytest.fixture(scope="module")
def folder(small_book: Book, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("declared") / "files"
    export_events(small_book, folder)
    mapping = yaml.safe_load((folder / "mapping.yaml").read_text(encoding="utf-8"))
    mapping["streams"]["pay"] = PAY
    mapping["features"] = [*TWINS.values(), *OWN]
    (folder / "mapping.yaml").write_text(yaml.safe_dump(mapping, sort_keys=False, allow_unicode=True))
    return folder


@pytest.fixture(scope="module")
def book(folder: Path) -> Book:
    mapping = read_either(folder / "mapping.yaml")
    assert isinstance(mapping, EventMapping)
    return import_events(mapping, folder, folder.parent / "book", 600)


@pytest.fixture(scope="module")
def parameters(settings: Settings) -> FeatureParameters:
    return settings.features


@pytest.fixture(scope="module")
def matrices(book: Book, parameters: FeatureParameters) -> tuple[Matrix, Matrix]:
    return request_matrix(book, 0, parameters), review_matrix(book, 0, parameters)


def of(matrix: Matrix, name: str) -> np.ndarray:
    return matrix.values[:, matrix.features.index(name)]


def test_declared_features_stand_after_the_projects_own_with_what_they_mean(book: Book) -> None:
    catalogue = catalogue_of(book)
    own = own_catalogue()
    assert catalogue.features[: len(own.features)] == own.features
    assert catalogue.release[: len(own.release)] == own.release
    told = catalogue["pay_trend"]
    assert (told.stream, told.window, told.label_zh) == ("pay", "91d/365d", "特征")
    assert (told.limit_sign, told.release_sign, told.reason_use) == ("0", "+", "N")
    assert "pay_trend" in catalogue.limit


def test_what_both_compute_is_the_same_to_the_bit(matrices: tuple[Matrix, Matrix]) -> None:
    for matrix in matrices:
        for name, twin in TWINS.items():
            here, there = of(matrix, name), of(matrix, twin["name"])
            # A maximum of nothing is zero to the project, and a bureau without any news is missing.
            known = ~np.isnan(here) & ~np.isnan(there)
            assert known.sum() > 50
            np.testing.assert_array_equal(here[known], there[known])


def test_the_projects_own_features_are_what_they_were(
    small_book: Book, matrices: tuple[Matrix, Matrix], parameters: FeatureParameters
) -> None:
    was = request_matrix(small_book, 0, parameters), review_matrix(small_book, 0, parameters)
    for before, after in zip(was, matrices, strict=True):
        assert (
            before.values.tobytes() == np.ascontiguousarray(after.values[:, : len(before.features)]).tobytes()
        )


def test_windows_of_an_own_stream_are_those_of_a_plain_reading(
    book: Book, matrices: tuple[Matrix, Matrix]
) -> None:
    rows = book.table("observations/pay", 0)
    for matrix, date in zip(matrices, ("requested_on", "reviewed_on"), strict=True):
        for place in range(0, len(matrix.keys), 97):
            key = matrix.keys.iloc[place]
            day = key[date]
            if date == "reviewed_on":
                day = day.replace(day=1)  # the limit review refreshes this stream monthly
            seen = rows[(rows["borrower_id"] == key["borrower_id"]) & (rows["visible_on"] <= day)]
            seen = seen[seen["occurred_on"] <= day]

            def within(days: int, seen: pd.DataFrame = seen, day: pd.Timestamp = day) -> pd.DataFrame:
                return seen[seen["occurred_on"] > day - pd.Timedelta(days=days)]

            half, year = within(180), within(365)
            pay = half["pay"].dropna()
            expected = {
                "pay_mean": pay.mean() if len(pay) else np.nan,
                "pay_sum": pay.sum(),
                "pay_count": len(half),
                "pay_fresh": (day - seen["occurred_on"].max()).days if len(seen) else 0,
                "pay_trend": within(91)["pay"].mean() / year["pay"].mean(),
                "assets_slope": np.nan,
            }
            if year["occurred_on"].nunique() > 1:
                days = to_days(year["occurred_on"]).astype(float)
                expected["assets_slope"] = np.polyfit(days - days[0], year["assets"], 1)[0] * 365.25 / 12
            for name, value in expected.items():
                found = matrix.values[place, matrix.features.index(name)]
                np.testing.assert_allclose(found, value, rtol=2e-4, atol=1e-3, err_msg=f"{name} at {place}")


def test_a_stream_of_the_lenders_own_is_one_that_can_be_fresh(
    book: Book, parameters: FeatureParameters
) -> None:
    requests = book.table("draw_requests", 0).head(40)
    favoured = book.table("limit_reviews", 0).set_index("review_id")["reviewed_on"]
    rows = pd.DataFrame(
        {
            "request_id": requests["request_id"].to_numpy(),
            "favoured_on": favoured.loc[requests["review_id"]].to_numpy(),
        }
    )
    snapshots = dict(refreshed_snapshots(book, 0, rows, parameters))
    assert list(snapshots)[-1] == "pay"
    limit = catalogue_of(book).limit
    changed = {
        name
        for name, now, then in zip(
            limit, snapshots["pay"].reviewed.T, snapshots[None].reviewed.T, strict=True
        )
        if not np.array_equal(now, then, equal_nan=True)
    }
    assert changed <= {one["name"] for one in OWN}
    assert "pay_count" in changed or "pay_fresh" in changed


def test_what_no_file_tells_has_no_features(tmp_path: Path, parameters: FeatureParameters) -> None:
    lender = Lender(tmp_path / "files")
    lender.mapping["features"] = [feature("complaints", "calls", "count", kinds=["complaint"], days=90)]
    book = lender.book()
    catalogue = catalogue_of(book)
    assert catalogue.release[-1] == "complaints"
    assert {"own_utilization", "requested_amount", "account_age"} <= set(catalogue.release)
    lacking = {"dti_ratio", "bureau_lenders", "income_proxy", "cash_buffer", "own_balance_to_income"}
    assert not lacking & set(catalogue.release)
    assert not {"competition_index", "macro_index"} & set(catalogue.limit)
    assert "policy_regime" in catalogue.limit
    requests = pd.concat([request_matrix(book, block, parameters).keys for block in range(book.blocks)])
    values = np.concatenate(
        [of(request_matrix(book, block, parameters), "complaints") for block in range(book.blocks)]
    )
    told = book.whole("source_ids/requests").set_index("request_id")["source_id"]
    found = dict(zip(told.loc[requests["request_id"]], values.tolist(), strict=True))
    assert found == {"q1": 2, "q2": 1, "q3": 2}


WRONG = [
    (feature("x", "mail", "count"), "reads the stream 'mail'"),
    (feature("x", "calls", "sum"), "a sum needs a `column`"),
    (feature("x", "calls", "count", column="minutes"), "a count has no `column`"),
    (feature("x", "calls", "mean", column="seconds"), "reads the column 'seconds'"),
    (feature("x", "own_ledger", "count", kinds=["a"]), "has no column `kind`"),
    (feature("x", "calls", "ratio"), "a ratio has `above` and `below`"),
    (feature("x", "calls", "median", column="minutes"), "should be 'count'"),
    (feature("x", "calls", "count", days=0), "greater than or equal to 1"),
    (feature("borrower_id", "calls", "count"), "is kept for the project's own columns"),
]


@pytest.mark.parametrize(("declared", "said"), WRONG)
def test_a_feature_that_cannot_be_computed_is_refused(
    declared: dict[str, Any], said: str, tmp_path: Path
) -> None:
    lender = Lender(tmp_path / "files")
    lender.mapping["features"] = [declared]
    with pytest.raises(CallError, match=said) as raised:
        lender.book()
    assert "\n" not in str(raised.value)


def test_a_name_of_the_projects_own_is_refused(tmp_path: Path) -> None:
    lender = Lender(tmp_path / "files")
    lender.mapping["features"] = [feature("dti_ratio", "calls", "count")]
    with pytest.raises(CallError, match="the name of one of the project's own"):
        catalogue_of(lender.book())
