"""What other cut-offs would do, as three tracks over the factor on the cut-offs."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from explanations.report.exhibits import Chart, Column, Record, Spec, table
from explanations.report.palette import AGAINST, FAVOUR, INK, ZERO
from explanations.report.quantities import count, share
from explanations.report.tracks import Track, layer, padded, tips, track_specs
from explanations.report.words import Language, Text, joined, say, say_of

_POINTS = {"name": "sweep"}
_ACROSS: Spec = {
    "field": "factor",
    "type": "quantitative",
    "scale": {"type": "log", "nice": False},
    "axis": {"labelExpr": "'×' + format(datum.value, '~g')", "grid": False, "labelOverlap": True},
}
_FACTORS = (0.5, 2.0)
"""Factors that the note tells, if decisions were taken at them."""
_HARDLY = 0.001
"""Share of the requests; fewer released by a higher cut-off are hardly any."""
TRACKS = {"approval": FAVOUR, "conflict": AGAINST, "bad": INK}


def sweep_chart(sweep: pd.DataFrame, undated: bool, oracle: bool) -> Chart:
    """Share approved, share of the favoured refused and bad rate of the approved, by factor on the cut-offs."""
    records = [_record(row, oracle) for row in sweep.itertuples(index=False)]
    columns = [
        Column("factor_text", say("sweep.factor")),
        Column("cutoff_text", say("sweep.cutoff")),
        Column("approval_text", say("sweep.approval")),
        Column("conflicts", say("sweep.conflicts")),
        Column("conflict_text", say("sweep.conflict")),
        *([Column("oracle_text", say("sweep.bad_oracle"))] if oracle else []),
        Column("observed_text", say("sweep.bad_observed")),
    ]
    description = say("sweep.description")
    return Chart(
        name="sweep",
        title=say("sweep.title"),
        note=_note(sweep, records, undated, oracle),
        description=description,
        specs=track_specs(
            lambda language: _tracks(records, columns, language), {"sweep": records}, description
        ),
        table=table(say("sweep.title"), columns, records),
    )


def _record(row: Any, oracle: bool) -> dict[str, Any]:
    observed = row.bad / row.bad_known if row.bad_known else math.nan
    truth = row.oracle_bad / row.released if row.released else math.nan
    shares = {
        "approval": row.released / row.requests if row.requests else math.nan,
        "conflict": row.conflicts / row.favoured if row.favoured else math.nan,
        "bad": truth if oracle else observed,
    }
    return {
        "factor": float(row.factor),
        "factor_text": f"×{row.factor:g}",
        "cutoff_text": share(row.cutoff, digits=2),
        "conflicts": count(row.conflicts),
        "oracle_text": share(truth, digits=2),
        "observed_text": share(observed, digits=2),
        **{f"{name}_text": share(value, digits=2 if name == "bad" else 1) for name, value in shares.items()},
        **{name: round(value, 5) if math.isfinite(value) else None for name, value in shares.items()},
    }


def _note(sweep: pd.DataFrame, records: list[dict[str, Any]], undated: bool, oracle: bool) -> Text:
    """What the policy does as it is, at half and at twice the cut-off, and where other rules take over."""
    by_factor = {record["factor"]: record for record in records}
    parts = [say_of(undated, "sweep.note", **_said(by_factor[1.0]))]
    parts += [
        say("sweep.at", factor=f"{factor:g}", **_said(by_factor[factor]))
        for factor in _FACTORS
        if factor in by_factor
    ]
    left = sweep["released"].iloc[-1] - sweep["released"]
    flat = sweep.loc[left <= _HARDLY * sweep["requests"], "factor"]
    if not undated and len(flat) > 1 and sweep["released"].iloc[-1] < sweep["requests"].iloc[-1]:
        parts.append(say("sweep.flat", factor=f"{flat.iloc[0]:g}"))
    parts.append(say_of(undated, f"sweep.{'oracle' if oracle else 'observed'}"))
    return joined(parts, en=" ", zh="")


def _said(record: Record) -> dict[str, str]:
    return {name: str(record[f"{name}_text"]) for name in TRACKS}


def _tracks(records: list[dict[str, Any]], columns: list[Column], language: Language) -> list[Track]:
    tooltip = tips(columns, language)
    across = {**_ACROSS, "title": say("sweep.x")[language]}
    across["scale"] = {**_ACROSS["scale"], "domain": [records[0]["factor"], records[-1]["factor"]]}
    across["axis"] = {**_ACROSS["axis"], "values": [record["factor"] for record in records]}
    as_it_is = {"type": "rule", "color": ZERO, "strokeDash": [4, 4]}
    tracks = []
    for name, colour in TRACKS.items():
        domain = padded([float(record[name] or 0) for record in records])
        here = [{"factor": 1, "low": domain[0], "high": domain[1]}]
        line = {"type": "line", "color": colour, "strokeWidth": 2}
        points = {"type": "point", "filled": True, "size": 60, "color": colour, "opacity": 1}
        axis = {"format": ".1~%", "tickCount": 4}
        layers = (
            layer({"values": here}, as_it_is, "low", to="high", x=across),
            layer(_POINTS, line, name, x=across),
            layer(_POINTS, points, name, tooltip=tooltip, x=across),
        )
        tracks.append(Track(say(f"sweep.{name}")[language], 84, domain, axis, layers))
    return tracks
