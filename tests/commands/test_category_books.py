"""A file of categories from its mapping to report, rules and scores: names are shown, and what is new is told."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from explanations.files import read_explanation
from explanations.report.cases import cases_data
from tests.commands.calls import SMALL, answer, call
from tests.data.lenders import application_file

MAPPING = """
id_column: application_id
outcome: {column: loan_status, bad: [default], good: [paid]}
limit_column: approved_limit
amount_column: requested_amount
currency: CNY
protected: [{name: gender}]
policy: {refused_top_share: 0.2}
favoured_top_share: 0.3333
snapshots: {limit: [monthly_income, housing, bank_balance_avg], release: ["*"]}
features:
  - name: job
    label_en: Occupation
    label_zh: 职业
    kind: category
    categories:
      clerk: [Clerk, 职员]
      driver: [Driver, 司机]
      none: [Out of work, 无业]
      self-employed: [Self-employed, 个体经营]
      teacher: [Teacher, 教师]
      "": [Not stated, 未填写]
  - name: housing
    label_en: Housing
    label_zh: 住房
    kind: category
    categories: {parents: [With parents, 与父母同住], rent: [Rented, 租房], own: [Own home, 自有住房]}
    ordered: true
    sign: "-"
    reason_code: R14
  - {name: monthly_income, unit: currency, sign: "-"}
  - {name: bank_balance_avg, unit: currency, sign: "-"}
  - {name: enquiries_3m_count, unit: n, sign: "+"}
"""


@pytest.fixture(scope="module")
def lent(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("categories")
    table = application_file(5_000, seed=5)
    # Who is out of work is refused for it, so that the feature is among the main ones.
    out = (table["job"] == "none") & (np.arange(len(table)) % 3 > 0)
    table["loan_status"] = np.where(out, "default", table["loan_status"])
    table.to_csv(folder / "file.csv", index=False)
    (folder / "m.yaml").write_text(MAPPING, "utf-8")
    answer(call("import", folder / "m.yaml", folder / "file.csv", "--out", folder / "book", "--json"))
    ran = answer(call("run", "--book", folder / "book", "--home", folder, "--json", *SMALL))
    return folder, ran


def test_reports_rules_and_cases_name_categories(lent: tuple[Path, dict[str, Any]]) -> None:
    _, ran = lent
    explained = Path(ran["folder"])
    explanation = read_explanation(explained)
    assert explanation.catalogue["job"].levels[-1] == ("Other", "其他")
    told = cases_data(explanation)
    at = [feature.name for feature in explanation.catalogue.features].index("job")
    said = {
        tuple(told["texts"][row[2]].values())
        for case in told["cases"]
        for row in case["rows"]
        if row[0] == at and row[2] is not None
    }
    assert ("Out of work", "无业") in said
    assert said <= set(explanation.catalogue["job"].levels)
    rules = json.loads((explained / "rules.json").read_text("utf-8"))
    speaking = [rule for rule in rules if any(one["feature"] == "job" for one in rule["conditions"])]
    assert speaking
    assert all({"Occupation: Out of work" in r["en"], "职业：无业" in r["zh"]} == {True} for r in speaking)
    page = (explained / "report.html").read_text("utf-8")
    for word in ("Out of work", "无业", "Most common: conflict", "最常见：冲突组"):
        assert word in page, word


def test_reasons_name_the_category_of_an_ordered_feature(lent: tuple[Path, dict[str, Any]]) -> None:
    explanation = read_explanation(Path(lent[1]["folder"]))
    assert explanation.reasons is not None
    said = explanation.reasons.loc[explanation.reasons["feature"] == "housing", "en"].astype(str)
    assert len(said)
    assert said.str.contains("With parents|Rented").all()


def test_scores_take_names_and_tell_what_is_new(lent: tuple[Path, dict[str, Any]], tmp_path: Path) -> None:
    folder, _ = lent
    features = ["job", "housing", "monthly_income", "bank_balance_avg", "enquiries_3m_count"]
    raw = pd.read_csv(folder / "file.csv").sort_values("application_id")[features].iloc[:400]
    raw.to_csv(tmp_path / "raw.csv", index=False)
    raw.astype({"job": "category"}).to_parquet(tmp_path / "raw.parquet", index=False)
    book = pd.read_parquet(next((folder / "book" / "observations" / "flat").glob("*.parquet")))
    book[features].iloc[:400].to_parquet(tmp_path / "numbers.parquet", index=False)
    strange = raw.assign(job="astronaut", housing=["castle", *raw["housing"][1:]])
    strange.to_csv(tmp_path / "strange.csv", index=False)
    gone = raw.assign(enquiries_3m_count=[np.nan, *raw["enquiries_3m_count"][1:]])
    gone.to_csv(tmp_path / "gone.csv", index=False)
    found, answers = {}, {}
    for name in ("raw.csv", "raw.parquet", "numbers.parquet", "strange.csv", "gone.csv"):
        out = tmp_path / f"{name}.scored.parquet"
        said = ("--input", tmp_path / name, "--out", out, "--home", folder)
        answers[name], found[name] = answer(call("score", *said, "--json")), pd.read_parquet(out)
    pd.testing.assert_frame_equal(found["raw.csv"], found["numbers.parquet"])
    pd.testing.assert_frame_equal(found["raw.csv"], found["raw.parquet"])
    assert answers["raw.csv"]["not_known"] == {"job": {"worker": int((raw["job"] == "worker").sum())}}
    assert answers["numbers.parquet"]["not_known"] == {}
    assert answers["strange.csv"]["not_known"] == {"job": {"astronaut": 400}, "housing": {"castle": 1}}
    workers = (raw["job"] == "worker").to_numpy()
    same = found["strange.csv"]["pd"].to_numpy() == found["raw.csv"]["pd"].to_numpy()
    assert same[workers][1:].all()  # both are Other
    assert not same[~workers].all()
    # No client in training missed it, so the model has learned nothing of that.
    assert found["gone.csv"]["refused_by"][0] == "data_missing"
    assert (found["gone.csv"]["refused_by"][1:] != "data_missing").all()
