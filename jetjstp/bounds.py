"""
Numbers that have to be in a range: limits, and intervals that may be meant in milliseconds.
"""

from __future__ import annotations

from dataclasses import fields
from math import isfinite
from typing import Any

__all__ = ["checkBounds", "checkMarks", "checkNumber", "checkSeconds"]


def checkBounds(limits: Any) -> None:
    """
    Refuse what is no limit. Fields whose default is an integer take positive integers, those with a float any positive
    number; a field whose default is L{None} may be that; switches are let through.

    @param limits: A dataclass.
    @raise ValueError: The message names the field and the value.
    """
    for field in fields(limits):
        value = getattr(limits, field.name)
        if isinstance(field.default, bool) or (value is None and field.default is None):
            continue
        isWhole = isinstance(field.default, int)
        isNumber = isinstance(value, int if isWhole else int | float) and not isinstance(value, bool)
        if not isNumber or value <= 0 or not isfinite(value):
            kind = "integer" if isWhole else "number"
            raise ValueError(f"limit {field.name} must be a positive {kind}, not {value!r}")


def checkMarks(limits: Any) -> None:
    """Refuse C{highWater} that is not below C{hardLimit}."""
    if limits.hardLimit <= limits.highWater:
        raise ValueError(f"limit hardLimit ({limits.hardLimit}) must exceed highWater ({limits.highWater})")


def checkSeconds(name: str, value: float, upper: float) -> None:
    """
    Refuse an interval that nobody can mean.

    @param name: What the interval is called, for the error.
    @param value: Seconds.
    @raise TypeError: It is no number.
    @raise ValueError: It is not above 0 and at most the upper bound; if it may be milliseconds, the message says so.
    """
    _checkIsNumber(name, value)
    if value > upper and isfinite(value):
        raise ValueError(f"{name}: {value} is out of range; seconds; did you mean {value / 1000}?")
    if not 0 < value <= upper:
        raise ValueError(f"{name}: {value} is out of range; seconds, above 0 and at most {upper}")


def checkNumber(name: str, value: int, lower: int, upper: int) -> None:
    """
    Refuse a number outside of its range.

    @raise TypeError: It is no number.
    """
    _checkIsNumber(name, value)
    if not lower <= value <= upper:
        raise ValueError(f"{name}: {value} is out of range, {lower} to {upper}")


def _checkIsNumber(name: str, value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{name}: {value!r} is not a number")
