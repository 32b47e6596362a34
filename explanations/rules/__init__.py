"""Plain conditions that separate the cohorts."""
