"""
Several servers that share a session storage.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp import Application, Connection, Server, SimpleSessionStorageProvider, net

__all__ = ["DurabilityTestCase"]


class DurabilityTestCase(SynchronousTestCase):
    """
    Servers that share a storage.

    @ivar heard: The events that their application was told of: who heard it, and its argument.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.storage = SimpleSessionStorageProvider(reactor=self.clock)
        self.heard: list[tuple[str, Any]] = []
        self.connections: dict[str, Connection] = {}
        self.servers: list[Server] = []

    def tearDown(self) -> None:
        for server in self.servers:
            self.successResultOf(server.close())
        self.storage.close()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def serve(self, name: str, storage: Any = None, mode: Any = "always", isWatched: bool = True) -> Server:
        """
        A server.

        @param isWatched: Whether it has to leave nothing behind.
        """

        def hear(connection: Connection, argument: Any) -> None:
            self.heard.append((name, argument))
            connection.emitRemoteEvent("e", "echo", [argument])

        application = Application("app", {"i": {"same": lambda connection, x: x}}, {"e": {"say": hear}})
        server = net.createServer(
            [application],
            sessionStorageProvider=self.storage if storage is None else storage,
            sessionDurability=mode,
            reactor=self.clock if isWatched else Clock(),
        )
        for event in ("connect", "reconnect"):
            server.on(event, lambda connection: self.connections.__setitem__(name, connection))
        if isWatched:
            self.servers.append(server)
        return server
