"""
How values are written on the wire: as JSON wherever they are plain JSON, which
is MDSF and takes a twentieth of the time.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

import msgspec

from jetjstp.jstp.mdsf.writer import Default, stringify

__all__ = ["encodeValue"]

_encode = msgspec.json.Encoder().encode

_ATOMS = frozenset((str, int, bool, type(None)))

_DEEPEST = 64
"""Levels that are looked at here, as this recurses and so does C{msgspec}. What is deeper is for the exact writer."""

# Some parsers of MDSF take these for the end of a line, within strings too.
_SEPARATORS = ((b"\xe2\x80\xa8", b"\\u2028"), (b"\xe2\x80\xa9", b"\\u2029"))


def _isPlain(value: Any, depth: int) -> bool:
    """
    Whether JSON can say a value, nested no deeper than C{depth}, exactly as MDSF does.

    This looks at exact types: what C{msgspec} makes of others is not always what the exact writer makes of them.
    """
    kind = type(value)
    if kind is dict:
        for key in value:
            if type(key) is not str:
                return False
        value = value.values()
    elif kind is not list and kind is not tuple:
        return kind in _ATOMS or (kind is float and isfinite(value))
    if depth <= 0:
        return False
    for part in value:
        kind = type(part)
        if kind in _ATOMS:
            continue
        if kind is float:
            if not isfinite(part):
                return False
        elif not _isPlain(part, depth - 1):
            return False
    return True


def encodeValue(value: Any, *, allowNan: bool = False, default: Default | None = None, maxDepth: int = 200) -> bytes:
    """
    Write a value, or a whole message, for a peer: in UTF-8, without zero bytes.

    The arguments and errors are those of L{stringify<jetjstp.jstp.mdsf.stringify>}, but NaN and the infinities are
    refused unless they are allowed.
    """
    try:
        text = _encode(value) if _isPlain(value, min(maxDepth, _DEEPEST)) else None
    except (ValueError, OverflowError, RecursionError):
        # A lone surrogate, an integer of very many digits, a stack that is nearly used up: the exact writer knows
        # whether it is an error.
        text = None
    if text is None:
        return stringify(value, allowNan=allowNan, default=default, maxDepth=maxDepth).encode("utf-8")
    if b"\xe2\x80" in text:
        for separator, escape in _SEPARATORS:
            text = text.replace(separator, escape)
    return text
