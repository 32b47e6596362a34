"""releasegap: the command line, and the only place where all parts of the workbench meet."""

from __future__ import annotations

from collections.abc import Callable

import typer

from commandline import command
from commands.append import append
from commands.audit_book import audit_book
from commands.audit_prove import audit_prove
from commands.audit_record import audit_record
from commands.audit_verify import audit_verify
from commands.bench import bench
from commands.case import case
from commands.check import check
from commands.compare import compare
from commands.explain import explain
from commands.export import export
from commands.import_book import import_book
from commands.monitor import monitor
from commands.notice import notice
from commands.phantom import phantom
from commands.promote import promote
from commands.reject_inference import reject_inference
from commands.reproduce import reproduce
from commands.run import run
from commands.score import score
from commands.scorecard import scorecard
from commands.simulate import simulate
from commands.sync import sync
from commands.train import train
from commands.truth import truth
from commands.tune import tune
from commands.ui import ui
from commands.whatif import whatif

app = typer.Typer(
    name="releasegap",
    help="Why the release model refuses borrowers whom the limit model favoured.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

COMMANDS: dict[str, Callable[..., None]] = {
    "run": run,
    "simulate": simulate,
    "import": import_book,
    "export": export,
    "append": append,
    "check": check,
    "train": train,
    "tune": tune,
    "explain": explain,
    "score": score,
    "case": case,
    "notice": notice,
    "whatif": whatif,
    "phantom": phantom,
    "monitor": monitor,
    "truth": truth,
    "scorecard": scorecard,
    "compare": compare,
    "promote": promote,
    "reproduce": reproduce,
    "ui": ui,
    "sync": sync,
    "reject-inference": reject_inference,
    "bench": bench,
}
"""By the names under which they are called, in the order of `--help`."""

AUDIT: dict[str, Callable[..., None]] = {
    "book": audit_book,
    "record": audit_record,
    "verify": audit_verify,
    "prove": audit_prove,
}
"""The commands of `releasegap audit`, in the same order as its help."""

for name, work in COMMANDS.items():
    command(app, name)(work)

audit = typer.Typer(no_args_is_help=True)
for name, work in AUDIT.items():
    command(audit, name)(work)
app.add_typer(audit, name="audit", help="The decision ledger and internal control.")

if __name__ == "__main__":
    app(prog_name="releasegap")
