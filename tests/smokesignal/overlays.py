"""Nodes in memory, and what they tell."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import smokesignal
from jetjstp.testing import MemoryNetwork

PORT = 8495

EVENTS = ("connect", "disconnect", "new peer", "netsplit", "netsplit resolved", "error")


FIRST = "10.0.0.1"


def addressOf(number: int) -> str:
    """Where the node of that number lives."""
    return f"10.0.0.{number}"


class Logger:
    """Keeps log lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, str]] = []

    def __getattr__(self, level: str) -> Any:
        if level not in ("debug", "info", "warn", "error"):
            raise AttributeError(level)
        return lambda text: self.lines.append((level, text))


class OverlayTestCase(SynchronousTestCase):
    """Tests of nodes at addresses of one network."""

    def setUp(self) -> None:
        """Make the network."""
        self.network = MemoryNetwork()
        self.clock = self.network.clock

    def node(self, number: int = 1, *, seeds: Any = (FIRST,), **options: Any) -> smokesignal.Node:
        """Make a node. Its seeds are addresses; its logger is a L{Logger}."""
        options = {"port": PORT, "logger": Logger(), **options}
        return smokesignal.createNode(
            address=addressOf(number),
            seeds=[(seed, PORT) if isinstance(seed, str) else seed for seed in seeds],
            network=self.network,
            reactor=self.clock,
            **options,
        )

    def start(self, number: int = 1, **options: Any) -> smokesignal.Node:
        """Make a node, and start it."""
        node = self.node(number, **options)
        self.assertIs(self.successResultOf(node.start()), node)
        self.network.flush()
        return node

    def pair(self, **options: Any) -> tuple[smokesignal.Node, smokesignal.Node]:
        """Two nodes that are peers."""
        first, second = self.start(1, **options), self.start(2, **options)
        self.assertEqual([len(node.peerlist) for node in (first, second)], [1, 1])
        return first, second

    def stop(self, node: smokesignal.Node) -> None:
        """Stop a node, and wait until it has."""
        stopped: Deferred[None] = node.stop()
        self.network.flush()
        self.successResultOf(stopped)

    def listen(self, node: smokesignal.Node) -> list[tuple[Any, ...]]:
        """What a node and its list of peers tell, from now on."""
        told: list[tuple[Any, ...]] = []
        for name in EVENTS:
            node.on(name, lambda *args, name=name: told.append((name, *args)))  # type: ignore[call-overload]
        node.peerlist.on("add", lambda peer: told.append(("add", peer)))
        node.peerlist.on("remove", lambda peer: told.append(("remove", peer)))
        return told
