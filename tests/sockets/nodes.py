"""Nodes on loopback, for tests with real sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import TestCase

from jetjstp import tcpnet
from jetjstp.discovery import Discovery
from jetjstp.memorydiscovery import MemoryDiscovery

reactor = cast(Any, globalReactor)

LOOPBACK = "127.0.0.1"


class NodesTestCase(TestCase):
    """Tests of nodes that find each other in memory, and connect over loopback. All of them end with the test."""

    timeout = 30.0
    discovery: Discovery

    def setUp(self) -> None:
        """A network without nodes."""
        self.memory = MemoryDiscovery()
        self.discovery = self.memory
        self.errors: list[Exception] = []

    def node(self, uuid: str | None = None, connection: Callable[[Any], Any] | None = None, **options: Any) -> Any:
        """A node that does not listen yet."""
        settings: dict[str, Any] = {"name": "test"} if uuid is None else {"name": "test", "uuid": uuid}
        service = tcpnet.Service(settings, connection, discovery=self.discovery, reactor=reactor, **options)
        service.on("error", self.errors.append)
        self.addCleanup(service.close)
        return service

    async def start(self, *uuids: str, **options: Any) -> list[Any]:
        """Nodes that listen."""
        nodes = [self.node(uuid, **options) for uuid in uuids]
        for node in nodes:
            await node.listen(0, LOOPBACK)
        return nodes

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait until something holds; the test's own time limit ends it."""
        while not condition():
            await deferLater(reactor, 0.005)

    async def complete(self, *nodes: Any) -> None:
        """Wait until each node has a connection with every other."""
        await self.until(lambda: all(len(node.connections) == len(nodes) - 1 for node in nodes))

    def next(self, emitter: Any, event: str) -> Deferred[Any]:
        """Fires with what the next event of that name carries."""
        fired: Deferred[Any] = Deferred()
        emitter.once(event, lambda *args: fired.callback(args[0] if args else None))
        return fired
