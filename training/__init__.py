"""Splits, fitting, metrics, and the only code that writes to MLflow."""

import os

# MLflow reads these while it is imported, whichever module here does that first. What a user has set stays, but for
# telemetry (a lender's work is nobody else's business) and pickles.
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
# A pickle runs whatever its writer wants where it is read, and no model here is one.
os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
for _name, _value in {
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}.items():
    os.environ.setdefault(_name, _value)
