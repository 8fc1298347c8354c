"""
A JSTP server and its clients in memory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.task import Clock

from jetjstp.jstp import net
from jetjstp.jstp.client import Client
from jetjstp.jstp.connection import Connection
from jetjstp.jstp.dialing import AppName, Proxies
from jetjstp.jstp.server import Server
from jetjstp.testing.wires import ClientEndpoint, Place, Wires

__all__ = ["MemoryServer"]


class MemoryServer:
    """
    A JSTP server that clients in memory connect to, all on one clock. Server, clients and sessions are the real ones.

        memory = MemoryServer(lambda clock: jstp.net.createServer([sums], reactor=clock))
        connecting = memory.connectAndInspect("sums", None, ["calc"])
        connection, proxies = self.successResultOf(connecting)
        adding = proxies["calc"].add(1, 2)
        memory.flush()
        self.assertEqual(self.successResultOf(adding), 3)

    @ivar server: The server, another one after each L{start}.
    @ivar clock: Its time and that of the clients, which stands still until it is advanced.
    """

    def __init__(self, makeServer: Callable[[Clock], Server]) -> None:
        """
        @param makeServer: Makes the server, with C{net.createServer}, as it would be made for real, but on this clock.
            Called now and by L{start}.
        """
        self.clock = Clock()
        self._makeServer = makeServer
        self._wires = Wires(self.clock)
        self.start()

    def start(self) -> None:
        """Start a server, after L{stop}. What it knows of its predecessor's sessions is up to its storage."""
        self.server = self._makeServer(self.clock)
        self._wires.endpoint = Place()
        self.server.listen(self._wires.endpoint)

    def stop(self) -> None:
        """Close the server, as if it were shut down in order: sessions are stored, connections refused from now on."""
        self.server.close()
        self.flush()

    def endpoint(self, host: str = "192.0.2.2") -> IStreamClientEndpoint:
        """Where the server is, for C{net.connect(..., reactor=memory.clock)} and its like; as if from C{host}."""
        return ClientEndpoint(self._wires, host)

    def connect(
        self, app: AppName, client: Client | None = None, *, host: str = "192.0.2.2", **options: Any
    ) -> Deferred[Connection]:
        """
        Connect, as L{net.connect<jetjstp.jstp.net.connect>} does; it has fired unless somebody takes their time.

        @param host: Where the client seems to be.
        """
        connecting = net.connect(app, client, self.endpoint(host), reactor=self.clock, **options)
        self.flush()
        return connecting

    def connectAndInspect(
        self,
        app: AppName,
        client: Client | None,
        interfaces: Iterable[str],
        *,
        host: str = "192.0.2.2",
        **options: Any,
    ) -> Deferred[tuple[Connection, Proxies]]:
        """The same with interfaces, as L{net.connectAndInspect<jetjstp.jstp.net.connectAndInspect>}."""
        connecting = net.connectAndInspect(app, client, interfaces, self.endpoint(host), reactor=self.clock, **options)
        self.flush()
        return connecting

    def flush(self) -> None:
        """Deliver everything that was sent, and what is sent then, without letting time pass."""
        self.clock.advance(0)

    def cut(self) -> None:
        """End all connections, as if a cable broke. What was not delivered is lost; clients come back after a while."""
        self._wires.cut()
