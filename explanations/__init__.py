"""Why the two models disagree: cohorts, contrast, and the report."""
