"""The stages that commands are made of: each takes a book, models and parameters, and shows its progress."""

from stages.books import book_folder, matrices, open_verified, require_simulated, simulate
from stages.causes import ledger_of, split_causes
from stages.explaining import (
    add_timelines,
    explain,
    explained_book,
    kept_explanation,
    refuse_foreign_explanation,
)
from stages.models import cohorts, fit_limit, fit_release, judge, score_requests, score_reviews, way_to_grow
from stages.truth import group_contributions, true_conflicts_of

__all__ = [
    "add_timelines",
    "book_folder",
    "cohorts",
    "explain",
    "explained_book",
    "fit_limit",
    "fit_release",
    "group_contributions",
    "judge",
    "kept_explanation",
    "ledger_of",
    "matrices",
    "open_verified",
    "refuse_foreign_explanation",
    "require_simulated",
    "score_requests",
    "score_reviews",
    "simulate",
    "split_causes",
    "true_conflicts_of",
    "way_to_grow",
]
