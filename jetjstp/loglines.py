"""
Log lines for programs as well as for people: a word that says what happened,
and fields. ::

    dropped: peer=12 address=192.0.2.7 reason="it does not read what it asked for"

The fields are those of the event, too, for observers that write JSON.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from twisted.logger import Logger, LogLevel

__all__ = ["Field", "lineOf", "shown", "tell"]

LONGEST = 500
"""Characters of one value; what strangers send may be any length."""


def shown(value: object) -> str:
    """
    A value as it stands in a line: in quotes if there is anything in it that a reader could take for something else,
    and without whatever ends lines or moves cursors.
    """
    text = str(value)
    if len(text) > LONGEST:
        text = text[:LONGEST] + "..."
    if text and text.isprintable() and not any(c in ' "=\\' for c in text):
        return text
    escaped = "".join(
        f"\\{c}" if c in '"\\' else c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )
    return f'"{escaped}"'


class Field(str):
    """A text that is a field of an event: the text itself there, and shown as L{shown} does in the line."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return shown(str(self))


def lineOf(event: str, names: Iterable[str]) -> str:
    """The format of a line, for L{Logger}; texts among the values are to be L{Field}s."""
    fields = " ".join(f"{name}={{{name}}}" for name in names)
    return f"{event}: {fields}" if fields else event


def fieldsOf(values: dict[str, Any]) -> dict[str, Any]:
    """The values, texts among them as L{Field}s; what is L{None} is left out."""
    return {
        name: value if isinstance(value, int | float) else Field(value)
        for name, value in values.items()
        if value is not None
    }


def tell(log: Logger, event: str, *, level: Any = LogLevel.info, **values: object) -> None:
    """
    Write a line.

    @param event: What happened, in one word; it is the field C{event}, too.
    @param values: The fields, in their order. Numbers stay numbers; what is L{None} is left out.
    """
    fields = fieldsOf(values)
    log.emit(level, lineOf(event, fields), event=event, **fields)
