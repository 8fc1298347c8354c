"""
A daemon and its peers in memory, on one clock: for our tests and for yours.

Nothing waits and nothing is random: what a peer sends has been answered when
L{MemoryPeer.send} returns, and time passes when L{MemoryDaemon.clock} is advanced. Only the
wire is made up; daemon, links and framing are the real ones.

    daemon = MemoryDaemon()
    owner, reader = daemon.connect(), daemon.connect()
    owner.send({"id": 1, "method": "add", "params": {"path": "a", "value": 1}})
    reader.send({"id": 1, "method": "fetch", "params": {"id": "f"}})
    assert reader.take() == [
        {"id": 1, "result": True},
        {"method": "f", "params": {"path": "a", "event": "add", "value": 1}},
    ]

L{MemoryServer} is the same for JSTP: a server and its clients; L{MemoryNetwork} carries nodes of smokesignal, and
on L{MemoryDiscovery} nodes of tcpnet and daemons find each other.

What a session storage has to pass is in L{jetjstp.testing.storages}.
"""

from jetjstp.memorydiscovery import MemoryDiscovery
from jetjstp.testing.jet import MemoryDaemon, MemoryEndpoint, MemoryPeer, MemoryTransport
from jetjstp.testing.jstp import MemoryServer
from jetjstp.testing.smokesignal import MemoryNetwork
from jetjstp.testing.wires import BUFFER

__all__ = [
    "BUFFER",
    "MemoryDaemon",
    "MemoryDiscovery",
    "MemoryEndpoint",
    "MemoryNetwork",
    "MemoryPeer",
    "MemoryServer",
    "MemoryTransport",
]
