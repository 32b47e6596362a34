"""A section of the explanation report: what it shows and says, and its part of the page's data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from explanations.agreement import conflicts_on
from explanations.explanation import Explanation
from explanations.report.contrast_table import ContrastRow, contrast_rows, families
from explanations.report.exhibits import Chart, Spec, Table
from explanations.report.headline import has_oracle, is_undated
from explanations.report.palette import Colour, family_colours
from explanations.report.words import Language


@dataclass(frozen=True)
class Subject:
    """What the report is about, and what several of its sections need of it."""

    explanation: Explanation

    @cached_property
    def rows(self) -> tuple[ContrastRow, ...]:
        """The contrast by feature; none where no conflict was refused by score."""
        return tuple(contrast_rows(self.explanation))

    @cached_property
    def colours(self) -> Mapping[str, Colour]:
        """Colour of each family of features, by its English name."""
        return family_colours(families(self.explanation))

    @property
    def summary(self) -> dict[str, Any]:
        """Counts, digests, parameters (`summary.json`)."""
        return self.explanation.summary

    @property
    def currency(self) -> str:
        """The book's currency."""
        return str(self.summary["currency"])

    @property
    def level(self) -> float:
        """Coverage of the intervals."""
        return float(self.summary["parameters"].get("explanations.bootstrap_level", 0.95))

    @property
    def undated(self) -> bool:
        """Whether the book has no dates, so that it has clients for requests."""
        return is_undated(self.summary)

    @property
    def on(self) -> str:
        """Whose decisions make its conflicts."""
        return conflicts_on(self.summary)

    @property
    def oracle(self) -> bool:
        """Whether the book knows how refused requests would have ended."""
        return has_oracle(self.summary)


@dataclass(frozen=True)
class Section:
    """What a section holds; `templates/sections/NAME.html` lays it out, `nav.NAME` is its name in the bar.

    Attributes:
        said: Values for its template.
        charts: Its charts, which its template places by their name.
        specs: Further charts, which have no table of their own, by name.
        data: What the page's script reads, by name.
        tables: Figures that its template lays out in its own way, for the texts and files that have no such layout.
    """

    said: Mapping[str, Any] = field(default_factory=dict)
    charts: Mapping[str, Chart] = field(default_factory=dict)
    specs: Mapping[str, Mapping[Language, Spec]] = field(default_factory=dict)
    data: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)


Build = Callable[[Subject], Section | None]
"""Makes a section; None where this book has nothing for it, so that it is left out."""
