"""The decision on an applicant as one model: what it carries, how it is served, how files are scored with it."""

import training  # noqa: F401 (sets the environment of MLflow, which is imported here without it)
