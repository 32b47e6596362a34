"""`releasegap audit prove`: a proof that a decision is in the ledger, for a third party to check."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from commandline import Common
from commands.audit_verify import LedgerOption, ledger_of


def audit_prove(
    common: Common,
    request_id: Annotated[str, typer.Argument(metavar="REQUEST_ID", help="A request in the ledger.")],
    ledger: LedgerOption = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="The proof to write; else one in the home."),
    ] = None,
) -> None:
    """Prove that the latest decision on a request is in the ledger; docs/check_proof.py checks the proof."""
    from data.atomic import whole_file
    from data.decision_ledger.proofs import proofs

    folder = ledger_of(common, ledger)
    found = proofs(folder, request_id)
    proof = found[-1]
    row = proof["row"]
    out = out or common.home / "proofs" / f"{_as_file(request_id)}.json"
    with whole_file(out) as aside:
        text = json.dumps(proof, indent=1, ensure_ascii=False)
        aside.write_text(f"{text}\n", encoding="utf-8", newline="\n")
    earlier = f" ({len(found) - 1} earlier on the same request)" if len(found) > 1 else ""
    number = proof["block"]["first_row"] + proof["place"]
    common.console.result(
        f"Request {request_id}: {row['decision']} on {row['decided_at']}, row {number:,} of {folder}{earlier}.\n"
        f"Proof: {out}\n"
        f"Check it: python3 docs/check_proof.py {out} {proof['head']}",
        file=out,
        request=request_id,
        row=number,
        head=proof["head"],
        decisions=len(found),
    )


def _as_file(request_id: str) -> str:
    """An id as the name of a file: letters, digits and hyphens as they are, all else by its number."""
    return "".join(
        letter if letter.isascii() and (letter.isalnum() or letter == "-") else f"_{ord(letter):x}"
        for letter in request_id
    )[:100]
