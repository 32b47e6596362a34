"""Whatever files of events or their mapping hold: a sound book, or one clear sentence and nothing written."""

from __future__ import annotations

import copy
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.check import faults
from data.errors import CallError, DataFault
from data.event_import import import_events
from data.event_mapping import EventMapping, read_either
from tests.data.event_lender import FILES, MAPPING, Lender
from tests.data.test_import_fuzz import CELL, VALUE, sentence
from tests.fuzzing import TIMES

Tree = dict[str, Any]
LONG = st.sampled_from(
    ["*", "**", ".", "../x.csv", "/etc/passwd", "none.csv", "clients.csv", "[", "ledger_*"]
)


def nodes(tree: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of a tree, from its root's children on."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    found = []
    for key, value in inner:
        found += [(*path, key), *nodes(value, (*path, key))]
    return found


@st.composite
def mappings(draw: st.DrawFn) -> Tree:
    """The right mapping with one or two places changed, taken away, or put under another name."""
    said = copy.deepcopy(MAPPING)
    for _ in range(draw(st.integers(1, 2))):
        *path, key = draw(st.sampled_from(nodes(said)))
        parent: Any = said
        for step in path:
            parent = parent[step]
        how = draw(st.sampled_from(["change", "change", "take", "rename"]))
        if how == "take":
            parent.pop(key)
        elif how == "rename" and isinstance(parent, dict):
            parent[draw(st.sampled_from(["limit", "files", "kind", "", "lag_days", "a"]))] = parent.pop(key)
        else:
            parent[key] = draw(VALUE | LONG)
    return said


@st.composite
def files(draw: st.DrawFn) -> dict[str, dict[str, list[Any]]]:
    """The right files with some cells changed, a row taken away or doubled, or a column gone."""
    made = copy.deepcopy(FILES)
    for _ in range(draw(st.integers(1, 3))):
        table = made[draw(st.sampled_from(sorted(made)))]
        if not table:
            continue
        column = draw(st.sampled_from(sorted(table)))
        rows = len(table[column])
        how = draw(st.sampled_from(["cell", "cell", "cell", "cell", "row", "again", "column"]))
        if how == "column":
            table.pop(column)
        elif rows:
            row = draw(st.integers(0, rows - 1))
            if how == "cell":
                # Also what another row of the column holds, so that ids and days meet where they should not.
                table[column][row] = draw(CELL | st.sampled_from(table[column]))
            for values in table.values() if how != "cell" else ():
                values.insert(row, values[row]) if how == "again" else values.pop(row)
    return made


def imported(lender: Lender) -> str:
    """`book`, or what was said instead; nothing is written then."""
    out = lender.folder.parent / "book"
    try:
        mapping = read_either(lender.write())
        if not isinstance(mapping, EventMapping):
            return "flat"
        book = import_events(mapping, lender.folder, out, 3)
    except (CallError, DataFault) as error:
        sentence(error)
        assert [path.name for path in lender.folder.parent.iterdir()] == [lender.folder.name]
        return str(error)
    assert list(faults(book)) == []
    return "book"


def test_the_files_and_the_mapping_that_are_changed_here_are_right(tmp_path: Path) -> None:
    assert imported(Lender(tmp_path / "files")) == "book"


@settings(max_examples=60 * TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(said=mappings())
def test_any_mapping_of_events_is_a_book_or_one_sentence(said: Tree) -> None:
    with tempfile.TemporaryDirectory() as folder:
        imported(Lender(Path(folder) / "files", mapping=said))


@settings(max_examples=60 * TIMES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(tables=files())
def test_any_files_of_events_are_a_book_or_one_sentence(tables: dict[str, dict[str, list[Any]]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        imported(Lender(Path(folder) / "files", files=tables))
