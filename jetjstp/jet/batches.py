"""
Arrays of messages, taken apart a piece at a time: ten megabytes may hold millions of members.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator

from jetjstp.jet.jsontext import Structure, checkJson, itemsOf

__all__ = ["PIECE", "Batch", "objectsOf"]

PIECE = 16 * 1024
"""Bytes after which a batch is cut at the next occasion: what is in them is taken apart in about a millisecond."""

_BLANK = b" \t\n\r"
_REST = re.compile(rb'[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?|[\[\]{},]', re.DOTALL)
_OPENING = (b"[", b"{")
_CLOSING = (b"]", b"}")


def objectsOf(text: bytes) -> list[bytes]:
    """
    The members of an array that are objects, as text. All others are of no meaning.

    @raise UNREADABLE: It is not a JSON array.
    """
    return [item for item in itemsOf(text) if item.lstrip()[:1] == b"{"]


class Batch:
    """An array of messages as it came. First it is to be looked through with L{survey}, then L{take} gives them."""

    def __init__(self, text: bytes, depth: int) -> None:
        """
        @param depth: How deep arrays and objects may nest.
        """
        self._text = text.strip(_BLANK)
        self._depth = depth
        self._pieces: deque[tuple[int, int]] = deque()

    def __bool__(self) -> bool:
        """Whether there is something to take."""
        return bool(self._pieces)

    def survey(self) -> Iterator[None]:
        """
        See whether it is a JSON array, and where it can be cut. Yields between steps.

        An array is JSON if, and only if, the pieces between some of its commas are, each in brackets of its own, and
        none is empty. So nothing wrong can follow if what is no JSON is cut at the wrong place.

        @raise UNREADABLE: It is not JSON, or nests too deeply.
        """
        text, pieces = self._text, self._pieces
        end = len(text) - 1
        if end < 1 or not (text.startswith(b"[") and text.endswith(b"]")):
            raise ValueError("not an array")
        structure = Structure(self._depth, 1)
        start = at = 1
        while at < end:
            cut = text.find(b",", at + PIECE, end)
            if cut < 0:
                cut = end
            # A comma is never in the middle of an escape sequence, so each part can be read by itself.
            structure.read(text[at:cut])
            if cut < end and (structure.inString or structure.level > 1):
                at, cut = cut, _cutAfter(text, cut, min(cut + PIECE, end), structure)
                structure.read(text[at:cut])
            if structure.isTooDeep:
                raise ValueError("nested too deeply")
            if cut == end or (structure.level == 1 and not structure.inString):
                piece = text[start:cut]
                checkJson(b"[" + piece + b"]")
                if not piece.strip(_BLANK) and (pieces or cut < end):
                    raise ValueError("a member is missing")
                pieces.append((start, cut))
                start = cut + 1
            at = cut
            yield

    def take(self) -> list[bytes]:
        """Some more of its members that are objects, in order, as text; maybe none."""
        start, cut = self._pieces.popleft()
        return objectsOf(b"[" + self._text[start:cut] + b"]")


def _cutAfter(text: bytes, at: int, end: int, structure: Structure) -> int:
    """The first comma between two members of the outermost array; C{at} itself if there is none."""
    found = at
    if structure.inString:
        rest = _REST.match(text, at, end)
        if rest is None:
            return at
        found = rest.end()
    level = structure.level
    for token in _TOKEN.finditer(text, found, end):
        kind = token.group()
        if kind in _OPENING:
            level += 1
        elif kind in _CLOSING:
            level -= 1
        elif kind == b"," and level == 1:
            return token.start()
    return at
