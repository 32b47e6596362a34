"""Processes killed (SIGKILL) at random moments of a stage, and what is found afterwards."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tests.faults.children import Ended, asked
from tests.faults.lender import Lender, temporaries

MOST_CALLS = 4
"""Calls for each kill that is wanted: a call that has ended before its kill was not killed, and does not count."""
RERUN_EVERY = 10
"""Kills after which a call is let run to its end; what earlier ones left it must clear away."""


@dataclass(frozen=True)
class Stage:
    """A stage that is killed.

    Attributes:
        name: Its name.
        prepare: Makes what the stage needs.
        words: Its call.
        found: What of it is there, JSON-ready, in a process of its own; raises where a half is taken for whole.
        place: Where its result is written, and so where leftovers would lie.
        undone: Takes back what a call has done, in a process of its own; None where a call replaces what was there.
    """

    name: str
    prepare: Callable[[Lender], None]
    words: Callable[[Lender], tuple[object, ...]]
    found: Callable[[Lender], Any]
    place: Callable[[Lender], Path]
    undone: Callable[[Lender], Any] | None = None


def tried(stage: Stage, folder: Path, kills: int, seed: int) -> dict[str, Any]:
    """Kills a stage so many times in its work; gives how often that was done, and what was lost, a sentence each."""
    folder.mkdir(parents=True)
    lender = Lender(folder)
    place = temporaries(lender)
    stage.prepare(lender)
    whole = lender.must(*stage.words(lender))
    expected = asked(stage.found, lender, log=lender.log)
    if expected is None:
        raise RuntimeError(f"{stage.name} left nothing")
    draws = np.random.default_rng([seed, *stage.name.encode()])
    longest, lost, landed = whole.seconds, list[str](), 0
    if stage.undone:
        asked(stage.undone, lender, log=lender.log)
    for number in range(MOST_CALLS * kills):
        if landed == kills:
            break
        ended = lender.call(*stage.words(lender), after=draws.uniform(0, longest))
        if ended.status == -9:
            landed += 1
            try:
                found = asked(stage.found, lender, log=lender.log)
            except RuntimeError as error:
                lost.append(f"kill {landed}: {error}")
                continue
            if found is not None and found != expected:
                lost.append(f"kill {landed}: what is there is not what the stage makes")
            if landed % RERUN_EVERY and landed < kills:
                continue
            ended = lender.call(*stage.words(lender))
        else:  # it had ended before its kill, as later calls are quicker than the first
            longest = min(longest, ended.seconds)
        lost += [
            f"call {number}, after kill {landed}: {fault}" for fault in _wrong(stage, lender, ended, expected)
        ]
        if left := leftovers(lender, place, stage.place(lender)):
            lost.append(f"call {number}, after kill {landed}: it left {', '.join(left)}")
        if stage.undone:
            asked(stage.undone, lender, log=lender.log)
    return {"tried": landed, "lost": lost, "seconds": whole.seconds}


def _wrong(stage: Stage, lender: Lender, ended: Ended, expected: Any) -> list[str]:
    """What is wrong with a call that nobody killed."""
    if ended.status and "is the champion already" not in ended.said:
        return [f"it ended with {ended.status}: {ended.said[-500:]}"]
    same = asked(stage.found, lender, log=lender.log) == expected
    return [] if same else ["it left other bytes"]


def leftovers(lender: Lender, temporary: Path, result: Path) -> list[str]:
    """What dead processes left: asides and their locks beside a result, in the home, among temporary files."""
    aside = re.compile(r".*\.[0-9a-f]{8}(\.lock|\.gone|\.old)?(-journal)?")
    looked = {result.parent, lender.folder, *(path for path in lender.home.rglob("*") if path.is_dir())}
    looked = {folder for folder in looked if "mlartifacts" not in folder.parts}
    left = [
        path
        for folder in looked
        if folder.is_dir()
        for path in folder.iterdir()
        if aside.fullmatch(path.name)
    ]
    return sorted(str(path.relative_to(lender.folder)) for path in [*left, *temporary.iterdir()])


def _removed(result: Callable[[Lender], Path]) -> Callable[[Lender], int]:
    """Removes a result, every other time: a call makes it where there is none, or replaces an older one."""

    def removed(lender: Lender) -> int:
        turn = lender.folder / "turn"
        turn.touch()
        count = turn.stat().st_size
        turn.write_text("x" * (count + 1))
        if count % 2 == 0:
            shutil.rmtree(result(lender), ignore_errors=True)
            if result(lender).is_file():
                result(lender).unlink()
        return count

    return removed


def book_found(book: Path) -> str | None:
    """The digest of a book, its parts held against theirs; None where there is none."""
    from data.book import open_book

    if not book.exists():
        return None
    opened = open_book(book)
    opened.verify()
    return opened.digest


def models_found(lender: Lender) -> dict[str, str] | None:
    """Digests of the latest models of the book; all that is registered must be whole, all runs ended."""
    from data.book import open_book
    from data.errors import CallError
    from training.home import DECISION, registered_name
    from training.registry import UNFINISHED, fetch_decision, latest_of, load_either
    from training.tracking import open_store

    book = open_book(lender.book)
    store = open_store(lender.home)
    store_is_sound(store)
    found = {}
    for kind in ("limit", "release"):
        try:
            uri = latest_of(store, kind, book)  # type: ignore[arg-type]
        except CallError:
            return None
        found[kind] = load_either(store, uri).digest
        version = store.client.get_model_version(*uri.removeprefix("models:/").split("/"))
        if version.tags.get("model_digest") != found[kind]:
            raise ValueError(f"{uri} is tagged with another digest than its own")
    for version in store.client.search_model_versions(f"name = '{registered_name(DECISION)}'"):
        if UNFINISHED not in version.tags:
            fetch_decision(store, f"models:/{version.name}/{version.version}")
    return found


def store_is_sound(store: Any) -> None:
    """Raises ValueError where the database is broken, or a run of a dead process seems to be under way."""
    import sqlite3
    from contextlib import closing

    from training.home import database

    with closing(sqlite3.connect(database(store.home))) as opened:
        said = opened.execute("PRAGMA integrity_check").fetchone()[0]
    if said != "ok":
        raise ValueError(f"the database is broken: {said}")
    running = store.client.search_runs([store.experiment_id], "attributes.status = 'RUNNING'")
    if running:
        raise ValueError(f"{len(running)} runs of dead processes are said to be under way")


def folder_digest(folder: Path, marker: str, but: tuple[str, ...] = ("run.json",)) -> str | None:
    """Digest of all files of a result but those that name runs; None where it is not there."""
    if not folder.exists():
        return None
    if not (folder / marker).is_file():
        raise ValueError(f"{folder} is there without its {marker}")
    told = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in but):
        told.update(f"{path.relative_to(folder).as_posix()}\n".encode() + path.read_bytes())
    return told.hexdigest()


def _nothing(lender: Lender) -> None:
    lender.home.mkdir()


def _clients(lender: Lender) -> None:
    """A table of clients and its mapping."""
    from tests.faults.clients import write_clients

    lender.home.mkdir()
    asked(write_clients, str(lender.folder), log=lender.log)


def a_book(lender: Lender) -> None:
    """A book of clients, and applicants to score."""
    from tests.faults.clients import write_clients

    asked(write_clients, str(lender.folder), 5_000, 60_000, log=lender.log)
    lender.must("import", lender.folder / "mapping.yaml", lender.folder / "clients.csv", "--out", lender.book)


def _models(lender: Lender) -> None:
    """The same with models."""
    a_book(lender)
    lender.must(*lender.train())


def _no_champion(lender: Lender) -> int:
    """Takes the champion's alias off again, and what was written of it."""
    from training.champions import HISTORY

    store = store_of(lender)
    for name in ("releasegap-limit", "releasegap-decision"):
        store.client.delete_registered_model_alias(name, "champion")
    store.client.delete_registered_model_tag("releasegap-limit", HISTORY)
    shutil.rmtree(lender.home / "promotions", ignore_errors=True)
    return 0


