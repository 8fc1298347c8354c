"""
Packets: what is flooded, and the lines that carry it (protocol page, sections
3, 4 and 5).
"""

from __future__ import annotations

from random import Random
from re import ASCII, compile
from typing import Any, NamedTuple

from jetjstp.smokesignal.ids import MOST_PACKET_ID, newId
from jetjstp.smokesignal.normal import Reader, digest, encode, hexMd5, write

__all__ = ["Line", "LineReader", "isPacketId", "ownPacket"]

# Anything that is normal and no escape in the id looks like this. What follows is looked at only if the id is new.
_usual = compile(r'\["smoke","(broadcast|ping|peer request)",\{"id":"([ !#-\[\]-~]{1,256})","data":', ASCII).match


class Line(NamedTuple):
    """
    A line that is a message of the namespace.

    @ivar name: What follows C{"smoke"}, if that is a string.
    @ivar elements: All elements.
    """

    name: str
    elements: list[Any]

    @property
    def data(self) -> Any:
        """The last element."""
        return self.elements[-1]


class LineReader:
    """Reads lines, and finds out what they are to be forwarded as. For the last line read, L{hashOf} and L{frame}."""

    __slots__ = ("_isUsual", "_raw", "_reader", "_start", "_text")

    def __init__(self) -> None:
        self._reader = Reader()
        self._raw = b""
        self._text = ""
        self._start = 0
        self._isUsual = False

    def idOf(self, raw: bytes) -> str | None:
        """
        Take a line, and find its packet id without reading all of it.

        @return: The id; L{None} if it takes L{read} to find that.
        """
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            # As the reference does; the hash is that of what was read.
            text = raw.decode("utf-8", "replace")
            raw = text.encode()
        self._raw = raw
        self._text = text
        match = _usual(text)
        if match is None:
            self._isUsual = False
            return None
        self._isUsual = True
        self._start = match.end()
        return match[2]

    def read(self) -> Line | None:
        """
        Read the line that was taken.

        @return: L{None} if it is a list, and no message of the namespace.
        @raise ValueError: It is no JSON, or no list.
        @raise RecursionError: It is nested too deeply.
        """
        elements = self._reader.read(self._text)
        if not isinstance(elements, list):
            raise ValueError("not a list")
        if len(elements) < 3 or elements[0] != "smoke" or not isinstance(elements[1], str):
            return None
        return Line(elements[1], elements)

    def hashOf(self, line: Line) -> tuple[str, bytes]:
        """
        The hash of a packet's data, and the frame to forward it with: what was received, if that is normal.

        @raise RecursionError: The data are nested too deeply.
        """
        normal = self._reader.normal(line.data["data"])
        text, start = self._text, self._start
        # The length shows that no other member is behind the data.
        if self._isUsual and len(text) == start + len(normal) + 2 and text.startswith(normal, start):
            return hexMd5(normal.encode()), self._raw + b"\n"
        return digest(normal), encode(self._reader.normal(line.elements)) + b"\n"


def isPacketId(value: object) -> bool:
    """Whether it is a string that may be remembered."""
    return isinstance(value, str) and len(value) <= MOST_PACKET_ID


def ownPacket(name: str, nodeId: str, data: object, random: Random) -> tuple[str, bytes]:
    """
    Make a packet.

    @return: Its id, and its frame.
    @raise TypeError: The data are no JSON value.
    @raise ValueError: A number is not finite.
    @raise RecursionError: They are nested too deeply.
    """
    normal = encode(write(data, strict=True))
    id = f"{nodeId}-{newId(random)}-{hexMd5(normal)}"
    frame = b'["smoke","%b",{"id":%b,"data":%b}]\n' % (name.encode(), encode(write(id)), normal)
    return id, frame
