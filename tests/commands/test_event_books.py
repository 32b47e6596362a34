"""A simulated book that goes out as files of events and comes back by its mapping is explained as it was."""

import json
from pathlib import Path

import pytest
import yaml

from data.book import Book, open_book
from data.mechanisms import CAUSES
from features.matrix import whole_matrices
from settings import Settings
from tests.commands.calls import CALL_WRONG, SMALL, WORK_WRONG, answer, call, refused
from tests.data.event_lender import Lender

SAME = (
    *("conflicts", "conflict_details", "reference", "release_features", "limit_features"),
    *("release_contributions", "limit_contributions", "contrast", "causes", "lag_audit"),
    *("reasons", "recourse", "phantom", "timelines", "stability", "vintages", "reliability"),
)
"""Results in which nothing is made of what only a simulator knows."""


@pytest.fixture(scope="module")
def imported(small_book: Book, tmp_path_factory: pytest.TempPathFactory) -> Book:
    folder = tmp_path_factory.mktemp("round")
    said = answer(call("export", small_book.path, "--out", folder / "files", "--json"))
    size = ("--set", "blocks.size=600")
    answer(call("import", str(said["mapping"]), folder / "files", "--out", folder / "book", *size, "--json"))
    answer(call("check", folder / "book", "--json"))
    return open_book(folder / "book")


def test_its_features_are_the_same_to_the_byte(small_book: Book, imported: Book, settings: Settings) -> None:
    before, after = (
        whole_matrices(book, ("request", "review"), settings.features) for book in (small_book, imported)
    )
    for was, now in zip(before, after, strict=True):
        assert was.features == now.features
        assert was.values.tobytes() == now.values.tobytes()


def test_its_explanation_is_the_same_but_for_what_only_a_simulator_knows(
    small_book: Book, imported: Book, tmp_path: Path
) -> None:
    answer(call("train", "all", "--book", small_book.path, "--home", tmp_path, "--json", *SMALL))
    models = (
        "--limit-model",
        "models:/releasegap-limit/1",
        "--release-model",
        "models:/releasegap-release/1",
    )
    for name, book in (("simulated", small_book), ("imported", imported)):
        to = ("--home", tmp_path, "--out", tmp_path / name, "--json")
        answer(call("explain", "--book", book.path, *to, *models, *SMALL))
    for table in SAME:
        was, now = ((tmp_path / name / f"{table}.parquet").read_bytes() for name in ("simulated", "imported"))
        assert was == now, table
    for name in ("rules.json", "catalogue.json"):
        assert (tmp_path / "simulated" / name).read_bytes() == (tmp_path / "imported" / name).read_bytes()
    told = json.loads((tmp_path / "imported" / "summary.json").read_text(encoding="utf-8"))
    assert told["source"] == "imported"
    assert set(told["causes"]["mean_share"]) == set(CAUSES)
    assert "checked" not in told["causes"]
    assert told["bad_rates"]["conflict"]["oracle_rate"] is None
    assert told["refused_outcomes"]["by"] == "observed"
    words = ("whatif", "--book", imported.path, "--home", tmp_path, *models)
    answer(call(*words, "--set", "whatif.cutoff_factor=1.2", "--json"))
    wrong = call(*words, "--set", "world.policy.competition=0.1")
    refused(wrong, CALL_WRONG, "the book was made without this parameter")


def test_a_call_that_is_wrong_is_told_so_and_a_file_that_is(tmp_path: Path) -> None:
    lender = Lender(tmp_path / "files")
    mapping = lender.write()
    to = ("--out", tmp_path / "book")
    refused(call("import", mapping, tmp_path / "none", *to), CALL_WRONG, "No folder at")
    lender.files["ledger_2023.csv"]["client"][0] = "C-09"
    lender.write()
    refused(call("import", mapping, tmp_path / "files", *to), WORK_WRONG, "ledger_2023.csv, line 2")
    assert not (tmp_path / "book").exists()
    refused(call("export", tmp_path / "none", "--out", tmp_path / "out"), CALL_WRONG, "No book at")


def test_a_lender_with_streams_of_its_own_gets_a_report_that_says_what_it_lacks(
    small_book: Book, tmp_path: Path
) -> None:
    answer(call("export", small_book.path, "--out", tmp_path / "files", "--json"))
    path = tmp_path / "files" / "mapping.yaml"
    mapping = yaml.safe_load(path.read_text(encoding="utf-8"))
    for name in ("market", "limit_rules"):
        del mapping[name]
    for column in ("cap_debt_service", "cap_lenders", "cap_enquiries"):
        del mapping["policy"]["columns"][column]
    streams = mapping["streams"]
    bank = streams["income_assets"]["sources"]
    bank["columns"] = {
        **{name: name for name in ("borrower_id", "occurred_on", "visible_on")},
        "pay": "payroll",
        "guess": "inferred_income",
    }
    hub = streams["agency"]["sources"]
    del hub["columns"]["sequence"]
    mapping["streams"] = {
        "own_ledger": streams["own_ledger"],
        "bank": {"label": ["Bank account", "银行账户"], "limit_refresh": "monthly", "sources": bank},
        "hub": {"label": ["Hub", "平台"], "sources": hub},
    }
    words = {"label_zh": "特征", "family": "bank account", "family_zh": "银行账户"}
    mapping["features"] = [
        {
            **{"name": "pay_6m", "stream": "bank", "how": "mean", "column": "guess", "days": 182},
            **{"label_en": "Mean income, 6 months", "unit": "RMB", "limit_sign": "+", "release_sign": "-"},
            **words,
            "reason_code": "R05",
        },
        {
            **{"name": "asked_30d", "stream": "hub", "how": "count", "kinds": ["application"], "days": 30},
            **{"label_en": "Applications", "unit": "n", "limit_sign": "-", "release_sign": "+"},
            **words,
            "reason_code": "R08",
        },
    ]
    path.write_text(yaml.safe_dump(mapping, sort_keys=False, allow_unicode=True), encoding="utf-8")
    book = tmp_path / "book"
    answer(call("import", path, tmp_path / "files", "--out", book, "--json"))
    # So few borrowers have few conflicts; where less of a raise favours, there are more.
    favour = ("--set", "models.favoured.raise_from=1.05")
    said = answer(call("run", "--book", book, "--home", tmp_path, "--json", *SMALL, *favour))
    told = json.loads((Path(str(said["folder"])) / "summary.json").read_text(encoding="utf-8"))
    assert told["counts"]["conflicts"] > 5
    assert set(told["causes"]["not_identifiable"]) == {"competition", "misread", "error"}
    assert {row["stream"] for row in told["lag_audit"]} == {"own_ledger", "bank", "hub"}
    assert told["streams"] == {"bank": ["Bank account", "银行账户"], "hub": ["Hub", "平台"]}
    assert set(told["counts"]["conflicts_by"]) <= {"score", "overdue", "slip", "data_missing"}
    report = Path(str(said["report"])).read_text(encoding="utf-8")
    for words_shown in (
        "Shares of causes are not told for this book",
        "本数据不给出成因份额",
        "Bank account",
        "银行账户",
    ):
        assert words_shown in report
    models = ("--home", tmp_path, "--json")
    answer(call("whatif", "--book", book, "--set", "whatif.cutoff_factor=1.3", *models))
    answer(call("phantom", "--book", book, *models))
    held = ("--against", str(said["folder"]), "--out", tmp_path / "monitored")
    assert answer(call("monitor", "--book", book, *held, *models))["passed"] == []
