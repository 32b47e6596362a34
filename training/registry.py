"""The models of a book in MLflow: logged with how well they do, found again, fetched by URI, loaded."""

import json
import re
import sqlite3
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any, TypeVar

from mlflow.exceptions import MlflowException

from data.book import Book
from data.errors import CallError, DataFault
from data.lock import alone
from features.catalogue import catalogue_of
from models.limit_model import LimitModel
from models.release_model import ReleaseModel
from models.storage import CARD, load_limit_model, load_release_model, save_model
from training.champions import CHALLENGER, served_decision
from training.from_book import Judged
from training.home import DECIDING, DECISION, SIDECAR, ModelKind, Registered, registered_name
from training.metrics import metric_names
from training.model_cards import CARDS, Card, short_card, with_approval
from training.parameters import TrainingParameters
from training.periods import require_same_splits
from training.runs import LONGEST_DESCRIPTION, DecisionFiles, Run
from training.tracking import Store
from training.under_way import PROCESS

MEASURES: dict[ModelKind, tuple[str, ...]] = {
    "limit": ("reviews", "r2", "mae_log", "median_relative_error"),
    "release": ("requests", "bad_rate", "auc", "ks", "brier", "log_loss", "calibration_slope"),
}
"""What each version is tagged with."""

UNFINISHED = "releasegap.unfinished"
"""Tag of a version until all models of its training are registered: the lock of the process that is at it."""
REGISTERING_SECONDS = 600
VERSIONS_A_PAGE = 20
FINISHED = "FINISHED"

M = TypeVar("M", LimitModel, ReleaseModel)


def log_models(
    run: Run,
    book: Book,
    judged: Judged,
    limit: LimitModel | None,
    release: ReleaseModel | None,
    decision: DecisionFiles | None = None,
    cards: Mapping[ModelKind, Card] | None = None,
    of_fits: Mapping[ModelKind, Run] | None = None,
) -> dict[str, str]:
    """Registers the models of a book that are given, and records how well they do; gives their URIs.

    The decision model needs both others: its tags name their versions. A model's card is kept with its files and with
    the run's, and is what its version's page shows. Where fits have runs of their own, a model is that of its fit,
    which gets its figures, too.
    """
    models: dict[ModelKind, LimitModel | ReleaseModel | None] = {"limit": limit, "release": release}
    uris: dict[str, str] = {}
    unfinished = {UNFINISHED: run.tags.get(PROCESS, run.run_id)}
    for kind, model in models.items():
        if model is None:
            continue
        fit = (of_fits or {}).get(kind, run)
        with tempfile.TemporaryDirectory() as folder, fit.again():
            save_model(model, Path(folder))
            card = (cards or {}).get(kind, {})
            for language, text in card.items():
                Path(folder, CARDS[language]).write_text(text, encoding="utf-8", newline="\n")
                fit.log_text(text, f"cards/{kind}{CARDS[language].removeprefix('model_card')}")
            uris[kind] = fit.log_booster(
                kind,
                model.booster,
                model.features,
                Path(folder),
                book_digest=book.digest,
                model_digest=model.digest,
                description=short_card(card["en"], LONGEST_DESCRIPTION) if card else "",
                measures=_measures(judged, kind),
                tags=unfinished,
            )
    if decision is not None and limit is not None and release is not None:
        uris[DECISION] = log_decision(run, book, decision, limit, release, uris, unfinished)
    for uri in uris.values():
        name, version = uri.removeprefix("models:/").split("/")
        run.client.delete_model_version_tag(name, version, UNFINISHED)
        if name != registered_name(DECISION):
            # What was trained last stands ready to take the champion's place (`releasegap promote`).
            run.client.set_registered_model_alias(name, CHALLENGER, version)
    # After the models: MLflow copies every metric that a run has already to each model logged later.
    for kind, fit in (of_fits or {}).items():
        if fit.run_id != run.run_id:
            fit.log_metrics(metric_names(judged.performance[judged.performance["model"] == kind]))
    run.log_metrics(metric_names(judged.performance))
    run.log_table(judged.performance, "performance.csv")
    if len(judged.by_decile):
        run.log_table(judged.by_decile, "bad_rate_by_decile.csv")
    return uris


def log_decision(
    run: Run,
    book: Book,
    files: DecisionFiles,
    limit: LimitModel,
    release: ReleaseModel,
    uris: Mapping[str, str],
    tags: Mapping[str, str] | None = None,
) -> str:
    """Registers the decision model of two registered models; gives its URI. Its tags name both versions."""
    return run.log_decision(
        files,
        {
            "book_digest": book.digest,
            "model_digest": files.digest,
            "limit_model": uris["limit"],
            "limit_digest": limit.digest,
            "release_model": uris["release"],
            "release_digest": release.digest,
            **(tags or {}),
        },
    )


