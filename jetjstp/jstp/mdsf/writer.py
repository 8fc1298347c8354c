"""
Values to MDSF, byte for byte as the reference writes them where it does not
lose anything.

The writer does not recurse: each open array or object is a generator, and it
yields those of the arrays and objects in it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from jetjstp.jstp.mdsf.errors import MDSFValueError
from jetjstp.jstp.mdsf.numerals import numeralOf
from jetjstp.jstp.mdsf.strings import quote
from jetjstp.jstp.mdsf.undefined import UNDEFINED

__all__ = ["Default", "Replacer", "stringify"]

Default = Callable[[Any], Any]
"""What makes something writable of a value that is not."""

Replacer = Callable[[str, Any], Any] | Sequence[object]
"""What is written instead of a value, by its key; or the keys of objects that are written, and no others."""

_Writing = Iterator["_Writing"]

_MOST_SPACE = 10
"""Longer indentation is cut, as in C{JSON.stringify}."""

_isBare = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*+").fullmatch

_OWN_TYPES = frozenset((type(None), bool, int, float, str, list, tuple, dict, bytes))
"""These have no hook; to look for one takes time."""


def _nameOf(key: object) -> str:
    """The name of a member of an object."""
    if isinstance(key, str):
        return str.__str__(key)
    if isinstance(key, int) and not isinstance(key, bool):
        return _digitsOf(key)
    raise TypeError(f"keys of objects are strings and integers, not {type(key).__name__}")


def _pointInTime(moment: datetime) -> str:
    if moment.utcoffset() is None:
        raise MDSFValueError(f"{moment!r} has no time zone: say which one is meant")
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        raise MDSFValueError(f"{moment!r} cannot be expressed in UTC") from None
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


class _Writer:
    """The writing of one value, which may be asked for only once."""

    def __init__(
        self, replacer: Replacer | None, space: str, allowNan: bool, default: Default | None, maxDepth: int
    ) -> None:
        self._replace = replacer if callable(replacer) else None
        self._names = None if replacer is None or callable(replacer) else _namesIn(replacer)
        self._space = space
        self._colon = ": " if space else ":"
        self._allowNan = allowNan
        self._default = default
        self._maxDepth = maxDepth
        self._pieces: list[str] = []

    def write(self, value: Any) -> str:
        """The text of a value."""
        inner = self._begin(self._settle("", value), "\n" if self._space else "")
        writing: list[_Writing] = []
        while inner or writing:
            if inner is None:
                writing.pop()
            elif len(writing) >= self._maxDepth:
                raise MDSFValueError(f"a value that contains itself, or is nested deeper than {self._maxDepth} levels")
            else:
                writing.append(inner)
            inner = next(writing[-1], None) if writing else None
        return "".join(self._pieces)

    def _settle(self, key: str, value: Any) -> Any:
        """What is to be written instead of a value. It is not asked for a hook once more."""
        if type(value) not in _OWN_TYPES:
            hook = getattr(type(value), "toMdsf", None)
            if hook is not None:
                value = hook(value, key)
        return value if self._replace is None else self._replace(key, value)

    def _begin(self, value: Any, margin: str) -> _Writing | None:
        """Write what has no parts; return the writing of what has."""
        text = self._textOf(value)
        if text is None and self._default is not None and not isinstance(value, list | tuple | Mapping):
            value = self._default(value)
            text = self._textOf(value)
        if text is not None:
            self._pieces.append(text)
            return None
        if isinstance(value, list | tuple):
            return self._array(value, margin)
        if isinstance(value, Mapping):
            return self._object(value, margin)
        raise TypeError(f"MDSF has nothing for a value of type {type(value).__name__}")

    def _textOf(self, value: Any) -> str | None:
        """The text of a value that has no parts, L{None} for others."""
        if isinstance(value, str):
            return quote(value)
        if value is None:
            return "null"
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, int):
            return _digitsOf(value)
        if isinstance(value, float):
            if not self._allowNan and not isfinite(value):
                raise MDSFValueError(f"{value!r} is refused: many peers cannot read it")
            return numeralOf(value)
        if value is UNDEFINED:
            return "undefined"
        if isinstance(value, bytes | bytearray | memoryview):
            return f"'{b64encode(bytes(value)).decode('ascii')}'"
        if isinstance(value, datetime):
            return f"'{_pointInTime(value)}'"
        return None

    def _array(self, array: Sequence[Any], margin: str) -> _Writing:
        pieces = self._pieces
        inner = margin + self._space
        last = len(array) - 1
        pieces.append("[")
        for index, value in enumerate(array):
            if index:
                pieces.append(",")
            # Nothing stands for undefined, but at the end it must be said: the last comma counts for nothing.
            if value is not UNDEFINED or index == last:
                pieces.append(inner)
                parts = self._begin(self._settle(str(index), value), inner)
                if parts is not None:
                    yield parts
        pieces.append(f"{margin}]" if array else "]")

    def _object(self, mapping: Mapping[Any, Any], margin: str) -> _Writing:
        pieces = self._pieces
        inner = margin + self._space
        names: set[str] = set()
        separator = "{"
        for key, value in mapping.items():
            name = _nameOf(key)
            if name in names:
                raise MDSFValueError(f"two keys of an object are written {name!r}")
            names.add(name)
            if self._names is not None and name not in self._names:
                continue
            value = self._settle(name, value)
            if value is not UNDEFINED:
                pieces.append(f"{separator}{inner}{name if _isBare(name) else quote(name)}{self._colon}")
                separator = ","
                parts = self._begin(value, inner)
                if parts is not None:
                    yield parts
        pieces.append("{}" if separator == "{" else f"{margin}}}")


def _digitsOf(integer: int) -> str:
    try:
        return int.__repr__(integer)
    except ValueError:
        raise MDSFValueError("an integer of more digits than this process may write") from None


def _namesIn(replacer: Sequence[object]) -> frozenset[str]:
    """The keys that a list allows. As in the reference, what is neither a string nor a number is ignored."""
    names = set()
    for entry in replacer:
        if isinstance(entry, str):
            names.add(entry)
        elif isinstance(entry, int | float) and not isinstance(entry, bool):
            names.add(_digitsOf(entry) if isinstance(entry, int) else numeralOf(entry))
    return frozenset(names)


def stringify(
    value: Any,
    replacer: Replacer | None = None,
    space: int | str | None = None,
    *,
    allowNan: bool = True,
    default: Default | None = None,
    maxDepth: int = 200,
) -> str:
    """
    Write a value.

    L{None}, C{bool}, C{int}, C{float}, C{str}, L{UNDEFINED}, C{list}, C{tuple} and mappings with C{str} or C{int} keys
    are written as what they are; C{bytes}, C{bytearray} and C{memoryview} as a string in base64; a C{datetime} with a
    time zone as a string in UTC with milliseconds. Instead of an object with a method C{toMdsf(key)} its result is
    written, where C{key} is the name or the index as a string, or empty.

    @param replacer: Called with each key and value (after C{toMdsf}, and with the whole value, whose key is empty);
        what it returns is written instead. Or a list: only these keys of objects are written.
    @param space: What each level is indented by, or how many blanks; 10 at most. Without it there are no blanks.
    @param allowNan: Whether NaN and the infinities are written. Some peers cannot read them.
    @param default: Called with a value of any other type; what it returns is written instead.
    @param maxDepth: How deep arrays and objects may nest.
    @raise MDSFValueError: A value of a type that can be written cannot be written. It is a C{ValueError}.
    @raise TypeError: There is nothing in MDSF for a value, or for a key.
    """
    if isinstance(space, int):
        space = " " * min(space, _MOST_SPACE)
    return _Writer(replacer, (space or "")[:_MOST_SPACE], allowNan, default, maxDepth).write(value)
