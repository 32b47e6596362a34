"""How good the explained models are, and what a report was made from."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from explanations.explanation import Explanation
from explanations.report.exhibits import Column, Table, table
from explanations.report.headline import has_oracle, is_undated
from explanations.report.quantities import NOTHING, count, fixed, known, money, share, with_interval
from explanations.report.words import Text, has, joined, named, same, say, say_of

_SPLITS = ("out_of_time", "calibration", "early_stopping", "train")
_METRICS = (
    "requests", "reviews", "bad_rate", "mean_pd", "auc", "gini", "ks", "brier", "log_loss",
    "calibration_slope", "calibration_intercept", "r2", "rmse", "mae_log", "mae", "median_relative_error",
)  # fmt: skip
# Slopes of the calibration that count as near 1.
_NEAR_ONE = (0.8, 1.25)
_COUNTS, _SHARES = ("requests", "reviews"), ("bad_rate", "mean_pd", "median_relative_error")


def performance_table(explanation: Explanation, model: str) -> Table:
    """A model's metrics: a row per split and population, what the model has not seen first."""
    summary = explanation.summary
    tidy = explanation.performance[explanation.performance["model"] == model]
    undated = is_undated(summary)
    metrics = sorted(set(tidy["metric"]), key=lambda name: (_place(_METRICS, name), name))
    pairs = sorted(
        set(zip(tidy["split"], tidy["population"], strict=True)),
        key=lambda pair: (_place(_SPLITS, pair[0]), str(pair[0]), *_observed_first(str(pair[1]))),
    )
    records = []
    for split, population in pairs:
        rows = tidy[(tidy["split"] == split) & (tidy["population"] == population)]
        values = {row["metric"]: row for row in rows.to_dict("records")}
        sample = _sample(str(split), str(population), undated, tidy["population"].nunique() > 1)
        cells = {name: _metric_cell(name, values.get(name), str(summary["currency"])) for name in metrics}
        records.append({"sample": sample, **cells})
    columns = [Column("sample", say("column.sample"), numeric=False)]
    columns += [Column(name, _metric_name(name, undated)) for name in metrics]
    main = sum(split == "out_of_time" for split, _ in pairs)
    return table(say(f"models.{model}"), columns, records, main)


def calibration_comment(explanation: Explanation) -> Text | None:
    """What a calibration slope far from 1 means, of what no model has seen (observed first); None if near."""
    tidy, undated = explanation.performance, is_undated(explanation.summary)
    rows = tidy[(tidy["model"] == "release") & (tidy["split"] == "out_of_time")]
    slopes = rows[rows["metric"] == "calibration_slope"].set_index("population")["value"]
    several = rows["population"].nunique() > 1
    for population in sorted(map(str, slopes.index), key=_observed_first):
        slope = float(slopes[population])
        if known(slope) and not _NEAR_ONE[0] <= slope <= _NEAR_ONE[1]:
            sample = _sample("out_of_time", population, undated, several)
            key = "models.slope_low" if slope < 1 else "models.slope_high"
            return say(key, sample=sample, slope=fixed(slope, 2))
    return None


def sources_table(summary: Mapping[str, Any]) -> Table:
    """Digests of the book and of both models, and where the book came from."""
    rows: dict[str, Text | str] = {
        "source": named("source", str(summary["source"])),
        "seed": NOTHING if summary.get("seed") is None else str(summary["seed"]),
        "book": str(summary["book_digest"]),
        "limit_model": str(summary["models"]["limit"]),
        "release_model": str(summary["models"]["release"]),
    }
    named_rows = {say(f"method.{name}"): value for name, value in rows.items()}
    return _pairs(say("method.sources"), named_rows)


def parameters_table(summary: Mapping[str, Any]) -> Table:
    """All parameters by their dotted names."""
    parameters = summary["parameters"]
    values = {same(name): _written(parameters[name]) for name in sorted(parameters)}
    return _pairs(say("method.parameters"), values)


