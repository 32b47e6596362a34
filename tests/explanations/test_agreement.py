"""Agreement of models and record, held against scikit-learn's kappa."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import cohen_kappa_score

from explanations.agreement import agreement


def decided_of(rows: int, told: tuple[str, ...] = ("favoured", "refused")) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    columns = {f"{side}_model": rng.random(rows) < 0.4 for side in ("favoured", "refused")}
    columns |= {f"{side}_record": rng.random(rows) < 0.5 for side in told}
    return pd.DataFrame(columns | {"at_random": rng.random(rows) < 0.1})


def test_counts_add_up_and_kappa_is_that_of_the_field() -> None:
    decided = decided_of(500)
    judged = np.arange(500) % 3 > 0
    rows = decided[judged & ~decided["at_random"]]
    found = {row["what"]: row for row in agreement(decided, judged)}
    assert list(found) == ["favoured", "refused", "conflict"]
    for what, row in found.items():
        assert row["both"] + row["model"] + row["record"] + row["neither"] == row["requests"] == len(rows)
        model, record = (
            rows[
                [f"{side}_{by}" for side in (("favoured", "refused") if what == "conflict" else (what,))]
            ].all(axis=1)
            for by in ("model", "record")
        )
        assert row["share"] == pytest.approx((model == record).mean())
        assert row["kappa"] == pytest.approx(cohen_kappa_score(model, record))


def test_a_side_without_a_record_is_taken_from_the_models() -> None:
    decided = decided_of(200, ("refused",))
    found = agreement(decided, np.ones(200, dtype=bool))
    assert [row["what"] for row in found] == ["refused", "conflict"]
    rows = decided[~decided["at_random"]]
    assert found[1]["both"] == (rows["favoured_model"] & rows["refused_model"] & rows["refused_record"]).sum()


def test_nothing_is_told_of_a_book_without_a_record_and_no_kappa_where_nothing_varies() -> None:
    assert agreement(decided_of(50, ()), np.ones(50, dtype=bool)) == []
    same = pd.DataFrame(
        {f"{side}_{by}": [True] * 9 for side in ("favoured", "refused") for by in ("model", "record")}
    )
    assert {row["kappa"] for row in agreement(same.assign(at_random=False), np.ones(9, dtype=bool))} == {None}
