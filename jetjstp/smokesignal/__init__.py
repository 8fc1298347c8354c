"""
smokesignal: a self-organising overlay of nodes that floods events.

Each name is imported when it is first asked for: who only looks for an address
does not need TLS.
"""

from importlib import import_module
from sys import modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from twisted.internet.error import ConnectionLost

    from jetjstp.smokesignal.addresses import DefaultDialPolicy
    from jetjstp.smokesignal.broadcast import Broadcast, Packet
    from jetjstp.smokesignal.checking import Seed
    from jetjstp.smokesignal.counters import Counters
    from jetjstp.smokesignal.creating import createNode
    from jetjstp.smokesignal.errors import (
        AddPeerError,
        AlreadyPeer,
        DialFailed,
        HandshakeRefused,
        HandshakeTimeout,
        NodeStopped,
        OwnNode,
        PeerListFull,
        WrongDialect,
    )
    from jetjstp.smokesignal.limits import Limits
    from jetjstp.smokesignal.localip import localIp
    from jetjstp.smokesignal.network import Network
    from jetjstp.smokesignal.peerlist import Peer, Peerlist
    from jetjstp.smokesignal.publicnode import Node

__all__ = [
    "AddPeerError",
    "AlreadyPeer",
    "Broadcast",
    "ConnectionLost",
    "Counters",
    "DefaultDialPolicy",
    "DialFailed",
    "HandshakeRefused",
    "HandshakeTimeout",
    "Limits",
    "Network",
    "Node",
    "NodeStopped",
    "OwnNode",
    "Packet",
    "Peer",
    "PeerListFull",
    "Peerlist",
    "Seed",
    "WrongDialect",
    "createNode",
    "localIp",
]

_HOMES = {
    "Broadcast": "broadcast",
    "Counters": "counters",
    "DefaultDialPolicy": "addresses",
    "Limits": "limits",
    "Network": "network",
    "Node": "publicnode",
    "Packet": "broadcast",
    "Peer": "peerlist",
    "Peerlist": "peerlist",
    "Seed": "checking",
    "createNode": "creating",
    "localIp": "localip",
}
"""The modules of the names that are no errors."""


def __getattr__(name: str) -> object:
    """Import a public name."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=modules[__name__])
    home = "twisted.internet.error" if name == "ConnectionLost" else f"{__name__}.{_HOMES.get(name, 'errors')}"
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All public names, imported or not."""
    return sorted({*globals(), *__all__})
