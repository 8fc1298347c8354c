"""
One number about what is going on.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

__all__ = ["Figure"]


class Figure(NamedTuple):
    """
    A number that was read at some moment.

    @ivar name: What it counts, in words joined by underscores, the unit last; unique together with C{labels}.
    @ivar help: The same in a sentence.
    @ivar kind: A C{"counter"} only grows, from 0 when its daemon or server was made; a C{"gauge"} is what there is now.
    @ivar value: Never negative.
    @ivar labels: What it is about, of all with this name: pairs of a label and one of a few fixed words. All figures of
        a name have the same labels.
    """

    name: str
    help: str
    kind: Literal["counter", "gauge"]
    value: int
    labels: tuple[tuple[str, str], ...] = ()
