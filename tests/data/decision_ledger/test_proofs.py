"""The script in docs, as it stands there, takes a true proof, and none in which anything was changed."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.decision_ledger.appending import appending
from data.decision_ledger.chain import head_of, rows_file, sound_chain
from data.decision_ledger.proofs import proofs
from data.errors import CallError, DataFault
from tests.data.decision_ledger.made import rows_of

SCRIPT = Path(__file__).parents[3] / "docs" / "check_proof.py"


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proofs") / "ledger"
    for first, count in ((0, 20), (20, 5), (25, 1)):
        with appending(folder, block_rows=8) as made:
            made.add(rows_of(count, first))
    with appending(folder) as made:
        made.add(rows_of(1, 3))
    return folder


def by_script(proof: dict[str, Any], head: str, place: Path) -> subprocess.CompletedProcess[str]:
    file = place / "proof.json"
    file.write_text(json.dumps(proof), encoding="utf-8")
    # Isolated: nothing but the standard library is found.
    call = [sys.executable, "-I", "-S", str(SCRIPT), str(file), head]
    return subprocess.run(call, capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def checked() -> Any:
    """The script's own function, to be tried many times."""
    source = SCRIPT.read_text(encoding="utf-8").partition("\nproof = ")[0]
    found: dict[str, Any] = {}
    exec(compile(source, str(SCRIPT), "exec"), found)
    return found["head_of"]


def test_the_script_takes_every_true_proof(ledger: Path, checked: Any) -> None:
    head = head_of(sound_chain(ledger)).head
    for number in range(26):
        for proof in proofs(ledger, f"申请-{number}"):
            assert proof["head"] == head
            assert checked(json.loads(json.dumps(proof))) == head


def test_the_script_as_it_stands_in_docs_takes_a_true_proof_and_no_falsified_one(
    ledger: Path, tmp_path: Path
) -> None:
    head = head_of(sound_chain(ledger)).head
    [proof] = proofs(ledger, "申请-12")
    taken = by_script(proof, head, tmp_path)
    assert (taken.returncode, taken.stderr) == (0, "")
    assert "申请-12: in the ledger" in taken.stdout
    proof["row"]["decision"] = "release"
    refused = by_script(proof, head, tmp_path)
    assert refused.returncode == 1
    assert "NOT in the ledger" in refused.stdout
    assert by_script(proofs(ledger, "申请-12")[0], "0" * 64, tmp_path).returncode == 1


def leaves_of(tree: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    if isinstance(tree, dict):
        return [found for name, value in tree.items() for found in leaves_of(value, (*way, name))]
    if isinstance(tree, list):
        return [found for place, value in enumerate(tree) for found in leaves_of(value, (*way, place))]
    return [way]


@settings(max_examples=200)
@given(st.data())
def test_no_proof_in_which_anything_was_changed_gives_the_head(
    ledger: Path, checked: Any, data: st.DataObject
) -> None:
    [proof] = proofs(ledger, f"申请-{data.draw(st.sampled_from([2, 9, 19, 22, 25]))}")
    told = [way for way in leaves_of(proof) if way[0] not in ("format", "head")]
    way = data.draw(st.sampled_from(told))
    holder = proof
    for step in way[:-1]:
        holder = holder[step]
    value = holder[way[-1]]
    if way[-1] == "decided_at":
        holder[way[-1]] = value.replace("2023", "2024")
    elif isinstance(value, str):
        hexed = way[-1] == "snapshot" or way[0] != "row"
        holder[way[-1]] = ("1" if value[0] == "0" else "0") + value[1:] if hexed else value + "x"
    else:
        holder[way[-1]] = 0.5 if value is None else value + 1
    try:
        head = checked(proof)
    except (ValueError, IndexError):
        return
    assert head != proof["head"]


def test_a_request_decided_twice_has_two_proofs_and_an_unknown_one_none(ledger: Path) -> None:
    assert [proof["block"]["height"] for proof in proofs(ledger, "申请-3")] == [0, 5]
    with pytest.raises(CallError, match="no decision on request 9"):
        proofs(ledger, "9")


def test_nothing_is_proved_by_rows_that_were_changed(ledger: Path, tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    with appending(folder) as made:
        made.add(rows_of(9))
    pq.write_table(rows_of(9, 1), rows_file(folder, 0))
    with pytest.raises(DataFault, match="nothing can be proved"):
        proofs(folder, "申请-4")
