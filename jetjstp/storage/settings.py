"""
What may be set of a session storage.
"""

from __future__ import annotations

from typing import Any

__all__ = ["ABANDONED", "DAY", "LONGEST_LIFETIME", "checkCount"]

DAY = 86400.0

LONGEST_LIFETIME = 3660 * DAY

ABANDONED = 30 * DAY
"""After which a session is dropped whose server was killed, by default."""


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
