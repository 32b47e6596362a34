"""Champion and challenger: which version of a model decides, which stands ready, and how one takes the other's place.

MLflow's aliases say which; a tag of the registered model keeps the champions in their order, so that the one before can
be put back. The tag is written before the alias is moved: whatever is interrupted, no champion is forgotten.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from getpass import getuser

from mlflow.exceptions import MlflowException
from mlflow.utils.mlflow_tags import MLFLOW_USER

from data.errors import CallError
from training.home import DECISION, ModelKind, Registered, registered_name
from training.tracking import Store

CHAMPION, CHALLENGER = "champion", "challenger"
HISTORY = "champions"
"""Tag of a registered model: versions of its champions in their order, as JSON."""
LONGEST_TAG = 5_000
_NO_MODEL, _NO_ALIAS = "RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"
"""What MLflow answers where a model or a version is not there, and where an alias is not."""


def version_of(store: Store, kind: ModelKind, wanted: str) -> str:
    """The number of a version that is named by its number or by an alias.

    Raises:
        CallError: There is none.
    """
    name = registered_name(kind)
    if not store.exists:
        raise CallError(
            f"no {kind} model in {store.place}: it holds no runs yet; run `releasegap train {kind}` first."
        )
    try:
        if wanted.isdigit():
            return str(store.client.get_model_version(name, wanted).version)
        return str(store.client.get_model_version_by_alias(name, wanted).version)
    except MlflowException as error:
        _reraise_unless(error, _NO_MODEL, _NO_ALIAS)
        kept = sorted(int(one.version) for one in store.client.search_model_versions(f"name = '{name}'"))
        what = "version" if wanted.isdigit() else "alias"
        known = f"versions: {', '.join(map(str, kept))}" if kept else "it has no versions yet"
        raise CallError(f"{name} has no {what} {wanted} in {store.place} ({known}); name another.") from error


def champion_of(store: Store, kind: ModelKind) -> str | None:
    """The version that decides; None where none has been promoted."""
    return _aliased(store, kind, CHAMPION)


def history_of(store: Store, kind: ModelKind) -> list[str]:
    """Versions of the champions in their order, the latest last."""
    try:
        tags = store.client.get_registered_model(registered_name(kind)).tags
    except MlflowException as error:
        _reraise_unless(error, _NO_MODEL)
        return []
    return [str(version) for version in json.loads(tags.get(HISTORY, "[]"))]


def promote(store: Store, kind: ModelKind, version: str) -> None:
    """Makes a version the champion; the challenger's alias is free again if it was that."""
    before = champion_of(store, kind)
    kept = history_of(store, kind)
    if before is not None:
        kept = kept[: _last(kept, before) + 1] if before in kept else [*kept, before]
    _keep(store, kind, [*kept, version])
    name = registered_name(kind)
    store.client.set_registered_model_alias(name, CHAMPION, version)
    _free_challenger(store, kind, version)


def finish(store: Store, kind: ModelKind, version: str) -> None:
    """Does what is left to do where the process that made a version the champion was cut off after that."""
    _free_challenger(store, kind, version)
    name_decision(store)


def _free_challenger(store: Store, kind: ModelKind, version: str) -> None:
    if _aliased(store, kind, CHALLENGER) == version:
        store.client.delete_registered_model_alias(registered_name(kind), CHALLENGER)


def require_second_person(store: Store, kind: ModelKind, version: str) -> None:
    """Refuses that who trained a version promotes it in the same name, by the user that MLflow has on its run.

    Raises:
        CallError: Both are the same, or nobody knows who trained it.
    """
    name, promoting = registered_name(kind), getuser()
    run = store.client.get_model_version(name, version).run_id
    trained = store.client.get_run(run).data.tags.get(MLFLOW_USER, "") if run else ""
    if not trained:
        raise CallError(
            f"{name} {version} is not promoted: MLflow does not tell who trained it, and governance.two_person wants "
            "two different people; train it again."
        )
    if trained == promoting:
        raise CallError(
            f"{name} {version} was trained by {trained}, who cannot promote it, too: governance.two_person wants "
            "somebody else to; let a colleague call this."
        )


