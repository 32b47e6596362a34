"""`releasegap sync`: what was kept at home while the tracking server did not answer goes to the server."""

from __future__ import annotations

from commandline import Common


def sync(common: Common) -> None:
    """Upload the runs and models that were kept in the home while the tracking server did not answer."""
    from data.errors import CallError
    from training.home import chosen_uri, database
    from training.sync import pending, upload
    from training.tracking import open_store

    console = common.console
    if not (chosen_uri() or "").startswith(("http://", "https://")):
        raise CallError("Set MLFLOW_TRACKING_URI to the server that the runs of the home are to go to.")
    if not database(common.home).is_file():
        raise CallError(f"{common.home} holds no runs; name the home that they were kept in with --home.")
    server, home = open_store(common.home), open_store(common.home, at_home=True)
    runs = pending(home)
    with console.step("Uploading runs", len(runs)) as move:
        sent = list(console.track(move)(upload(home, server), len(runs)))
    models = {kept: there for one in sent for kept, there in one.models.items()}
    lines = [f"{one.name}: {one.run}" for one in sent] + [
        f"{kept} is {there}" for kept, there in models.items()
    ]
    console.result(
        "\n".join([f"{len(sent)} runs uploaded to {server.place}.", *lines])
        if sent
        else "No run waits for a server.",
        runs={one.kept: one.run for one in sent},
        models=models,
        store=server.place,
    )
