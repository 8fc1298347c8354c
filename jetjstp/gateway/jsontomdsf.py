"""
JSON text as MDSF, without reading it.

Nearly all JSON is MDSF as it stands. What is not: numbers beyond the range of
floats, which JSON has and MDSF refuses; and two line separators, which some
parsers of MDSF take for the end of a line within a string. A lone surrogate
stays the escape that it is, and is read as U+FFFD.
"""

from __future__ import annotations

import re
from math import isfinite
from typing import Any

from jetjstp.jet.jsontext import tooDeep, valueOf

__all__ = ["LONGEST", "mdsfOf", "whyNot"]

LONGEST = 8 * 1024 * 1024 - 1024
"""Bytes of a text that fits into a message which every peer takes."""

DEEPEST = 198
"""Levels that it may have for that, with the message and the list around it."""

# Whatever is beyond the range of a float has many digits, or an exponent of three. Strings may hold such things, too.
_mayBeOutOfRange = re.compile(rb"[0-9]{200}|[eE]\+?[0-9]{3}").search


def mdsfOf(text: bytes) -> bytes | None:
    """
    The MDSF of a JSON text.

    @return: The text itself, nearly always; L{None} if there is none that every peer reads, see L{whyNot}.
    """
    if len(text) > LONGEST or tooDeep(text, DEEPEST):
        return None
    if _mayBeOutOfRange(text) is not None and not _isInRange(valueOf(text)):
        return None
    if b"\xe2\x80" in text:
        text = text.replace(b"\xe2\x80\xa8", b"\\u2028").replace(b"\xe2\x80\xa9", b"\\u2029")
        return text if len(text) <= LONGEST else None
    return text


def whyNot(text: bytes) -> str:
    """Why L{mdsfOf} gave nothing."""
    if len(text) > LONGEST:
        return "too long for JSTP"
    return "nested too deeply for JSTP" if tooDeep(text, DEEPEST) else "a number is out of range for JSTP"


def _isInRange(value: Any) -> bool:
    waiting = [value]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
        elif isinstance(value, float):
            if not isfinite(value):
                return False
        elif isinstance(value, int):
            try:
                float(value)
            except OverflowError:
                return False
    return True