@contextmanager
def registering(store: Store) -> Iterator[None]:
    """Has this process alone register models of a home's, or move its aliases, for the block.

    The models of one training get their numbers one after the other then, so that the latest of both kinds are of the
    same training, whoever else trains at the time.

    Raises:
        CallError: Another process has been at it for too long.
    """
    with ExitStack() as held:
        try:
            held.enter_context(alone(store.home / ".registry.lock", REGISTERING_SECONDS))
        except sqlite3.OperationalError as error:
            raise CallError(
                f"another process has been registering models in {store.home} for {REGISTERING_SECONDS} seconds, or "
                "that folder cannot be written; call again when it is done."
            ) from error
        yield


def approve(
    run: Run, store: Store, kind: ModelKind, version: str, rows: Mapping[str, Mapping[str, str]]
) -> None:
    """Fills in the approval of a version's card: among the run's files, and first in the version's description.

    Args:
        run: The promotion.
        store: Where the version is.
        kind: Which model it is.
        version: Its number.
        rows: By language what was asked and what was answered.
    """
    name = registered_name(kind)
    folder = fetch_model(store, f"models:/{name}/{version}")
    for language, file in CARDS.items():
        if not (folder / file).is_file():
            continue  # a version from before there were cards
        card = with_approval((folder / file).read_text(encoding="utf-8"), rows[language])
        run.log_text(card, f"cards/{kind}.md" if language == "en" else f"cards/{kind}.{language}.md")
        if language == "en":
            head = "".join(f"- {asked}: {said}\n" for asked, said in rows[language].items())
            described = short_card(f"{head}\n{card}", LONGEST_DESCRIPTION)
            store.client.update_model_version(name, version, described)


def _measures(judged: Judged, kind: ModelKind) -> dict[str, float]:
    """A model's measures out of time that its version is tagged with."""
    named, head = metric_names(judged.performance), f"{kind}."
    return {name: named[head + name] for name in MEASURES[kind] if head + name in named}


def load_models(
    store: Store, book: Book, limit_uri: str | None, release_uri: str | None, parameters: TrainingParameters
) -> tuple[LimitModel, ReleaseModel, dict[str, str]]:
    """The models that were asked for, by default the latest trained on this book, and their URIs.

    Raises:
        CallError: There is no such model, or it was fitted with other periods than the parameters name.
        DataFault: A model is damaged, or does not fit the book's features.
    """
    with registering(store) if store.exists and not (limit_uri and release_uri) else nullcontext():
        limit_uri = limit_uri or latest_of(store, "limit", book)
        release_uri = release_uri or latest_of(store, "release", book)
    limit, _ = load_limit(store, book, limit_uri)
    release, _ = load_release(store, book, release_uri)
    for model in (limit, release):
        require_same_splits(model, book, parameters)
    return limit, release, {"limit": limit_uri, "release": release_uri}


def load_limit(store: Store, book: Book, uri: str | None) -> tuple[LimitModel, str]:
    """The limit model that was asked for, by default the latest trained on this book, and its URI.

    Raises:
        CallError: There is no such model.
        DataFault: It is damaged, or does not fit the book's features.
    """
    return _of_book(store, book, uri, "limit", load_limit_model, catalogue_of(book).limit)


def load_release(store: Store, book: Book, uri: str | None) -> tuple[ReleaseModel, str]:
    """The release model that was asked for, by default the latest trained on this book, and its URI.

    Raises:
        CallError: There is no such model.
        DataFault: It is damaged, or does not fit the book's features.
    """
    return _of_book(store, book, uri, "release", load_release_model, catalogue_of(book).release)


def _of_book(
    store: Store,
    book: Book,
    uri: str | None,
    kind: ModelKind,
    load: Callable[[Path], M],
    features: tuple[str, ...],
) -> tuple[M, str]:
    """A model that reads these features of a book, and its URI."""
    uri = uri or latest_of(store, kind, book)
    model = _loaded(store, uri, load)
    model.require(features)
    return model, uri


def load_either(store: Store, uri: str) -> LimitModel | ReleaseModel:
    """The model of a URI, whichever of the two it is.

    Raises:
        CallError: There is none.
        DataFault: It is damaged.
    """
    card = fetch_model(store, uri) / CARD
    try:
        kind = json.loads(card.read_text(encoding="utf-8")).get("kind")
    except (ValueError, AttributeError):
        kind = None  # which loading it says
    if kind == "release":
        return _loaded(store, uri, load_release_model)
    return _loaded(store, uri, load_limit_model)


