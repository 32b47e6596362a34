"""The program behind `make faults`: which faults are tried, how often, and the table of what was lost."""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

from data.atomic import whole_file
from tests.faults.children import at_once, preload
from tests.faults.kills import STAGES, tried
from tests.faults.places import full_disks, read_only
from tests.faults.together import eight, three

KILLS = 50
SHARED = {"eight processes on one fresh home": eight, "three processes on one fresh home": three}
PLACES = {"full disk": full_disks, "read-only folder": read_only}
SEED = 1


def main() -> None:
    """Tries the faults that were asked for; status 1 where anything was lost."""
    asked = argparse.ArgumentParser(prog="make faults", description=__doc__)
    asked.add_argument("--out", type=Path, help="folder of faults.json; the home by default")
    asked.add_argument("--kills", type=int, default=KILLS, help="kills of each stage")
    asked.add_argument("--seed", type=int, default=SEED, help="of the moments of the kills")
    asked.add_argument(
        "--lanes", type=int, help="stages that are tried at once; as many as processors by default"
    )
    asked.add_argument("--only", nargs="*", default=[], help="words that names of faults hold")
    said = asked.parse_args()
    out = said.out or Path(os.environ.get("RELEASEGAP_HOME", "artifacts"))
    rows, notes = faults(said.kills, said.seed, said.only, said.lanes or os.cpu_count() or 1)
    out.mkdir(parents=True, exist_ok=True)
    with whole_file(out / "faults.json") as aside:
        aside.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    print(table(rows))
    for note in notes:
        print(note)
    print(f"Written: {out / 'faults.json'}")
    sys.exit(any(row["holds"] is False for row in rows))


def faults(kills: int, seed: int, only: list[str], lanes: int) -> tuple[list[dict[str, Any]], list[str]]:
    """Tries faults; gives a row for each, and a sentence for all that was lost or left out."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "RELEASEGAP_HOME"):
        os.environ.pop(name, None)
    preload()
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    with tempfile.TemporaryDirectory(prefix="faults-") as name:
        folder = Path(name)
        wanted = [stage for stage in STAGES if _wanted(f"kill -9 in {stage.name}", only)]
        start = time.monotonic()
        works = [partial(tried, stage, folder / stage.name, kills, seed) for stage in wanted]
        for stage, found in zip(wanted, at_once(works, lanes, folder), strict=True):
            rows.append(row_of(f"kill -9 in {stage.name}", found, notes))
            print(
                f"{stage.name}: {found['tried']} of {kills} kills fell into the work",
                file=sys.stderr,
            )
        for name, work in SHARED.items():
            # The smaller number stands for the larger where that would take too long: it is tried when it is asked for.
            if _wanted(name, only) and (only or work is eight):
                (found,) = at_once([partial(work, folder / name.split()[0])], 1, folder)
                rows.append(row_of(name, found, notes))
        for name, work in PLACES.items():
            if _wanted(name, only):
                (found,) = at_once([partial(work, folder / name.split()[0])], 1, folder)
                rows.append(row_of(name, found, notes))
                if not found["tried"]:
                    notes.append(f"{name}: left out, since it takes the right to mount a small disk.")
        print(f"{time.monotonic() - start:.0f} s", file=sys.stderr)
    return rows, notes


def row_of(name: str, found: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    """The row of a fault; what was lost goes to the notes."""
    notes += [f"LOST, {name}: {lost}" for lost in found["lost"]]
    holds = not found["lost"] if found["tried"] else None
    return {"name": name, "tried": found["tried"], "lost": len(found["lost"]), "holds": holds}


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as people read them."""
    said = {True: "yes", False: "NO", None: "not tried"}
    width = max((len(row["name"]) for row in rows), default=0)
    lines = [f"{'fault'.ljust(width)}  tried  lost  holds"]
    lines += [
        f"{row['name'].ljust(width)}  {row['tried']:5}  {row['lost']:4}  {said[row['holds']]}" for row in rows
    ]
    return "\n".join(lines)


def _wanted(name: str, only: list[str]) -> bool:
    return not only or any(word in name for word in only)
