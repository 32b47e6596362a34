"""Contributions of a LightGBM model against a whole cohort, exactly: the contrast and its compiled kernel."""
