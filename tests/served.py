"""MLflow's servers as tests start them: on a free port of this machine, waited for, ended with all they started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from pathlib import Path

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy leads to this machine
PATIENCE = 180  # seconds; the machine may be busy


@contextmanager
def served(words: Sequence[str], health: str, folder: Path, environment: Mapping[str, str]) -> Iterator[str]:
    """The address (http://127.0.0.1:PORT) of `mlflow WORDS`, once it answers under the path `health`.

    It runs in the folder, which gets its log.
    """
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", *words, "--host", "127.0.0.1", "--port", str(port)]
    log = folder / "server.log"
    with log.open("wb") as output:
        server = subprocess.Popen(
            command, cwd=folder, env=environment, stdout=output, stderr=output, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _wait(f"{address}/{health}", server, log)
        yield address
    finally:
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(server.pid, how)
            with suppress(subprocess.TimeoutExpired):
                server.wait(timeout=30)


def _wait(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text()
        with suppress(OSError), DIRECT.open(url, timeout=5):
            return
        time.sleep(0.3)
    raise AssertionError(f"the server does not answer: {log.read_text()}")
