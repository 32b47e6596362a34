"""What all tests share: the resolved parameters, a small simulated book, and where real books lie."""

from __future__ import annotations

import json
import os
import pickle
import re
import shutil
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # whichever test imports MLflow first
# As every call of the workbench has it, and here before a test imports LightGBM: threads that wait for one another in a
# loop, on processors that other tests want, make a fit of a second last for minutes.
os.environ["OMP_WAIT_POLICY"] = "passive"
os.environ["GOMP_SPINCOUNT"] = "1000"
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import hypothesis
import pytest

from data.book import Book, open_book
from data.cluster import Cluster
from data.lock import alone
from data.simulate import simulate_book
from data.world import World
from settings import Settings, resolved
from tests.commands.calls import CHECKED, SMALL, answer, call
from tests.copied_processes import copied_processes, copied_workers
from tests.homes import copy_home

if TYPE_CHECKING:
    from tests.fitted import Fitted

ROOT = Path(__file__).parents[1]
MadeOnce = Callable[[str, Callable[[Path], None]], Path]
BORROWERS = 1500

# How long an example takes says nothing where several programs share two processors.
hypothesis.settings.register_profile("suite", deadline=None)
# For `make mutants`: the same examples for each mutant, and none is made smaller once it has told one.
hypothesis.settings.register_profile(
    "mutants",
    deadline=None,
    derandomize=True,
    database=None,
    phases=(hypothesis.Phase.explicit, hypothesis.Phase.generate),
)
hypothesis.settings.load_profile("suite")


@pytest.fixture(autouse=True, scope="module")
def _no_store_is_left_chosen() -> Iterator[None]:
    """MLflow writes the store that it is pointed at into the environment, and later tests would find it chosen."""
    before = os.environ.get("MLFLOW_TRACKING_URI")
    yield
    assert os.environ.get("MLFLOW_TRACKING_URI") == before, "use training.tracking.point_at"


@pytest.fixture(scope="session")
def settings() -> Settings:
    return resolved(None, [])


@pytest.fixture(scope="session")
def world(settings: Settings) -> World:
    return settings.world


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> MadeOnce:
    """Gives a folder by its name, filled by whichever of the run's processes asks first; the others wait for that.

    What cannot be filled is not tried again.
    """
    own = tmp_path_factory.getbasetemp()
    common = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own

    def made(name: str, make: Callable[[Path], None]) -> Path:
        folder, whole = common / name, common / f"{name}.whole"
        with alone(common / f"{name}.lock"):
            if not whole.exists():
                assert not folder.exists(), (
                    f"{name} could not be made: the first test that asked for it says why"
                )
                folder.mkdir()
                make(folder)
                whole.touch()
        return folder

    return made


@pytest.fixture(scope="session")
def small_book(made_once: MadeOnce, world: World) -> Book:
    """A baseline book of 1,500 borrowers in three blocks."""

    def make(folder: Path) -> None:
        simulate_book(folder / "baseline", BORROWERS, 24, 5, "baseline", world, block_size=600)

    return open_book(made_once("small_book", make) / "baseline")


@pytest.fixture(scope="module")
def fitted(made_once: MadeOnce, small_book: Book, settings: Settings) -> Fitted:
    """The small book's matrices and models of the default parameters: a file's own copy."""
    from tests.fitted import fitted_on

    def make(folder: Path) -> None:
        (folder / "fitted.pickle").write_bytes(pickle.dumps(fitted_on(small_book, settings)))

    return pickle.loads((made_once("fitted", make) / "fitted.pickle").read_bytes())


@pytest.fixture(scope="session")
def quick_stores(made_once: MadeOnce) -> Iterator[None]:
    """From here on new homes get a copy of a database that MLflow made once: its migrations take seconds each time."""
    import mlflow.store.db.utils as mlflow_database

    from training import tracking
    from training.home import database, sqlite_uri
    from training.runs import known_warnings_silenced

    def make(folder: Path) -> None:
        with known_warnings_silenced():
            engine = mlflow_database.create_sqlalchemy_engine_with_retry(sqlite_uri(folder / "made.db"))
            mlflow_database._initialize_tables(engine)
            engine.dispose()

    made = made_once("store", make) / "made.db"
    prepare = tracking._prepare_database

    def copied(home: Path) -> None:
        path = database(home)
        if path.exists():
            prepare(home)
        else:
            shutil.copyfile(made, path)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(tracking, "_prepare_database", copied)
        yield


@pytest.fixture(scope="session")
def main_job(
    made_once: MadeOnce,
    tmp_path_factory: pytest.TempPathFactory,
    small_book: Book,
    quick_stores: None,
) -> dict[str, Any]:
    """What the main job answers, done once on the small book, and its `home`: to be read, nothing is trained there.

    `called` are the addresses to which it opened a connection, and `asked` the names that it looked up.
    """
    called: list[object] = []
    asked: list[object] = []
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def told_connect(self: socket.socket, address: Any) -> None:
        called.append(address)
        connect(self, address)

    def told_look_up(host: Any, *rest: Any, **more: Any) -> Any:
        asked.append(host)
        return look_up(host, *rest, **more)

    def make(folder: Path) -> None:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(socket.socket, "connect", told_connect)
            patched.setattr(socket, "getaddrinfo", told_look_up)
            on = ("--book", small_book.path, "--home", folder / "home")
            said = answer(call("run", *on, "--json", *SMALL, CHECKED))
        told = json.dumps(said | {"called": called, "asked": asked}, default=str)
        (folder / "said.json").write_text(told, encoding="utf-8")

    done = made_once("main_job", make)
    # Explanations and runs are added to it, so each process has its own; their artifacts go to those that all share,
    # whose place stands in the database.
    home = tmp_path_factory.mktemp("home") / "home"
    copy_home(done / "home", home)
    said = (done / "said.json").read_text("utf-8").replace(str(done / "home"), str(home))
    return json.loads(said) | {"home": home}


@pytest.fixture
def copied() -> Iterator[None]:
    """Processes that the test begins are copies of one; how they are begun is tested with the blocks."""
    with copied_processes():
        yield


@pytest.fixture(scope="module")
def workers() -> Iterator[Cluster]:
    """Two Dask workers on this machine, for the tests of a file."""
    with copied_workers(2) as made:
        yield made


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real credit data; tests that need it are skipped where it is absent."""
    folder = Path(os.environ.get("RELEASEGAP_REAL_DATA", ROOT / ".." / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"real credit data is absent (set RELEASEGAP_REAL_DATA; looked in {folder.name})")
    return folder.resolve()


@pytest.fixture(scope="session")
def internal() -> re.Pattern[str]:
    """What no letter to a borrower may say: how the lender decides, rivals, protected attributes."""
    english = (
        *(r"\bPD\b", "cut-?off", "threshold", "competit", "rival", r"\bscor", "margin", "log-odds", "probab"),
        *(
            r"\bSHAP",
            r"\bmodel",
            "LightGBM",
            r"\bpush",
            "gender",
            r"\bsex\b",
            r"\bage\b",
            "marital",
            "ethnic",
        ),
        *("religio", r"\bregion"),
    )
    chinese = "拒绝线 竞争 评分 分数 违约 坏客户 概率 模型 推力 同业 性别 年龄 婚姻 民族 宗教 地区"
    return re.compile("|".join((*english, *chinese.split())), re.IGNORECASE)
