"""
JavaScript's C{undefined}, which is not null: an argument that was left out.
"""

from __future__ import annotations

from typing import Final, Literal, final

__all__ = ["UNDEFINED", "Undefined"]


@final
class Undefined:
    """The class of L{UNDEFINED}, its only instance: false, equal to nothing else, and its own copy and pickle."""

    __slots__ = ()

    def __new__(cls) -> Undefined:
        """There is one."""
        return UNDEFINED

    def __bool__(self) -> Literal[False]:
        """As in JavaScript."""
        return False

    def __repr__(self) -> str:
        """As it is written in MDSF."""
        return "undefined"

    def __reduce__(self) -> str:
        """The name of the global that it is."""
        return "UNDEFINED"


UNDEFINED: Final[Undefined] = object.__new__(Undefined)
"""What MDSF calls C{undefined}."""
