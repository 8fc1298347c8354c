"""
The results of a call, where they are not simply one value.
"""

from __future__ import annotations

from typing import Any

__all__ = ["Results"]


class Results(tuple[Any, ...]):
    """
    Results exactly as they are on the wire: returned by a method, they are its answer; a proxy's call gives one for
    answers of more than one value.
    """

    __slots__ = ()

    def __new__(cls, *values: Any) -> Results:
        return super().__new__(cls, values)

    def __getnewargs__(self) -> tuple[Any, ...]:
        return tuple(self)

    def __repr__(self) -> str:
        return f"Results({', '.join(map(repr, self))})"
