"""Made-up explanations: the simulated lender's and an imported book's, without a model."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pandas as pd

from data.mechanisms import CAUSES
from data.schema import STREAMS
from explanations.cases import places
from explanations.causes.tables import with_causes
from explanations.explanation import Explanation
from explanations.parameters import ExplanationParameters, ReasonParameters, RuleParameters
from explanations.remedies.phantom import with_phantom
from explanations.remedies.trials import Asked, with_fresh_stream, with_looser_cutoff, with_remedies
from explanations.rules.surrogate import with_rules
from features.catalogue import Catalogue, Feature, own_catalogue
from models.calibration import Calibration
from models.policy import CAPS
from settings import resolved
from tests.explanations.crossed import with_made_cross_fitting
from tests.explanations.details import made_decisions, made_limits, made_timelines
from tests.explanations.diagnoses import MAPPED, UNMAPPED, made_diagnostics

RELEASE_PUSHES = {
    "bureau_enq_3m": 0.42, "bureau_lenders": 0.31, "dti_after_draw": 0.27, "mp_apps_30d": 0.21,
    "spend_surge_1m": 0.17, "bureau_new_loans_3m": 0.14, "payroll_gap": 0.11, "amount_to_income": 0.09,
    "own_utilization": 0.08, "income_drop_3m": 0.06, "shared_device_risk": 0.05, "cash_buffer": 0.05,
    "account_age": -0.06, "own_ontime_streak": -0.04, "income_verified": 0.03, "spend_income_ratio_3m": 0.06,
    "PAY_0": 0.9, "PAY_2": 0.2, "PAY_AMT3": 0.15,
}  # fmt: skip
LIMIT_PUSHES = {
    "spend_avg_12m": 0.115, "income_proxy": 0.052, "competition_index": 0.041, "account_age": 0.02,
    "spend_surge_1m": 0.026, "festival_adj_spend": 0.017, "bureau_enq_3m": -0.011, "bureau_lenders": -0.018,
    "dti_ratio": -0.021, "spend_income_ratio_3m": 0.012, "income_verified": 0.024, "own_ontime_streak": 0.009,
    "mp_apps_30d": -0.006, "BILL_AMT3": 0.1, "PAY_AMT3": 0.08, "PAY_3": -0.04,
}  # fmt: skip
CHECKED = {
    "conflicts": 60,
    "strong": 41,
    "accuracy": 0.75,
    "error": 0.0961,
    "features_agreement_1": 0.25,
    "features_agreement_3": 0.5,
    "features_sign_1": 0.9,
    "features_sign_3": 0.8,
    "features_spearman": 0.3,
    "said": dict(zip(CAUSES, (0.1, 0.2, 0.3, 0.15, 0.05, 0.2), strict=True)),
    "true": dict(zip(CAUSES, (0.12, 0.18, 0.31, 0.14, 0.05, 0.2), strict=True)),
}
RULES = RuleParameters(depth=4, leaf=0.02, precision=0.5, fit_share=0.5, rows=100_000)
TESTED_REASONS: dict[str, Any] = {
    "deletion": {
        "tested": 240,
        "of": 240,
        "named": {"share": 0.98, "low": 0.95, "high": 1.0},
        "first": {"share": 0.5, "low": 0.45, "high": 0.55},
        "random": {"share": 0.2, "low": None, "high": None},
    },
    "stability": {
        "fits": 3,
        "compared": 200,
        "of": 200,
        "without_rules": 80,
        "first": {"share": 0.96, "low": 0.9, "high": 0.99},
        "first_always": {"share": 0.93, "low": 0.9, "high": 0.95},
        "overlap": {"share": 0.9, "low": 0.88, "high": 0.92},
        "refused": {"share": 0.91, "low": 0.9, "high": 0.92},
        "first_without_rules": {"share": 0.85, "low": 0.8, "high": 0.9},
    },
}
REASONS = ReasonParameters(
    least_share=0.05, least_cause=0.1, tested=20_000, random_choices=2, refits=0, refit_rows=1000
)
PARAMETERS = resolved(None, []).explanations.model_copy(
    update={
        "bootstrap_draws": 50,
        "seed": 1,
        "cause_draws": 1,
        "checked_conflicts": 0,
        "rules": RULES,
        "reasons": REASONS,
        "cutoff_factors": (0.5, 1.0, 2.0, 4.0),
        "stability_features": 3,
    }
)
SLOPE, INTERCEPT = 1.08, -0.12
LARGEST = {
    "d": 90,
    "m": 60,
    "n": 9,
    "r": 2.5,
    "RMB": 18000,
    "TWD": 120000,
    "0-1": 1,
    "z": 1,
    "id": 3,
    "status": 6,
}


def made_explanation(
    *,
    imported: bool = False,
    conflicts: int = 260,
    reference: int = 900,
    rules: tuple[str, ...] = ("score", "score", "score", "score", "cap_enquiries", "cap_lenders", "slip"),
    seed: int = 7,
    catalogue: Catalogue | None = None,
) -> Explanation:
    """An explanation whose contributions add up, whose counts agree and whose PDs follow their margins."""
    rng = np.random.default_rng(seed)
    catalogue = catalogue or (taiwan_like_catalogue() if imported else own_catalogue())
    ids = np.arange(1, conflicts + reference + 1) * 37 + 100_000
    rng.shuffle(ids)
    cohort = np.array(["conflict"] * conflicts + ["reference"] * reference)
    release = _contributions(rng, ids[:conflicts], catalogue.release, RELEASE_PUSHES, -3.9)
    limit = _contributions(rng, ids[:conflicts], catalogue.limit, LIMIT_PUSHES, 9.4)
    margin = release.drop(columns="request_id").sum(axis=1).to_numpy()
    refused_by = np.resize(np.array(("score",) if imported else rules, dtype=object), conflicts)
    table = _conflicts(rng, ids[:conflicts], margin, limit, refused_by, imported)
    table["place"] = places(table, 200)
    contrast = _contrast(release[refused_by == "score"], limit[refused_by == "score"], catalogue)
    matrix = _matrix(rng, conflicts, imported)
    made = Explanation(
        summary=_summary(table, matrix, reference, imported),
        catalogue=catalogue,
        calibration=Calibration(SLOPE, INTERCEPT),
        conflicts=table,
        reference=pd.DataFrame(
            {
                "request_id": ids[conflicts:],
                "limit_score": rng.normal(9.7, 0.4, reference),
                "release_margin": rng.normal(-3.9, 0.6, reference),
                "requested_on": None if imported else np.resize(table["requested_on"].to_numpy(), reference),
                "cutoff": np.resize(table["cutoff"].to_numpy(), reference),
            }
        ),
        release_features=_features(rng, ids, cohort, catalogue, catalogue.release, RELEASE_PUSHES),
        limit_features=_features(rng, ids, cohort, catalogue, catalogue.limit, {}),
        release_contributions=release,
        limit_contributions=limit,
        contrast=contrast,
        decision_matrix=matrix,
        performance=_performance(imported),
        reliability=_reliability(rng),
        funnel=_funnel(table, matrix, reference),
    )
    # From a generator of its own, so that the rest stays as it was.
    shares = np.random.default_rng(seed + 1).dirichlet(np.ones(len(CAUSES)), conflicts)
    causes = pd.DataFrame({"request_id": ids[:conflicts], **dict(zip(CAUSES, shares.T, strict=True))})
    made = dataclasses.replace(
        made,
        diagnostics=made_diagnostics(catalogue, PARAMETERS, imported, seed),
        summary=made.summary | {"protected": {"small_cell": 10, **(MAPPED if imported else UNMAPPED)}},
    )
    if imported:
        made = with_made_cross_fitting(made)
    audit = pd.concat(
        [
            pd.DataFrame(
                {
                    "stream": stream,
                    "request_id": ids[:conflicts],
                    "days_stale": np.arange(conflicts, dtype=np.int32) % 150,
                    "limit_change": -0.01 * place,
                    "pd": 0.1,
                    "pd_fresh": 0.08,
                    "favoured": np.arange(conflicts) % (place + 2) != 0,
                    "refused": True,
                    "removed": np.arange(conflicts) % (place + 2) == 0,
                }
            )
            for place, stream in enumerate(STREAMS)
        ]
    )
    bad = np.where(np.arange(conflicts + reference) % 10 == 0, 1.0, 0.0)
    asked = Asked(
        pd.DataFrame(
            {"request_id": ids, "borrower_id": ids // 2, "conflict": cohort == "conflict", "bad": bad}
        ),
        conflicts,
        reference,
    )
    shown = made_limits(80)
    if imported:
        told = with_rules(with_causes(made, None, None, None, PARAMETERS), PARAMETERS)
        told = with_remedies(told, with_looser_cutoff(table, 1.25), asked, PARAMETERS)
        return with_phantom(told, shown, 80, 80, None, PARAMETERS)
    told = with_rules(with_causes(made, causes, audit, CHECKED, PARAMETERS), PARAMETERS)
    again = pd.concat([made_decisions(ids, conflicts), with_fresh_stream(audit)], ignore_index=True)
    told = with_remedies(told, again, asked, PARAMETERS)
    told = with_phantom(told, shown, 100, 20_000, pd.Timestamp("2025-12-31"), PARAMETERS)
    return dataclasses.replace(told, timelines=made_timelines(table))


def made_parameters(**changes: Any) -> ExplanationParameters:
    """Parameters of explanations, some of them changed."""
    return PARAMETERS.model_copy(update=changes)


def broken_by(explanation: Explanation) -> dict[str, np.ndarray]:
    """Which conflicts break each rule: that which refuses, and the cap on lenders by each third besides."""
    refused_by = explanation.conflicts["refused_by"].to_numpy()
    rules = ("data_missing", "score", "cap_debt_service", "cap_lenders", "cap_enquiries", "overdue")
    broken = {rule: refused_by == rule for rule in rules}
    if "bureau_lenders" in explanation.catalogue:
        broken["cap_lenders"] |= (np.arange(len(refused_by)) % 3 == 0) & (refused_by == "score")
    return broken


def taiwan_like_catalogue(label: str = "{}") -> Catalogue:
    """An imported book's features; `label` may dress up the labels."""
    said = [
        *(
            (f"PAY_{i}", f"Months overdue, {i}", f"前{i}月逾期月数", "m", "own record")
            for i in (0, 2, 3, 4, 5, 6)
        ),
        *((f"BILL_AMT{i}", f"Bill, {i}", f"前{i}月账单", "TWD", "bills") for i in range(1, 7)),
        *((f"PAY_AMT{i}", f"Payment, {i}", f"前{i}月还款额", "TWD", "payments") for i in range(1, 7)),
        ("EDUCATION", "Education", "教育程度", "index", "client"),
    ]
    return Catalogue(tuple(_imported_feature(*one, label) for one in said))


