"""
Texts and messages to values.
"""

from __future__ import annotations

from typing import Any

from jetjstp.jstp.mdsf.errors import MDSFSyntaxError
from jetjstp.jstp.mdsf.fastpath import UNREAD, parseQuickly
from jetjstp.jstp.mdsf.parser import parseExactly
from jetjstp.jstp.mdsf.strings import hasSurrogates, joinSurrogates

__all__ = ["decodeMessage", "parse"]


def _decoded(text: str | bytes) -> str:
    """A text that has no lone surrogates."""
    if not isinstance(text, str):
        return str(text, "utf-8", "replace")
    return joinSurrogates(text) if hasSurrogates(text) else text


def parse(text: str | bytes, *, maxDepth: int = 200, exactIntegers: bool = False) -> Any:
    """
    Read a value.

    Numbers without a point or an exponent are C{int}s up to 2**53 - 1, others are C{float}s. Strings never have lone
    surrogates in them, they are read as U+FFFD. Objects are C{dict}s with their members in order of appearance.

    @param text: Bytes are UTF-8, with U+FFFD for what is not.
    @param maxDepth: How deep arrays and objects may nest.
    @param exactIntegers: Read integers of any size as C{int}, as long as they have no more than 640 digits. Otherwise
        large ones are rounded to C{float}, which is what every other peer makes of them.
    @raise MDSFSyntaxError: The text is not MDSF, or nested too deeply.
    """
    text = _decoded(text)
    value = parseQuickly(text, maxDepth)
    return parseExactly(text, maxDepth, exactIntegers) if value is UNREAD else value


def decodeMessage(data: str | bytes, *, maxDepth: int = 200, exactIntegers: bool = False) -> dict[str, Any]:
    """
    Read one message, without its terminator: as L{parse}, but it must be an object, and there is no zero byte in it.

    @raise MDSFSyntaxError: It is not, or not MDSF, or nested too deeply.
    """
    text = str(data, "utf-8", "replace") if type(data) is bytes else _decoded(data)
    value = parseQuickly(text, maxDepth)
    if value is UNREAD:
        if "\0" in text:
            raise MDSFSyntaxError("a zero byte in a message", text.index("\0"))
        value = parseExactly(text, maxDepth, exactIntegers)
    if type(value) is not dict:
        raise MDSFSyntaxError("a message that is not an object", 0)
    return value
