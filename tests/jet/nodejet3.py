"""
What the tests of node-jet 3's dialect share: its peers, and how they are answered.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.testing import MemoryDaemon, MemoryPeer

__all__ = [
    "GREETING",
    "USERS",
    "DialectTestCase",
    "done",
    "failed",
    "notAllowed",
    "refused",
    "speaking3",
    "told",
]

GREETING = {"id": "1", "method": "info", "params": {}}
URL = "https://github.com/lipp/node-jet/blob/master/doc/peer.markdown#jet"
ARGUMENT = "The provided argument(s) have been refused by the State/Method"
USERS = {
    "root": {"password": "pw", "auth": {"fetchGroups": ["admin"], "setGroups": ["admin"], "callGroups": ["admin"]}},
    "guest": {"password": "pw", "auth": {"fetchGroups": ["guests"]}},
}


def done(id: str) -> dict[str, Any]:
    """The answer to what was done."""
    return {"id": id, "result": {}}


def failed(id: str, code: int, name: str, message: str, details: str) -> dict[str, Any]:
    """The answer to what was not done."""
    name = f"jet.{name}"
    data = {"name": name, "url": URL + name.lower().removeprefix("jet."), "details": details}
    return {"id": id, "error": {"code": code, "message": message, "data": data, "name": name}}


def notAllowed(id: str, path: str) -> dict[str, Any]:
    """The answer to who is not the owner."""
    return failed(id, -32600, "NotAllowed", "Not allowed", path)


def refused(id: str, details: str) -> dict[str, Any]:
    """The answer to a wrong argument."""
    return failed(id, -32602, "InvalidArgument", ARGUMENT, details)


def told(fetch: str, event: str, path: str, *value: Any) -> dict[str, Any]:
    """A notification; one argument more is its value."""
    return {"method": fetch, "params": {"path": path, "event": event, **({"value": value[0]} if value else {})}}


def speaking3(memory: MemoryDaemon) -> MemoryPeer:
    """A new peer that has been recognised."""
    peer = memory.connect()
    peer.send(GREETING)
    peer.take()
    return peer


class DialectTestCase(SynchronousTestCase):
    """A daemon with one peer of each dialect."""

    def setUp(self) -> None:
        """Connect them."""
        self.memory = MemoryDaemon(users=USERS)
        self.three = speaking3(self.memory)
        self.two = self.memory.connect()

    def ask(self, peer: MemoryPeer, method: str, **params: Any) -> Any:
        """Send a request with the id C{"a"}; what the peer gets."""
        peer.send({"id": "a", "method": method, "params": params})
        return peer.take()
