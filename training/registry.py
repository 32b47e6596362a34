"""Which trained models a book has, and how to get at a model by its URI. Reads MLflow and writes nothing."""

from pathlib import Path

from data.errors import CallError
from training.home import SIDECAR, ModelKind, registered_name
from training.tracking import Store


def latest_model(store: Store, kind: ModelKind, book_digest: str) -> str:
    """The URI of the latest registered model of that kind that was trained on the book of this digest.

    Raises:
        CallError: None was.
    """
    found = store.client.search_model_versions(
        f"name = '{registered_name(kind)}' and tag.book_digest = '{book_digest}'",
        max_results=1,
        order_by=["version_number DESC"],
    )
    if not found:
        raise CallError(
            f"no {kind} model trained on this book (digest {book_digest[:12]}) in {store.place}: "
            "run `releasegap train all --book BOOK` first"
        )
    return f"models:/{found[0].name}/{found[0].version}"


def fetch_model(store: Store, uri: str) -> Path:
    """The folder with model.txt and model.json of a model named by its URI or by a folder.

    URIs: `models:/releasegap-limit/3`, `models:/releasegap-limit@champion`, `runs:/RUN/limit`. What they
    name is copied to a temporary folder that goes when the program ends.

    Raises:
        CallError: There is no such model, or it is not one that releasegap has logged.
    """
    folder = store.download(uri) / "extra_files" if uri.startswith(("models:/", "runs:/")) else Path(uri)
    if missing := [name for name in SIDECAR if not (folder / name).is_file()]:
        raise CallError(
            f"{uri} is no model of releasegap: it has no {' and no '.join(missing)} "
            "(give models:/NAME/VERSION, models:/NAME@ALIAS, runs:/RUN/limit or a folder)"
        )
    return folder