def _explained(lender: Lender) -> str | None:
    from explanations.explanation import SUMMARY
    from explanations.files import read_explanation

    store_of(lender)
    out = lender.folder / "explanation"
    if out.exists():
        read_explanation(out)
    return folder_digest(out, SUMMARY)


def store_of(lender: Lender) -> Any:
    """The store of a home, found sound."""
    from training.tracking import open_store

    store = open_store(lender.home)
    store_is_sound(store)
    return store


def _scores(lender: Lender) -> str | None:
    out = lender.folder / "scores.csv"
    store_of(lender)
    return hashlib.sha256(out.read_bytes()).hexdigest() if out.exists() else None


def _promoted(lender: Lender) -> dict[str, Any] | None:
    """The champion's digest and what is written of its gates; a champion of which nothing is written is a fault."""
    from training.champions import champion_of, history_of
    from training.registry import load_either

    store = store_of(lender)
    champion = champion_of(store, "limit")
    place = lender.home / "promotions" / "limit-1" / "gates.json"
    told = json.loads(place.read_text(encoding="utf-8")) if place.exists() else None
    if champion is None:
        return None
    if told is None or history_of(store, "limit")[-1] != champion:
        raise ValueError("there is a champion of which nothing is written")
    digest = load_either(store, f"models:/releasegap-limit/{champion}").digest
    return {"champion": champion, "digest": digest, "gates": {**told, "champion_before": None}}


STAGES = (
    Stage(
        "simulate",
        _nothing,
        lambda lender: lender.simulate(),
        lambda lender: book_found(lender.book),
        lambda lender: lender.book,
        _removed(lambda lender: lender.book),
    ),
    Stage(
        "import",
        _clients,
        lambda lender: (
            *("import", lender.folder / "mapping.yaml", lender.folder / "clients.csv", "--out", lender.book),
            *("--home", lender.home, "--quiet"),
        ),
        lambda lender: book_found(lender.book),
        lambda lender: lender.book,
        _removed(lambda lender: lender.book),
    ),
    Stage(
        "train", a_book, lambda lender: lender.train(), models_found, lambda lender: lender.home / "result"
    ),
    Stage(
        "explain",
        _models,
        lambda lender: (
            *("explain", "--book", lender.book, "--out", lender.folder / "explanation"),
            *("--home", lender.home, "--quiet"),
        ),
        _explained,
        lambda lender: lender.folder / "explanation",
        _removed(lambda lender: lender.folder / "explanation"),
    ),
    Stage(
        "score",
        _models,
        lambda lender: (
            *("score", "--input", lender.folder / "applicants.csv", "--out", lender.folder / "scores.csv"),
            *("--home", lender.home, "--quiet"),
        ),
        _scores,
        lambda lender: lender.folder / "scores.csv",
        _removed(lambda lender: lender.folder / "scores.csv"),
    ),
    Stage(
        "promote",
        _models,
        lambda lender: (
            *("promote", "limit", "--version", 1, "--book", lender.book, "--override", "a trial of faults"),
            *("--home", lender.home, "--quiet"),
        ),
        _promoted,
        lambda lender: lender.home / "promotions" / "limit-1" / "gates.json",
        _no_champion,
    ),
)
