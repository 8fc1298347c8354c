"""
The two kinds of protocol error, which every system here subclasses.

An error tells whose fault it is: a L{LocalProtocolError} is a mistake of the
program that uses us, a L{RemoteProtocolError} one of the peer. Malformed input
from the network raises nothing else.
"""

from __future__ import annotations

__all__ = ["FrameTooLong", "LocalProtocolError", "ProtocolError", "RemoteProtocolError"]


class ProtocolError(Exception):
    """A rule of a wire protocol was broken."""


class LocalProtocolError(ProtocolError):
    """This program asked for something that the protocol does not allow."""


class RemoteProtocolError(ProtocolError):
    """The peer sent something that the protocol does not allow."""


class FrameTooLong(RemoteProtocolError):
    """
    A frame is, or announces that it will be, longer than the limit.

    @ivar messages: The messages that were complete before the offending frame;
        they are still to be handled, the connection is then of no use any more.
    """

    def __init__(self, length: int, limit: int, messages: list[bytes]) -> None:
        super().__init__(f"a frame of {length} bytes exceeds the limit of {limit}")
        self.length = length
        self.limit = limit
        self.messages = messages
