"""The letter to a borrower: what stands in it, and what never does."""

from __future__ import annotations

import dataclasses
import html as escaping
import re
from collections.abc import Callable

import pandas as pd
import pytest

from data.errors import CallError, DataFault
from explanations.explanation import Explanation
from explanations.parameters import NoticeParameters
from explanations.report.notice import notice_html, unset_parts
from explanations.report.quantities import money
from explanations.report.words import LANGUAGES, Language
from features.catalogue import Catalogue, own_catalogue

WHOLE = NoticeParameters(
    lender="A Lender", address="A Road 1", review_contact="400-000-0000", data_contact="data@example.com"
)
UNSET = NoticeParameters(lender="", address=" ", review_contact="", data_contact="")
HOSTILE = '</title><script>alert(1)</script><img src=x onerror="x">{{7*7}} & "'


def spoken(html: str) -> str:
    """The letter's text, its title included, without styles."""
    plain = re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", escaping.unescape(re.sub(r"<[^>]*>", " ", plain)))


def letter(explanation: Explanation, place: int = 1, language: Language = "en") -> str:
    request = int(explanation.conflicts["request_id"].iloc[place])
    return spoken(notice_html(explanation, request, language, WHOLE))


def test_the_letter_says_what_was_decided_why_and_whom_to_ask(lettered: Explanation) -> None:
    conflict = lettered.conflicts.iloc[1]
    text = letter(lettered)
    asked_on = str(conflict["requested_on"])[:10]
    assert f"On {asked_on} you asked for {money(conflict['amount'], 'RMB')}." in text
    assert f"Your credit limit is {money(conflict['limit_recorded'], 'RMB')}." in text
    assert "Credit enquiries: 7 in 3 months. Lenders with open loans: 5." in text
    assert "Part of this lies with us. Your limit was set on older data." in text
    assert "article 24" in text
    assert "400-000-0000" in text
    assert "data@example.com" in text
    assert f"Date: {asked_on}" in text
    assert "第二十四条" in letter(lettered, language="zh")


def test_the_date_of_the_letter_is_the_callers(lettered: Explanation) -> None:
    request = int(lettered.conflicts["request_id"].iloc[1])
    html = notice_html(lettered, request, "en", WHOLE, "2026-01-31")
    assert "Date: 2026-01-31" in html


def test_at_most_four_reasons_are_told_in_their_order(lettered: Explanation) -> None:
    assert lettered.reasons is not None
    request = int(lettered.conflicts["request_id"].iloc[1])
    more = pd.DataFrame(
        {
            "request_id": request,
            "rank": [6, 5, 4, 3],
            "side": "borrower",
            "code": "R04",
            "feature": "",
            "push": 0.1,
        }
    )
    more = more.assign(en=[f"Reason {rank}." for rank in more["rank"]], zh="理由。")
    many = dataclasses.replace(lettered, reasons=pd.concat([more, lettered.reasons], ignore_index=True))
    found = re.findall(r"<li>(.*?)</li>", notice_html(many, request, "en", WHOLE))
    assert found[:4] == [
        "Credit enquiries: 7 in 3 months.",
        "Lenders with open loans: 5.",
        "Reason 3.",
        "Reason 4.",
    ]
    assert "Reason 5." not in found


def test_of_the_lenders_side_only_changed_standards_and_older_data_are_told(lettered: Explanation) -> None:
    assert lettered.reasons is not None
    own = lettered.reasons.assign(code=lettered.reasons["code"].replace("R20", ""))
    told = letter(dataclasses.replace(lettered, reasons=own))
    assert "older data" not in told
    assert "Part of this lies with us" not in told


def test_that_nothing_helps_is_said_as_it_is(lettered: Explanation) -> None:
    text = letter(lettered, place=0)
    assert "Nothing helps now." in text
    assert "is enough" not in text
    assert "ask for the draw again" not in text


