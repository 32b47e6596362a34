"""Explanations as the workbench would hand them to the report, made up but of one piece."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from explanations.explanation import Explanation
from explanations.parameters import ExplanationParameters
from explanations.reasons.principal_reasons import Found, find_reasons
from explanations.reasons.principal_reasons import with_reasons as give_reasons
from tests.explanations.details import with_letters
from tests.explanations.made import (
    PARAMETERS,
    REASONS,
    TESTED_REASONS,
    broken_by,
    made_explanation,
    made_parameters,
)


@pytest.fixture(scope="session")
def tested_reasons() -> dict[str, Any]:
    """What the summary tells of both tests of the reasons."""
    return TESTED_REASONS


@pytest.fixture(scope="session")
def parameters() -> ExplanationParameters:
    """How these explanations are made."""
    return PARAMETERS


@pytest.fixture(scope="session")
def reasoned(simulated: Explanation) -> tuple[Explanation, Found, dict[str, np.ndarray]]:
    """The simulated explanation with its reasons, these as arrays, and which rules its conflicts break."""
    broken = broken_by(simulated)
    found = find_reasons(simulated, broken, REASONS)
    assert found is not None
    return give_reasons(simulated, found, REASONS), found, broken


@pytest.fixture(scope="session")
def explanation_of() -> Callable[..., Explanation]:
    """Makes explanations for the report."""
    return made_explanation


@pytest.fixture(scope="session")
def parameters_of() -> Callable[..., ExplanationParameters]:
    """Makes parameters of explanations, some of them changed."""
    return made_parameters


@pytest.fixture(scope="session")
def simulated() -> Explanation:
    return made_explanation()


@pytest.fixture(scope="session")
def imported() -> Explanation:
    return made_explanation(imported=True)


@pytest.fixture(scope="session")
def lettered(simulated: Explanation) -> Explanation:
    """With reasons and recourse of every conflict."""
    return with_letters(simulated)


@pytest.fixture(scope="session")
def with_reasons() -> Callable[[Explanation], Explanation]:
    """Gives an explanation reasons and recourse of every conflict, of the agreed columns."""
    return with_letters
