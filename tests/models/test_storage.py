"""A model read from disk is the model that was written, or it is not read at all."""

import hashlib
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from data.errors import CallError, DataFault
from models.storage import load_limit_model, load_release_model, save_model


def test_a_limit_model_comes_back_to_the_bit(limit_model, matrix_values, tmp_path):
    save_model(limit_model, tmp_path / "limit")
    loaded = load_limit_model(tmp_path / "limit")
    assert np.array_equal(loaded.score(matrix_values), limit_model.score(matrix_values))
    assert (loaded.text, loaded.features, loaded.origin) == (
        limit_model.text,
        limit_model.features,
        limit_model.origin,
    )
    assert loaded.parameters == limit_model.parameters


def test_a_release_model_comes_back_to_the_bit_with_its_calibration(release_model, matrix_values, tmp_path):
    save_model(release_model, tmp_path / "release")
    loaded = load_release_model(tmp_path / "release")
    assert np.array_equal(loaded.pd(matrix_values), release_model.pd(matrix_values))
    assert loaded.calibration == release_model.calibration
    assert loaded.digest == release_model.digest


def test_saving_what_was_loaded_writes_the_same_bytes(release_model, tmp_path):
    save_model(release_model, tmp_path / "first")
    save_model(load_release_model(tmp_path / "first"), tmp_path / "second")
    for name in ("model.txt", "model.json"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


def test_the_folder_holds_the_trees_and_the_card_alone(limit_model, tmp_path):
    save_model(limit_model, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.txt"]
    card = json.loads((tmp_path / "model.json").read_text())
    assert card["kind"] == "limit"
    assert card["features"] == list(limit_model.features)
    assert (card["book_digest"], card["catalogue_digest"]) == ("b" * 64, "c" * 64)


def test_a_model_may_take_the_place_of_an_older_one(limit_model, release_model, matrix_values, tmp_path):
    save_model(limit_model, tmp_path)
    save_model(release_model, tmp_path)
    assert np.array_equal(load_release_model(tmp_path).pd(matrix_values), release_model.pd(matrix_values))


@pytest.mark.parametrize("missing", ["model.txt", "model.json"])
def test_half_a_model_is_no_model(limit_model, tmp_path, missing):
    save_model(limit_model, tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(CallError, match="No model in"):
        load_limit_model(tmp_path)


def test_a_model_of_the_other_kind_is_refused(limit_model, release_model, tmp_path):
    save_model(limit_model, tmp_path / "limit")
    save_model(release_model, tmp_path / "release")
    with pytest.raises(CallError, match="holds a limit model, but a release model was asked for"):
        load_release_model(tmp_path / "limit")
    with pytest.raises(CallError, match="holds a release model, but a limit model was asked for"):
        load_limit_model(tmp_path / "release")


def test_trees_changed_by_hand_are_refused_before_lightgbm_reads_them(limit_model, tmp_path):
    save_model(limit_model, tmp_path)
    trees = tmp_path / "model.txt"
    trees.write_text(trees.read_text().replace("shrinkage=0.1", "shrinkage=0.2", 1))
    with pytest.raises(DataFault, match=r"model\.txt is damaged"):
        load_limit_model(tmp_path)


@pytest.mark.parametrize("card", ["{", "[]", "{}", '{"kind": "release"}'])
def test_a_card_that_is_no_card_is_refused(release_model, tmp_path, card):
    save_model(release_model, tmp_path)
    (tmp_path / "model.json").write_text(card)
    with pytest.raises(DataFault, match=r"model\.json is damaged"):
        load_release_model(tmp_path)


@pytest.mark.parametrize("lost", ["features", "parameters", "calibration", "book_digest"])
def test_a_card_that_lacks_an_entry_is_refused(release_model, tmp_path, lost):
    save_model(release_model, tmp_path)
    card = json.loads((tmp_path / "model.json").read_text())
    del card[lost]
    (tmp_path / "model.json").write_text(json.dumps(card))
    with pytest.raises(DataFault, match=r"model\.json is damaged"):
        load_release_model(tmp_path)


class Opened:
    """What runs where it is unpickled."""

    def __reduce__(self):
        return Path.touch, (Path("unpickled"),)


@pytest.mark.parametrize("place", ["model.txt", "model.json"])
@pytest.mark.parametrize("digest", ["kept", "made anew"])
def test_a_pickle_in_a_models_place_is_refused_and_never_opened(
    release_model, tmp_path, monkeypatch, place, digest
):
    monkeypatch.chdir(tmp_path)
    save_model(release_model, tmp_path)
    sent = pickle.dumps(Opened())
    pickle.loads(sent)
    assert Path("unpickled").exists()  # what it would do
    Path("unpickled").unlink()
    (tmp_path / place).write_bytes(sent)
    if (place, digest) == ("model.txt", "made anew"):
        card = json.loads((tmp_path / "model.json").read_text())
        said = json.dumps(card | {"sha256": hashlib.sha256(sent).hexdigest()})
        (tmp_path / "model.json").write_text(said)
    with pytest.raises(DataFault, match=f"{place} is damaged or was changed by hand"):
        load_release_model(tmp_path)
    assert not Path("unpickled").exists()


@pytest.mark.parametrize("text", ["", "tree", "tree\n", "no model", "tree\nversion=v4\nnum_class=x\n"])
def test_a_text_that_is_no_model_is_damaged_whatever_its_digest(release_model, tmp_path, text):
    save_model(release_model, tmp_path)
    (tmp_path / "model.txt").write_text(text)
    card = json.loads((tmp_path / "model.json").read_text())
    card["sha256"] = hashlib.sha256(text.encode()).hexdigest()
    (tmp_path / "model.json").write_text(json.dumps(card))
    with pytest.raises(DataFault, match=r"model\.txt is damaged"):
        load_release_model(tmp_path)
