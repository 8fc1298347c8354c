"""
smokesignal: a self-organising overlay of nodes that floods events.

Each name is imported when it is first asked for: who only looks for an address
does not need TLS.
"""

from typing import TYPE_CHECKING

from jetjstp.lazynames import lazyNames

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
    "Broadcast": "jetjstp.smokesignal.broadcast",
    "Counters": "jetjstp.smokesignal.counters",
    "DefaultDialPolicy": "jetjstp.smokesignal.addresses",
    "Limits": "jetjstp.smokesignal.limits",
    "Network": "jetjstp.smokesignal.network",
    "Node": "jetjstp.smokesignal.publicnode",
    "Packet": "jetjstp.smokesignal.broadcast",
    "Peer": "jetjstp.smokesignal.peerlist",
    "Peerlist": "jetjstp.smokesignal.peerlist",
    "Seed": "jetjstp.smokesignal.checking",
    "createNode": "jetjstp.smokesignal.creating",
    "localIp": "jetjstp.smokesignal.localip",
    "ConnectionLost": "twisted.internet.error",
}
"""The modules of the names that are no errors."""

__getattr__, __dir__ = lazyNames(__name__, __all__, _HOMES, "jetjstp.smokesignal.errors")
