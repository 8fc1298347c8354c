"""
Where one message ends and the next begins, on a stream of bytes.

Pure: bytes go in, whole messages come out, and L{FrameTooLong} if a frame is
longer than its limit. How the bytes were cut on their way makes no difference,
neither to what comes out nor, but for a constant factor, to what it costs.
"""

from __future__ import annotations

from struct import Struct
from typing import Protocol

from jetjstp.errors import FrameTooLong, LocalProtocolError

__all__ = ["Framing", "LengthPrefixed", "NewlineTerminated", "NulTerminated"]


class Framing(Protocol):
    """One connection's rule for cutting bytes into messages, with the bytes of the message that is not whole yet."""

    maxLength: int
    """The longest message, in bytes, without what the framing adds."""

    def feed(self, data: bytes) -> list[bytes]:
        """
        Take bytes that arrived.

        @return: The messages that are complete now, in order.
        @raise FrameTooLong: With the messages before the frame that is too long. The framing is of no use afterwards.
        """

    @staticmethod
    def pack(payload: bytes) -> bytes:
        """
        Make the frame of one message.

        @raise LocalProtocolError: No frame can carry this message.
        """


_unpackPrefix = Struct(">I").unpack_from

# What is pending is collected in a bytearray, not in a list of pieces: a peer that sends two bytes at a time would make
# us pay for an object each, twenty times the bytes that the limit allows it.


class LengthPrefixed:
    """
    Four bytes of length, unsigned and big-endian, then that many bytes.

    A frame of length zero is no message and disappears. The limit is checked as soon as the length is known, so nothing
    of a frame that is too long is kept.
    """

    __slots__ = ("_needed", "_pending", "maxLength")

    def __init__(self, maxLength: int) -> None:
        self.maxLength = maxLength
        self._pending = bytearray()
        self._needed = 4

    def feed(self, data: bytes) -> list[bytes]:
        """See L{Framing.feed}."""
        pending = self._pending
        if pending:
            pending += data
            if len(pending) < self._needed:
                return []
            data = bytes(pending)
            pending.clear()
        messages: list[bytes] = []
        limit = self.maxLength
        size = len(data)
        lastPrefix = size - 4
        position = 0
        while position <= lastPrefix:
            length = _unpackPrefix(data, position)[0]
            if length > limit:
                raise FrameTooLong(length, limit, messages)
            start = position + 4
            end = start + length
            if end > size:
                self._needed = 4 + length
                pending += data[position:]
                return messages
            if length:
                messages.append(data[start:end])
            position = end
        if position < size:
            self._needed = 4
            pending += data[position:]
        return messages

    @staticmethod
    def pack(payload: bytes) -> bytes:
        """See L{Framing.pack}. An empty message has no frame: some peers hang when they are sent a length of zero."""
        if not payload:
            raise LocalProtocolError("an empty message cannot be sent with a length prefix")
        return len(payload).to_bytes(4, "big") + payload


class _Terminated:
    """Messages that end with a byte which they do not contain."""

    __slots__ = ("_pending", "maxLength")

    _terminator: bytes

    def __init__(self, maxLength: int) -> None:
        self.maxLength = maxLength
        self._pending = bytearray()

    def _split(self, data: bytes, slack: int) -> list[bytes]:
        """
        Cut at the terminator. The messages are not longer than the limit and the slack; the last element is what is
        still without a terminator, it is pending now.
        """
        pending = self._pending
        limit = self.maxLength + slack
        pieces = data.split(self._terminator)
        if len(pieces) == 1:
            pending += data
            if len(pending) > limit:
                raise FrameTooLong(len(pending), self.maxLength, [])
            return pieces
        if pending:
            pending += pieces[0]
            pieces[0] = bytes(pending)
            pending.clear()
        if len(pieces[0]) + len(data) > limit:
            for index, piece in enumerate(pieces):
                if len(piece) > limit:
                    raise FrameTooLong(len(piece), self.maxLength, pieces[:index])
        pending += pieces[-1]
        return pieces


class NulTerminated(_Terminated):
    """
    Messages that end with a zero byte.

    What lies between two zero bytes is an empty message, and delivered as such.
    """

    __slots__ = ()

    _terminator = b"\0"

    def feed(self, data: bytes) -> list[bytes]:
        """See L{Framing.feed}."""
        messages = self._split(data, 0)
        messages.pop()
        return messages

    @staticmethod
    def pack(payload: bytes) -> bytes:
        """See L{Framing.pack}."""
        if b"\0" in payload:
            raise LocalProtocolError("a message that ends with a zero byte cannot contain one")
        return payload + b"\0"


class NewlineTerminated(_Terminated):
    """
    Messages that are lines.

    They end with a line feed; one carriage return before it belongs to the line's end. Empty lines are no messages.
    """

    __slots__ = ()

    _terminator = b"\n"

    def feed(self, data: bytes) -> list[bytes]:
        """See L{Framing.feed}."""
        # One byte of slack: whether a carriage return counts is known only when the next byte is.
        tooLong = 0
        try:
            lines = self._split(data, 1)
            lines.pop()
            if len(self._pending) > self.maxLength and not self._pending.endswith(b"\r"):
                tooLong = len(self._pending)
        except FrameTooLong as error:
            lines = error.messages
            tooLong = error.length
        messages = self._strip(lines)
        if tooLong:
            raise FrameTooLong(tooLong, self.maxLength, messages)
        return messages

    def _strip(self, lines: list[bytes]) -> list[bytes]:
        """Remove the carriage returns, and the lines that are empty then."""
        messages: list[bytes] = []
        for line in lines:
            if line.endswith(b"\r"):
                line = line[:-1]
            if len(line) > self.maxLength:
                raise FrameTooLong(len(line), self.maxLength, messages)
            if line:
                messages.append(line)
        return messages

    @staticmethod
    def pack(payload: bytes) -> bytes:
        """See L{Framing.pack}. An empty message has no frame: the other side would take it for a blank line."""
        if not payload or b"\n" in payload or payload.endswith(b"\r"):
            raise LocalProtocolError("a line cannot be empty, contain a line feed or end with a carriage return")
        return payload + b"\n"
