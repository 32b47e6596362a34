"""A file of categories from its mapping to report, rules and scores: names are shown, and what is new is told."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from explanations.files import read_explanation
from explanations.pseudonyms import case_names
from explanations.redaction import redacted
from explanations.report.cases import cases_data, shown_conflicts
from tests.commands.calls import CALL_WRONG, SMALL, answer, call, refused
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


FIRST_ID = 610_000_000_001


@pytest.fixture(scope="module")
def lent(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("categories")
    table = application_file(5_000, seed=5)
    # Who is out of work is refused for it, so that the feature is among the main ones.
    out = (table["job"] == "none") & (np.arange(len(table)) % 3 > 0)
    table["loan_status"] = np.where(out, "default", table["loan_status"])
    # Ids that are no other number by chance.
    table["application_id"] = FIRST_ID + 7_919 * np.arange(len(table))
    table.to_csv(folder / "file.csv", index=False)
    (folder / "m.yaml").write_text(MAPPING, "utf-8")
    answer(call("import", folder / "m.yaml", folder / "file.csv", "--out", folder / "book", "--json"))
    ran = answer(call("run", "--book", folder / "book", "--home", folder, "--json", *SMALL))
    return folder, ran


def raw_ids(content: bytes) -> set[int]:
    """Ids of the lender's file that stand in a file, as a number of its own."""
    found = {int(number) for number in re.findall(rb"(?<!\d)61\d{10}(?!\d)", content)}
    return {number for number in found if (number - FIRST_ID) % 7_919 == 0}


def test_no_id_of_the_lenders_file_leaves_his_folder(lent: tuple[Path, dict[str, Any]]) -> None:
    home, ran = lent
    explained = Path(ran["folder"])
    assert len(raw_ids((home / "file.csv").read_bytes())) == 5_000
    kept = [path for path in (home / "mlartifacts").rglob("*") if path.is_file()]
    told = [*explained.glob("*.html"), *explained.glob("*.md"), *explained.glob("*.json"), home / "mlflow.db"]
    told += [*(explained / "tables").iterdir()]
    assert len(kept) > 40
    assert {path.name for path in kept} >= {"report.html", "summary.json"}
    assert {path.name: ids for path in (*kept, *told) if (ids := raw_ids(path.read_bytes()))} == {}


def test_a_name_in_the_report_leads_to_its_case_and_back_to_the_id(lent: tuple[Path, dict[str, Any]]) -> None:
    home, ran = lent
    explanation = read_explanation(Path(ran["folder"]))
    shown = shown_conflicts(explanation)["request_id"]
    names = [case["id"] for case in cases_data(explanation)["cases"]]
    assert names == case_names(explanation, shown)
    assert len(set(names)) == len(names)
    assert all(re.fullmatch("C[0-9]{12}", name) for name in names)
    for name in (names[0], names[0].lower(), names[0][1:], str(shown[0])):
        told = answer(call("case", name, "--home", home, "--json"))
        assert (told["request_id"], told["name"]) == (shown[0], names[0])
    page = Path(str(told["case"]))
    assert page.name == f"{names[0]}.html"
    assert names[0] in page.read_text("utf-8")
    assert raw_ids(page.read_bytes()) == set()
    refused(call("case", "C000000000000", "--home", home), CALL_WRONG, "is no conflict of this explanation")
    refused(call("case", "somebody", "--home", home), CALL_WRONG, "is no conflict of this explanation")
    # Who has the report alone, not the scores of conflicts.parquet, finds no name by trying ids.
    other = dataclasses.replace(
        explanation,
        conflicts=explanation.conflicts.assign(release_margin=explanation.conflicts["release_margin"] + 1e-9),
    )
    assert not set(case_names(other, shown)) & set(names)


def test_a_redacted_case_holds_no_figure_of_the_person(lent: tuple[Path, dict[str, Any]]) -> None:
    home, ran = lent
    explanation = read_explanation(Path(ran["folder"]))
    first = shown_conflicts(explanation).iloc[0]
    whole = Path(str(answer(call("case", first["request_id"], "--home", home, "--json"))["case"]))
    figures = {f"{first[name]:,.0f}" for name in ("amount", "limit_after")}
    assert all(figure in whole.read_text("utf-8") for figure in figures)
    out = ("--redact", "--out", home / "redacted.html")
    told = answer(call("case", first["request_id"], *out, "--home", home, "--json"))
    assert told["redacted"] is True
    page = (home / "redacted.html").read_text("utf-8")
    assert not [figure for figure in figures if figure in page]
    assert raw_ids(page.encode()) == set()
    assert "For other eyes" in page
    data = json.loads(page.partition('id="page-data">')[2].partition("</script>")[0])
    [case] = data["cases"]["cases"]
    texts = data["cases"]["texts"]
    assert "above the cut-off" in texts[case["verdict"]]["en"]
    jobs = [row for row in case["rows"] if texts[data["cases"]["features"][row[0]]]["en"] == "Occupation"]
    assert all(texts[row[2]]["en"] == "missing" for row in jobs)
    # The pushes still add up to what is shown as the output.
    one = redacted(explanation)
    given = one.release_contributions.set_index("request_id").loc[first["request_id"]]
    assert case["output"][1] == pytest.approx(given.sum(), abs=1e-4)


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
