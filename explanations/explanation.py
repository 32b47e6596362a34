"""Everything that an explanation holds: what the files in its folder and the report are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from features.catalogue import Catalogue
from models.calibration import Calibration

if TYPE_CHECKING:
    from explanations.cross_fitting.whole_book import CrossFitting
    from explanations.diagnostics import Diagnostics
    from explanations.rules.surrogate import RuleSet

SUMMARY = "summary.json"
"""The file that makes a folder an explanation's."""


@dataclass(frozen=True)
class Explanation:
    """Why the release model refuses applicants whom the limit model favoured.

    Attributes:
        summary: Counts, bad rates, digests, parameters, versions; JSON-ready (`summary.json`).
        catalogue: The features of both models.
        calibration: From the release model's margin to its PD.
        conflicts: A row per conflict: request_id, borrower_id, requested_on, amount, limit_before and
            limit_after (RMB), limit_score (log-RMB), release_margin (log-odds), pd, cutoff, refused_by (`record` where
            the lender refused and no rule of the models does), policy_version, review_id (the review that favoured),
            observed_bad (1, 0 or NaN where nobody saw the outcome), place (its place among the cases that the report
            shows one by one, from 1; 0 where it is not among them),
            limit_recorded (RMB, in force at the request as the lender recorded it), and the caps of `models.policy` in
            force that day (NaN where the book has none).
        reference: A row per reference request: request_id, limit_score, release_margin, requested_on, cutoff.
        release_features: request_id, cohort (`conflict` or `reference`), then the release model's matrix.
        limit_features: request_id, cohort, then the limit model's matrix at the review that favoured.
        release_contributions: A row per conflict: request_id, base, one column per feature (log-odds).
        limit_contributions: A row per conflict: request_id, base, one column per feature (log-RMB).
        contrast: A row per feature: feature, release_mean, release_low, release_high (log-odds), limit_mean,
            limit_low, limit_high (log-RMB); means over conflicts refused by score, NaN where the feature is
            not in that model.
        decision_matrix: limit_decile (1 lowest to 10), decision (`release` or `refuse`), favoured, requests,
            bad_known (requests whose outcome was seen), bad (bad among them), oracle_bad (bad with the draw,
            simulated books, otherwise NaN).
        performance: model, split, population, metric, value; where diagnostics were taken low and high, too (NaN for
            what has no interval).
        reliability: decile of PD, requests, mean_pd, bad_rate; released requests out of time.
        funnel: stage, count.
        causes: A row per conflict: request_id and the share of each cause (see `data.mechanisms.CAUSES`); None where
            the book does not let them be told apart.
        lag_audit: A row per stream and conflict (see `explanations.causes.lag_audit`); None where the
            book has no dates.
        timelines: What was visible when, of the cases that are shown (see `explanations.timeline`); None where the book
            has no dates, or nobody has read it.
        reasons: A row per conflict and reason: request_id, rank, side (`borrower` or `lender`), code, feature, push
            (log-odds), en, zh; None where none were made.
        recourse: A row per conflict, option and step: request_id, option, step, kind, from_value, to_value, unit, days,
            pd_after, cutoff, exhaustive, en, zh; None where none was looked for.
        recourse_trials: The nearest trials that failed, of shown conflicts that nothing helps now (see
            `explanations.recourse.trials`); None where none were kept.
        diagnostics: Ranking, cut-off sweep, stability, vintages and fairness (see `explanations.diagnostics`); None
            where nobody has taken them.
        rules: Plain conditions that separate the cohorts (see `explanations.rules`); None where none were looked for.
        phantom: What is on show of limits on the last day, and what of it the release would refuse, by group (see
            `explanations.remedies.phantom.phantom_table`); None where nobody looked.
        phantom_borrowers: A row per borrower read whose request would be refused: borrower_id, limit, available
            (RMB), pd, cutoff, refused_by.
        remedies: What each remedy would do (see `explanations.remedies.trials`); None where none were measured.
        control: Findings of internal control (see `explanations.control.findings`); None where the book has no dates.
        baseline: What later periods are held against by `releasegap monitor` (`baseline.json`); None where nothing
            was kept.
        cross_fitting: The whole of a small book without dates, each client by models that have not seen him (see
            `explanations.cross_fitting`); None of other books, and where too little could be fitted.
    """

    summary: dict[str, Any]
    catalogue: Catalogue
    calibration: Calibration
    conflicts: pd.DataFrame
    reference: pd.DataFrame
    release_features: pd.DataFrame
    limit_features: pd.DataFrame
    release_contributions: pd.DataFrame
    limit_contributions: pd.DataFrame
    contrast: pd.DataFrame
    decision_matrix: pd.DataFrame
    performance: pd.DataFrame
    reliability: pd.DataFrame
    funnel: pd.DataFrame
    causes: pd.DataFrame | None = None
    lag_audit: pd.DataFrame | None = None
    timelines: pd.DataFrame | None = None
    reasons: pd.DataFrame | None = None
    recourse: pd.DataFrame | None = None
    recourse_trials: pd.DataFrame | None = None
    rules: RuleSet | None = None
    phantom: pd.DataFrame | None = None
    phantom_borrowers: pd.DataFrame | None = None
    remedies: pd.DataFrame | None = None
    diagnostics: Diagnostics | None = None
    control: pd.DataFrame | None = None
    baseline: dict[str, Any] | None = None
    cross_fitting: CrossFitting | None = None