def versions_table(summary: Mapping[str, Any]) -> Table:
    """Versions of the software that did the work."""
    versions = {same(str(name)): str(summary["versions"][name]) for name in sorted(summary["versions"])}
    return _pairs(say("method.versions"), versions)


def terms(summary: Mapping[str, Any]) -> list[tuple[Text, Text]]:
    """The report's terms and what they mean in this book."""
    undated = is_undated(dict(summary))  # then its mapping says what is favoured, and what bad
    names = ["conflict", "reference", "bad", "pd", "cutoff", "contrast", "log_odds", "interval"]
    names += ["truth"] if has_oracle(dict(summary)) else []
    names += ["phantom"] if summary.get("phantom") else []
    level = share(summary["parameters"].get("explanations.bootstrap_level", 0.95), digits=0)
    meanings = [(say("term.favoured.name"), _favoured(summary["parameters"], undated))]
    for name in names:
        key = "text_imported" if undated and name == "bad" else "text"
        told = {"level": level} if name == "interval" else {}
        meanings.append((say(f"term.{name}.name", **told), say_of(undated, f"term.{name}.{key}", **told)))
    for name in summary.get("causes", {}).get("mean_share", {}):
        cause = say("term.causes.name", cause=say(f"cause.{name}"))
        meanings.append((cause, say("term.causes.text", meaning=say(f"cause.{name}_text"))))
    return meanings


def cautions(summary: Mapping[str, Any]) -> list[Text]:
    """What the figures do not say."""
    by_rule = set(summary["counts"]["conflicts_by"]) - {"score"}
    names = ["model", "baselines", "units", "correlated", *(["rules"] if by_rule else [])]
    if summary["source"] == "simulated" or has_oracle(dict(summary)):
        names.insert(1, "observed")
    unknowable = "unknowable_oracle" if has_oracle(dict(summary)) else "unknowable"
    names = ["measured", "estimated", unknowable, *names]
    return [say_of(is_undated(dict(summary)), f"caution.{name}") for name in names]


def _favoured(parameters: Mapping[str, Any], undated: bool) -> Text:
    if undated:
        return say("term.favoured.text_imported")
    raised = parameters.get("models.favoured.raise_from")
    days = parameters.get("models.favoured.window_days")
    if raised is None or days is None:
        return say("term.favoured.text_plain")
    return say("term.favoured.text", days=str(days), least=share(float(raised) - 1, digits=0))


def _written(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _metric_cell(name: str, row: Mapping[Any, Any] | None, currency: str) -> str:
    """A metric with its interval where it has one; nothing where there is none."""
    if row is None:
        return NOTHING
    shown = _metric(name, row["value"], currency)
    return with_interval(shown, row.get("low"), row.get("high"), partial(fixed, digits=2))


def _metric(name: str, value: float | None, currency: str) -> str:
    if value is None or not known(value):
        return NOTHING
    if name in _COUNTS:
        return count(value)
    if name in _SHARES:
        return share(value)
    return money(value, currency) if name == "mae" else fixed(value, 3)


def _observed_first(population: str) -> tuple[bool, str]:
    return population != "released", population


def _sample(split: str, population: str, undated: bool, several: bool) -> Text:
    """A split, and which of its populations where there are several."""
    shown = named("split", "held_out" if split == "out_of_time" and undated else split)
    return joined([shown, *([named("population", population)] if several else [])], en=" · ", zh=" · ")


def _metric_name(name: str, undated: bool) -> Text:
    key = f"metric.{name}"
    return say_of(undated, key) if has(key) else same(name)


def _place(order: tuple[str, ...], name: str) -> int:
    return order.index(name) if name in order else len(order)


def _pairs(caption: Text, values: Mapping[Text, Text | str]) -> Table:
    columns = [
        Column("name", say("column.name"), numeric=False),
        Column("value", say("column.value"), numeric=False),
    ]
    return table(caption, columns, [{"name": name, "value": value} for name, value in values.items()])
