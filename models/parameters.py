"""The parameters of models and policy; `params.yaml` sets each with its unit and its reason."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from data.parameters import Parameters

ConflictsOn = Literal["models", "record", "both"]
"""Whose decisions make a conflict: those of the models, of the lender's record, or both alike."""


class CalibrationParameters(Parameters):
    """How far the calibration of the release model may move away from the slope 1."""

    slope_spread: Annotated[float, Field(gt=0, le=10)]


class PolicyParameters(Parameters):
    """What the release policy holds besides the cut-offs and caps of the month."""

    overdue_days: Annotated[int, Field(ge=1, le=90)]


class FavouredParameters(Parameters):
    """What counts as being favoured by the limit model."""

    window_days: Annotated[int, Field(ge=1, le=730)]
    raise_from: Annotated[float, Field(gt=1, le=5)]


class OverridesParameters(Parameters):
    """From which gap to the limit model an assessed limit counts as overwritten by hand."""

    reach: Annotated[float, Field(gt=0, le=100)]


class ModelsParameters(Parameters):
    """All parameters of the folder `models`."""

    calibration: CalibrationParameters
    policy: PolicyParameters
    favoured: FavouredParameters
    overrides: OverridesParameters
    conflicts: ConflictsOn


class EconomicsParameters(Parameters):
    """What a draw costs and earns (see `models.economics`)."""

    lgd: Annotated[float, Field(gt=0, le=1)]
    funding_cost: Annotated[float, Field(ge=0, le=100)]
    servicing_cost: Annotated[float, Field(ge=0, le=100)]
    apr: Annotated[float, Field(gt=0, le=100)]
    term: Annotated[int, Field(ge=1, le=360)]
