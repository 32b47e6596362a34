"""Scored and recorded decisions in the ledger: all of them, as they were given out, and found again by command."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import settings
from data.book import Book
from data.decision_ledger.chain import CHAIN, rows_file, sound_chain
from scoring import batch
from tests.commands.calls import CALL_WRONG, WORK_WRONG, answer, call, refused
from tests.scoring.conftest import Done
from training.ledger_checkpoints import LedgerCheckpoints

SCRIPT = Path(__file__).parents[2] / "docs" / "check_proof.py"
AT = "2026-03-31T18:00:00+08:00"
MAPPING = """
id_column: id
outcome: {column: bad, bad: [1], good: [0]}
limit_column: limit
currency: CNY
favoured_top_share: 0.3333
policy: {decision: {column: said, released: ["yes"], refused: ["no"]}}
features:
  - {name: age, sign: "-"}
"""


def ledger_rows(folder: Path) -> pd.DataFrame:
    read = [pq.read_table(rows_file(folder, block.height)) for block in sound_chain(folder)]
    return pa.concat_tables(read).to_pandas()


@pytest.fixture(scope="module")
def given(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.head(300).assign(request_id=range(100, 400))


def scored(done: Done, source: Path, out: Path, ledger: Path, *words: object) -> dict[str, object]:
    call_of = ("score", "--input", source, "--out", out, "--home", done.home, "--json", "--ledger", ledger)
    return answer(call(*call_of, "--decided-at", AT, *words))


def test_scores_are_in_the_ledger_as_they_were_given_out(
    done: Done, given: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch, "PARQUET_BLOCK", 77)
    given.to_parquet(tmp_path / "rows.parquet")
    ledger = tmp_path / "scored"
    told = scored(done, tmp_path / "rows.parquet", tmp_path / "out.parquet", ledger, "--reasons")
    out, kept = pd.read_parquet(tmp_path / "out.parquet"), ledger_rows(ledger)
    assert kept["request_id"].tolist() == [str(number) for number in range(100, 400)]
    for name in ("limit", "pd", "decision", "refused_by"):
        assert (kept[name] == out[name]).all()
    reasons = out[[f"reason_{rank}" for rank in range(1, 5)]].apply(
        lambda row: ",".join(filter(None, row)), axis=1
    )
    assert (kept["reasons"] == reasons).all()
    assert reasons.nunique() > 5
    assert (kept["decided_at"] == pd.Timestamp(AT)).all()
    assert set(kept["source"]) == {told["model"]} == {"models:/releasegap-decision/1"}
    assert set(kept["limit_model"]) == {done.scored.limit.digest}
    assert set(kept["release_model"]) == {done.scored.release.digest}
    assert set(kept["executed"]) == {""}
    assert ((kept["pd"] > kept["cutoff"]) <= (kept["decision"] == "refuse")).all()
    # The snapshot by hand: features of the limit model, then those that the release model alone has.
    names = list(dict.fromkeys([*done.scored.limit.features, *done.scored.release.features]))
    values = given[names].to_numpy(np.float32)
    by_hand = values[7].astype(">f4").tobytes().replace(b"\xff\xc0\0\0", b"\x7f\xc0\0\0")
    assert kept["snapshot"][7] == hashlib.sha256(by_hand).digest()
    known = LedgerCheckpoints(done.store, ledger).read()
    assert known is not None
    assert (known.rows, known.head) == (300, sound_chain(ledger)[-1].hash.hex())


def test_a_csv_file_gives_the_same_ledger_as_a_parquet_file(
    done: Done, given: pd.DataFrame, tmp_path: Path
) -> None:
    given.to_parquet(tmp_path / "rows.parquet")
    given.to_csv(tmp_path / "rows.csv", index=False)
    for kind in ("csv", "parquet"):
        scored(done, tmp_path / f"rows.{kind}", tmp_path / "out.csv", tmp_path / kind)
    chains = [(tmp_path / kind / CHAIN).read_bytes() for kind in ("csv", "parquet")]
    assert chains[0] == chains[1]
    assert "request_id" not in pd.read_csv(tmp_path / "out.csv")


def test_a_ledger_is_verified_proved_and_found_tampered_by_command(
    done: Done, given: pd.DataFrame, tmp_path: Path
) -> None:
    given.to_parquet(tmp_path / "rows.parquet")
    ledger = tmp_path / "decisions"
    for _ in range(2):
        scored(done, tmp_path / "rows.parquet", tmp_path / "out.csv", ledger)
    on = ("--ledger", ledger, "--home", done.home)
    sound = call("audit", "verify", *on)
    assert sound.exit_code == 0
    assert "600 rows in 2 blocks are as they were appended. The checkpoint in MLflow holds." in sound.stdout
    told = answer(call("audit", "verify", *on, "--json"))
    assert (told["rows"], told["found"]) == (600, [])
    assert call("audit", "verify", *on, "--head", told["head"]).exit_code == 0
    refused(call("audit", "verify", *on, "--head", "0" * 64), WORK_WRONG, "not as it was appended")
    proved = answer(call("audit", "prove", 123, *on, "--out", tmp_path / "proof.json", "--json"))
    assert (proved["row"], proved["decisions"], proved["head"]) == (323, 2, told["head"])
    check = [sys.executable, "-I", str(SCRIPT), str(tmp_path / "proof.json"), str(told["head"])]
    assert subprocess.run(check, check=False, capture_output=True).returncode == 0
    refused(call("audit", "prove", 99, *on), CALL_WRONG, "no decision on request 99")
    kept = pq.read_table(rows_file(ledger, 1))
    decisions = kept["decision"].to_pylist()
    decisions[40] = "refuse" if decisions[40] == "release" else "release"
    place = kept.column_names.index("decision")
    changed_rows = kept.set_column(place, kept.schema.field(place), pa.array(decisions, pa.string()))
    pq.write_table(changed_rows, rows_file(ledger, 1))
    changed = call("audit", "verify", *on)
    refused(changed, WORK_WRONG, "1 finding")
    assert changed.stdout.splitlines() == ["block 1, row 340, request 140: the row was changed"]
    in_json = call("audit", "verify", *on, "--json")
    assert json.loads(in_json.stdout.splitlines()[-1])["found"][0]["request"] == "140"
    refused(call("audit", "prove", 140, *on), WORK_WRONG, "nothing can be proved")
    (ledger / CHAIN).unlink()
    cut = call("audit", "verify", *on)
    assert cut.exit_code == WORK_WRONG
    assert "blocks 0 to 1 were cut off the end" in cut.stdout


def test_what_cannot_be_recorded_is_refused_and_leaves_neither_rows_nor_a_result(
    done: Done, given: pd.DataFrame, tmp_path: Path
) -> None:
    given.to_parquet(tmp_path / "rows.parquet")
    ids = pd.Series(given["request_id"].astype("Int64"))
    ids.iloc[200] = pd.NA
    given.assign(request_id=ids).to_parquet(tmp_path / "holed.parquet")
    given.assign(request_id=0.5).to_parquet(tmp_path / "odd.parquet")
    given.drop(columns="request_id").to_parquet(tmp_path / "bare.parquet")
    out, ledger = tmp_path / "out.csv", tmp_path / "refusing"
    words = ("score", "--out", out, "--home", done.home, "--ledger", ledger)
    at = ("--decided-at", AT)
    refused(call(*words, "--input", tmp_path / "rows.parquet"), CALL_WRONG, "--ledger wants --decided-at")
    refused(
        call(*words, "--input", tmp_path / "rows.parquet", "--decided-at", "noon"),
        CALL_WRONG,
        "noon is no time",
    )
    refused(
        call(*words, "--input", tmp_path / "bare.parquet", *at), CALL_WRONG, "lacks the column request_id"
    )
    refused(call(*words, "--input", tmp_path / "odd.parquet", *at), CALL_WRONG, "must name a request")
    refused(call(*words, "--input", tmp_path / "holed.parquet", *at), WORK_WRONG, "row 201 names no request")
    alone = ("score", "--out", out, "--home", done.home, "--input", tmp_path / "rows.parquet", *at)
    refused(call(*alone), CALL_WRONG, "name its folder with --ledger")
    assert not out.exists()
    assert sound_chain(ledger) == []
    refused(call("audit", "verify", "--ledger", ledger, "--home", done.home), CALL_WRONG, "No ledger at")


def test_the_decisions_that_a_book_records_are_appended_once(
    done: Done, small_book: Book, tmp_path: Path
) -> None:
    on = ("--ledger", tmp_path / "recorded", "--home", tmp_path / "home", "--json")
    first = answer(call("audit", "record", small_book.path, *on))
    again = answer(call("audit", "record", small_book.path, *on))
    asked = small_book.whole("draw_requests")
    assert (first["appended"], first["recorded_before"]) == (len(asked), 0)
    assert (again["appended"], again["recorded_before"]) == (0, len(asked))
    kept = ledger_rows(tmp_path / "recorded")
    assert kept["decided_at"].is_monotonic_increasing
    both = kept.assign(request_id=kept["request_id"].astype(int)).merge(
        asked, on="request_id", suffixes=("", "_")
    )
    assert len(both) == len(asked)
    assert (both["decision"] == both["decision_system"].astype(str)).all()
    assert (both["executed"] == both["decision_executed"].astype(str)).all()
    assert (both["policy"] == both["policy_version"].astype(str)).all()
    assert (both["decided_at"].dt.tz_localize(None) == both["requested_on"]).all()
    assert (both["reasons"] == "random_release").sum() == asked["random_release"].sum() > 0
    slips = (both["decision"] != both["executed"]) & ~both["random_release"]
    assert (both.loc[slips, "reasons"] == "slip").all()
    assert set(both["source"]) == {f"book:{small_book.digest}"}
    assert answer(call("audit", "verify", *on))["rows"] == len(asked)


def test_a_book_without_decisions_is_refused(real_data: Path, tmp_path: Path) -> None:
    made = tmp_path / "german"
    source = real_data / "german_credit" / "german_credit.csv"
    mapping = settings.BESIDE.parent / "data" / "mappings" / "german_credit.yaml"
    answer(call("import", mapping, source, "--out", made, "--json"))
    refused(call("audit", "record", made, "--home", tmp_path), CALL_WRONG, "records no decisions")


def test_a_file_of_clients_with_decisions_is_recorded_at_the_time_that_is_given(tmp_path: Path) -> None:
    (tmp_path / "clients.csv").write_text(
        "id,limit,bad,age,said\n1,100,0,30,yes\n2,200,1,40,yes\n3,300,0,50,no\n4,400,1,60,yes\n",
        encoding="utf-8",
    )
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    book, on = tmp_path / "book", ("--home", tmp_path / "home", "--json")
    answer(call("import", tmp_path / "mapping.yaml", tmp_path / "clients.csv", "--out", book, "--json"))
    refused(call("audit", "record", book, *on), CALL_WRONG, "say with --decided-at")
    assert answer(call("audit", "record", book, *on, "--decided-at", AT))["appended"] == 4
    kept = ledger_rows(tmp_path / "home" / "ledger")
    assert kept["executed"].tolist() == ["release", "release", "refuse", "release"]
    assert kept["limit"].tolist() == [100, 200, 300, 400]
    assert (kept["decided_at"] == pd.Timestamp(AT)).all()
    assert set(kept["decision"]) == {""}
    assert kept["cutoff"].isna().all()
