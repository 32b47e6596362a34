"""What refuses: the score, a rule, or both, from what each request breaks."""

import numpy as np

from explanations.reasons.refusals import refused_for


def test_a_refusal_by_score_may_break_a_rule_too_and_an_error_stands_apart() -> None:
    broken = {
        "score": np.array([True, True, True, False, False, False]),
        "cap_lenders": np.array([False, True, False, True, False, True]),
        "overdue": np.array([False, False, True, True, False, False]),
    }
    refused_by = np.array(["score", "score", "score", "cap_lenders", "slip", "slip"], dtype=object)
    assert refused_for(broken, refused_by) == {
        "score_only": 1,
        "score_and_rule": 2,
        "rule_only": 1,
        "error": 2,
    }
