"""The sentences of reasons: true of the borrower, the same in both languages, with nothing internal."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import numpy as np
import pandas as pd
import pytest

from explanations.explanation import Explanation
from explanations.reasons.principal_reasons import Found
from explanations.report.reason_sentences import reason_text, with_sentences
from explanations.report.words import LANGUAGES, Text, has, keys, say
from features.catalogue import Catalogue, own_catalogue

Reasoned = tuple[Explanation, Found, dict[str, np.ndarray]]


def row(
    code: str, feature: str = "", value: float = np.nan, usual: float = np.nan, **more: Any
) -> dict[str, Any]:
    said = {
        "side": "borrower",
        "share": np.nan,
        "first": code,
        "first_feature": "",
        "refused_by": "score",
    } | more
    return {"code": code, "feature": feature, "value": value, "usual": usual, **said}


@pytest.mark.parametrize(
    ("said", "en", "zh"),
    [
        (
            row("R09", "bureau_lenders", 5.0, 2.0),
            "Too many active lenders: you have open loans with 5 other lenders. "
            "Typical of customers who received money: 2.",
            "未结清机构较多：您在 5 家其他机构有未结清贷款。获得放款的客户一般为 2 家。",
        ),
        (
            row("R08", "bureau_enq_1m", 1.0, 0.0),
            "Too many recent credit enquiries: other lenders made 1 credit enquiry about you in the last month. "
            "Typical of customers who received money: 0.",
            "近期信贷查询较多：近1个月其他机构查询您的征信 1 次。获得放款的客户一般为 0 次。",
        ),
        (
            row("R01", "own_dpd_current", 12.0, 0.0),
            "Current payment overdue: a payment to us is 12 days overdue.",
            "当前有逾期：您在本平台有款项已逾期 12 天。",
        ),
        (
            row("R04", "dti_ratio", 0.38, 0.11),
            "Obligations excessive relative to income: your instalments take 38% of your monthly income. "
            "Typical of customers who received money: 11%.",
            "负债相对收入过高：您每月应还款占月收入的 38%。获得放款的客户一般为 11%。",
        ),
        (
            row("R05", "income_verified", 1940.0, 7330.0),
            "Verified income low: your verified income is about ¥1,940 a month. "
            "Typical of customers who received money: ¥7,330.",
            "核验收入较低：您经核验的月收入约 ¥1,940。获得放款的客户一般为 ¥7,330。",
        ),
        (
            row("R06", "income_verified", np.nan, 7330.0),
            "Unable to verify income: no salary payments are seen from which we could tell it.",
            "无法核验收入：未见可据以核验的工资入账。",
        ),
        (
            row("R17", "shared_device_risk", 0.7, 0.2),
            "Device appears to be shared with others.",
            "设备疑似与他人共用。",
        ),
        (
            row("R02", "own_ontime_streak", 2.0, 32.0),
            "Recent late payments with us: since your last late payment to us you have paid on time for 2 months. "
            "Typical of customers who received money: 32 months.",
            "近期还款曾逾期：自最近一次逾期以来，您已连续按时还款 2 个月。获得放款的客户一般为 32 个月。",
        ),
        (
            row("R12", "card_utilization", np.nan, 0.3),
            "Limited credit history: your credit record shows no credit card statement.",
            "信用记录不足：您的征信记录中没有信用卡账单。",
        ),
        (
            row("R14", "cash_buffer", 5.0, 4.0),
            "Savings low relative to spending: your liquid assets cover 5 months of your spending.",
            "流动资产相对支出偏低：您的流动资产可支撑 5 个月的支出。",
        ),
        (
            row("R19", refused_by="slip"),
            "System or data error: an error on our side stopped this request; nothing in your record did. "
            "Please ask again.",
            "系统或数据异常：本次申请因我方差错未获通过，与您的记录无关，请重新申请。",
        ),
        (
            row("R18", side="lender", share=0.4, first="R09"),
            "Since your limit was set we have tightened our standard for releasing money. "
            "What falls below it now: too many active lenders.",
            "您的额度核定之后，我们收紧了放款标准，目前未达标的一项是：未结清机构较多。",
        ),
        (
            row("R18", side="lender", share=0.4, first="R17", first_feature="shared_device_risk"),
            "Since your limit was set we have tightened our standard for releasing money. "
            "What falls below it now: device appears to be shared with others.",
            "您的额度核定之后，我们收紧了放款标准，目前未达标的一项是：设备疑似与他人共用。",
        ),
        (
            row("R18", side="lender", share=0.4, first="R19"),
            "Since your limit was set we have tightened our standard for releasing money.",
            "您的额度核定之后，我们收紧了放款标准。",
        ),
        (
            row("C3", side="lender", share=0.35),
            "Competition for customers brought 35% of this conflict.",
            "市场竞争占本笔冲突的 35%。",
        ),
    ],
)
def test_a_reason_says_what_is_so_beside_what_is_usual(said: dict[str, Any], en: str, zh: str) -> None:
    assert reason_text(said, own_catalogue(), "RMB") == Text(en, zh)


def test_nothing_that_a_borrower_may_read_is_internal_or_protected(internal: re.Pattern[str]) -> None:
    catalogue = own_catalogue()
    rows = [
        row(feature.reason_code, feature.name, value, usual)
        for feature in catalogue.features
        if feature.reason_code
        for value, usual in ((3.0, 1.0), (1.0, 3.0), (np.nan, 1.0), (1.0, 0.0))
    ]
    codes = [key.removeprefix("reason_code.") for key in keys() if key.startswith("reason_code.R")]
    rows += [row("R19", refused_by=rule) for rule in ("slip", "data_missing")]
    rows += [row(code, side="lender", share=0.5, first=first) for code in ("R18", "R20") for first in codes]
    for said in rows:
        text = reason_text(said, catalogue, "RMB")
        for language in LANGUAGES:
            assert not internal.search(text[language]), text[language]
            assert not re.search(r"[a-z0-9]_[a-z0-9]|{|}|nan", text[language]), text[language]


def test_every_feature_that_may_be_named_has_its_fact_and_no_other_has() -> None:
    named = {feature.name for feature in own_catalogue().features if feature.reason_use == "Y"}
    facts = {key.removeprefix("reason_fact.") for key in keys() if key.startswith("reason_fact.")}
    assert {re.sub(r"_one$|_R\d\d$", "", fact) for fact in facts} == named
    assert all(
        has(f"reason_code.{feature.reason_code}")
        for feature in own_catalogue().features
        if feature.reason_code
    )


def test_each_sentence_is_made_once_whatever_the_number_of_conflicts(reasoned: Reasoned) -> None:
    explanation, _, _ = reasoned
    assert explanation.reasons is not None
    for language in LANGUAGES:
        column = explanation.reasons[language]
        assert isinstance(column.dtype, pd.CategoricalDtype)
        assert len(column.cat.categories) < 0.8 * len(column)
        assert column.notna().all()


def test_the_code_of_a_sentence_is_that_of_its_row(reasoned: Reasoned) -> None:
    explanation, _, _ = reasoned
    assert explanation.reasons is not None
    borrowers = explanation.reasons[explanation.reasons["side"] == "borrower"]
    assert len(borrowers)
    for code, feature, en, zh in borrowers[["code", "feature", "en", "zh"]].drop_duplicates().to_numpy():
        if code != "R19":
            own = f"reason_label.{code}.{feature}"
            said = say(own if has(own) else f"reason_code.{code}")
            assert en.startswith(said.en)
            assert zh.startswith(said.zh)


def test_a_lenders_own_feature_is_said_by_its_label_where_its_unit_means_something() -> None:
    lenders = next(feature for feature in own_catalogue().features if feature.name == "bureau_lenders")
    mapped = dataclasses.replace(
        lenders,
        name="LATE",
        label_en="Months overdue in May",
        label_zh="5月逾期月数",
        stream="flat",
        unit="m",
    )
    catalogue = Catalogue((mapped,))
    said = reason_text(row("R02", "LATE", 2.0, 0.0), catalogue, "TWD")
    assert said.en == "Recent late payments with us: Months overdue in May, 2 months."
    ranked = Catalogue((dataclasses.replace(mapped, unit="index"),))
    assert reason_text(row("R02", "LATE", 2.0, 0.0), ranked, "TWD").en == "Recent late payments with us."


def test_a_table_without_rows_has_sentences_all_the_same(reasoned: Reasoned) -> None:
    names = ("side", "code", "feature", "first", "first_feature", "refused_by")
    empty = pd.DataFrame({name: pd.Categorical([]) for name in names})
    empty = empty.assign(request_id=0, rank=0, push=0.0, value=0.0, usual=0.0, share=0.0)
    assert list(with_sentences(empty, own_catalogue(), "RMB")["en"]) == []
