"""MLflow's UI as a user sees it: the printed link opens the report, inside MLflow's own frame."""

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from data.errors import CallError
from training.tracking import open_store
from training.ui import serve

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
OFFLINE = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# What the frame must let through: a style, a picture inside the file, and a script that writes.
REPORT = """<!doctype html><meta charset="utf-8"><title>Report</title>
<style>h1 { color: rgb(0, 90, 90); font-family: sans-serif }</style>
<h1>412 of 6,210 requests were favoured and refused</h1><p id="written">…</p>
<svg width="120" height="60"><rect width="120" height="60" fill="teal"/></svg>
<script>document.getElementById("written").textContent = "写于脚本 " + (6 * 7)</script>"""
SERVE = """
import sys
from pathlib import Path
from training.ui import serve
serve(Path(sys.argv[1]), "127.0.0.1", 0, lambda url: print(url, flush=True))
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home in which the newest run has no report and the one before has."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    (tmp_path / "report.html").write_text(REPORT, "utf-8")
    home = tmp_path / "home"
    store = open_store(home)
    with store.run("run simulated") as run:
        run.log_artifact(tmp_path / "report.html")
    with store.run("train limit") as later:
        later.log_metrics({"limit.r2": 0.5})
    return home


@contextmanager
def _served(home: Path) -> Iterator[str]:
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


@pytest.mark.browser
@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on PATH")
def test_the_printed_link_shows_the_report_inside_mlflow(home: Path, tmp_path: Path) -> None:
    from playwright.sync_api import sync_playwright

    with _served(home) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OFFLINE))
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.goto(url, timeout=120_000)
        frame = page.frame_locator("iframe[sandbox='allow-scripts']")
        frame.get_by_text("写于脚本 42").wait_for(timeout=120_000)
        heading = frame.get_by_role("heading").inner_text()
        screenshot = page.screenshot(path=tmp_path / "mlflow.png")
        shown = page.get_by_role("heading", name="run simulated").is_visible()
        browser.close()
    assert heading == "412 of 6,210 requests were favoured and refused"
    assert shown, "the link opened another run"
    assert len(screenshot) > 10_000


def test_a_home_without_runs_is_told_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(CallError, match="holds no runs yet") as raised:
        serve(tmp_path / "none", "127.0.0.1", 0, print)
    assert "releasegap run" in str(raised.value)
    assert not (tmp_path / "none").exists()


def test_a_port_in_use_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/chosen.db")
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CallError, match=f"port {port}"):
            serve(tmp_path, "127.0.0.1", port, print)


def test_a_chosen_server_has_its_own_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    with pytest.raises(CallError, match=r"open http://127\.0\.0\.1:5000"):
        serve(tmp_path, "127.0.0.1", 0, print)
