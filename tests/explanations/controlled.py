"""Findings of internal control, made by hand."""

import pandas as pd

from explanations.control.findings import CHECKS, COLUMNS


def findings(count: dict[str, int], untold: tuple[str, ...] = ()) -> pd.DataFrame:
    """So many by check; none of the others, and nothing looked at for those that the book does not tell."""
    rows = [
        (
            check,
            severity,
            count.get(check, 0),
            0 if check in untold else 1234,
            "17 (×2.00)" if check in count else "",
        )
        for check, severity in CHECKS.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