def _imported_feature(name: str, en: str, zh: str, unit: str, family: str, label: str) -> Feature:
    return Feature(
        name=name,
        label_en=label.format(en),
        label_zh=label.format(zh),
        definition_en=label.format(f"{en}, as the file has it."),
        definition_zh=label.format(f"{zh}，以原文件为准。"),
        unit=unit,
        window="",
        stream="flat",
        family=label.format(family),
        family_zh=label.format(family),
        limit_sign="x" if name in ("PAY_0", "BILL_AMT1", "PAY_AMT1") else "0",
        release_sign="0",
        reason_code="",
        reason_use="N",
    )


def _contributions(
    rng: np.random.Generator, ids: np.ndarray, names: tuple[str, ...], pushes: dict[str, float], base: float
) -> pd.DataFrame:
    means = np.array([pushes.get(name, rng.normal(0, 0.008)) for name in names])
    values = means + rng.normal(0, 1, (len(ids), len(names))) * (0.6 * np.abs(means) + 0.002)
    frame = pd.DataFrame(values, columns=list(names))
    return pd.concat([pd.DataFrame({"request_id": ids, "base": base}), frame], axis=1)


def _conflicts(
    rng: np.random.Generator,
    ids: np.ndarray,
    margin: np.ndarray,
    limit: pd.DataFrame,
    refused_by: np.ndarray,
    imported: bool,
) -> pd.DataFrame:
    number = len(ids)
    score = limit.drop(columns="request_id").sum(axis=1).to_numpy()
    probability = 1 / (1 + np.exp(-(SLOPE * margin + INTERCEPT)))
    after = np.exp(score)
    days = pd.Series(
        pd.to_datetime("2025-07-01") + pd.to_timedelta(rng.integers(0, 184, number), unit="D")
    ).dt.date
    return pd.DataFrame(
        {
            "request_id": ids,
            "borrower_id": ids // 3,
            "requested_on": [None] * number if imported else days,
            "amount": np.nan if imported else rng.lognormal(8.4, 0.7, number).astype(np.float32),
            "limit_before": np.nan if imported else after / rng.uniform(1.15, 1.8, number),
            "limit_after": after,
            "limit_recorded": np.round(after * 0.93, -2),
            "limit_score": score,
            "release_margin": margin,
            "pd": probability,
            "cutoff": np.where(refused_by == "score", probability * 0.7, probability * 1.4),
            "refused_by": refused_by,
            **dict.fromkeys(CAPS, np.nan),
            **({} if imported else {"cap_debt_service": 0.45, "cap_lenders": 6.0, "cap_enquiries": 8.0}),
            "policy_version": None if imported else "2025-07-tight",
            "observed_bad": rng.integers(0, 2, number)
            if imported
            else np.where(rng.random(number) < 0.02, 1.0, np.nan),
        }
    )


