"""MLflow's own pages after a run: the printed link, the report in its frame, texts, tables, pictures."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request

import pytest

from commands.tracked import keep
from explanations.explanation import Explanation
from explanations.files import write_explanation
from explanations.report.words import say
from tests.explanations.report.pages import DRAWN, draw_all
from tests.homes import copy_home
from tests.served import DIRECT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, ConsoleMessage, Page

SERVE = """
import sys
from pathlib import Path
from training.ui import serve
serve(Path(sys.argv[1]), "127.0.0.1", 0, lambda url: print(url, flush=True))
"""
FRAME = "iframe[sandbox='allow-scripts']"
PATIENCE = 120_000  # ms; the first page of a server that was just started

pytestmark = pytest.mark.browser
Open = Callable[[int, str], "Page"]


@pytest.fixture(scope="module")
def home(
    lettered: Explanation, main_job: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Path]:
    """A home after the main job, in which the newest run has no report and the one before has."""
    from training.tracking import open_store

    home = tmp_path_factory.mktemp("homes") / "home"
    copy_home(main_job["home"], home)
    folder = tmp_path_factory.mktemp("explanation")
    model = cast(Any, SimpleNamespace(text="a booster"))
    conflicts = lettered.conflicts.assign(review_id=lettered.conflicts["request_id"] + 1)
    figures = write_explanation(replace(lettered, conflicts=conflicts), model, model, folder)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"):
            patch.delenv(name, raising=False)
        store = open_store(home)
        with store.run("run simulated") as run:
            keep(lettered, folder, figures, run, {"limit": "models:/releasegap-limit/1"})
        with store.run("train limit") as later:
            later.log_metrics({"limit.r2": 0.5})
        yield home


@pytest.fixture(scope="module")
def link(home: Path) -> Iterator[str]:
    """The link that `serve` gives, while it serves; SIGTERM must end it and its server with status 0."""
    process = subprocess.Popen([sys.executable, "-c", SERVE, str(home)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        assert url, (home / "mlflow-ui.log").read_text("utf-8")
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        process.stdout.close()
        status = process.wait(timeout=60)
    assert status == 0
    with closing(socket.socket()) as probe:
        assert probe.connect_ex(("127.0.0.1", urlsplit(url).port or 0)) != 0, (
            "the server outlived its program"
        )


@pytest.fixture(scope="module")
def opened(browser: Browser) -> Iterator[Open]:
    """Opens a link at a width; what it complains of must be nothing of ours, and nothing asked of another machine."""
    complaints: list[str] = []

    def heard(said: ConsoleMessage) -> None:
        # MLflow's own scripts complain of MLflow; the report's come from a blob.
        if said.type in ("error", "warning") and not said.location["url"].startswith("http://127.0.0.1:"):
            complaints.append(said.text)

    def asked(url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https", "ws", "wss") and parts.hostname != "127.0.0.1":
            complaints.append(url)

    def made(width: int, url: str) -> Page:
        page = browser.new_page(viewport={"width": width, "height": 900}, locale="en-GB")
        page.set_default_timeout(PATIENCE)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", heard)
        page.on("request", lambda request: asked(request.url))
        page.goto(url)
        return page

    yield made
    assert complaints == []


def shot(page: Page, name: str) -> None:
    """Leaves a picture where the environment names a folder for them."""
    folder = os.environ.get("RELEASEGAP_SCREENSHOTS")
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png")


# The widths of a window in which the frame is some 600 px wide with MLflow's assistant open, and 1,400 without.
@pytest.mark.parametrize(
    ("window", "assistant", "least", "most"), [(1400, True, 560, 640), (2010, False, 1300, 1500)]
)
def test_the_printed_link_shows_the_report_in_its_frame(
    opened: Open, link: str, window: int, assistant: bool, least: int, most: int
) -> None:
    page = opened(window, link)
    frame = page.frame_locator(FRAME)
    frame.locator(DRAWN.format("en")).wait_for()
    if not assistant:
        page.get_by_role("button", name="Close").click()
        page.wait_for_function(f'document.querySelector("{FRAME}").clientWidth > {least}')
    box = page.locator(FRAME).bounding_box()
    assert box is not None
    assert least < box["width"] < most
    assert page.get_by_role("heading", name="run simulated").is_visible(), "the link opened another run"
    inside = page.locator(FRAME).element_handle().content_frame()
    assert inside is not None
    assert frame.locator("[data-chart]").count() > 10
    draw_all(inside)
    shot(page, f"report-en-{window}")
    frame.locator("[data-set-language='zh']").click()
    frame.locator(DRAWN.format("zh")).wait_for()
    draw_all(inside)
    drawn = frame.locator("[data-chart='conflict-map'] svg text").all_text_contents()
    assert "推向拒绝的平均力度" in " ".join(drawn)
    assert frame.locator("html").evaluate("page => page.scrollWidth <= page.clientWidth"), (
        "nothing is cut off"
    )
    shot(page, f"report-zh-{window}")
    page.close()


def test_a_name_of_another_machine_opens_nothing(link: str) -> None:
    asked = Request(link.partition("#")[0] + "api/2.0/mlflow/experiments/get?experiment_id=1")
    with DIRECT.open(asked) as answer:
        assert answer.status == 200
    with pytest.raises(HTTPError) as refused:
        DIRECT.open(Request(asked.full_url, headers={"Host": "attacker.example"}))
    refused.value.close()
    assert refused.value.code == 403


def test_texts_tables_and_pictures_are_shown(opened: Open, link: str) -> None:
    page = opened(1400, link.replace("report.html", "report.md"))
    page.get_by_role("heading", name=say("section.funnel").en).wait_for()
    assert page.get_by_role("table").count() > 5
    shot(page, "markdown")
    page.get_by_text("contrast.csv").first.click()
    page.get_by_text("release_mean").first.wait_for()
    page.get_by_text("figures").first.click()
    for picture in ("conflict_map.png", "conflict_map.svg"):
        page.get_by_text(picture).first.click()
        page.wait_for_function("[...document.images].some(one => one.naturalWidth > 600)")
        shot(page, picture)
    page.close()


def test_the_experiment_lists_the_runs(opened: Open, link: str) -> None:
    page = opened(1400, link.partition("/runs/")[0] + "/runs?workflowType=machine_learning")
    for run in ("run simulated", "train limit", "run baseline"):
        page.get_by_text(run).first.wait_for()
    shot(page, "experiment")
    page.close()


def test_a_run_tells_its_headline_and_leads_to_its_stages(
    opened: Open, link: str, main_job: dict[str, Any]
) -> None:
    page = opened(1400, f"{link.partition('/runs/')[0]}/runs/{main_job['run']}")
    page.get_by_text("favoured requests are refused").first.wait_for()
    for stage in ("features", "train limit", "train release", "explain"):
        page.get_by_role("link", name=f"{stage} baseline").first.wait_for()
    shot(page, "run")
    page.get_by_role("link", name="train release baseline").first.click()
    page.get_by_role("heading", name="train release baseline").wait_for()
    page.get_by_role("link", name="releasegap-release").first.wait_for()
    page.close()


def test_two_runs_are_compared(opened: Open, link: str, home: Path) -> None:
    from training.tracking import open_store

    store = open_store(home)
    runs = store.client.search_runs([store.experiment_id], "tags.stage LIKE 'train %'")
    ids = [run.info.run_id for run in runs]
    assert len(ids) == 2
    given = f"runs={json.dumps(ids)}&experiments={json.dumps([store.experiment_id])}"
    page = opened(1400, f"{link.partition('#')[0]}#/compare-runs?{given}")
    page.get_by_text("Comparing 2 Runs from 1 Experiment").wait_for()
    page.get_by_text("training.release.num_leaves").first.wait_for()
    shot(page, "compare")
    page.close()


def test_the_registry_shows_what_a_model_is_its_aliases_and_its_card(opened: Open, link: str) -> None:
    page = opened(1400, f"{link.partition('#')[0]}#/models/releasegap-release")
    page.locator("[role=row]:has-text('Version 1') :text('challenger'):visible").first.wait_for()
    assert page.get_by_text("Estimates the PD of a draw request").count()
    shot(page, "model")
    page.goto(f"{link.partition('#')[0]}#/models/releasegap-release/versions/1")
    page.get_by_role("heading", name="Model card: releasegap-release").wait_for()
    for heading in ("Conceptual soundness", "Outcomes analysis"):
        page.get_by_role("heading", name=heading).wait_for()
    shot(page, "version")
    page.close()
