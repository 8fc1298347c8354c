"""
Why somebody did not become a peer.
"""

from __future__ import annotations

from typing import Any

from jetjstp.errors import LocalProtocolError

__all__ = [
    "AddPeerError",
    "AlreadyPeer",
    "DialFailed",
    "HandshakeRefused",
    "HandshakeTimeout",
    "NodeStopped",
    "OwnNode",
    "PeerListFull",
    "WrongDialect",
]


class AddPeerError(Exception):
    """What a node was told to dial is no peer."""


class DialFailed(AddPeerError, ConnectionError):
    """No connection could be made. The message is the reason."""


class HandshakeRefused(AddPeerError):
    """The other node ended the connection without a word: it is full, or has us as a peer already."""


class HandshakeTimeout(AddPeerError, TimeoutError):
    """The connection was made, but nobody answered the handshake."""


class PeerListFull(AddPeerError):
    """This node has as many peers as it may have."""


class AlreadyPeer(AddPeerError):
    """
    The node that answered is a peer already.

    @ivar peer: That peer.
    """

    def __init__(self, message: str, peer: Any) -> None:
        super().__init__(message)
        self.peer = peer


class OwnNode(AddPeerError):
    """This node has dialled itself."""


class NodeStopped(AddPeerError):
    """This node does not run, or was stopped before the other one answered."""


class WrongDialect(LocalProtocolError):
    """A broadcast in a form that ends the processes of the nodes that are said to be about."""
