"""From a file to a report by way of a suggested mapping, in which only what it asks for is decided."""

from pathlib import Path

import yaml

from tests.commands.calls import CALL_WRONG, SMALL, answer, call, refused
from tests.data.lenders import application_file, bureau_file


def decided(text: str, currency: str, limit: str) -> str:
    assert text.count("limit: [DECIDE]") == text.count("currency: DECIDE") == 1
    return text.replace("limit: [DECIDE]", f"limit: {limit}").replace(
        "currency: DECIDE", f"currency: {currency}"
    )


def through(file: Path, said: tuple[str, str], folder: Path) -> dict[str, object]:
    """What `run` answers on a book of a file, imported with its suggested mapping."""
    shown = call("import", "--suggest", file)
    assert shown.exit_code == 0, shown.output
    (folder / "mapping.yaml").write_text(decided(shown.stdout, *said), "utf-8")
    answer(call("import", folder / "mapping.yaml", file, "--out", folder / "book", "--json"))
    answered = call("run", "--book", folder / "book", "--home", folder, "--json", *SMALL)
    return answer(answered)


def rates(ran: dict[str, object]) -> tuple[float, float]:
    """Bad rates of the conflicts and of the reference."""
    said = ran["bad_rates"]
    return said["conflict"]["rate"], said["reference"]["rate"]  # type: ignore[index]


def test_files_of_realistic_shape_go_from_their_suggestions_to_reports(tmp_path: Path) -> None:
    bureau, application = tmp_path / "bureau.csv", tmp_path / "application.xlsx"
    bureau_file(4_000, seed=2).to_csv(bureau, index=False)
    application_file(3_000, seed=2).to_excel(application, index=False)
    known = '["*_old"]'
    filled_in = "[job, housing, monthly_income, other_debt, existing_loans_count]"
    for file, limit in ((bureau, known), (application, filled_in)):
        folder = tmp_path / file.stem
        folder.mkdir()
        ran = through(file, ("CNY", limit), folder)
        assert rates(ran)[0] > 1.5 * rates(ran)[1]
        assert ran["counts"]["conflicts"] > 0  # type: ignore[index]
        assert (Path(str(ran["folder"])) / "report.html").is_file()


def test_a_suggestion_is_yaml_on_standard_output_and_nothing_else(tmp_path: Path) -> None:
    bureau_file(300, seed=1).to_csv(tmp_path / "b.csv", index=False)
    shown = call("import", "--suggest", tmp_path / "b.csv")
    said = yaml.safe_load(shown.stdout)
    assert said["id_column"] == "report_id"
    assert answer(call("import", "--suggest", tmp_path / "b.csv", "--json"))["mapping"] == shown.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["b.csv"]


def test_a_call_that_lacks_something_or_says_too_much_is_refused(tmp_path: Path) -> None:
    refused(call("import"), CALL_WRONG, "--out BOOK", "--suggest FILE")
    refused(call("import", "m.yaml", "f.csv"), CALL_WRONG, "needs a mapping, a file and --out BOOK")
    refused(call("import", "m.yaml", "--suggest", "f.csv"), CALL_WRONG, "takes nothing else")
    refused(call("import", "--suggest", tmp_path / "none.csv"), CALL_WRONG, "No file at")