def test_without_recourse_the_letter_speaks_of_no_ways(lettered: Explanation) -> None:
    assert "possible now" not in letter(dataclasses.replace(lettered, recourse=None))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_letter_holds_anything_internal_or_protected(
    lettered: Explanation, language: Language, internal: re.Pattern[str]
) -> None:
    assert internal.search("The score's margin")
    assert internal.search("同业竞争激烈")
    names = [feature.name for feature in own_catalogue().features]
    for place, conflict in enumerate(lettered.conflicts.to_dict("records")):
        text = letter(lettered, place, language)
        assert not internal.search(text), text
        assert not [name for name in names if "_" in name and name in text]
        assert "%" not in text
        for figure in ("pd", "cutoff", "limit_score", "release_margin"):
            assert f"{conflict[figure]:.4f}"[:5] not in text, figure
            assert f"{100 * conflict[figure]:.2f}" not in text, figure


def test_what_is_yet_to_be_set_stands_plainly_in_the_letter(lettered: Explanation) -> None:
    request = int(lettered.conflicts["request_id"].iloc[1])
    html = notice_html(lettered, request, "en", UNSET)
    assert html.count("<mark>") == 4
    assert "[fill in before sending: the lender&#39;s name]" in html
    assert unset_parts(UNSET) == ["lender", "address", "review_contact", "data_contact"]
    assert unset_parts(WHOLE) == []
    assert "<mark>" not in notice_html(lettered, request, "zh", WHOLE)


def test_text_from_data_and_parameters_stays_text(lettered: Explanation) -> None:
    assert lettered.reasons is not None
    assert lettered.recourse is not None
    dressed = dataclasses.replace(
        lettered,
        reasons=lettered.reasons.assign(en=HOSTILE),
        recourse=lettered.recourse.assign(en=HOSTILE),
    )
    parameters = WHOLE.model_copy(update=dict.fromkeys(WHOLE.model_dump(), HOSTILE))
    request = int(lettered.conflicts["request_id"].iloc[1])
    html = notice_html(dressed, request, "en", parameters, HOSTILE)
    plain = notice_html(lettered, request, "en", WHOLE)
    tags = [re.findall(r"<(\w+)", page) for page in (html, plain)]
    assert tags[0] == tags[1]
    assert "{{7*7}}" in spoken(html)


def test_an_undated_book_gets_a_letter_without_date_and_amount(
    imported: Explanation, with_reasons: Callable[[Explanation], Explanation]
) -> None:
    client = with_reasons(imported)
    request = int(client.conflicts["request_id"].iloc[1])
    html = notice_html(client, request, "en", WHOLE)
    text = spoken(html)
    assert "We have examined your application and cannot release the money now." in text
    assert "[fill in before sending: the date of this letter]" in text
    assert "NT$" in text
    assert "nan" not in text.lower()
    assert "Date: 2026-01-31" in spoken(notice_html(client, request, "en", WHOLE, "2026-01-31"))


def test_a_letter_without_reasons_is_refused(simulated: Explanation, lettered: Explanation) -> None:
    request = int(simulated.conflicts["request_id"].iloc[0])
    with pytest.raises(CallError, match=r"no reasons.parquet.*must not be sent"):
        notice_html(simulated, request, "en", WHOLE)
    assert lettered.reasons is not None
    lenders = lettered.reasons[lettered.reasons["side"] == "lender"]
    with pytest.raises(DataFault, match=f"Conflict {request} has no reason that can be told"):
        notice_html(dataclasses.replace(lettered, reasons=lenders), request, "en", WHOLE)
    with pytest.raises(CallError, match="no conflict 5 among the 260"):
        notice_html(lettered, 5, "en", WHOLE)


def test_labels_of_an_imported_book_do_not_reach_the_letter(
    imported: Explanation, with_reasons: Callable[[Explanation], Explanation]
) -> None:
    features = tuple(
        dataclasses.replace(feature, label_en=HOSTILE, label_zh=HOSTILE)
        for feature in imported.catalogue.features
    )
    dressed = with_reasons(dataclasses.replace(imported, catalogue=Catalogue(features)))
    assert "alert" not in letter(dressed)
