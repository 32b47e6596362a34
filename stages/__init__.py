"""The stages that commands are made of: each takes a book, models and parameters, and shows its progress."""

from stages.books import book_folder, matrices, open_verified, require_simulated, simulate
from stages.cards import model_cards
from stages.causes import ledger_of, split_causes
from stages.comparing import compare, kind_of, named_models
from stages.control import control
from stages.decision import decision_files
from stages.explaining import explain, refuse_foreign_explanation
from stages.kept import kept_folder, with_timeline, with_ways
from stages.limits import about_limits, ask_for_limits, day_of, to_ask_again
from stages.models import cohorts, fit_limit, fit_release, judge, score_requests, score_reviews, way_to_grow
from stages.monitoring import Monitored, monitor
from stages.promoting import contest_of, gates_of
from stages.readiness import notes_of
from stages.recorded import not_yet_recorded, recorded_decisions, require_decisions
from stages.refits import refits_begun
from stages.reproducing import book_again, made_again, settings_as_run
from stages.scored_book import ScoredBook, require_conflicts_of_models, scored_book
from stages.truth import group_contributions, true_conflicts_of
from stages.tuning import search_of
from stages.whatif import changes_of, what_if

__all__ = [
    "Monitored",
    "ScoredBook",
    "about_limits",
    "ask_for_limits",
    "book_again",
    "book_folder",
    "changes_of",
    "cohorts",
    "compare",
    "contest_of",
    "control",
    "day_of",
    "decision_files",
    "explain",
    "fit_limit",
    "fit_release",
    "gates_of",
    "group_contributions",
    "judge",
    "kept_folder",
    "kind_of",
    "ledger_of",
    "made_again",
    "matrices",
    "model_cards",
    "monitor",
    "named_models",
    "not_yet_recorded",
    "notes_of",
    "open_verified",
    "recorded_decisions",
    "refits_begun",
    "refuse_foreign_explanation",
    "require_conflicts_of_models",
    "require_decisions",
    "require_simulated",
    "score_requests",
    "score_reviews",
    "scored_book",
    "search_of",
    "settings_as_run",
    "simulate",
    "split_causes",
    "to_ask_again",
    "true_conflicts_of",
    "way_to_grow",
    "what_if",
    "with_timeline",
    "with_ways",
]
