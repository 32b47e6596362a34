"""`releasegap ui`: MLflow's pages on a home."""

from __future__ import annotations

from typing import Annotated

import typer

from commandline import Common


def ui(
    common: Common,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 5000,
    auth: Annotated[
        bool, typer.Option("--auth", help="Ask for a name and a password; needed where others can listen.")
    ] = False,
) -> None:
    """Serve the MLflow UI on this home, and print the link that opens the latest report."""
    from training.ui import serve

    console = common.console
    console.note("Starting the MLflow UI …")
    serve(
        common.home,
        host,
        port,
        lambda url: console.result(f"Open {url}\n(Ctrl-C ends the server)", url=url),
        auth=auth,
    )
