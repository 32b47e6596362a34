"""`releasegap tune`: other parameters of a fit, tried on months that no judgement rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

import stages
from commandline import BookOption, Common
from commands.tracked import store_of
from data.errors import CallError
from settings import flat, settings_of

if TYPE_CHECKING:
    import pandas as pd

    from data.book import Book
    from features.matrix import Kind
    from training.runs import Run
    from training.tuning import Search, Trial

FOLDER = "tuning"
DATABASE = "trials.db"
INTERRUPTED = 130


def tune(
    common: Common,
    what: Annotated[Literal["limit", "release"], typer.Argument(help="Which model to tune.")],
    book: BookOption,
    trials: Annotated[
        int | None, typer.Option("--trials", min=1, help="Trials in all, with those of calls before.")
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0, help="After so many no further trial begins.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The parameters found; else one in the home."),
    ] = None,
) -> None:
    """Try parameters of a fit; write the best for `train --params`. Called again it goes on; Ctrl-C keeps the best."""
    from data.atomic import whole_file
    from data.parameters import flatten_tree
    from training.tuning import best_of, open_study, trials_of
    from training.tuning import tune as try_parameters

    console = common.console
    settings = settings_of(common)
    tuning = settings.training.tuning
    wanted = trials or tuning.trials
    taken = stages.open_verified(book)
    store = store_of(common, or_home=True)
    told = flatten_tree({"training": {"tuning": tuning.model_dump(mode="json")}})
    with store.run_on(taken, f"tune {what}", flat(settings, taken) | told) as tracked:
        kinds: tuple[Kind, ...] = ("request", "review") if what == "release" else ("review",)
        made = dict(zip(kinds, stages.matrices(taken, settings, console, kinds=kinds), strict=True))
        search = stages.search_of(what, taken, made.get("request"), made["review"], settings, console)
        stopped = False
        with open_study(common.home / FOLDER / DATABASE, search, tuning.random_trials) as study:
            earlier = len(trials_of(study))
            if earlier:
                console.note(f"Going on after {earlier} trials of calls before.")
            with console.step(f"Tuning the {what} model, {wanted} trials", wanted) as move:
                move(earlier)

                def ended(trial: Trial) -> None:
                    _keep(tracked, trial, what)
                    move(trial.number + 1)

                try:
                    seconds = None if minutes is None else 60 * minutes
                    try_parameters(search, study, wanted, tuning.random_trials, seconds, ended)
                except KeyboardInterrupt:
                    stopped = True
            found = trials_of(study)
        best = best_of(found, search.objective)
        if best is None and stopped:
            raise KeyboardInterrupt
        if best is None:
            raise CallError("no trial has ended, so there is nothing to keep; give more --minutes.")
        path = out or common.home / FOLDER / f"{what}-{taken.name}.yaml"
        with whole_file(path) as aside:
            aside.write_text(_text(taken, search, best, found), encoding="utf-8")
        tracked.log_artifact(path)
        tracked.log_table(_table(found), "trials.csv")
        tracked.log_metrics(
            {
                f"tune.{name}.{metric}": value
                for name, trial in (("best", best), ("as_is", found[0]))
                for metric, value in trial.metrics.items()
            }
        )
    console.result(
        f"{_finding(search, best, found, stopped)}\nParameters: {path}\n"
        f"Fit with them: releasegap train {what} --book {book} --params {path}\n"
        f"Run: {tracked.run_id} in {store.place}",
        parameters=path,
        best={"trial": best.number, "parameters": best.parameters, "metrics": best.metrics},
        as_is=found[0].metrics,
        objective=search.objective,
        trials=len(found),
        pruned=sum(not trial.metrics for trial in found),
        interrupted=stopped,
        run=tracked.run_id,
        store=store.place,
    )
    if stopped:
        raise typer.Exit(INTERRUPTED)


def _keep(tracked: Run, trial: Trial, what: str) -> None:
    """A nested run of one trial."""
    tracked.log_trial(
        f"trial {trial.number}",
        {f"training.{what}.{name}": value for name, value in trial.parameters.items()},
        {f"tune.{name}": value for name, value in trial.metrics.items()},
        {f"tune.{what}.stopping_loss": trial.curve},
        {"trial": str(trial.number), "state": trial.state},
        trial.seconds,
    )


def _table(trials: Sequence[Trial]) -> pd.DataFrame:
    """A row for each trial: its number, how it ended, what was tried and what came of it."""
    import pandas as pd

    return pd.DataFrame(
        [
            {"trial": trial.number, "state": trial.state, **trial.parameters, **trial.metrics}
            for trial in trials
        ]
    )


def _text(book: Book, search: Search, best: Trial, trials: Sequence[Trial]) -> str:
    """The best parameters as a file that is laid over the workbench's own."""
    lines = [
        f"# Found by `releasegap tune {search.kind}` on book {book.digest[:12]}: trial {best.number} of {len(trials)}.",
        f"# {_against(search.objective, best.metrics, trials[0].metrics)}, on months before calibration.",
        "training:",
        f"  {search.kind}:",
        *(f"    {name}: {value!r}" for name, value in best.parameters.items()),
    ]
    return "\n".join(lines) + "\n"


def _against(objective: str, best: Mapping[str, float], as_is: Mapping[str, float]) -> str:
    return f"{objective} {best[objective]:.6g}, with the parameters as they were {as_is[objective]:.6g}"


def _finding(search: Search, best: Trial, trials: Sequence[Trial], stopped: bool) -> str:
    """What was found, in some lines of plain text."""
    pruned = sum(not trial.metrics for trial in trials)
    lines = [
        f"{'Stopped; the best so far is kept. ' if stopped else ''}{len(trials)} trials, {pruned} of them ended early.",
        f"Trial {best.number}: {_against(search.objective, best.metrics, trials[0].metrics)}.",
    ]
    if not best.number:
        lines.append("No trial was better than the parameters as they are.")
    beside = [
        f"{name} {best.metrics[name]:.4g} ({trials[0].metrics[name]:.4g})"
        for name in ("auc", "calibration_slope", "calibration_intercept", "conflicts", "r2")
        if name in best.metrics and name in trials[0].metrics
    ]
    lines.append(f"Beside it (with the parameters as they were): {', '.join(beside)}")
    return "\n".join(lines)
