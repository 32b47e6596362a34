"""Splits, fitting, metrics, and the only code that writes to MLflow."""