def roll_back(store: Store, kind: ModelKind) -> tuple[str, str]:
    """Puts the champion before back; gives the version that leaves and the one that returns.

    Raises:
        CallError: There was none before.
    """
    leaving, returning = before_champion(store, kind)
    kept = history_of(store, kind)
    store.client.set_registered_model_alias(registered_name(kind), CHAMPION, returning)
    _keep(store, kind, kept[: _last(kept, leaving)])
    return leaving, returning


def before_champion(store: Store, kind: ModelKind) -> tuple[str, str]:
    """The version that decides, and the champion before it.

    Raises:
        CallError: None has been promoted, or only one.
    """
    now = champion_of(store, kind) if store.exists else None
    if now is None:
        raise CallError(
            f"{registered_name(kind)} has no champion in {store.place}; `releasegap promote` makes one."
        )
    kept = history_of(store, kind)
    place = _last(kept, now) if now in kept else len(kept)
    if place < 1:
        raise CallError(
            f"{registered_name(kind)} {now} is the first champion in {store.place}: there is none to go back to."
        )
    return now, kept[place - 1]


def name_decision(store: Store) -> str | None:
    """Gives the alias of the champion to the decision model that is made of both champions; takes it off any other.

    Returns:
        Its version; None where no decision model is made of both, or one of the two has no champion.
    """
    kinds: tuple[ModelKind, ...] = ("limit", "release")
    name = registered_name(DECISION)
    version = decision_of(
        store, {kind: f"models:/{registered_name(kind)}/{champion_of(store, kind)}" for kind in kinds}
    )
    if version is not None:
        store.client.set_registered_model_alias(name, CHAMPION, version)
        return version
    if _aliased(store, DECISION, CHAMPION) is not None:
        store.client.delete_registered_model_alias(name, CHAMPION)
    return None


def decision_of(store: Store, uris: Mapping[ModelKind, str]) -> str | None:
    """The latest version of the decision model that is made of these two versions; None where there is none."""
    wanted = {f"{kind}_model": uri for kind, uri in uris.items()}
    found = [
        int(one.version)
        for one in store.client.search_model_versions(f"name = '{registered_name(DECISION)}'")
        if wanted.items() <= one.tags.items()
    ]
    return str(max(found)) if found else None


def served_decision(store: Store, book_digest: str | None) -> str | None:
    """The version of the decision model that bears the alias of the champion; None without, or if of another book."""
    version = _aliased(store, DECISION, CHAMPION)
    if version is None or book_digest is None:
        return version
    tags = store.client.get_model_version(registered_name(DECISION), version).tags
    return version if tags.get("book_digest") == book_digest else None


def tag_version(store: Store, kind: ModelKind, version: str, tags: Mapping[str, str]) -> None:
    """Writes tags on a version; what is longer than MLflow holds is cut there."""
    for key, value in tags.items():
        store.client.set_model_version_tag(registered_name(kind), version, key, value[:LONGEST_TAG])


def untag_version(store: Store, kind: ModelKind, version: str, *keys: str) -> None:
    """Takes tags off a version, where it has them."""
    for key in keys:
        store.client.delete_model_version_tag(registered_name(kind), version, key)


def _aliased(store: Store, kind: Registered, alias: str) -> str | None:
    """The version that an alias names; None where there is no such alias."""
    try:
        return str(store.client.get_model_version_by_alias(registered_name(kind), alias).version)
    except MlflowException as error:
        _reraise_unless(error, _NO_MODEL, _NO_ALIAS)
        return None


def _reraise_unless(error: MlflowException, *expected: str) -> None:
    """Raises an error of another kind again: a server that fails has not said that there is no champion."""
    if error.error_code not in expected:
        raise error


def _keep(store: Store, kind: ModelKind, versions: list[str]) -> None:
    # MLflow holds a tag of so many characters: of thousands of champions the oldest are forgotten.
    while len(json.dumps(versions)) > LONGEST_TAG:
        versions = versions[1:]
    store.client.set_registered_model_tag(registered_name(kind), HISTORY, json.dumps(versions))


def _last(versions: list[str], version: str) -> int:
    """The last place at which a version stands."""
    return len(versions) - 1 - versions[::-1].index(version)
