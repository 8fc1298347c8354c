"""
Python values that are to be sent: checked to be JSON, then written.

The encoder takes more than JSON (dates, sets, integers as keys), and what it
makes of them would come back as something else. So what is no JSON is refused
where the application gives it, with the place in the value.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec

__all__ = ["encodeJson", "sameJson"]

DEPTH = 200
"""How deep arrays and objects may nest, as in our daemon. A value that holds itself is found by it."""


def _plain(value: Any) -> Any:
    """For the encoder: what is left of a value that is of a subclass, such as numpy's floats, which are floats."""
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float.__float__(value)
    raise TypeError(f"a {type(value).__name__} is not JSON")


_encode = msgspec.json.Encoder(enc_hook=_plain).encode


def encodeJson(value: Any, what: str = "value") -> bytes:
    """
    The JSON text of a value.

    @param what: What the value is, for the error.
    @raise TypeError: Something in it is no JSON; the message says where.
    @raise ValueError: A number is not finite, or it nests too deep.
    """
    if value is not None and value.__class__ not in _SCALARS:
        _check(value, what, 0)
    elif value.__class__ is float:
        _checkFloat(value, what)
    try:
        return _encode(value)
    except (UnicodeEncodeError, OverflowError):
        # Lone surrogates and very long integers are JSON all the same.
        return json.dumps(value, separators=(",", ":")).encode("ascii")


_SCALARS = frozenset((str, int, bool, float))


def _checkFloat(value: float, place: str) -> None:
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{place} is {value}, which JSON does not have")


def _check(value: Any, place: str, depth: int) -> None:
    kind = value.__class__
    if value is None or kind is str or kind is int or kind is bool:
        return
    if isinstance(value, float):
        _checkFloat(value, place)
    elif isinstance(value, dict):
        _checkDepth(place, depth)
        for name, member in value.items():
            if not isinstance(name, str):
                raise TypeError(f"{place} has the key {name!r}; the keys of a JSON object are strings")
            _check(member, f"{place}[{name!r}]", depth + 1)
    elif isinstance(value, list | tuple):
        _checkDepth(place, depth)
        for index, item in enumerate(value):
            _check(item, f"{place}[{index}]", depth + 1)
    elif not isinstance(value, str | int):
        raise TypeError(f"{place} is a {kind.__name__}, which is not JSON: {_brief(value)}")


def _brief(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:79] + "…"


def _checkDepth(place: str, depth: int) -> None:
    if depth >= DEPTH:
        raise ValueError(f"{place[:80]}… nests deeper than {DEPTH}, or holds itself")


def sameJson(one: Any, other: Any) -> bool:
    """Whether two JSON values are equal. C{True} is not 1; 1.0 is."""
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and one.keys() == other.keys()
            and all(sameJson(value, other[name]) for name, value in one.items())
        )
    if isinstance(one, list):
        return (
            isinstance(other, list)
            and len(one) == len(other)
            and all(sameJson(item, its) for item, its in zip(one, other, strict=True))
        )
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)
