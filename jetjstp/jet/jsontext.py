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

__all__ = ["UNREADABLE", "Structure", "checkJson", "itemsOf", "membersOf", "quote", "tooDeep", "truthy", "valueOf"]

UNREADABLE = (msgspec.DecodeError, RecursionError, ValueError)
"""What the functions here raise for text that is not JSON. (A C{ValidationError} of msgspec is a C{DecodeError}.)"""

MOST_DIGITS = 400
"""Digits of an integer that is read as one; a longer one is beyond the range of a float."""

_FALSY = frozenset((b"null", b"false", b'""'))
_NUMERIC = frozenset(b"-0123456789")
_NO_STRUCTURE = bytes(frozenset(range(256)).difference(b'"[{]}'))
_STRING = re.compile(rb'"[^"]*"?')
LOOK = 128
"""Brackets that are counted together where that is enough to know that they do not nest too deeply."""

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


_STRING_OR_INFINITY = re.compile(rb'"(?:[^"\\]|\\.)*"|Infinity')


def _dump(value: Any) -> bytes:
    text = json.dumps(value, separators=(",", ":")).encode("ascii")
    if b"Infinity" not in text:
        return text
    # What was a number beyond the range of a float is to be one again.
    return _STRING_OR_INFINITY.sub(lambda found: b"1e999" if found[0] == b"Infinity" else found[0], text)


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


def checkJson(text: bytes) -> None:
    """
    See whether text is JSON.

    @raise UNREADABLE: It is not.
    """
    try:
        _whole.decode(text)
    except msgspec.DecodeError:
        _standard.decode(text.decode("utf-8"))


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
    structure = Structure(depth)
    structure.read(text)
    return structure.isTooDeep


class Structure:
    """
    Where arrays, objects and strings begin and end, in text that comes in parts. Says nothing about text that is not
    JSON.

    @ivar level: How many arrays and objects have begun and not ended.
    @ivar inString: Whether a string has begun and not ended.
    @ivar isTooDeep: Whether arrays and objects have been nested too deeply.
    """

    def __init__(self, depth: int, level: int = 0) -> None:
        """
        @param depth: How deep they may nest.
        @param level: How many are around the text.
        """
        self.level = level
        self.inString = False
        self.isTooDeep = False
        self._depth = depth

    def read(self, text: bytes) -> None:
        """The next part, which begins between two characters of a string, or outside of strings."""
        if b"\\" in text:
            text = text.replace(b"\\\\", b"").replace(b'\\"', b"")
        structure = text.translate(None, _NO_STRUCTURE)
        if self.inString:
            structure = b'"' + structure
        self.inString = structure.count(b'"') % 2 == 1
        # Of two quotes in a row one ends a string and the other begins one: without both, what is in a string stays
        # in one.
        structure = _STRING.sub(b"", structure.replace(b'""', b""))
        for at in range(0, len(structure), LOOK):
            self._readBrackets(structure[at : at + LOOK])

    def _readBrackets(self, brackets: bytes) -> None:
        opened = brackets.count(b"[") + brackets.count(b"{")
        if self.level + opened > self._depth:  # else there is no need to look at each
            steps = memoryview(brackets.translate(_STEPS)).cast("b")
            if self.level + max(accumulate(steps)) > self._depth:
                self.isTooDeep = True
        self.level += 2 * opened - len(brackets)
