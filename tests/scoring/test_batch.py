"""Files scored in blocks: the figures of training, the schema held, nothing half-written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest

from data.simulate import simulate_book
from scoring import batch
from settings import Settings
from tests.commands.calls import CALL_WRONG, WORK_WRONG, answer, call, refused
from tests.scoring.conftest import Done
from training.home import database, sqlite_uri
from training.tracking import point_at

REASONS = [f"reason_{rank}" for rank in range(1, 5)]


@pytest.fixture(scope="module")
def files(rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same rows as CSV and as Parquet, with an id."""
    folder = tmp_path_factory.mktemp("given")
    given = rows.assign(request_id=range(100, 100 + len(rows)), note='a "quoted", line')
    given = given[["note", *reversed(list(given.columns.drop("note")))]]
    paths = {kind: folder / f"rows.{kind}" for kind in ("csv", "parquet")}
    given.to_csv(paths["csv"], index=False)
    given.to_parquet(paths["parquet"])
    return paths


@pytest.fixture(scope="module")
def served(done: Done, rows: pd.DataFrame) -> pd.DataFrame:
    """What the served model says of the rows."""
    point_at(sqlite_uri(database(done.home)))
    said = mlflow.pyfunc.load_model(done.models["decision"]).predict(rows)
    return pd.DataFrame(said)


def scored(done: Done, source: Path, out: Path, *words: object) -> dict[str, Any]:
    return answer(call("score", "--input", source, "--out", out, "--home", done.home, "--json", *words))


