"""
Tests for L{jetjstp.jet.ownstates}: what a daemon shows of its own, and to whom.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.framing import LengthPrefixed
from jetjstp.jet.limits import Limits
from jetjstp.testing import MemoryDaemon, MemoryPeer
from tests.jet.asking import ask, events
from tests.jet.nodejet3 import GREETING

USERS = {
    "ann": {"password": "x", "auth": {"fetchGroups": ["ops"], "setGroups": ["ops"], "callGroups": ["ops"]}},
    "bob": {"password": "x", "auth": {"fetchGroups": ["staff"], "setGroups": ["staff"], "callGroups": ["staff"]}},
}


def refusal(reason: str, path: str) -> dict[str, Any]:
    """The answer to what the daemon does not do, as L{ask} gives it."""
    return {"error": {"code": -32602, "message": "Invalid params", "data": {reason: path}}}


class OwnStatesTests(SynchronousTestCase):
    """States of a daemon, seen by those who may see them and by those who may not."""

    def setUp(self) -> None:
        self.start()

    def start(self, **options: Any) -> None:
        """A new daemon."""
        self.memory = MemoryDaemon(users=USERS, **options)
        self.daemon = self.memory.daemon
        self.states = self.daemon.ownStates("ops")

    def connect(self, user: str | None) -> MemoryPeer:
        """A peer that has logged in, or with L{None} has not."""
        peer = self.memory.connect()
        if user is not None:
            self.assertIn("result", ask(peer, "authenticate", user=user, password="x"))
        return peer

    def test_update(self) -> None:
        """Fetches of those who may see it are told of what comes, changes and goes, and of nothing that stays."""
        peer = self.connect("ann")
        ask(peer, "fetch", id="f")
        self.states.update({"a": 1, "b": {"x": 1}, "c/d": "e"})
        self.assertEqual(
            events(peer),
            [("add", "$daemon/a", 1), ("add", "$daemon/b", {"x": 1}), ("add", "$daemon/c/d", "e")],
        )
        self.states.update({"a": 1, "b": {"x": 2}})
        self.assertEqual(events(peer), [("remove", "$daemon/c/d", "e"), ("change", "$daemon/b", {"x": 2})])
        self.states.update({"a": 1, "b": {"x": 2}})
        self.assertEqual(peer.take(), [])
        self.states.clear()
        self.assertEqual([event for event, _, _ in events(peer)], ["remove", "remove"])

    def test_fetchOnly(self) -> None:
        """They are marked as what can only be fetched."""
        self.states.update({"a": 1})
        self.assertEqual(
            ask(self.connect("ann"), "get"),
            {"result": [{"path": "$daemon/a", "event": "add", "value": 1, "fetchOnly": True}]},
        )

    def test_hidden(self) -> None:
        """Nobody else fetches them, plainly, sorted or by rules for values, nor gets them."""
        self.states.update({"a": 1})
        for user in (None, "bob"):
            peer = self.connect(user)
            ask(peer, "fetch", id="plain")
            ask(peer, "fetch", id="exact", path={"equals": "$daemon/a"})
            ask(peer, "fetch", id="value", value={"greaterThan": 0})
            ask(peer, "fetch", id="sorted", sort={"byPath": True, "from": 1, "to": 10})
            peer.take()
            self.states.update({"a": 2})
            self.states.update({"b": 3})
            self.assertEqual(peer.take(), [])
            self.assertEqual(ask(peer, "get", path={"startsWith": "$daemon/"}), {"result": []})
            sort = {"byPath": True, "from": 1, "to": 10}
            self.assertEqual(ask(peer, "get", sort=sort), {"result": []})
            self.states.update({"a": 1})

    def test_sorted(self) -> None:
        """Those who may see them may sort them."""
        self.states.update({"a": 1, "b": 2})
        peer = self.connect("ann")
        ask(peer, "fetch", id="f", sort={"byValue": "number", "descending": True, "from": 1, "to": 1})
        self.assertEqual(peer.take()[-1]["params"]["changes"][0]["path"], "$daemon/b")

    def test_setAndCall(self) -> None:
        """They cannot be set, called, changed or removed by anybody."""
        self.states.update({"a": 1})
        path = "$daemon/a"
        for user, reason in (("ann", "fetchOnly"), ("bob", "noAccess"), (None, "noAccess")):
            peer = self.connect(user)
            self.assertEqual(ask(peer, "set", path=path, value=2), refusal(reason, path))
            self.assertEqual(ask(peer, "call", path=path), refusal(reason, path))
            self.assertEqual(ask(peer, "change", path=path, value=2), refusal("foreignPath", path))
            self.assertEqual(ask(peer, "remove", path=path), refusal("foreignPath", path))
            self.assertEqual(ask(peer, "set", path="$daemon/z", value=2), refusal("pathNotExists", "$daemon/z"))
        self.assertEqual(ask(self.connect("ann"), "get")["result"][0]["value"], 1)

    def test_add(self) -> None:
        """Nobody adds anything there, nor learns by it whether there is something."""
        self.states.update({"a": 1})
        for user in ("ann", None):
            peer = self.connect(user)
            for path in ("$daemon/a", "$daemon/b"):
                self.assertEqual(ask(peer, "add", path=path, value=1), refusal("noAccess", path))

    def test_login(self) -> None:
        """Who of node-jet 3 logs in while fetching is told of them then."""
        self.states.update({"a": 1})
        peer = self.memory.connect()
        peer.send(GREETING)
        peer.send({"id": "2", "method": "fetch", "params": {"id": "f", "path": {"startsWith": "$"}}})
        self.assertEqual(events(peer), [])
        peer.send({"id": "3", "method": "authenticate", "params": {"user": "ann", "password": "x"}})
        self.assertEqual(events(peer), [("Add", "$daemon/a", 1)])

    def test_noPeer(self) -> None:
        """Their owner is no peer, and they are not counted as elements of peers."""
        told: list[Any] = []
        self.daemon.on("connection", told.append)
        self.states.update({"a": 1})
        self.assertEqual((told, self.daemon.peers), ([], []))
        values = {(each.name, *each.labels): each.value for each in self.daemon.figures()}
        self.assertEqual(values["jet_elements", ("kind", "state")], 0)
        self.assertEqual(values["jet_peers", ("link", "other")], 0)

    def test_limits(self) -> None:
        """The limit to what one peer may own is none for the daemon."""
        self.start(limits=Limits(elementsPerPeer=1))
        self.states.update({str(number): number for number in range(5)})
        self.assertEqual(len(ask(self.connect("ann"), "get")["result"]), 5)

    def test_slowPeer(self) -> None:
        """A peer that does not read gets the newest values when it does."""
        self.start(limits=Limits(highWater=1000))
        peer = self.connect("ann")
        ask(peer, "fetch", id="f")
        peer.stopReading()
        peer.send({"id": "filling", "method": "echo", "params": "x" * 100_000})
        for number in range(1000):
            self.states.update({"a": number})
        peer.startReading()
        self.memory.flush()
        told = events(peer)
        self.assertLess(len(told), 100)
        self.assertEqual(told[-1], ("change", "$daemon/a", 999) if len(told) > 1 else ("add", "$daemon/a", 999))

    def test_survivesClosing(self) -> None:
        """They are there again when the daemon listens anew."""
        self.states.update({"a": 1})
        self.successResultOf(self.daemon.close())
        self.memory.daemon.listen(endpoints=[self.memory._endpoint])
        self.assertEqual(len(ask(self.connect("ann"), "get")["result"]), 1)

    def test_twoGroups(self) -> None:
        """There may be several, for other groups; a path belongs to one of them."""
        others = self.daemon.ownStates("staff")
        self.states.update({"a": 1})
        others.update({"b": 2})
        error = self.assertRaises(ValueError, others.update, {"b": 3, "a": 3})
        self.assertIn("$daemon/a", str(error))
        for user, path, value in (("ann", "$daemon/a", 1), ("bob", "$daemon/b", 2)):
            found = ask(self.connect(user), "get")["result"]
            self.assertEqual([(each["path"], each["value"]) for each in found], [(path, value)])

    def test_unsendable(self) -> None:
        """A value that JSON cannot say changes nothing."""
        self.states.update({"a": 1})
        self.assertRaises(TypeError, self.states.update, {"a": 2, "b": object()})
        found = ask(self.connect("ann"), "get")["result"]
        self.assertEqual([(each["path"], each["value"]) for each in found], [("$daemon/a", 1)])

    def test_group(self) -> None:
        """A group is a text that is not empty."""
        for group in ("", None, ["ops"]):
            self.assertIn(repr(group), str(self.assertRaises(ValueError, self.daemon.ownStates, group)))

    def test_oneWrite(self) -> None:
        """All that is told of one update goes out in one piece."""
        peer = self.connect("ann")
        ask(peer, "fetch", id="f")
        peer.stopReading()
        self.states.update({"a": 1, "b": 2})
        data = bytes(peer.transport.unread)
        paths = [json.loads(each)["params"]["path"] for each in LengthPrefixed(1000).feed(data)]
        self.assertEqual(paths, ["$daemon/a", "$daemon/b"])
