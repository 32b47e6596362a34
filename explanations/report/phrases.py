"""Statements of a page, each kept once: what names them says their place."""

from __future__ import annotations

from explanations.report.words import Text


class Phrases:
    """Statements in the order in which they were first put."""

    def __init__(self) -> None:
        """None yet."""
        self._places: dict[Text, int] = {}

    def place(self, text: Text) -> int:
        """Where the statement stands."""
        return self._places.setdefault(text, len(self._places))

    def put(self, text: Text) -> str | int:
        """The statement itself where both languages say the same, else its place."""
        return text.en if text.en == text.zh else self.place(text)

    @property
    def texts(self) -> list[dict[str, str]]:
        """All statements by language."""
        return [{"en": text.en, "zh": text.zh} for text in self._places]
