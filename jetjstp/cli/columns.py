"""
How much room text takes on a terminal, where some characters are two columns
wide, and some have no width of their own.
"""

from __future__ import annotations

import unicodedata

__all__ = ["cutTo", "padded", "widthOf"]


def widthOf(text: str) -> int:
    """The columns that a text takes."""
    return len(text) if text.isascii() else sum(map(_widthOfCharacter, text))


def _widthOfCharacter(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def padded(text: str, columns: int) -> str:
    """A text with spaces behind it, so that it takes so many columns at least."""
    return text + " " * (columns - widthOf(text))


def cutTo(text: str, columns: int) -> str:
    """The beginning of a text that takes so many columns at most; an ellipsis, if that is not all of it."""
    if widthOf(text) <= columns:
        return text
    left = max(columns - 1, 0)
    for at, character in enumerate(text):
        left -= _widthOfCharacter(character)
        if left < 0:
            return text[:at] + "…"
    return text
