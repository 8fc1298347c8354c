"""
What may be set of a session storage.
"""

from __future__ import annotations

from math import isfinite
from typing import Any

__all__ = ["ABANDONED", "DAY", "LONGEST_LIFETIME", "checkCount", "checkSeconds"]

DAY = 86400.0

LONGEST_LIFETIME = 3660 * DAY

ABANDONED = 30 * DAY
"""After which a session is dropped whose server was killed, by default."""


def checkSeconds(name: str, value: Any, upper: float) -> None:
    """
    Refuse a time that nobody can mean.

    @raise TypeError: It is no number.
    @raise ValueError: It is out of range; if it may be milliseconds, the message says so.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name}: {value!r} is not a number")
    if value > upper and isfinite(value):
        raise ValueError(f"{name}: {value} is out of range; seconds; did you mean {value / 1000}?")
    if not 0 < value <= upper:
        raise ValueError(f"{name}: {value} is out of range; seconds, above 0 and at most {upper}")


def checkCount(name: str, value: Any) -> None:
    """
    Refuse what is no number of things.

    @raise TypeError: It is no integer.
    @raise ValueError: It is none.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name}: {value!r} is not an integer")
    if value < 1:
        raise ValueError(f"{name}: {value} is out of range, it is at least 1")
