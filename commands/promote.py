"""`releasegap promote`: a version becomes the champion where the gates hold; or the champion before is put back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import stages
from commandline import Common
from commands.tracked import store_of
from data.errors import CallError, DataFault
from data.markdown import plain
from settings import settings_of, used_in_comparison

if TYPE_CHECKING:
    from commandline import Console
    from data.book import Book
    from features.matrix import Matrix
    from settings import Settings
    from training.gates import Gate
    from training.runs import Run
    from training.tracking import Store

GATES = "gates.json"
OVERRIDE = "promotion.override"
"""Tag of a version: why it was promoted though a gate does not hold."""
PROMOTIONS = "promotions"
"""Folder of a home in which is kept which gates held for which version."""


def promote(
    common: Common,
    what: Annotated[Literal["limit", "release"], typer.Argument(help="Which model.")],
    version: Annotated[
        str, typer.Option("--version", metavar="N", help="Number of the version, or an alias.")
    ] = "challenger",
    book: Annotated[
        Path | None, typer.Option("--book", metavar="BOOK", help="Folder of the book that it was trained on.")
    ] = None,
    override: Annotated[
        str | None,
        typer.Option("--override", metavar="REASON", help="Promote though a gate does not hold; why."),
    ] = None,
    rollback: Annotated[
        bool, typer.Option("--rollback", help="Put the champion before back; needs no book.")
    ] = False,
) -> None:
    """Make a version the champion if its gates hold, and write which did; or put the champion before back."""
    if override is not None and not override.strip():
        raise CallError("--override wants the reason why a gate that does not hold is passed; write it down.")
    if rollback:
        if book is not None or override is not None or version != "challenger":
            raise CallError(
                "--rollback puts the champion before back as it is: leave out --book, --version, --override."
            )
        _roll_back(common, what)
        return
    if book is None:
        raise CallError(
            "--book is missing: the gates are measured on the book that the version was trained on."
        )
    _promote(common, what, version, book, override)


def _promote(
    common: Common, what: Literal["limit", "release"], wanted: str, book: Path, override: str | None
) -> None:
    from training.champions import (
        champion_of,
        finish,
        name_decision,
        require_second_person,
        version_of,
    )
    from training.champions import promote as make_champion
    from training.home import registered_name
    from training.registry import approve, registering

    console = common.console
    settings = settings_of(common)
    taken = stages.open_verified(book)
    store = store_of(common)
    version, now = version_of(store, what, wanted), champion_of(store, what)
    if settings.governance.two_person:
        require_second_person(store, what, version)
    name = registered_name(what)
    if version == now:
        with registering(
            store
        ):  # a call that was cut off may have moved the alias and named nothing after it
            finish(store, what, version)
        raise CallError(f"{name} {version} is the champion already; name another version.")
    uri, champion = (None if one is None else f"models:/{name}/{one}" for one in (version, now))
    assert uri is not None
    contest = stages.contest_of(store, taken, what, uri, champion, settings)
    parameters = used_in_comparison(settings, taken, {"challenger": contest.candidate})
    with store.run_on(taken, f"promote {what}", parameters) as tracked:
        requests, reviews = stages.matrices(taken, settings, console)
        gates = stages.gates_of(contest, taken, requests, reviews, settings, console)
        failed = [gate.name for gate in gates if not gate.held]
        passed = not failed or override is not None
        told = {
            "model": name,
            "version": version,
            "model_digest": contest.candidate.digest,
            "book_digest": taken.digest,
            "champion_before": now,
            "promoted": passed,
            "gates": [gate.told() for gate in gates],
            "failed": failed,
            "override": override if failed else None,
        }
        # The alias last: a promotion that is cut off has made no champion of which nothing is written.
        _tag(store, what, version, failed, gates, override)
        if passed:
            approve(tracked, store, what, version, _approval(failed, override, tracked))
        place = _kept(common.home, what, version, told)
        tracked.log_artifact(place)
        tracked.log_metrics({f"gate.{gate.name}": float(gate.held) for gate in gates})
        tracked.log_note(_as_markdown(name, version, gates, told))
        served = None
        if passed:
            with registering(store):
                _make_decision(store, tracked, what, version, taken, requests, reviews, settings, console)
                make_champion(store, what, version)
                served = name_decision(store)
    verdict = _verdict(name, version, now, failed, override)
    if passed:
        verdict += f"\n{_of_both(served)}"
    console.result(
        f"{_as_text(gates)}\n{verdict}\nGates: {place}\nRun: {tracked.run_id} in {store.place}",
        **told,
        decision=served,
        file=place,
        run=tracked.run_id,
        store=store.place,
    )
    if not passed:
        raise DataFault(
            f"{name} {version} was not promoted: {', '.join(failed)} "
            f"{'does' if len(failed) == 1 else 'do'} not hold; mend that, or give --override with the reason."
        )


def _make_decision(
    store: Store,
    tracked: Run,
    what: Literal["limit", "release"],
    version: str,
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    settings: Settings,
    console: Console,
) -> None:
    """Makes the decision model of a version and the champion of the other kind, where both are of this book."""
    from training.champions import champion_of, decision_of
    from training.home import ModelKind, registered_name
    from training.registry import load_models, log_decision

    other: ModelKind = "release" if what == "limit" else "limit"
    beside = champion_of(store, other)
    if beside is None:
        return
    uris = {
        kind: f"models:/{registered_name(kind)}/{number}"
        for kind, number in ((what, version), (other, beside))
    }
    if decision_of(store, uris) is not None:
        return
    tags = store.client.get_model_version(registered_name(other), beside).tags
    if tags.get("book_digest") != book.digest:
        return
    limit, release, named = load_models(store, book, uris["limit"], uris["release"], settings.training)
    scored = stages.scored_book(book, requests, reviews, limit, release, settings)
    with stages.decision_files(scored, console) as files:
        assert files is not None
        log_decision(tracked, book, files, limit, release, named)


def _of_both(served: str | None) -> str:
    """Which decision model is now served."""
    from training.home import DECISION, registered_name

    name = registered_name(DECISION)
    if served is None:
        return (
            f"No {name} is made of both champions yet: promote a limit and a release model of the same book."
        )
    return f"{name} {served} is made of both champions: models:/{name}@champion."


def _tag(
    store: Store,
    what: Literal["limit", "release"],
    version: str,
    failed: list[str],
    gates: list[Gate],
    override: str | None,
) -> None:
    """Writes on the version what the gates say; the reason of an earlier override goes where there is none now."""
    from training.champions import tag_version, untag_version

    tags = {f"gate.{gate.name}": f"{'held' if gate.held else 'NOT HELD'}: {gate.found}" for gate in gates}
    tags["gates"] = f"not held: {', '.join(failed)}" if failed else "all held"
    if failed and override is not None:
        tags |= {"promotion": "by override", OVERRIDE: override}
    else:
        tags["promotion"] = "refused" if failed else "by its gates"
        untag_version(store, what, version, OVERRIDE)
    tag_version(store, what, version, tags)


def _approval(failed: list[str], override: str | None, tracked: Run) -> dict[str, dict[str, str]]:
    """The answers to what a model's card asks of its approval, by language."""
    by, day = tracked.made()
    gates = ", ".join(failed)
    english = {
        "Decision": "promoted to champion" + (", by override" if failed else ", by its gates"),
        "By": by,
        "Date": day,
        "Gates": f"not held: {gates}" if failed else "all held",
        "Remarks": f"{override or ''} (run {tracked.run_id})".strip() if failed else f"run {tracked.run_id}",
    }
    chinese = {
        "结论": "晋升为冠军模型" + ("（特批）" if failed else "（门槛均满足）"),
        "审批人": by,
        "日期": day,
        "门槛": f"未满足：{gates}" if failed else "均满足",
        "备注": english["Remarks"],
    }
    return {"en": english, "zh": chinese}