def _contrast(release: pd.DataFrame, limit: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    rows = []
    for feature in catalogue.features:
        row: dict[str, Any] = {"feature": feature.name}
        for model, frame in (("release", release), ("limit", limit)):
            known = feature.name in frame and len(frame)
            mean = float(frame[feature.name].mean()) if known else math.nan
            error = 1.96 * float(frame[feature.name].std()) / math.sqrt(len(frame)) if known else math.nan
            row |= {f"{model}_mean": mean, f"{model}_low": mean - error, f"{model}_high": mean + error}
        rows.append(row)
    return pd.DataFrame(rows).sort_values("release_mean", ascending=False, ignore_index=True)


def _features(
    rng: np.random.Generator,
    ids: np.ndarray,
    cohort: np.ndarray,
    catalogue: Catalogue,
    names: tuple[str, ...],
    pushes: dict[str, float],
) -> pd.DataFrame:
    columns: dict[str, Any] = {"request_id": ids, "cohort": cohort}
    for name in names:
        shift = 1 + 2 * max(pushes.get(name, 0.0), -0.2) * (cohort == "conflict")
        unit = catalogue[name].unit
        largest = LARGEST.get(unit, 1)
        values = np.minimum(rng.gamma(2.0, 0.12, len(ids)) * shift, 1.0) * largest
        if unit in ("n", "d", "id", "index"):
            values = np.floor(values)
        if unit == "0/1":
            values = (values > 0.4).astype(float)
        values[rng.random(len(ids)) < 0.03] = np.nan
        columns[name] = values.astype(np.float32)
    return pd.DataFrame(columns)


def _matrix(rng: np.random.Generator, conflicts: int, imported: bool) -> pd.DataFrame:
    rows = []
    for decile in range(1, 11):
        for decision in ("release", "refuse"):
            for favoured in (False, True):
                requests = 400 if decision == "release" else 60 + 3 * decile
                if favoured and decision == "refuse":
                    requests = conflicts // 10 + (conflicts % 10 if decile == 1 else 0)
                if favoured and decision == "release":
                    requests = 90
                known = requests if decision == "release" or imported else requests // 40
                rate = (0.014 if decision == "release" else 0.095) * (1.3 - decile / 20)
                rows.append(
                    {
                        "limit_decile": decile,
                        "decision": decision,
                        "favoured": favoured,
                        "requests": requests,
                        "bad_known": known,
                        "bad": int(rng.binomial(known, rate)),
                        "oracle_bad": math.nan if imported else float(rng.binomial(requests, rate)),
                    }
                )
    return pd.DataFrame(rows)


def _summary(conflicts: pd.DataFrame, matrix: pd.DataFrame, reference: int, imported: bool) -> dict[str, Any]:
    by = conflicts["refused_by"].value_counts()
    refused = int(matrix.loc[matrix["decision"] == "refuse", "requests"].sum())

    def rates(rate: float, rows: int, known: int) -> dict[str, Any]:
        bad = round(rate * known) if known else 0
        return {
            "known": known,
            "bad": bad,
            "rate": bad / known if known else None,
            "oracle_rate": None if imported or rate != rate else rate,
        }

    number = len(conflicts)
    return {
        "source": "imported" if imported else "simulated",
        "seed": None if imported else 20240101,
        "scenario": None if imported else "baseline",
        "book_digest": "4edce6da569b2c30788a85fd98a9bafb1a983e8ca1a7aac875dd7ff853cbd0bb",
        "models": {"limit": "1f" * 32, "release": "2e" * 32},
        "parameters": {
            "models.favoured.raise_from": 1.15,
            "models.favoured.window_days": 182,
            "models.policy.overdue_days": 1,
            "explanations.bootstrap_draws": 200,
            "explanations.bootstrap_level": 0.95,
            "explanations.seed": 1,
            "explanations.remedies.cutoff_factor": 1.25,
            "world.terms": [3, 6, 9, 12],
        },
        "versions": {"releasegap": "0.1.0", "lightgbm": "4.7.0"},
        "counts": {
            "requests": int(matrix["requests"].sum()),
            "favoured": number + reference,
            "conflicts": number,
            "conflicts_by": {str(key): int(by[key]) for key in sorted(by.index)},
            "reference": reference,
            "refused": refused,
        },
        "refused_for": {
            "score_only": int(by.get("score", 0)) // 3,
            "score_and_rule": int(by.get("score", 0)) - int(by.get("score", 0)) // 3,
            "rule_only": number - int(by.get("score", 0)) - int(by.get("slip", 0)),
            "error": int(by.get("slip", 0)),
        },
        "refused_outcomes": {
            "by": "observed" if imported else "oracle",
            "known": number,
            "bad": number // 10,
            "good": number - number // 10,
            "bad_low": number / 20,
            "bad_high": number / 5,
            "good_low": 0.8 * number,
            "good_high": 0.95 * number,
            "bad_amount": None if imported else 123_456.0,
            "good_amount": None if imported else 2_345_678.0,
        },
        "bad_rates": {
            "conflict": rates(0.098 if number else math.nan, number, number if imported else number // 40),
            "reference": rates(0.0142, reference, reference),
            "released": rates(0.015, 4000, 4000),
            "refused": rates(0.094, refused, refused if imported else refused // 40),
        },
        "period": {"from": None, "to": None} if imported else {"from": "2025-07-01", "to": "2025-12-31"},
        "currency": "TWD" if imported else "RMB",
        "borrowers": 30000 if imported else 20000,
    }


def _performance(imported: bool) -> pd.DataFrame:
    rows = []
    for i, split in enumerate(("train", "early_stopping", "calibration", "out_of_time")):
        for population in ("released", *(() if imported else ("all (oracle)",))):
            auc = 0.79 - 0.015 * i + 0.06 * (population != "released")
            metrics = {
                "requests": 5210 + i, "bad_rate": 0.0148, "mean_pd": 0.0151, "auc": auc, "gini": 2 * auc - 1,
                "ks": 0.42, "brier": 0.0143, "log_loss": 0.071, "calibration_slope": 0.97,
                "calibration_intercept": -0.03,
            }  # fmt: skip
            rows += [("release", split, population, name, value) for name, value in metrics.items()]
        metrics = {
            "reviews": 81234,
            "r2": 0.93,
            "rmse": 0.12,
            "mae_log": 0.09,
            "mae": 1432.1,
            "median_relative_error": 0.062,
        }
        rows += [("limit", split, "reviews", name, value) for name, value in metrics.items()]
    return pd.DataFrame(rows, columns=["model", "split", "population", "metric", "value"])


def _reliability(rng: np.random.Generator) -> pd.DataFrame:
    mean = np.geomspace(0.002, 0.07, 10)
    return pd.DataFrame(
        {"decile": range(1, 11), "requests": 520, "mean_pd": mean, "bad_rate": rng.binomial(520, mean) / 520}
    )


def _funnel(conflicts: pd.DataFrame, matrix: pd.DataFrame, reference: int) -> pd.DataFrame:
    by = conflicts["refused_by"].value_counts()
    stages = {
        "requests": int(matrix["requests"].sum()),
        "favoured": len(conflicts) + reference,
        "favoured_refused": len(conflicts),
        **{f"by_{rule}": int(by[rule]) for rule in sorted(by.index)},
        "reference": reference,
    }
    return pd.DataFrame({"stage": list(stages), "count": list(stages.values())})
