"""Real books through the same commands: imported, trained on, explained."""

import json
from pathlib import Path

import pandas as pd

import settings
from data.mechanisms import CAUSES
from tests.commands.calls import CALL_WRONG, answer, call, refused


def test_a_real_book_goes_through_the_same_commands(real_data: Path, tmp_path: Path) -> None:
    mapping = settings.BESIDE.parent / "data" / "mappings" / "taiwan_default.yaml"
    file = real_data / "taiwan_default" / "taiwan_default.csv"
    answer(call("import", mapping, file, "--out", tmp_path / "book", "--json"))
    trained = answer(call("train", "all", "--book", tmp_path / "book", "--home", tmp_path, "--json"))
    assert trained["metrics"]["release.auc"] >= 0.77  # type: ignore[index]
    said = answer(
        call("explain", "--book", tmp_path / "book", "--home", tmp_path, "--out", tmp_path / "out", "--json")
    )
    counts, rates = said["counts"], said["bad_rates"]
    assert 0.02 < counts["conflicts"] / counts["requests"] < 0.045  # type: ignore[index]
    assert rates["conflict"]["rate"] > 4 * rates["reference"]["rate"]  # type: ignore[index]
    given = pd.read_parquet(tmp_path / "out" / "release_contributions.parquet")
    assert given.drop(columns=["request_id", "base"]).mean().idxmax() == "PAY_0"


def test_a_small_real_book_goes_through_too_and_says_which_causes_it_cannot_tell(
    real_data: Path, tmp_path: Path, folder: Path
) -> None:
    mapping = settings.BESIDE.parent / "data" / "mappings" / "german_credit.yaml"
    file = real_data / "german_credit" / "german_credit.csv"
    answer(call("import", mapping, file, "--out", tmp_path / "book", "--json"))
    said = answer(call("run", "--book", tmp_path / "book", "--home", tmp_path, "--json"))
    assert said["counts"]["conflicts"] > 0  # type: ignore[index]
    own = Path(str(said["folder"]))
    assert not (own / "causes.parquet").exists()
    summary = json.loads((own / "summary.json").read_text())
    assert set(summary["causes"]["not_identifiable"]) == set(CAUSES) - {"residual"}
    held = ("monitor", "--book", tmp_path / "book", "--against", own, "--home", tmp_path)
    assert answer(call(*held, "--out", tmp_path / "monitored", "--json"))["passed"] == []
    told = json.loads((tmp_path / "monitored" / "monitor.json").read_text(encoding="utf-8"))
    assert {row["now"] == row["before"] for row in told["checks"] if row["check"] not in ("psi", "csi")} == {
        True
    }
    assert {row["measure"] for row in told["checks"] if row["check"] in ("psi", "csi")} == {0.0}
    refused(
        call(*held, "--until", "2025-01-31"),
        CALL_WRONG,
        "has no dates, so that --until can name no day of it",
    )
    other = call("monitor", "--book", tmp_path / "book", "--against", folder, "--home", tmp_path)
    refused(other, CALL_WRONG, "explains a book of another kind", "the book lacks")
    asked = call("phantom", "--book", tmp_path / "book", "--home", tmp_path)
    refused(asked, CALL_WRONG, "has no dates, so nobody can be asked on a day")
    truth = call("truth", "--book", tmp_path / "book", "--out", tmp_path / "t", "--home", tmp_path)
    refused(truth, CALL_WRONG, "not a simulated book")
    elsewhere = ("--home", tmp_path / "none", "--out", tmp_path / "table.csv")
    inference = call("reject-inference", "--book", tmp_path / "book", *elsewhere)
    refused(inference, CALL_WRONG, "not a simulated book", "how refused requests would have ended")
    assert not (tmp_path / "none").exists()
