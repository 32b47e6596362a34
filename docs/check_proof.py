"""Checks that a decision is in a ledger of releasegap: python3 check_proof.py PROOF.json HEAD.

HEAD is the ledger's head as you know it from elsewhere, not from whoever gave you the proof. Needs Python alone.
"""

import json
import math
import struct
import sys
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

NUMBERS = ("limit", "pd", "cutoff")
WORDS = ("source", "limit_model", "release_model", "policy", "decision", "executed", "refused_by", "reasons")


def row_bytes(row: dict) -> bytes:
    """The canonical bytes of a row."""
    coded = {name: row[name].encode() for name in ("request_id", *WORDS)}
    texts = {name: struct.pack(">I", len(told)) + told for name, told in coded.items()}
    since = datetime.fromisoformat(row["decided_at"]) - datetime(1970, 1, 1, tzinfo=UTC)
    numbers = (math.nan if row[name] is None else row[name] for name in NUMBERS)
    snapshot = bytes.fromhex(row["snapshot"])
    fixed = struct.pack(">q32s3d", since // timedelta(microseconds=1), snapshot, *numbers)
    return texts["request_id"] + fixed + b"".join(texts[name] for name in WORDS)


def head_of(proof: dict) -> str:
    """The head of a ledger that holds the row where the proof says it does."""
    block, place = proof["block"], proof["place"]
    last, found = block["rows"] - 1, sha256(b"\x00" + row_bytes(proof["row"])).digest()
    for beside in map(bytes.fromhex, proof["path"]):  # RFC 9162, 2.1.3.2
        left = place % 2 or place == last
        found = sha256(b"\x01" + (beside + found if left else found + beside)).digest()
        while left and place and not place % 2:
            place, last = place // 2, last // 2
        place, last = place // 2, last // 2
    if place or last:
        return "none: the row is not where the proof says"
    later = [(one["rows"], bytes.fromhex(one["root"])) for one in proof["later"]]
    head, height, first = bytes.fromhex(block["previous"]), block["height"], block["first_row"]
    for rows, root in [(block["rows"], found), *later]:
        head = sha256(b"\x02" + struct.pack(">32sQQQ32s", head, height, first, rows, root)).digest()
        height, first = height + 1, first + rows
    return head.hex()


proof = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
holds = head_of(proof) == sys.argv[2].lower()
print(f"request {proof['row']['request_id']}: {'' if holds else 'NOT '}in the ledger with head {sys.argv[2]}")
sys.exit(0 if holds else 1)
