"""
Tests for simple fetch mode (protocol page, section 11.2).
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.testing import MemoryDaemon
from tests.jet.asking import add, ask, events

FETCH_ALL = {"result": "fetch_all"}
TRUE = {"result": True}

USERS = {"joe": {"password": "s3cret", "auth": {"fetchGroups": ["staff"], "setGroups": [], "callGroups": []}}}


def failure(data: Any) -> dict[str, Any]:
    """An error answer."""
    return {"error": {"code": -32602, "message": "Invalid params", "data": data}}


class SimpleModeTests(SynchronousTestCase):
    """One unfiltered, unsorted fetch for each peer."""

    def setUp(self) -> None:
        self.memory = MemoryDaemon(fetchMode="simple", users=USERS)
        self.owner, self.peer = self.memory.connect(), self.memory.connect()
        add(self.owner, "a", "b")

    def test_info(self) -> None:
        """The info object says so."""
        self.assertEqual(ask(self.peer, "info")["result"]["features"]["fetch"], "simple")

    def test_fetch(self) -> None:
        """The answer, also the method of every notification, comes first, then all there is, then what changes."""
        self.peer.send({"id": 1, "method": "fetch"})
        add(self.owner, "c")
        self.owner.send({"method": "change", "params": {"path": "a", "value": 1}})
        self.owner.send({"method": "remove", "params": {"path": "b"}})
        answer, *rest = self.peer.received
        self.assertEqual(answer, {"id": 1, "result": "fetch_all"})
        self.assertEqual({message["method"] for message in rest}, {"fetch_all"})
        told = [("add", "a", 0), ("add", "b", 0), ("add", "c", 0), ("change", "a", 1), ("remove", "b", 0)]
        self.assertEqual(events(self.peer), told)

    def test_paramsIgnored(self) -> None:
        """Rules, ids and sorting are ignored, be they right or wrong."""
        wrong: list[Any] = [
            {"id": "x", "path": {"equals": "a"}},
            {"path": 5},
            {"sort": {"from": "x"}},
            [],
            None,
            "x",
            5,
        ]
        for params in wrong:
            peer = self.memory.connect()
            peer.send({"id": 1, "method": "fetch", "params": params})
            self.assertEqual(peer.received[0]["result"], "fetch_all")
            self.assertEqual([path for _, path, _ in events(peer)], ["a", "b"])
            peer.send({"id": 2, "method": "unfetch", "params": params})
            self.assertEqual(peer.take(), [{"id": 2, "result": True}])

    def test_oneOnly(self) -> None:
        """A second fetch is refused; what another peer fetches is its own affair."""
        self.assertEqual(ask(self.peer, "fetch"), FETCH_ALL)
        self.assertEqual(ask(self.peer, "fetch"), failure("already fetching"))
        self.assertEqual(len(events(self.peer)), 2)
        self.assertEqual(ask(self.memory.connect(), "fetch"), FETCH_ALL)

    def test_unfetch(self) -> None:
        """Without a fetch it is refused; after it nothing more is told; fetching again then works."""
        self.assertEqual(ask(self.peer, "unfetch"), failure("not fetching"))
        for _ in range(3):
            self.assertEqual(ask(self.peer, "fetch"), FETCH_ALL)
            self.assertEqual(events(self.peer), [("add", "a", 0), ("add", "b", 0)])
            self.assertEqual(ask(self.peer, "unfetch"), TRUE)
            self.owner.send({"method": "change", "params": {"path": "a", "value": 0}})
            self.assertEqual(self.peer.take(), [])
            self.assertEqual(ask(self.peer, "unfetch"), failure("not fetching"))

    def test_notification(self) -> None:
        """A fetch without an id works, and is not answered."""
        self.peer.send({"method": "fetch"}, {"method": "fetch"}, {"method": "unfetch"}, {"method": "unfetch"})
        self.assertEqual([message["method"] for message in self.peer.take()], ["fetch_all", "fetch_all"])
        self.assertEqual(ask(self.peer, "fetch"), FETCH_ALL)

    def test_get(self) -> None:
        """Get filters and sorts as usual."""
        found = [{"path": "b", "event": "add", "value": 0}]
        self.assertEqual(ask(self.peer, "get", path={"equals": "b"}), {"result": found})
        window = [{"path": "b", "index": 1, "value": 0}, {"path": "a", "index": 2, "value": 0}]
        self.assertEqual(ask(self.peer, "get", sort={"descending": True}), {"result": window})

    def test_access(self) -> None:
        """Access rules and flags hold as usual."""
        ask(self.owner, "add", path="staff", value=1, access={"fetchGroups": ["staff"], "setGroups": ["boss"]})
        ask(self.owner, "add", path="boss", value=1, access={"fetchGroups": ["boss"]})
        self.assertEqual(ask(self.peer, "fetch"), FETCH_ALL)
        self.assertEqual(len(events(self.peer)), 2)
        self.assertEqual(
            ask(self.peer, "authenticate", user="joe", password="s3cret"), failure({"alreadyFetching": True})
        )
        ask(self.peer, "unfetch")
        self.assertIn("result", ask(self.peer, "authenticate", user="joe", password="s3cret"))
        self.assertEqual(ask(self.peer, "fetch"), FETCH_ALL)
        last = {"path": "staff", "event": "add", "value": 1, "fetchOnly": True}
        self.assertEqual(self.peer.take()[-1], {"method": "fetch_all", "params": last})
