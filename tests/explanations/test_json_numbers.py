"""What is not known is null in JSON."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd

from explanations.json_numbers import finite, finite_row


def test_a_number_is_itself_and_what_is_no_number_is_none() -> None:
    assert finite(1.5) == 1.5
    assert [finite(value) for value in (np.nan, np.inf, -np.inf)] == [None, None, None]


def test_a_row_of_a_table_can_be_written_as_json() -> None:
    table = pd.DataFrame({"name": ["a"], "count": [3], "share": [np.float32(0.5)], "low": [np.nan]})
    [row] = table.to_dict("records")
    told = json.loads(json.dumps(finite_row(row), allow_nan=False))
    assert told == {"name": "a", "count": 3, "share": 0.5, "low": None}
