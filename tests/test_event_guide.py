"""The guide to event files, followed as it is written: its calls, its file, its additions to the mapping."""

import re
import shlex
from pathlib import Path

import pytest

from data.book import open_book
from features.catalogue import catalogue_of
from tests.commands.calls import SMALL, answer, call

GUIDE = (Path(__file__).parents[1] / "docs" / "event_files.md").read_text(encoding="utf-8")


def fenced(kind: str) -> list[str]:
    """The blocks of a kind, in the order of the guide."""
    return re.findall(rf"```{kind}\n(.*?)```", GUIDE, flags=re.DOTALL)


def followed(commands: list[str], tmp_path: Path) -> list[dict[str, object]]:
    """What the calls answer, made as they are written, but with fewer rounds of training where they train."""
    told = []
    for line in commands:
        program, *words = shlex.split(line)
        assert program == "releasegap"
        more = ("--home", tmp_path / "home", *SMALL) if words[0] == "run" else ()
        told.append(answer(call(*words, *more, "--json")))
    return told


def test_the_guide_leads_from_files_to_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    calls = re.findall(r"^    (releasegap .*)$", GUIDE, flags=re.MULTILINE)
    first, then = calls[:4], calls[4:]
    assert [line.split()[1] for line in first] == ["simulate", "export", "import", "check"]
    assert [line.split()[1] for line in then] == ["import", "run"]
    assert followed(first, tmp_path)[-1]["faults"] == []
    (log,) = fenced("csv")
    stream, features = fenced("yaml")
    Path("files/calls.csv").write_text(log, encoding="utf-8")
    mapping = Path("files/mapping.yaml").read_text(encoding="utf-8")
    written = mapping.replace("\nstreams:\n", f"\nstreams:\n{stream}") + features
    Path("files/mapping.yaml").write_text(written, encoding="utf-8")
    said = followed(then, tmp_path)[-1]
    book = open_book(Path("book"))
    assert book.table("observations/calls")["minutes"].tolist() == [12, 4, 31, 8]
    assert catalogue_of(book)["complaints_12m"].label_zh == "近12个月投诉次数"
    report = Path(str(said["report"])).read_text(encoding="utf-8")
    assert "Complaints, 12 months" in report
    assert "客服来电" in report
    summary = (Path(str(said["folder"])) / "summary.json").read_text(encoding="utf-8")
    assert "mean_share" in summary


def test_the_guide_names_every_table_and_way_that_a_mapping_knows() -> None:
    from data.event_features import Aggregate
    from data.event_mapping import ROWS

    for name in (*ROWS, *Aggregate.model_fields["how"].annotation.__args__, "ratio"):  # type: ignore[union-attr]
        assert f"`{name}`" in GUIDE, name
