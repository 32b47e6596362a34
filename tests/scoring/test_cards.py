"""Model cards: what a validator asks, in both languages, every figure that of the training that made it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.protected import protected_attributes
from explanations.kernel.contrast import TOLERANCE
from tests.scoring.conftest import Done
from training.model_cards import CARDS, short_card, with_approval
from training.registry import fetch_model

HEADINGS = (
    "Purpose",
    "Conceptual soundness",
    "Outcomes analysis",
    "Limits",
    "Ongoing monitoring",
    "Approval",
)
KINDS = ("limit", "release")


@pytest.fixture(scope="module")
def cards(done: Done) -> dict[tuple[str, str], str]:
    """By model and language, from the files of the model's version."""
    return {
        (kind, language): (fetch_model(done.store, done.models[kind]) / name).read_text("utf-8")
        for kind in KINDS
        for language, name in CARDS.items()
    }


@pytest.fixture(scope="module")
def metrics(done: Done) -> dict[str, float]:
    """Of the runs of both fits."""
    runs = [done.store.client.get_run(_run(done, kind)) for kind in KINDS]
    return {name: value for run in runs for name, value in run.data.metrics.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_the_run_keeps_the_same_cards_and_the_versions_page_shows_them(
    done: Done, cards: dict[tuple[str, str], str], kind: str, tmp_path: Path
) -> None:
    for language, name in (("en", f"{kind}.md"), ("zh", f"{kind}.zh.md")):
        kept = done.store.client.download_artifacts(_run(done, kind), f"cards/{name}", str(tmp_path))
        assert Path(kept).read_text("utf-8") == cards[kind, language]
    shown = str(_version(done, kind).description)
    assert shown == short_card(cards[kind, "en"], 5_000)
    assert len(shown) <= 5_000


@pytest.mark.parametrize("kind", KINDS)
def test_a_card_has_the_headings_of_the_guidance_and_nothing_undefined(
    cards: dict[tuple[str, str], str], kind: str
) -> None:
    english, chinese = cards[kind, "en"], cards[kind, "zh"]
    assert re.findall(r"^## \d\. (.+)$", english, re.MULTILINE) == list(HEADINGS)
    assert len(re.findall(r"^## \d\. ", chinese, re.MULTILINE)) == len(HEADINGS)
    for text in (english, chinese):
        assert not re.search(r"\bnan\b|None|undefined|\{\{|\}\}|\n\n\n", text)


@pytest.mark.parametrize("kind", KINDS)
def test_both_languages_tell_the_same_figures(cards: dict[tuple[str, str], str], kind: str) -> None:
    english, chinese = (set(re.findall(r"\d[\d,]*\.\d+%?|\d+,\d+", cards[kind, one])) for one in ("en", "zh"))
    assert len(english) > 25
    assert english == chinese


def test_the_release_cards_figures_are_those_of_the_run(
    cards: dict[tuple[str, str], str], metrics: dict[str, float]
) -> None:
    text = cards["release", "en"]
    rows = _table(text, "| | AUC |")
    for label, split in (
        ("Training", "train"),
        ("Calibration", "calibration"),
        ("Out of time", "out_of_time"),
    ):
        told = rows[label]
        assert told[0] == f"{metrics[f'release.{split}.auc']:.3f}"
        assert told[2] == f"{metrics[f'release.{split}.brier']:.4f}"
        assert told[5] == f"{metrics[f'release.{split}.bad_rate']:.2%}"
    assert rows["All requests, by the oracle"][0] == f"{metrics['release.out_of_time.oracle.auc']:.3f}"


def test_the_limit_cards_figures_are_those_of_the_run(
    cards: dict[tuple[str, str], str], metrics: dict[str, float]
) -> None:
    rows = _table(cards["limit", "en"], "| | R² |")
    assert rows["Out of time"][0] == f"{metrics['limit.out_of_time.r2']:.3f}"
    assert rows["Training"][3] == f"{metrics['limit.train.median_relative_error']:.1%}"


@pytest.mark.parametrize("kind", KINDS)
def test_directions_hold_and_contributions_add_up(cards: dict[tuple[str, str], str], kind: str) -> None:
    text = cards[kind, "en"]
    (steps, against) = re.findall(
        r"of ([\d,]+) steps to a feature's next value, ([\d,]+) went against", text
    )[0]
    assert int(steps.replace(",", "")) > 10_000
    assert against == "0"
    (gap,) = re.findall(r"differ from the score by ([\d.e+-]+) at most", text)
    assert 0 < float(gap) < TOLERANCE


def test_fairness_is_the_lowest_approval_rate_over_the_highest(
    done: Done, cards: dict[tuple[str, str], str]
) -> None:
    rows = _table(cards["release", "en"], "| Attribute |")
    who = protected_attributes(done.scored.book).values.set_index("borrower_id")
    judged = done.scored.decided[done.scored.members.judged]
    gender = who["gender"].astype(str).reindex(judged["borrower_id"]).to_numpy()
    rates = pd.Series(~judged["refused"].to_numpy(bool)).groupby(gender).mean()
    assert set(rows) == {"Sex", "Age", "Marital status", "Region"}
    words = {"female": "women", "male": "men"}
    assert rows["Sex"][:2] == [words[str(rates.idxmin())], words[str(rates.idxmax())]]
    assert rows["Sex"][2] == f"{rates.min() / rates.max():.1%}"


def test_requests_without_an_outcome_are_told(done: Done, cards: dict[tuple[str, str], str]) -> None:
    outcomes = done.scored.book.whole("outcomes")
    seen = set(outcomes.loc[outcomes["bad"].notna(), "request_id"])
    judged = done.scored.decided.loc[done.scored.members.judged, "request_id"]
    share = 1 - np.mean([one in seen for one in judged])
    assert f"{share:.1%} of the requests out of time have none" in cards["release", "en"]


def test_approval_is_blank_until_promotion_records_it(cards: dict[tuple[str, str], str]) -> None:
    for text in cards.values():
        blank = text[text.index("## 6. ") :]
        assert re.findall(r"^\| ([^|]+?) \| ([^|]*)\|$", blank, re.MULTILINE)
        assert all(
            not said.strip() for _, said in re.findall(r"^\| ([^|-]+?) \| ([^|]*)\|$", blank, re.MULTILINE)
        )
        approved = with_approval(text, {"Decision": "promoted", "Gates": "auc held | psi\nheld"})
        assert "| Decision | promoted |\n| Gates | auc held \\| psi held |\n" in approved
        assert approved[: approved.index("## 6. ")] == text[: text.index("## 6. ")]
        again = with_approval(approved, {"Decision": "withdrawn"})
        assert "promoted" not in again
    with pytest.raises(ValueError, match="no model card"):
        with_approval("# Something else", {})


def test_a_short_card_ends_at_a_paragraph_and_says_where_the_rest_is() -> None:
    card = "\n\n".join(f"paragraph {number} of a card" for number in range(40))
    assert short_card(card, 10_000) == card
    short = short_card(card, 300)
    assert len(short) <= 300
    assert short.startswith("paragraph 0")
    assert short.endswith("cards/ among the run's)\n")
    assert re.search(r"paragraph \d+ of a card\n\n…", short)


def _run(done: Done, kind: str) -> str:
    """The run of a model's fit."""
    return str(_version(done, kind).run_id)


def _version(done: Done, kind: str) -> Any:
    return done.store.client.get_model_version(*done.models[kind].removeprefix("models:/").split("/"))


def _table(text: str, head: str) -> dict[str, list[str]]:
    """Rows of a Markdown table by their first cell."""
    lines = text[text.index(head) :].splitlines()[2:]
    table = [
        line.strip("|").split("|") for line in lines[: next(i for i, line in enumerate(lines) if not line)]
    ]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in table}
