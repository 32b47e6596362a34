"""The folder of an explanation, read again."""

from __future__ import annotations

import json
import os
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pandas as pd
import pytest

from data.errors import CallError, DataFault
from explanations import files
from explanations.explanation import Explanation
from explanations.files import latest_explanation, read_explanation, write_explanation
from explanations.sums import SUMS, write_sums


def write(explanation: Explanation, folder: Path) -> Path:
    """Writes an explanation without its report and figures, which are tested elsewhere."""
    folder.mkdir(parents=True)
    model = cast(Any, SimpleNamespace(text="a booster"))
    details = explanation.conflicts.assign(review_id=explanation.conflicts["request_id"] + 1)
    summary = explanation.summary | {
        "calibration": {
            "slope": explanation.calibration.slope,
            "intercept": explanation.calibration.intercept,
        }
    }
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(files, "write_report", lambda *given: None)
        patched.setattr(files, "write_figures", lambda *given: [])
        write_explanation(replace(explanation, conflicts=details, summary=summary), model, model, folder)
    return folder


def same(read: object, written: object) -> None:
    """Holds what was read against what was written; dates whatever their resolution."""
    if isinstance(written, pd.DataFrame):
        assert isinstance(read, pd.DataFrame)
        written = written.reset_index(drop=True)
        dated = [name for name in written if name in ("requested_on", "on", "since")]
        for name in dated:
            assert read[name].astype(str).tolist() == written[name].astype(str).tolist()
        columns = [name for name in written if name not in dated]
        pd.testing.assert_frame_equal(read[columns], written[columns], check_dtype=False)
    else:
        assert read == written


def test_what_was_written_is_read_again(lettered: Explanation, tmp_path: Path) -> None:
    read = read_explanation(write(lettered, tmp_path / "e"))
    for field in fields(Explanation):
        if field.name == "summary":
            told = dict(read.summary)
            assert told.pop("calibration") == {"slope": 1.08, "intercept": -0.12}
            assert told == json.loads(json.dumps(lettered.summary))
        elif field.name == "conflicts":
            assert (read.conflicts["review_id"] == lettered.conflicts["request_id"] + 1).all()
            same(read.conflicts.drop(columns="review_id"), lettered.conflicts)
        elif field.name == "diagnostics":
            for name, table in vars(lettered.diagnostics).items():
                same(getattr(read.diagnostics, name), table)
        elif field.name == "rules":
            assert lettered.rules is not None
            assert lettered.rules.rules
            assert repr(read.rules) == repr(lettered.rules), "an unknown interval is not equal to itself"
        else:
            same(getattr(read, field.name), getattr(lettered, field.name))


def test_a_book_that_was_cross_fitted_is_read_again(imported: Explanation, tmp_path: Path) -> None:
    read = read_explanation(write(imported, tmp_path / "e"))
    assert imported.cross_fitting is not None
    for name, table in vars(imported.cross_fitting).items():
        same(getattr(read.cross_fitting, name), table)


def test_an_undated_explanation_is_read_again_with_nothing_where_it_had_nothing(
    imported: Explanation, tmp_path: Path
) -> None:
    read = read_explanation(write(imported, tmp_path / "e"))
    assert repr(read.rules) == repr(imported.rules)
    assert read.causes is read.timelines is read.reasons is read.recourse is None
    assert read.conflicts["requested_on"].isna().all()
    assert read.catalogue == imported.catalogue


def test_a_folder_without_an_explanation_or_of_an_older_one_is_refused(
    imported: Explanation, tmp_path: Path
) -> None:
    with pytest.raises(CallError, match=r"holds no explanation \(no summary.json\)"):
        read_explanation(tmp_path)
    folder = write(imported, tmp_path / "e")
    (folder / "conflict_details.parquet").unlink()
    write_sums(folder)
    with pytest.raises(CallError, match=r"another version of the workbench \(no conflict_details.parquet\)"):
        read_explanation(folder)
    (folder / SUMS).unlink()
    with pytest.raises(CallError, match=r"another version of the workbench \(no SHA256SUMS\)"):
        read_explanation(folder)


def test_a_folder_whose_conflicts_lack_a_detail_is_of_another_version(
    imported: Explanation, tmp_path: Path
) -> None:
    details = write(imported, tmp_path / "e") / "conflict_details.parquet"
    pd.read_parquet(details).drop(columns="limit_recorded").to_parquet(details)
    write_sums(details.parent)
    with pytest.raises(
        CallError, match=r"no column limit_recorded in conflict_details.parquet\); make it again"
    ):
        read_explanation(tmp_path / "e")


def test_a_damaged_file_is_a_fault_in_one_sentence(imported: Explanation, tmp_path: Path) -> None:
    folder = write(imported, tmp_path / "e")
    (folder / "contrast.parquet").write_bytes(b"nothing")
    write_sums(folder)
    with pytest.raises(DataFault, match=r"e cannot be read \(.*\); make it again"):
        read_explanation(folder)


def test_the_latest_of_a_home_is_the_one_written_last(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="holds no explanation: name its folder with --from"):
        latest_explanation(tmp_path)
    for age, name in enumerate(("b", "c", "a")):
        summary = tmp_path / "explanations" / name / "summary.json"
        summary.parent.mkdir(parents=True)
        summary.write_text("{}")
        os.utime(summary, (1_000_000 - age, 1_000_000 - age))
    assert latest_explanation(tmp_path).name == "b"
