"""
The recorded vectors of MDSF: what the reference made of texts and of values.

A value that JSON cannot say stands there as an object with one key that begins
with a dollar sign; C{want} is what we are to do where that is something else.
"""

from __future__ import annotations

import json
import math
from datetime import datetime
from pathlib import Path
from typing import Any

from jetjstp.jstp.mdsf import UNDEFINED

__all__ = ["Hooked", "linesOf", "same", "valueOf"]

FOLDER = Path(__file__).resolve().parents[2] / "vectors" / "mdsf"


class Hooked:
    """An object that says what is to be written instead of it."""

    def __init__(self, result: Any) -> None:
        self.result = result
        self.keys: list[str] = []

    def toMdsf(self, key: str) -> Any:
        """Remembers the keys that it was asked with."""
        self.keys.append(key)
        return self.result


def linesOf(name: str) -> list[dict[str, Any]]:
    """All vectors of a file."""
    with open(FOLDER / name, encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _marked(marker: str, content: Any) -> Any:
    """The value that a marker stands for."""
    match marker:
        case "$undefined" | "$hole":
            return UNDEFINED
        case "$nan":
            return math.nan
        case "$inf":
            return math.inf * content
        case "$negzero":
            return -0.0
        case "$float":
            return float(content)
        case "$int":
            return int(content)
        case "$bytes":
            return bytes.fromhex(content)
        case "$datetime":
            return datetime.fromisoformat(content)
        case "$object" | "$entries":
            return {key: valueOf(value) for key, value in content}
        case "$toJSON" | "$toMDSF":
            return Hooked(valueOf(content))
    raise AssertionError(f"an unknown marker {marker}")


def valueOf(recorded: Any) -> Any:
    """The Python value of a recorded one."""
    if isinstance(recorded, list):
        return [valueOf(value) for value in recorded]
    if not isinstance(recorded, dict):
        return recorded
    if len(recorded) == 1:
        [(key, content)] = recorded.items()
        # "$" alone is an ordinary key of one of the values.
        if key.startswith("$") and len(key) > 1:
            return _marked(key, content)
    return {key: valueOf(value) for key, value in recorded.items()}


def same(one: Any, other: Any, types: bool = False) -> bool:
    """
    Whether two values are equal: numbers by value, but the two zeros differ, and NaN is itself; objects with the order
    of their members. With C{types} an integer is not a float either.
    """
    if isinstance(one, list):
        return isinstance(other, list) and len(one) == len(other) and all(map(same, one, other, [types] * len(one)))
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and list(one) == list(other)
            and same(list(one.values()), list(other.values()), types)
        )
    if isinstance(one, bool) or not isinstance(one, int | float):
        return type(one) is type(other) and bool(one == other)
    if isinstance(other, bool) or not isinstance(other, int | float) or (types and type(one) is not type(other)):
        return False
    if one != one:
        return other != other
    return bool(one == other) and (bool(one) or math.copysign(1, one) == math.copysign(1, other))