@pytest.mark.parametrize(("kind", "made"), [("csv", "parquet"), ("parquet", "csv")])
def test_a_file_is_scored_as_training_scored_the_book(
    done: Done,
    files: dict[str, Path],
    served: pd.DataFrame,
    kind: str,
    made: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(batch, "CSV_BLOCK", 1 << 20)
    monkeypatch.setattr(batch, "PARQUET_BLOCK", 777)
    out = tmp_path / "made" / f"scores.{made}"
    told = scored(
        done, files[kind], out, "--keep", "request_id, note", "--reasons", "--book", done.scored.book.path
    )
    found = pd.read_csv(out, keep_default_na=False) if made == "csv" else pd.read_parquet(out)
    assert list(found) == ["request_id", "note", "limit", "pd", "decision", "refused_by", *REASONS]
    assert list(found["request_id"].astype(int)) == list(range(100, 100 + len(served)))
    assert set(found["note"]) == {'a "quoted", line'}
    requests = len(done.scored.decided)
    np.testing.assert_allclose(found["pd"][:requests], done.scored.decided["pd"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(found["limit"][requests:], np.exp(done.scored.limit_score), rtol=1e-12)
    pd.testing.assert_frame_equal(found[list(served)], served, check_dtype=False, rtol=1e-12)
    assert told["rows"] == len(served)
    assert told["refused"] == (served["decision"] == "refuse").sum() > 0
    assert told["refused_by"] == served["refused_by"][served["refused_by"] != ""].value_counts().to_dict()
    assert told["unused"] == []
    assert [path.name for path in out.parent.iterdir()] == [out.name]


def test_reasons_are_left_out_unless_wanted_and_unused_columns_are_told(
    done: Done, files: dict[str, Path], tmp_path: Path
) -> None:
    told = scored(done, files["parquet"], tmp_path / "plain.parquet", "--model", done.models["decision"])
    assert list(pd.read_parquet(tmp_path / "plain.parquet")) == ["limit", "pd", "decision", "refused_by"]
    assert sorted(told["unused"]) == ["note", "request_id"]
    one_by_one = ("--keep", "note", "--keep", "request_id")
    scored(done, files["parquet"], tmp_path / "kept.parquet", *one_by_one)
    assert list(pd.read_parquet(tmp_path / "kept.parquet"))[:2] == ["note", "request_id"]


def test_missing_columns_are_all_named_and_nothing_is_written(
    done: Done, rows: pd.DataFrame, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    for kind in ("csv", "parquet"):
        source = tmp_path / f"given.{kind}"
        part = rows[:5].drop(columns=["dti_ratio", "region", "requested_amount"])
        part.to_csv(source, index=False) if kind == "csv" else part.to_parquet(source)
        result = call("score", "--input", source, "--out", out, "--home", done.home)
        refused(result, CALL_WRONG, "lacks the columns dti_ratio, requested_amount, region")
    refused(
        call("score", "--input", source, "--out", out, "--home", done.home, "--keep", "id"), CALL_WRONG, "id"
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["given.csv", "given.parquet"]


def test_the_file_that_is_scored_is_never_written_over(
    done: Done, rows: pd.DataFrame, tmp_path: Path
) -> None:
    rows.to_csv(tmp_path / "mine.csv", index=False)
    before = (tmp_path / "mine.csv").read_bytes()
    (tmp_path / "same.csv").symlink_to(tmp_path / "mine.csv")
    for out in ("mine.csv", "same.csv"):
        words = ("--input", tmp_path / "mine.csv", "--out", tmp_path / out, "--home", done.home)
        refused(call("score", *words), CALL_WRONG, "is the file that is scored")
    assert (tmp_path / "mine.csv").read_bytes() == before


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"dti_ratio": "high"}, WORK_WRONG, "column dti_ratio"),
        ({"region": 99}, WORK_WRONG, "no policy is on record for region 99"),
        ({"region": None}, WORK_WRONG, "row 4 names no region"),
        ({"requested_on": "1999-01-05"}, WORK_WRONG, "no policy is on record for 1999-01"),
        ({"requested_on": "soon"}, WORK_WRONG, "column requested_on"),
    ],
)
def test_a_wrong_value_is_named(
    done: Done, rows: pd.DataFrame, changed: dict[str, Any], status: int, said: str, tmp_path: Path
) -> None:
    ((name, value),) = changed.items()
    given = (
        rows[:6].assign(requested_on=rows["requested_on"][:6].dt.strftime("%Y-%m-%d")).astype({name: object})
    )
    given.loc[3, name] = value
    given.to_csv(tmp_path / "given.csv", index=False)
    out = tmp_path / "out.csv"
    refused(
        call("score", "--input", tmp_path / "given.csv", "--out", out, "--home", done.home),
        status,
        "given.csv",
        said,
    )
    assert not out.exists()


def test_a_parquet_column_of_another_type_is_named(done: Done, rows: pd.DataFrame, tmp_path: Path) -> None:
    for name, values in (("dti_ratio", ["a"] * 5), ("region", [1.5] * 5), ("requested_on", [1] * 5)):
        rows[:5].assign(**{name: values}).to_parquet(tmp_path / "given.parquet")
        words = ("--input", tmp_path / "given.parquet", "--out", tmp_path / "out.csv", "--home", done.home)
        refused(call("score", *words), CALL_WRONG, f"{name} is of type")


def test_whole_numbers_and_absent_dates_are_taken(done: Done, rows: pd.DataFrame, tmp_path: Path) -> None:
    given = rows[:50].drop(columns="requested_on")
    given.astype({"bureau_enq_3m": "Int64"}).to_parquet(tmp_path / "given.parquet")
    given.assign(requested_on=None).to_csv(tmp_path / "given.csv", index=False)
    for kind in ("parquet", "csv"):
        scored(done, tmp_path / f"given.{kind}", tmp_path / f"{kind}.parquet")
    pd.testing.assert_frame_equal(
        *(pd.read_parquet(tmp_path / f"{kind}.parquet") for kind in ("parquet", "csv"))
    )


@pytest.mark.parametrize("content", ["", "\n", "a,b\n1,2\n", "\xff\xfe", "a,b\n1\n"])
def test_a_file_that_is_none_is_told_of(done: Done, content: str, tmp_path: Path) -> None:
    (tmp_path / "given.csv").write_bytes(content.encode("latin-1"))
    result = call(
        "score", "--input", tmp_path / "given.csv", "--out", tmp_path / "out.csv", "--home", done.home
    )
    refused(result, WORK_WRONG if "\xff" in content else CALL_WRONG, "given.csv")
    (tmp_path / "given.parquet").write_bytes(content.encode("latin-1"))
    result = call(
        "score", "--input", tmp_path / "given.parquet", "--out", tmp_path / "out.csv", "--home", done.home
    )
    refused(result, WORK_WRONG, "given.parquet")


def test_no_rows_are_told_of(done: Done, rows: pd.DataFrame, tmp_path: Path) -> None:
    for kind in ("csv", "parquet"):
        source = tmp_path / f"given.{kind}"
        rows[:0].to_csv(source, index=False) if kind == "csv" else rows[:0].to_parquet(source)
        result = call("score", "--input", source, "--out", tmp_path / "out.csv", "--home", done.home)
        refused(result, WORK_WRONG, "no rows")


@pytest.mark.parametrize(
    ("uri", "said"),
    [
        ("models:/releasegap-decision@chief", "models:/releasegap-decision@chief"),
        ("models:/releasegap-decision/999", "models:/releasegap-decision/999"),
        ("models:/releasegap-limit/1", "is no decision model"),
        ("no/such/folder", "is no decision model"),
    ],
)
def test_a_model_that_is_not_there_is_named(
    done: Done, files: dict[str, Path], uri: str, said: str, tmp_path: Path
) -> None:
    words = ("--input", files["csv"], "--out", tmp_path / "out.csv", "--home", done.home, "--model", uri)
    refused(call("score", *words), CALL_WRONG, said)


def test_a_model_of_another_book_is_refused(
    done: Done, files: dict[str, Path], settings: Settings, tmp_path: Path
) -> None:
    other = simulate_book(tmp_path / "other", 50, 24, 6, "baseline", settings.world, block_size=50)
    words = (
        "--input",
        files["csv"],
        "--out",
        tmp_path / "out.csv",
        "--home",
        done.home,
        "--book",
        other.path,
    )
    refused(call("score", *words), CALL_WRONG, "no decision model trained on this book")
    words = (*words, "--model", done.models["decision"])
    refused(call("score", *words), CALL_WRONG, "was trained on another book")


def test_a_home_without_models_is_told_to_train(files: dict[str, Path], tmp_path: Path) -> None:
    words = ("--input", files["csv"], "--out", tmp_path / "out.csv", "--home", tmp_path / "home")
    refused(call("score", *words), CALL_WRONG, "no decision model in", "releasegap train all")
    assert not (tmp_path / "home").exists()
