"""`releasegap promote`: a champion by its gates, by override, refused, and rolled back; nothing is lost on the way."""

import json
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from data.book import Book
from data.errors import CallError
from data.simulate import simulate_book
from settings import Settings
from tests.commands.calls import CALL_WRONG, SMALL, WORK_WRONG, answer, call, refused
from training.champions import champion_of, history_of, require_second_person, version_of
from training.gates import GATES
from training.registry import decision_to_serve
from training.tracking import Store, open_store

FEW = ["--set", "governance.comparison.draws=20", "--set", "explanations.bootstrap_draws=20"]
# A book of 1,500 borrowers has some ten bad outcomes: what the gates say of so few is chance.
WIDE = [
    "--set=governance.gates.calibration=[0.01,100]",
    "--set=governance.gates.auc_loss=0.5",
    "--set=governance.gates.benchmark_loss=0.5",
    "--set=governance.gates.fairness=0.01",
]
NAME = "releasegap-release"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, small_book: Book) -> Path:
    """A home with a limit model and three release models of a small book."""
    made = tmp_path_factory.mktemp("home")
    on = ("--book", small_book.path, "--home", made, "--json", *SMALL)
    answer(call("train", "all", *on))
    for depth in (2, 3):
        answer(call("train", "release", *on, "--set", f"training.release.max_depth={depth}"))
    return made


@pytest.fixture(scope="module")
def store(home: Path) -> Store:
    return open_store(home)


@pytest.fixture(scope="module")
def client(store: Store) -> MlflowClient:
    return store.client


def _promote(book: Book, home: Path, *words: object) -> dict[str, object]:
    return answer(call("promote", "release", "--book", book.path, "--home", home, "--json", *FEW, *words))


def test_what_was_trained_last_is_the_challenger_and_tells_its_measures(
    store: Store, client: MlflowClient
) -> None:
    assert version_of(store, "release", "challenger") == "3"
    assert version_of(store, "limit", "challenger") == "1"
    tags = client.get_model_version(NAME, "3").tags
    assert {
        "book_digest",
        "model_digest",
        "out_of_time.auc",
        "out_of_time.ks",
        "out_of_time.log_loss",
    } <= set(tags)
    assert champion_of(store, "release") is None


def test_a_call_without_a_book_or_on_another_or_of_an_unknown_version_is_refused(
    home: Path, small_book: Book, settings: Settings, tmp_path: Path
) -> None:
    on = ("--home", home)
    refused(call("promote", "release", *on), CALL_WRONG, "--book is missing")
    here = ("promote", "release", "--book", small_book.path, *on)
    refused(call(*here, "--version", 9), CALL_WRONG, "no version 9", "1, 2, 3")
    refused(call(*here, "--version", "best"), CALL_WRONG, "no alias best")
    refused(call(*here, "--override", " "), CALL_WRONG, "reason")
    refused(call(*here, "--rollback"), CALL_WRONG, "leave out --book")
    refused(call("promote", "release", "--rollback", *on), CALL_WRONG, "no champion")
    other = simulate_book(tmp_path / "other", 60, 24, 6, "baseline", settings.world, block_size=60)
    refused(call("promote", "release", "--book", other.path, *on), CALL_WRONG, "trained on another book")
    nowhere = call("promote", "release", "--book", small_book.path, "--home", tmp_path / "none")
    refused(nowhere, CALL_WRONG, "no release model")


