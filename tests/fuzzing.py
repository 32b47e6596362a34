"""How long the fuzz tests look: in the suite briefly; `make fuzz` runs each for minutes, with a new seed each round."""

from __future__ import annotations

import os
import subprocess
import sys
import time

TIMES = int(os.environ.get("RELEASEGAP_FUZZ", "1"))
"""How many times as many examples as in the suite."""
TARGETS = (
    "tests/data/test_import_fuzz.py",
    "tests/data/test_event_fuzz.py",
    "tests/data/test_book_states.py",
    "tests/models/test_model_fuzz.py",
    "tests/explanations/test_files_fuzz.py",
    "tests/test_parameters_fuzz.py",
)
ROUND = 10


def main(minutes: float) -> int:
    """Runs each target for so many minutes; gives 1 where one found something."""
    status = 0
    for target in TARGETS:
        begun, rounds, found = time.monotonic(), 0, False
        while not found and time.monotonic() - begun < 60 * minutes:
            words = ["-m", "pytest", "-q", "-x", "--no-header", target, f"--hypothesis-seed={rounds + 1}"]
            environment = {**os.environ, "RELEASEGAP_FUZZ": str(ROUND)}
            ran = subprocess.run([sys.executable, *words], env=environment, capture_output=True, text=True)
            rounds, found = rounds + 1, ran.returncode != 0
            if found:
                print(ran.stdout[-4_000:], flush=True)
        spent = (time.monotonic() - begun) / 60
        print(
            f"{target}: {'FOUND' if found else 'nothing'} in {rounds} rounds, {spent:.1f} minutes", flush=True
        )
        status |= found
    return status


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]) if len(sys.argv) > 1 else 10))
