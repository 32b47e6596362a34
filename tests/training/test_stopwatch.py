"""What stages take: each by itself, children's work and memory included."""

import subprocess
import sys
import time

import pytest

from training import stopwatch
from training.stopwatch import MemoryWatch, Stopwatch, own_peak

MIB = 2**20
HOLDS_MEMORY = "import sys; held = bytearray(b'x') * (200 << 20); print(); sys.stdin.readline()"


def test_every_stage_is_measured_by_itself() -> None:
    watch = Stopwatch()
    with watch.stage("idle"):
        time.sleep(0.01)
    with watch.stage("busy"):
        sum(range(1_000_000))
    assert list(watch.processor) == ["idle", "busy"]
    assert all(seconds >= 0 for seconds in watch.processor.values())
    assert watch.wall >= 0.01


def test_the_work_of_a_child_that_has_ended_counts() -> None:
    watch = Stopwatch()
    with watch.stage("child"):
        subprocess.run([sys.executable, "-c", "sum(range(5_000_000))"], check=True)
    assert watch.processor["child"] > 0.01


@pytest.mark.skipif(not stopwatch.Path("/proc/self/stat").exists(), reason="needs /proc")
def test_memory_that_a_child_holds_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopwatch, "_EVERY", 0.01)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS_MEMORY], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout
        child.stdout.readline()
        with MemoryWatch() as memory:
            before = memory.peak
            while memory.peak == before:
                time.sleep(0.01)
        child.communicate(b"\n")
    assert memory.peak > 200 * MIB
    assert memory.peak >= own_peak()


def test_memory_is_told_by_stage() -> None:
    with MemoryWatch() as memory:
        with memory.stage("small"):
            pass
        with memory.stage("large"):
            held = b"x" * (100 * MIB)
            while memory.by_stage["large"] - memory.by_stage["small"] < 90 * MIB:
                time.sleep(0.01)
            del held  # the most counts, not the last
        with memory.stage("after"):
            pass
    assert list(memory.by_stage) == ["small", "large", "after"]
    assert memory.by_stage["large"] - memory.by_stage["small"] > 90 * MIB
    assert memory.by_stage["after"] < memory.by_stage["large"]


def test_where_nothing_can_be_looked_at_the_systems_own_figure_stands(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(stopwatch, "_resident_of_tree", lambda root: [])
    with MemoryWatch() as memory:
        pass
    assert memory.peak == own_peak() > MIB
