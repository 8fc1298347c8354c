"""
The results of a call, where they are not simply one value.
"""

from __future__ import annotations

from typing import Any

__all__ = ["EncodedResults", "Results"]


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


class EncodedResults(list[Any]):
    """
    Results that are MDSF already: returned by a method, they are sent as they are.

    @ivar text: The list of them, with its brackets; who makes it knows that peers can read it.
    """

    __slots__ = ("text",)

    def __init__(self, text: bytes) -> None:
        super().__init__()
        self.text = text
