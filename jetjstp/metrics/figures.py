"""
The figures of everything that runs in a process.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from jetjstp.figure import Figure

__all__ = ["Figures", "Measured"]


class Measured(Protocol):
    """Whatever has figures: a L{jetjstp.jet.Daemon}, a server of L{jetjstp.jstp}."""

    def figures(self) -> list[Figure]:
        """Read them."""


class Figures:
    """
    The figures of a daemon and of servers together.

    What several servers have alike is added up; what depends on the kind of link stays apart by it.
    """

    def __init__(self, daemon: Measured | None = None, servers: Sequence[Measured] = ()) -> None:
        self._measured = [*([] if daemon is None else [daemon]), *servers]

    def read(self) -> list[Figure]:
        """Read all, each name with the same labels once; those of a name stand together."""
        totals: dict[str, dict[tuple[tuple[str, str], ...], Figure]] = {}
        for measured in self._measured:
            for figure in measured.figures():
                same = totals.setdefault(figure.name, {})
                known = same.get(figure.labels)
                same[figure.labels] = figure if known is None else figure._replace(value=known.value + figure.value)
        return [figure for same in totals.values() for figure in same.values()]
