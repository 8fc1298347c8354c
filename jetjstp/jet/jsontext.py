"""
JSON as text: quoting, reading and taking apart without a round trip through
Python values.

C{msgspec} reads, and where it refuses, the standard C{json} decides: it knows
that lone surrogates (C{"\\ud800"}) are legal JSON. Pieces that come from there
are written again in ASCII, so that whatever leaves a function of this module
is valid UTF-8.
"""

from __future__ import annotations

import json
import re
from itertools import accumulate
from typing import Any, NoReturn

import msgspec

__all__ = ["UNREADABLE", "itemsOf", "membersOf", "quote", "tooDeep", "truthy", "valueOf"]

UNREADABLE = (msgspec.DecodeError, RecursionError, ValueError)
"""What the functions here raise for text that is not JSON. (A C{ValidationError} of msgspec is a C{DecodeError}.)"""

MOST_DIGITS = 400
"""Digits of an integer that is read as one; a longer one is beyond the range of a float."""

_FALSY = frozenset((b"null", b"false", b'""'))
_NUMERIC = frozenset(b"-0123456789")
_NO_STRUCTURE = bytes(frozenset(range(256)).difference(b'"[{]}'))
_STRING = re.compile(rb'"[^"]*"?')
_STEPS = bytes.maketrans(b"[{]}", b"\x01\x01\xff\xff")

_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_items = msgspec.json.Decoder(list[msgspec.Raw])
_whole = msgspec.json.Decoder(msgspec.Raw)
_anything = msgspec.json.Decoder()
_quote = msgspec.json.Encoder().encode


def quote(text: str) -> bytes:
    """The JSON string of a text, lone surrogates included."""
    try:
        return _quote(text)
    except UnicodeEncodeError:
        return json.dumps(text).encode("ascii")


def _refuseConstant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _integer(text: str) -> int | float:
    # Python refuses to read integers of very many digits, as that takes long.
    return int(text) if len(text) <= MOST_DIGITS else float(text)


_standard = json.JSONDecoder(parse_constant=_refuseConstant, parse_int=_integer)


def _dump(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode("ascii")


def membersOf(text: bytes | msgspec.Raw) -> dict[str, bytes] | None:
    """
    The members of an object with their values as text; of equal names the last. L{None} for other JSON.

    @raise UNREADABLE: It is not JSON.
    """
    try:
        try:
            return {name: bytes(value) for name, value in _members.decode(text).items()}
        except msgspec.ValidationError:  # no object, that is seen at once; but is the rest JSON?
            _whole.decode(text)
            return None
    except msgspec.DecodeError:
        value = _standard.decode(bytes(text).decode("utf-8"))
        return {name: _dump(member) for name, member in value.items()} if isinstance(value, dict) else None


def itemsOf(text: bytes) -> list[bytes]:
    """
    The items of an array as text.

    @raise UNREADABLE: It is not a JSON array.
    """
    try:
        return [bytes(item) for item in _items.decode(text)]
    except msgspec.DecodeError:
        value = _standard.decode(text.decode("utf-8"))
        if not isinstance(value, list):
            raise ValueError("not an array") from None
        return [_dump(item) for item in value]


def valueOf(text: bytes | msgspec.Raw) -> Any:
    """
    The Python value of a JSON text. Numbers beyond the range of a float are infinite.

    @raise UNREADABLE: It is not JSON.
    """
    try:
        return _anything.decode(text)
    except (msgspec.DecodeError, ValueError):
        return _standard.decode(bytes(text).decode("utf-8"))


def truthy(text: bytes | msgspec.Raw) -> bool:
    """Whether JavaScript takes a JSON value for true: everything but null, false, 0 and the empty string."""
    raw = bytes(text)
    return raw not in _FALSY and not (raw[0] in _NUMERIC and valueOf(raw) == 0)


def tooDeep(text: bytes, depth: int) -> bool:
    """
    Whether arrays and objects nest deeper than C{depth}; says nothing about text that is not JSON.

    It takes time and space in proportion to the text, whatever is in it.
    """
    if text.count(b"[") + text.count(b"{") <= depth:
        return False
    if b"\\" in text:
        text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
    structure = text.translate(None, _NO_STRUCTURE)
    # Of two quotes in a row one ends a string and the other begins one: without both, what is in a string stays in one.
    structure = _STRING.sub(b"", structure.replace(b'""', b""))
    return max(accumulate(memoryview(structure.translate(_STEPS)).cast("b")), default=0) > depth
