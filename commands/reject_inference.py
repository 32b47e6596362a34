"""`releasegap reject-inference`: its methods judged by true outcomes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

import stages
from commandline import BookOption, Common
from commands.tracked import store_of
from settings import flat, settings_of


def reject_inference(
    common: Common,
    book: BookOption,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Table of the result (CSV).")],
) -> None:
    """Judge methods of reject inference by the true outcomes of a simulated book's refused requests."""
    from data.atomic import whole_file
    from data.spreadsheets import frame_csv
    from training.reject_comparison import compare_reject_inference

    console = common.console
    settings = settings_of(common)
    taken = stages.open_verified(book)
    stages.require_simulated(taken, "only a simulator knows how refused requests would have ended")
    store = store_of(common, or_home=True)
    with store.run_on(taken, "reject-inference", flat(settings, taken)) as tracked:
        (requests,) = stages.matrices(taken, settings, console, kinds=("request",))
        with console.step("Fitting the release model with each method"):
            table = compare_reject_inference(taken, requests, settings.training, settings.models)
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(out) as aside:
            aside.write_text(frame_csv(table), encoding="utf-8", newline="\n")
        tracked.log_table(table, "reject_inference.csv")
    console.result(
        f"{table.to_string(index=False, float_format='{:.4f}'.format)}\nWritten: {out}",
        table=out,
        rows=json.loads(table.to_json(orient="records")),
    )
