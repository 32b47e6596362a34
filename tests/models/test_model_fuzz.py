"""A model's files, changed anywhere: the same model, a clear sentence, and never anything else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import CallError, DataFault
from models.release_model import ReleaseModel
from models.storage import load_release_model, save_model
from tests.data.test_import_fuzz import VALUE, sentence
from tests.fuzzing import TIMES


@pytest.fixture(scope="module")
def saved(release_model: ReleaseModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    save_model(release_model, folder)
    return folder


def loaded(folder: Path) -> ReleaseModel | None:
    try:
        return load_release_model(folder)
    except (CallError, DataFault) as error:
        sentence(error)
        return None


@settings(max_examples=40 * TIMES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_one_changed_byte_of_a_model_is_found(
    saved: Path, release_model: ReleaseModel, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(["model.txt", "model.json"]))
    whole = (saved / name).read_bytes()
    at = data.draw(st.integers(0, len(whole) - 1))
    bit = data.draw(st.integers(1, 255))
    (saved / name).write_bytes(whole[:at] + bytes([whole[at] ^ bit]) + whole[at + 1 :])
    try:
        found = loaded(saved)
    finally:
        (saved / name).write_bytes(whole)
    if name == "model.txt":
        assert found is None
    elif found is not None:  # another card, but of the same trees
        assert found.text == release_model.text


@settings(max_examples=40 * TIMES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(["kind", "sha256", "features", "parameters", "calibration", "book_digest"]),
    value=VALUE,
)
def test_a_card_that_says_anything_is_a_model_or_a_sentence(saved: Path, name: str, value: Any) -> None:
    whole = (saved / "model.json").read_text("utf-8")
    (saved / "model.json").write_text(json.dumps(json.loads(whole) | {name: value}), "utf-8")
    try:
        found = loaded(saved)
    finally:
        (saved / "model.json").write_text(whole, "utf-8")
    if found is not None:
        assert len(found.features) == found.booster.num_feature()
        assert all(isinstance(feature, str) for feature in found.features)
