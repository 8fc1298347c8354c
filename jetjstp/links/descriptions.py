"""
Endpoint descriptions, for those who need to know what is in them.
"""

from __future__ import annotations

__all__ = ["splitDescription"]


def splitDescription(description: str) -> tuple[list[str], dict[str, str]]:
    """The positions and keywords of a description, read as Twisted reads it: the last keyword of a name counts."""
    words: list[str] = []
    named: dict[str, str] = {}
    key: str | None = None
    current = ""
    characters = iter(description + ":")
    for character in characters:
        if character == "\\":
            current += next(characters)
        elif character == "=" and key is None:
            key, current = current, ""
        elif character == ":":
            if key is None:
                words.append(current)
            else:
                named[key] = current
            key, current = None, ""
        else:
            current += character
    return words, named
