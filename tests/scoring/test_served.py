"""The decision model stands alone: loaded, run and served where nothing of the workbench can be imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

import stages
from explanations.kernel.contrast import contributions
from explanations.reasons.principal_reasons import given_reasons, groups_of
from explanations.reasons.refusals import refusals_of
from features.catalogue import own_catalogue
from scoring.carried import RULES
from settings import Settings
from tests.scoring.conftest import QUIET, Done
from tests.served import DIRECT, served
from training.home import database, sqlite_uri
from training.tracking import point_at

REASONS = [f"reason_{rank}" for rank in range(1, 5)]
ALONE = """
import sys

class Forbidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in HOUSE:
            raise ImportError(f"{name} belongs to the workbench")

HOUSE = set(sys.argv[1].split(","))
sys.meta_path.insert(0, Forbidden())
for name in HOUSE:
    try:
        __import__(name)
    except ImportError:
        continue
    raise AssertionError(f"{name} can be imported")
import mlflow, pandas
mlflow.set_tracking_uri(sys.argv[2])
model = mlflow.pyfunc.load_model(sys.argv[3])
model.predict(pandas.read_parquet(sys.argv[4])).to_parquet(sys.argv[5])
"""
HOUSE = (
    *("data", "features", "models", "training", "explanations", "scoring", "stages", "commands"),
    *("commandline", "settings", "workbench"),
)


@pytest.fixture(scope="module")
def decided(done: Done, rows: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """What the model says of all rows in a process that can import none of the workbench, and no pickle."""
    folder = tmp_path_factory.mktemp("elsewhere")
    rows.to_parquet(folder / "rows.parquet")
    uri = sqlite_uri(database(done.home))
    words = [",".join(HOUSE), uri, done.models["decision"], folder / "rows.parquet", folder / "said.parquet"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true"}
    subprocess.run(
        [sys.executable, "-I", "-c", ALONE, *map(str, words)],
        cwd=folder,
        env=environment | {"MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"},
        check=True,
        capture_output=True,
    )
    return pd.read_parquet(folder / "said.parquet")


@pytest.fixture(scope="module")
def model(done: Done) -> Any:
    point_at(done.store.uri)
    return mlflow.pyfunc.load_model(done.models["decision"])


def test_scores_and_decisions_are_those_of_the_workbench(done: Done, decided: pd.DataFrame) -> None:
    requests = len(done.scored.decided)
    said, then = decided[:requests], done.scored.decided
    np.testing.assert_allclose(said["pd"], then["pd"], rtol=0, atol=1e-12)
    np.testing.assert_allclose(decided["limit"][requests:], np.exp(done.scored.limit_score), rtol=1e-12)
    # A slip is what was done against the rules; a model has none.
    slip = (done.scored.requests.keys["decision_system"].astype(str)) != done.scored.requests.keys[
        "decision_executed"
    ].astype(str)
    ruled = ~(slip & ~done.scored.requests.keys["random_release"].astype(bool)).to_numpy()
    assert 0 < (~ruled).sum() < ruled.sum() / 10
    assert list(said["refused_by"][ruled]) == list(then["refused_by"][ruled])
    assert list(said["decision"][ruled]) == list(np.where(then["refused"][ruled], "refuse", "release"))
    assert {*said["refused_by"]} <= {"", *RULES}
    assert {"score", "cap_debt_service"} < {*said["refused_by"]}


def test_reasons_are_those_of_the_explanation(done: Done, settings: Settings, decided: pd.DataFrame) -> None:
    told = done.scored.decided
    assessed = np.flatnonzero(told["refused"] & (told["refused_by"] != "slip"))
    values, released = (
        done.scored.requests.values[assessed],
        done.scored.requests.values[done.scored.members.reference],
    )
    refused = told.iloc[assessed].reset_index(drop=True)
    catalogue = own_catalogue()
    broken = refusals_of(done.scored.book, refused, done.scored.release, catalogue, settings.models.policy)
    groups = groups_of(catalogue, values, released)
    pushes, _ = contributions(done.scored.release.booster, values, released)
    least = settings.explanations.reasons.least_share
    given = given_reasons(groups, pushes, refused["refused_by"], broken.broken(values, slice(None)), least)
    codes = np.array([*groups.codes, ""], dtype=object)[given.code]
    assert len(codes) > 500
    assert (codes != "").sum(axis=1).max() == 4
    assert decided.loc[assessed, REASONS].to_numpy().tolist() == codes.tolist()


def test_who_is_released_is_given_no_reason_and_who_is_refused_at_least_one(decided: pd.DataFrame) -> None:
    released = decided["decision"] == "release"
    assert (decided.loc[released, ["refused_by", *REASONS]] == "").all(axis=None)
    assert (decided.loc[~released, "reason_1"] != "").all()


def test_the_version_is_tied_to_both_models_and_the_book(done: Done) -> None:
    decision = _version(done, "decision")
    tags = decision.tags
    assert decision.name == "releasegap-decision"
    assert tags["book_digest"] == done.scored.book.digest
    for kind in ("limit", "release"):
        assert tags[f"{kind}_model"] == done.models[kind]
        assert tags[f"{kind}_digest"] == _version(done, kind).tags["model_digest"]


def test_made_again_it_is_the_same_bytes(done: Done, settings: Settings) -> None:
    with stages.decision_files(done.scored, QUIET) as files:
        assert files is not None
        assert files.digest == _version(done, "decision").tags["model_digest"]


def test_the_schema_names_every_feature_as_a_double(done: Done, model: Any) -> None:
    schema = model.metadata.get_input_schema()
    kinds = {column.name: column.type.name for column in schema}
    assert kinds.pop("region") == "long"
    assert kinds.pop("requested_on") == "datetime"
    assert set(kinds) == {*done.scored.requests.features, *done.scored.reviews.features}
    assert set(kinds.values()) == {"double"}


def test_missing_columns_are_named_and_types_enforced(model: Any, rows: pd.DataFrame) -> None:
    some = rows[:3]
    with pytest.raises(MlflowException, match=r"missing inputs \['bureau_lenders', 'dti_ratio'\]"):
        model.predict(some.drop(columns=["dti_ratio", "bureau_lenders"]))
    with pytest.raises(MlflowException, match="Incompatible input types for column dti_ratio"):
        model.predict(some.assign(dti_ratio=["high", "low", "no"]))
    pd.testing.assert_frame_equal(model.predict(some.assign(note="x")[["note", *some]]), model.predict(some))
    assert len(model.predict(some[:0])) == 0


def test_a_row_without_a_date_or_of_a_later_one_has_the_last_policy(
    done: Done, model: Any, rows: pd.DataFrame
) -> None:
    some = rows[:200].assign(requested_on=pd.Timestamp(done.scored.book.whole("policy")["month_start"].max()))
    last = model.predict(some)
    pd.testing.assert_frame_equal(model.predict(some.drop(columns="requested_on")), last)
    pd.testing.assert_frame_equal(model.predict(some.assign(requested_on=pd.Timestamp("2099-05-05"))), last)
    assert (last["decision"] != model.predict(rows[:200])["decision"]).any()


def test_a_region_or_a_day_without_a_policy_is_named(model: Any, rows: pd.DataFrame) -> None:
    with pytest.raises(MlflowException, match="no policy is on record for region 99"):
        model.predict(rows[:3].assign(region=[1, 99, 2]))
    with pytest.raises(MlflowException, match="no policy is on record for 1999-12"):
        model.predict(rows[:3].assign(requested_on=pd.Timestamp("1999-12-31")))


def test_data_that_do_not_allow_a_decision_refuse_and_say_so(
    model: Any, done: Done, rows: pd.DataFrame
) -> None:
    bureau = [
        name
        for name in done.scored.requests.features
        if name.startswith("bureau_")
        or name in ("card_utilization", "oldest_account_age", "monthly_obligation", "dti_ratio", "thin_file")
    ]
    said = model.predict(rows[:5].assign(**dict.fromkeys(bureau, np.nan)))
    assert set(said["refused_by"]) == {"data_missing"}
    assert set(said["reason_1"]) == {"R19"}
    assert (said[REASONS[1:]] == "").all(axis=None)


def test_the_model_is_served_over_http(
    done: Done, rows: pd.DataFrame, decided: pd.DataFrame, tmp_path: Path
) -> None:
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # as in an active environment
    environment = {"PATH": path, "HOME": str(tmp_path), "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment |= {"MLFLOW_TRACKING_URI": done.store.uri, "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false"}
    words = ["models", "serve", "-m", done.models["decision"], "--env-manager", "local"]
    with served(words, "ping", tmp_path, environment) as address:
        some = rows[:20].assign(requested_on=rows["requested_on"][:20].dt.strftime("%Y-%m-%d"))
        asked = {
            "dataframe_split": json.loads(some.to_json(orient="split", index=False, double_precision=15))
        }
        said = pd.DataFrame(json.loads(_post(address, asked))["predictions"])
        pd.testing.assert_frame_equal(said, decided[:20], check_dtype=False, rtol=1e-9)
        asked["dataframe_split"] = json.loads(
            some.drop(columns="dti_ratio").to_json(orient="split", index=False)
        )
        with pytest.raises(urllib.error.HTTPError) as raised:
            _post(address, asked)
        assert raised.value.code == 400
        assert "dti_ratio" in json.loads(raised.value.read())["message"]


def _version(done: Done, kind: str) -> Any:
    return done.store.client.get_model_version(*done.models[kind].removeprefix("models:/").split("/"))


def _post(address: str, asked: dict[str, Any]) -> bytes:
    request = urllib.request.Request(
        f"{address}/invocations",
        json.dumps(asked).encode(),
        {"Content-Type": "application/json"},
    )
    with DIRECT.open(request, timeout=60) as answered:
        return bytes(answered.read())
