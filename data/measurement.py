"""What a benchmark measured, in the one form that all benchmarks of the workbench give."""

from __future__ import annotations

Measurement = tuple[str, float, str, str | None]
"""What was measured, its value, its unit, and its target ("≤ 2.5", "≥ 100") or None."""
