"""
What can go wrong about nodes and connections.
"""

from __future__ import annotations

from jetjstp.errors import LocalProtocolError

__all__ = ["ConnectionLost", "DialFailed", "ServiceStateError", "TcpnetError", "UuidInUse"]


class TcpnetError(Exception):
    """Something about a service went wrong."""


class UuidInUse(TcpnetError):
    """Another node of the service announces the same uuid."""


class DialFailed(TcpnetError):
    """
    A node that is announced cannot be reached. It is dialled again, after waits that grow.

    @ivar uuid: Which node.
    """

    def __init__(self, uuid: str, reason: str) -> None:
        super().__init__(f"node {uuid} cannot be reached: {reason}")
        self.uuid = uuid


class ConnectionLost(TcpnetError, ConnectionError):
    """A connection did not end as it should."""


class ServiceStateError(TcpnetError, LocalProtocolError):
    """A service was asked for something that it cannot do any more, or not again."""
