"""What a column's name tells of it, in English and Chinese."""

from __future__ import annotations

import re
from typing import Final


def _terms(listed: str) -> tuple[str, ...]:
    return tuple(term.strip() for term in listed.split(","))


ID: Final = ("id", "no", "number", "key", "编号", "客户号", "借据号", "合同号", "申请号", "身份证")
OUTCOME: Final = _terms(
    "default, defaulted, bad, target, outcome, label, class, y, churn, good, 违约, 好坏, 标签, 坏客户, 是否逾期, "
    "目标"
)
STATUS: Final = ("status", "loan status", "result", "flag", "dpd", "状态", "结果")
LIMIT: Final = ("limit", "line", "credit line", "granted", "额度", "授信")
AMOUNT: Final = ("amount", "amt", "loan", "principal", "requested", "金额", "申请金额", "本金")
PROTECTED: Final = _terms(
    "sex, gender, 性别, age, 年龄, birth, dob, birthday, birthdate, 出生, 生日, marital, marriage, married, "
    "婚姻, 婚否, 已婚, region, province, postcode, zip, zipcode, 地区, 省份, 籍贯, 户籍, 邮编, nationality, foreign, "
    "citizenship, citizen, 国籍, ethnicity, ethnic, race, 民族, religion, 宗教, disability, disabled, 残疾, "
    "pregnant, pregnancy"
)
AFTER: Final = _terms(
    "recovery, recoveries, recovered, write off, writeoff, written off, charge off, chargeoff, "
    "charged off, collection, collections, collector, after, post, settlement, settled, lgd, "
    "foreclosure, repossession, last pymnt, last payment, out prncp, total rec prncp, total pymnt, "
    "核销, 催收, 回收, 贷后, 逾期后, 放款后, 追偿, 诉讼, 代偿"
)
"""Words of columns that are filled after the outcome is known, or together with it."""
UNITS: Final = (
    ("r", ("ratio", "rate", "share", "pct", "percent", "utilization", "utilisation", "占比", "比例", "率")),
    ("d", ("days", "day", "dpd", "天数", "天")),
    ("m", ("months", "month", "mths", "term", "duration", "月数", "期数", "期限")),
    ("y", ("years", "year", "yrs", "年数", "年限")),
    (
        "n",
        (
            "count",
            "cnt",
            "num",
            "n",
            "number",
            "times",
            "enquiries",
            "inquiries",
            "次数",
            "笔数",
            "家数",
            "个数",
        ),
    ),
    (
        "currency",
        ("amount", "amt", "bal", "balance", "income", "limit", "debt", "bill", "金额", "余额", "收入"),
    ),
)


def words_of(name: str) -> list[str]:
    """The words of a name in lower case: of `PAY_AMT1`, `payAmt1` and `Pay amt 1` pay, amt."""
    parted = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", name)
    return re.findall(r"[^\W\d_]+", parted.lower())


def speaks_of(name: str, terms: tuple[str, ...]) -> str | None:
    """The first of some terms that a name holds: English ones as whole words, Chinese ones anywhere."""
    spaced = f" {' '.join(words_of(name))} "
    for term in terms:
        if (f" {term} " in spaced) if term.isascii() else (term in name):
            return term
    return None


def unit_of(name: str) -> str | None:
    """The unit that a name speaks of, as a mapping has it; `currency` for amounts of money.

    What begins as a count is one, whatever is counted: `NUM_60_DPD`.
    """
    if words_of(name)[:1] in (["num"], ["number"], ["count"], ["cnt"], ["n"]):
        return "n"
    return next((unit for unit, terms in UNITS if speaks_of(name, terms)), None)


def stem_of(name: str) -> str:
    """A name without the number or letter of one of several kindred columns: of `PAY_AMT1` and `PAY_AMT_6` PAY_AMT."""
    return re.sub(r"[_\W]*\d+[a-zA-Z]?$", "", name) or name


def feature_name(column: str, place: int, taken: set[str]) -> str:
    """A name for a column that a feature can bear: the column's own as far as its letters allow."""
    plain = re.sub(r"[^A-Za-z0-9]+", "_", column).strip("_")[:50] if column.isascii() else ""
    if not plain[:1].isalpha():
        plain = f"column_{place + 1}" + (f"_{plain}" if plain else "")
    name, number = plain, 2
    while name in taken:
        name, number = f"{plain}_{number}", number + 1
    taken.add(name)
    return name
