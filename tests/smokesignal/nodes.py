"""
A node to talk to by hand.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.smokesignal.connections import Connection
from jetjstp.smokesignal.effects import (
    MakeConnection,
)
from jetjstp.smokesignal.messages import lineOf
from jetjstp.smokesignal.node import Node
from jetjstp.smokesignal.packets import ownPacket


class NodeTestCase(SynchronousTestCase):
    """A node at 10.0.0.1, and what is needed to talk to it."""

    def make(self, **options: Any) -> Node:
        """A node that runs."""
        self.random = Random(5)
        node = Node(address="10.0.0.1", **{"id": "mm", "agent": None, "random": Random(4), **options})
        node.start(7000, 0.0)
        return node

    def effects(self, node: Node, kind: type[Any]) -> list[Any]:
        """The effects of one kind; all of them are taken."""
        found = [effect for effect in node.effects if isinstance(effect, kind)]
        node.effects.clear()
        return found

    def tell(self, node: Node, connection: Connection, *parts: object, now: float = 0.0) -> None:
        """A line of the namespace comes in."""
        node.received(connection, [lineOf(*parts)[:-1]], now)

    def stranger(self, node: Node, now: float = 0.0, address: str = "10.0.0.9") -> Connection:
        """Somebody has connected."""
        return node.accepted(address, 4000, now)

    def join(self, node: Node, id: str, now: float = 0.0) -> Connection:
        """Somebody has connected and shaken hands."""
        connection = self.stranger(node, now)
        self.tell(node, connection, "handshake", {"id": id}, now=now)
        return connection

    def dialled(self, node: Node, now: float = 0.0) -> Connection:
        """The connection that the node wants is made."""
        (effect,) = self.effects(node, MakeConnection)
        return node.dialled(effect.dial, effect.dial.address, effect.dial.port, now)

    def said(self, connection: Connection) -> list[bytes]:
        """What waits in an outbox; it is emptied."""
        lines = connection.outbox[:]
        connection.outbox.clear()
        return lines

    def request(self, number: int, host: str = "10.0.1.") -> dict[str, object]:
        """The peer request of somebody."""
        return {"id": f"r{number}", "remoteAddress": f"{host}{number}", "remotePort": 7000}

    def packet(self, name: str, data: object) -> bytes:
        """The line of a new packet."""
        return ownPacket(name, "origin", data, self.random)[1][:-1]