def judged_models(store: Store, run: str, kept: str) -> tuple[dict[str, Any], LimitModel, ReleaseModel]:
    """What a run kept of the period in which its models were judged (a JSON file), and these models.

    Raises:
        CallError: There is no such run, it kept no such file, or its models are not in the registry.
    """
    if not re.fullmatch("[0-9a-f]{32}", run):
        raise CallError(
            f"{run} is neither a folder nor the id of a run; name one of `releasegap run` or `explain`."
        )
    status = status_of(store, run)
    if status not in (None, FINISHED):
        raise CallError(
            f"run {run} has not ended well ({status}), so what it kept may be half of it; name one that has FINISHED."
        )
    told = json.loads(store.download(f"runs:/{run}/{kept}").read_text(encoding="utf-8"))
    limit = _loaded(store, _model_of(store, "limit", told["models"]["limit"]), load_limit_model)
    release = _loaded(store, _model_of(store, "release", told["models"]["release"]), load_release_model)
    return told, limit, release


def status_of(store: Store, run: str) -> str | None:
    """The status of a run; None where there is no such run."""
    try:
        return str(store.client.get_run(run).info.status) if store.exists else None
    except MlflowException:
        return None


def _model_of(store: Store, kind: ModelKind, digest: str) -> str:
    """The URI of the latest registered model of that kind with this digest."""
    found = store.client.search_model_versions(
        f"name = '{registered_name(kind)}' and tag.model_digest = '{digest}'",
        max_results=1,
        order_by=["version_number DESC"],
    )
    if not found:
        raise CallError(
            f"the {kind} model of this run (digest {digest[:12]}) is not in {store.place}; name the folder of the "
            "explanation, which holds it"
        )
    return f"models:/{found[0].name}/{found[0].version}"


def latest_model(store: Store, kind: Registered, book_digest: str | None) -> str:
    """The URI of the latest registered model of that kind that was trained on the book of this digest, or on any.

    Raises:
        CallError: None was.
    """
    found = _latest(store, kind, book_digest)
    if found is None:
        trained = "" if book_digest is None else f" trained on this book (digest {book_digest[:12]})"
        raise CallError(
            f"no {kind} model{trained} in {store.place}: run `releasegap train all --book BOOK` first"
        )
    return found


def decision_to_serve(store: Store, book_digest: str | None) -> str:
    """The URI of the decision model of both champions, if it is of the book of this digest, or of any; else the latest.

    Raises:
        CallError: There is none.
    """
    version = served_decision(store, book_digest) if store.exists else None
    if version is not None:
        return f"models:/{registered_name(DECISION)}/{version}"
    return latest_model(store, DECISION, book_digest)


def latest_of(store: Store, kind: Registered, book: Book) -> str:
    """The latest model of a book, or else of what it was before news was appended to it.

    Raises:
        CallError: There is none.
    """
    known = (_latest(store, kind, digest) for digest in (book.digest, *book.ancestors))
    return next((uri for uri in known if uri is not None), None) or latest_model(store, kind, book.digest)


def _latest(store: Store, kind: Registered, book_digest: str | None) -> str | None:
    """The latest version whose training has registered all its models: one that died may have left one of two."""
    wanted = f"name = '{registered_name(kind)}'"
    if book_digest is not None:
        wanted += f" and tag.book_digest = '{book_digest}'"
    token: str | None = "" if store.exists else None
    while token is not None:
        page = store.client.search_model_versions(
            wanted, max_results=VERSIONS_A_PAGE, order_by=["version_number DESC"], page_token=token or None
        )
        for version in page:
            if UNFINISHED not in version.tags:
                return f"models:/{version.name}/{version.version}"
        token = page.token or None
    return None


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


def fetch_decision(store: Store, uri: str) -> Path:
    """The folder of what a decision model carries, named by its URI or by a folder (see `fetch_model`).

    Raises:
        CallError: There is no such model, or it is no decision model.
    """
    fetched = store.download(uri) if uri.startswith(("models:/", "runs:/")) else Path(uri)
    for folder in (fetched / "artifacts" / DECISION, fetched):
        if (folder / DECIDING).is_file():
            return folder
    raise CallError(
        f"{uri} is no decision model of releasegap: it has no {DECIDING} "
        "(give models:/releasegap-decision/VERSION, models:/releasegap-decision@ALIAS, runs:/RUN/decision or a folder)"
    )


def _loaded(store: Store, uri: str, load: Callable[[Path], M]) -> M:
    """The model of a URI; what is wrong with it is said of the URI, not of the copy that was fetched."""
    folder = fetch_model(store, uri)
    try:
        return load(folder)
    except (CallError, DataFault) as error:
        raise type(error)(str(error).replace(str(folder), uri)) from error
