"""A book lives through reads, appends, checks and damage: it is always what was written, or the damage is named."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from data.appending import append_news
from data.book import MANIFEST, Book, open_book
from data.check import faults
from data.errors import CallError, DataFault
from data.schema import DATED_TABLES
from data.simulate import simulate_book
from data.world import World
from tests.data.parted import parted_book
from tests.fuzzing import TIMES

BORROWERS, BLOCK = 24, 8
LATE = (3, 7, 10)


@pytest.fixture(scope="module")
def parted(world: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[Book, Book, Path]:
    """A small book, the same without its last rows, and these as news."""
    folder = tmp_path_factory.mktemp("states")
    whole = simulate_book(folder / "whole", BORROWERS, 24, 5, "baseline", world, block_size=BLOCK)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.data.parted.LATE", LATE)
        return whole, *parted_book(whole, folder)


def test_whatever_befalls_a_book_it_is_whole_or_its_damage_is_named(parted: tuple[Book, Book, Path]) -> None:
    whole, old, news = parted

    class Life(RuleBasedStateMachine):
        @initialize()
        def write(self) -> None:
            self.place = Path(tempfile.mkdtemp())
            self.book = open_book(shutil.copytree(old.path, self.place / "book"))
            self.expected, self.grown = old, False

        @rule(table=st.sampled_from(sorted(DATED_TABLES)), block=st.integers(0, 2))
        def read(self, table: str, block: int) -> None:
            block = block if DATED_TABLES[table].partitioned else 0
            here, there = (book.table(table, block).astype(object) for book in (self.book, self.expected))
            pd.testing.assert_frame_equal(here, there)

        @rule()
        def check(self) -> None:
            assert list(faults(self.book)) == []
            self.book.verify()

        @precondition(lambda self: not self.grown)
        @rule()
        def append(self) -> None:
            before = self.book.digest
            self.book = append_news(self.book, news, self.place / "book").book
            assert self.book.ancestors == (before,)
            self.expected, self.grown = whole, True

        @rule(data=st.data(), flip=st.integers(1, 255))
        def damage(self, data: st.DataObject, flip: int) -> None:
            part = data.draw(st.sampled_from([*sorted(self.book.manifest.parts), MANIFEST]))
            path = self.book.path / part
            sound = path.read_bytes()
            at = data.draw(st.integers(0, len(sound) - 1))
            changed = path.with_suffix(".changed")  # beside, since a part may be linked from another book
            changed.write_bytes(sound[:at] + bytes([sound[at] ^ flip]) + sound[at + 1 :])
            changed.replace(path)
            try:
                with pytest.raises((CallError, DataFault)) as raised:
                    open_book(self.book.path).verify()
                assert part in str(raised.value)
                if part != MANIFEST:
                    assert any(line.startswith(part) for line in faults(open_book(self.book.path)))
            finally:
                path.write_bytes(sound)

        def teardown(self) -> None:
            shutil.rmtree(self.place, ignore_errors=True)

    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=4 * TIMES,
            stateful_step_count=8,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
