"""
Limits are dataclasses of numbers: what all of them have in common.
"""

from __future__ import annotations

from dataclasses import fields
from math import isfinite
from typing import Any

__all__ = ["checkBounds", "checkMarks"]


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