def _kept(home: Path, what: str, version: str, told: dict[str, object]) -> Path:
    from data.atomic import whole_file

    place = home / PROMOTIONS / f"{what}-{version}" / GATES
    place.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True)
    with whole_file(place) as aside:
        aside.write_text(f"{text}\n", encoding="utf-8", newline="\n")
    return place


def _roll_back(common: Common, what: Literal["limit", "release"]) -> None:
    from training.champions import before_champion, name_decision, roll_back, tag_version
    from training.home import registered_name
    from training.registry import registering

    store = store_of(common)
    leaving, returning = before_champion(store, what)
    name = registered_name(what)
    said = f"{name} {returning} is the champion again; version {leaving} left."
    with (
        store.run(f"roll back {what}", {"stage": "rollback", "model": name}) as tracked,
        registering(store),
    ):
        roll_back(store, what)
        tag_version(store, what, leaving, {"promotion": f"rolled back to version {returning}"})
        tracked.log_parameters({"model": name, "leaving": leaving, "returning": returning})
        said += f"\n{_of_both(name_decision(store))}"
        tracked.log_note(said)
    common.console.result(
        f"{said}\nRun: {tracked.run_id} in {store.place}",
        model=name,
        leaving=leaving,
        champion=returning,
        run=tracked.run_id,
        store=store.place,
    )


def _verdict(name: str, version: str, now: str | None, failed: list[str], override: str | None) -> str:
    if failed and override is None:
        return f"{name} {version} is not promoted; " + (
            f"version {now} stays the champion." if now else "there is none."
        )
    why = f" by override: {override}" if failed else ""
    return f"{name} {version} is the champion{why}" + (f"; before it: version {now}." if now else ".")


def _as_text(gates: list[Gate]) -> str:
    width = max(len(gate.name) for gate in gates)
    return "\n".join(
        f"{gate.name.ljust(width)}  {'held    ' if gate.held else 'NOT HELD'}  {gate.found}" for gate in gates
    )


def _as_markdown(name: str, version: str, gates: list[Gate], told: dict[str, object]) -> str:
    head = f"{name} {version}: {'promoted' if told['promoted'] else 'not promoted'}"
    if told["override"]:
        head += f" by override ({plain(str(told['override']))})"
    rows = [
        f"| {one.name} | {'yes' if one.held else '**no**'} | {plain(one.found)} | {plain(one.demanded)} |"
        for one in gates
    ]
    return "\n".join([head, "", "| gate | holds | found | demanded |", "|---|---|---|---|", *rows])