def test_with_two_people_who_trained_a_version_cannot_promote_it(
    home: Path, small_book: Book, store: Store, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    on = ("promote", "release", "--book", small_book.path, "--home", home, "--version", 1, *FEW)
    both = ("--set", "governance.two_person=true", "--override", "a try")
    run = str(client.get_model_version(NAME, "1").run_id)
    trained = client.get_run(run).data.tags["mlflow.user"]
    before = len(client.search_runs([store.experiment_id]))
    refused(call(*on, *both), CALL_WRONG, f"trained by {trained}", "governance.two_person")
    monkeypatch.setenv("LOGNAME", "colleague")
    require_second_person(store, "release", "1")
    client.delete_tag(run, "mlflow.user")
    refused(call(*on, *both), CALL_WRONG, "does not tell who trained it")
    client.set_tag(run, "mlflow.user", trained)
    assert champion_of(store, "release") is None
    assert len(client.search_runs([store.experiment_id])) == before


def test_a_store_that_fails_has_not_said_that_there_is_no_champion(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failing = open_store(home)

    def fails(*_: object) -> None:
        raise MlflowException("the server is busy")

    with monkeypatch.context() as patch:
        for name in ("get_model_version_by_alias", "get_registered_model", "get_model_version"):
            patch.setattr(failing.client, name, fails)
        for ask in (
            lambda: champion_of(failing, "release"),
            lambda: history_of(failing, "release"),
            lambda: version_of(failing, "release", "1"),
            lambda: version_of(failing, "release", "challenger"),
        ):
            with pytest.raises(MlflowException, match="busy"):
                ask()
    assert (champion_of(failing, "release"), history_of(failing, "release")) == (None, [])


def _cut_off(*_: object) -> None:
    raise RuntimeError("cut off")


def test_the_cycle_of_champions(
    home: Path, small_book: Book, store: Store, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = _promote(small_book, home, "--version", 1, *WIDE)
    assert first["promoted"] is True
    assert [gate["name"] for gate in first["gates"]] == list(GATES)  # type: ignore[attr-defined]
    assert all(gate["held"] for gate in first["gates"])  # type: ignore[attr-defined]
    assert champion_of(store, "release") == "1"
    assert version_of(store, "release", "challenger") == "3", "another version stays the challenger"
    assert json.loads(Path(str(first["file"])).read_text(encoding="utf-8"))["version"] == "1"
    again = call("promote", "release", "--version", 1, "--book", small_book.path, "--home", home)
    refused(again, CALL_WRONG, "the champion already")

    # A gate that cannot hold: nothing moves, and the version says why.
    never = [*WIDE, "--set=governance.gates.psi=0.0000001"]
    words = ("promote", "release", "--book", small_book.path, "--home", home, *FEW, *never)
    refused(call(*words), WORK_WRONG, "stability does not hold", "--override")
    assert champion_of(store, "release") == "1"
    tags = client.get_model_version(NAME, "3").tags
    assert tags["promotion"] == "refused"
    assert tags["gates"] == "not held: stability"
    assert tags["gate.stability"].startswith("NOT HELD: population stability index")

    over = _promote(small_book, home, *never, "--override", "festival month")
    assert over["promoted"] is True
    assert over["failed"] == ["stability"]
    assert champion_of(store, "release") == "3"
    tags = client.get_model_version(NAME, "3").tags
    assert (tags["promotion"], tags["promotion.override"]) == ("by override", "festival month")
    assert "challenger" not in client.get_registered_model(NAME).aliases
    described = client.get_model_version(NAME, "3").description
    assert "- Decision: promoted to champion, by override" in described
    assert "- Gates: not held: stability" in described
    assert "- Remarks: festival month (run " in described
    assert {found.path for found in client.list_artifacts(str(over["run"]), "cards")} == {
        "cards/release.md",
        "cards/release.zh.md",
    }
    run = client.get_run(str(over["run"]))
    assert run.data.metrics["gate.stability"] == 0
    assert "festival month" in run.data.tags["mlflow.note.content"]

    # Cut off before its card is written, a promotion has moved nothing, and can be called again.
    with monkeypatch.context() as patch:
        patch.setattr("training.registry.approve", _cut_off)
        result = call(
            "promote", "release", "--version", 2, "--book", small_book.path, "--home", home, *FEW, *WIDE
        )
    assert result.exit_code == WORK_WRONG
    assert "RuntimeError: cut off" in result.stderr
    assert champion_of(store, "release") == "3"
    assert history_of(store, "release") == ["1", "3"]
    client.set_model_version_tag(NAME, "2", "promotion.override", "of an earlier promotion")
    second = _promote(small_book, home, "--version", 2, *WIDE)
    tags = client.get_model_version(NAME, "2").tags
    assert tags["promotion"] == "by its gates"
    assert "promotion.override" not in tags
    assert second["champion_before"] == "3"
    assert history_of(store, "release") == ["1", "3", "2"]
    for leaving, returning in (("2", "3"), ("3", "1")):
        told = answer(call("promote", "release", "--rollback", "--home", home, "--json"))
        assert (told["leaving"], told["champion"]) == (leaving, returning)
        assert champion_of(store, "release") == returning
        assert (
            client.get_model_version(NAME, leaving).tags["promotion"] == f"rolled back to version {returning}"
        )
    refused(call("promote", "--rollback", "release", "--home", home), CALL_WRONG, "first champion")
    assert champion_of(store, "release") == "1"


def test_what_cannot_be_judged_is_refused_before_anything_is_written(
    home: Path, small_book: Book, store: Store, tmp_path: Path
) -> None:
    """Other periods than the champion's or the version's; no model of the other kind."""

    def runs(of: Store) -> int:
        return len(of.client.search_runs([of.experiment_id]))

    on = ("--book", small_book.path)
    before = runs(store)
    periods = "--set=training.periods.train_until=11"
    words = ("promote", "release", "--version", 2, *on, "--home", home, *FEW)
    refused(call(*words, periods), CALL_WRONG, "other periods")
    assert runs(store) == before
    # A version of other periods than the champion, called with its own.
    answer(call("train", "release", *on, "--home", home, "--json", *SMALL, periods))
    before = runs(store)
    assert champion_of(store, "release") == "1"
    refused(call("promote", "release", *on, "--home", home, *FEW, periods), CALL_WRONG, "other periods")
    assert runs(store) == before
    alone = tmp_path / "alone"
    answer(call("train", "release", *on, "--home", alone, "--json", *SMALL))
    lonely = open_store(alone)
    before = runs(lonely)
    refused(call("promote", "release", *on, "--home", alone, *FEW), CALL_WRONG, "no limit model")
    assert runs(lonely) == before


def test_a_limit_model_passes_gates_of_its_own(home: Path, small_book: Book, store: Store) -> None:
    told = answer(call("promote", "limit", "--book", small_book.path, "--home", home, "--json", *FEW, *WIDE))
    assert [gate["name"] for gate in told["gates"]] == [name for name in GATES if name != "benchmark"]  # type: ignore[attr-defined]
    assert told["promoted"] is True
    assert champion_of(store, "limit") == "1"

    # Both champions were trained in one call: their decision model is served.
    assert told["decision"] == "1"
    name = "releasegap-decision"
    assert store.client.get_model_version_by_alias(name, "champion").version == 1
    # Of a release model that was trained alone one is made, and goes when it is no longer of both.
    second = _promote(small_book, home, "--version", 2, *WIDE)
    assert second["decision"] == "2"
    made = store.client.get_model_version_by_alias(name, "champion")
    assert made.tags["release_model"] == f"models:/{NAME}/2"
    assert made.tags["limit_model"] == "models:/releasegap-limit/1"
    assert answer(call("promote", "release", "--rollback", "--home", home, "--json"))["champion"] == "1"
    assert store.client.get_model_version_by_alias(name, "champion").version == 1
    # What is scored by default is the champion, though version 2 is later; on another book it is the latest of that.
    assert (
        decision_to_serve(store, small_book.digest) == decision_to_serve(store, None) == f"models:/{name}/1"
    )
    with pytest.raises(CallError, match="no decision model trained on this book"):
        decision_to_serve(store, "0" * 64)
    store.client.set_model_version_tag(name, "1", "limit_model", "models:/releasegap-limit/9")
    _promote(small_book, home, "--version", 2, *WIDE)
    told = call("promote", "release", "--rollback", "--home", home)
    assert "No releasegap-decision is made of both champions yet" in told.stdout
    assert "champion" not in store.client.get_registered_model(name).aliases
    assert decision_to_serve(store, small_book.digest) == f"models:/{name}/2"
    # A champion of another book is beside none of this one: the promotion holds, and nothing is served.
    answer(call("train", "limit", "--book", small_book.path, "--home", home, "--json", *SMALL))
    store.client.set_model_version_tag("releasegap-limit", "1", "book_digest", "0" * 64)
    store.client.set_model_version_tag(name, "2", "limit_model", "models:/releasegap-limit/9")
    third = _promote(small_book, home, "--version", 2, *WIDE)
    assert (third["promoted"], third["decision"]) == (True, None)
    assert champion_of(store, "release") == "2"
    store.client.set_model_version_tag("releasegap-limit", "1", "book_digest", small_book.digest)


def test_a_fit_that_does_not_come_out_again_is_seen(home: Path, small_book: Book) -> None:
    words = ("promote", "release", "--version", 3, "--book", small_book.path, "--home", home, *FEW, *WIDE)
    # Other windows of the features give another matrix, and so another model than the card's.
    result = call(*words, "--set", "features.bureau_balance_decay=0.5")
    refused(result, WORK_WRONG, "reproducible")
