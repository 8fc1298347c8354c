"""Our peer on cjet as it was recorded, each recorded peer replaced by ours in turn; and below its limit."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import jet
from tests.jet.peer.cjetseat import LIMIT, SCENARIOS, Seat
from tests.jet.peer.scripted import CJET, ScriptedDaemon

NEVER_SENT = {
    "cjet-malformed": "ours sends JSON objects only",
    "cjet-malformed-batch": "ours sends cjet no arrays",
    "cjet-response-id": "ours answers with the id that it was asked with, which is a string",
    "cjet-zero-length": "ours sends no empty frames",
}
"""Scenarios that are about what only a handmade peer sends."""

PREDICATES = frozenset(("containsOneOf", "containsNot", "equalsOneOf", "startsNotWith"))


def refusedPathRules() -> Iterator[dict[str, Any]]:
    """The path rules that cjet was recorded to refuse, and that applications may well use."""
    lines = SCENARIOS["cjet-fetch-rules"]
    refused = {line["msg"]["id"] for line in lines if line.get("dir") == "<" and "error" in line["msg"]}
    for line in lines:
        if line.get("dir") == ">" and line["msg"]["id"] in refused and line["msg"]["method"] == "fetch":
            rule = line["msg"]["params"].get("path")
            if isinstance(rule, dict) and rule and rule.keys() <= PREDICATES:
                yield rule


def add(path: str, value: Any = None, **more: Any) -> jet.Notification:
    """What the handler of a fetch is told when something is there."""
    return jet.Notification(path, "add", value, **more)


class CjetTests(SynchronousTestCase):
    """Each scenario, with each of its peers replaced by ours."""

    def play(self, name: str) -> dict[str, Seat]:
        """Play a scenario once for each peer."""
        start, *lines = SCENARIOS[name]
        seats = {peer: Seat(self, peer, lines) for peer in start["peers"]}
        for seat in seats.values():
            seat.play()
        return seats

    def test_everyScenario(self) -> None:
        """Every scenario that our peer can come into is played, and what the others are is said."""
        own = {"cjet-message-limit", "cjet-fetch-order", "cjet-fetch-rules", "cjet-get", "cjet-auth"}
        for name in SCENARIOS.keys() - NEVER_SENT.keys() - own:
            self.play(name)

    def test_order(self) -> None:
        """What is told before the answer to the fetch arrives; flags are told once, with the add."""
        seat = self.play("cjet-fetch-order")["B"]
        self.assertEqual(
            seat.told["f"],
            [
                add("s", 1),
                add("ro", 2, fetchOnly=True),
                add("m", isMethod=True),
                jet.Notification("ro", "change", 3),
                jet.Notification("ro", "remove", 3),
            ],
        )

    def test_rules(self) -> None:
        """Path rules that cjet knows go to it, value rules and sorting are done here."""
        told = self.play("cjet-fetch-rules")["B"].told
        for name in ("f0", "f1", "f2"):
            self.assertEqual(told[name], [add("s", 1)], name)
        self.assertEqual(told["v"], [])
        self.assertEqual(told["vf"], [])
        self.assertEqual(told["sorted"], [[("s", 1)]])

    def test_refusedRules(self) -> None:
        """Path rules that cjet refuses are not sent, and followed here all the same."""
        count = 0
        for rule in refusedPathRules():
            count += 1
            daemon = ScriptedDaemon()
            peer = daemon.connected(CJET)
            told: list[Any] = []
            fetcher = jet.Fetcher().expression({"path": rule})
            fetcher.on("data", told.append)
            peer.fetch(fetcher)
            asked = daemon.take()[0]
            self.assertEqual(asked["params"], {"id": asked["params"]["id"]}, rule)
            for path in ("s", "x"):
                daemon.send({"method": asked["params"]["id"], "params": {"path": path, "event": "add", "value": 1}})
            self.assertEqual(told, [add("s", 1)], rule)
        self.assertEqual(count, 4)

    def test_get(self) -> None:
        """What get gives, of states only."""
        results = self.play("cjet-get")["B"].results
        self.assertEqual(results[0], [add("s", 1)])

    def test_access(self) -> None:
        """What may not be seen is not told; logging in again after the fetch has ended helps."""
        self.assertEqual(self.play("cjet-auth")["B"].told["f"], [add("g", 1)])

    def test_login(self) -> None:
        """A login that is accepted, with true; and one that is not."""
        for answer in ({"result": True}, {"error": {"code": -32602, "data": {"invalid credentials": "adm"}}}):
            daemon = ScriptedDaemon()
            peer = daemon.peer(user="adm", password="pw")
            connecting = peer.connect()
            daemon.welcome(CJET)
            (asked,) = daemon.take()
            daemon.send({"id": asked["id"], **answer})
            if "result" in answer:
                self.assertIsNone(self.successResultOf(connecting))
                self.assertIs(peer.access, True)
            else:
                self.failureResultOf(connecting, jet.InvalidCredentials)


class LimitTests(SynchronousTestCase):
    """cjet ends the connection at the first message above its limit, so ours does not send it."""

    def setUp(self) -> None:
        """Connect."""
        self.daemon = ScriptedDaemon()
        self.peer = self.daemon.connected(CJET)
        self.errors: list[Any] = []
        self.peer.on("error", self.errors.append)

    def assertRefused(self, waiting: Deferred[Any]) -> None:
        """It fails with an error that names the limit, nothing was sent and the connection is there still."""
        error = self.failureResultOf(waiting, jet.LimitExceeded).value
        self.assertIn(str(LIMIT), str(error))
        self.assertEqual(error.data["limit"], LIMIT)
        self.assertEqual(self.daemon.take(), [])
        self.assertTrue(self.peer.isConnected())

    def test_recorded(self) -> None:
        """Of the two recorded adds the short one is sent, the one that cjet closed for is refused here."""
        short, long = (line["msg"]["params"] for line in SCENARIOS["cjet-message-limit"] if line.get("dir") == ">")
        adding = self.peer.add(jet.State(short["path"], short["value"]))
        self.daemon.answerAll()
        self.assertIsNone(self.successResultOf(adding))
        state = jet.State(long["path"], long["value"])
        self.assertRefused(self.peer.add(state))
        self.assertFalse(state.isAdded)
        self.assertEqual(self.errors, [])

    def test_exactly(self) -> None:
        """The limit itself is not too long."""
        self.peer.set("s", "")
        (empty,) = self.daemon.take()
        room = LIMIT - len(json.dumps(empty, separators=(",", ":")))
        self.peer.set("s", "x" * room)
        self.assertEqual(len(self.daemon.take()), 1)
        self.assertRefused(self.peer.set("s", "x" * (room + 1)))

    def test_everyRequest(self) -> None:
        """So it is with whatever is asked for, and nothing of it is left behind."""
        long = "x" * LIMIT
        self.assertRefused(self.peer.set(long, 1))
        self.assertRefused(self.peer.call("m", [long]))
        self.assertRefused(self.peer.get(long))
        self.assertRefused(self.peer.request("config", {"name": long}))
        fetcher = jet.Fetcher().path("equals", long)
        self.assertRefused(self.peer.fetch(fetcher))
        self.assertFalse(fetcher.isFetching)
        self.assertEqual(self.peer._core._asked, {})
        self.assertEqual(self.peer._waiting, {})

    def test_password(self) -> None:
        """A login that does not fit ends in an error of the login."""
        daemon = ScriptedDaemon()
        connecting = daemon.peer(user="adm", password="x" * LIMIT).connect()
        daemon.welcome(CJET)
        error = self.failureResultOf(connecting, jet.LimitExceeded).value
        self.assertNotIn("xxx", repr(error) + str(error))

    def test_change(self) -> None:
        """Of a change that nobody waits for the error event tells."""
        state = jet.State("s", 1)
        self.peer.add(state)
        self.daemon.answerAll()
        state.setValue("x" * LIMIT)
        self.assertEqual([type(error) for error in self.errors], [jet.LimitExceeded])
        self.assertRefused(state.setValue("y" * LIMIT, confirm=True))
        state.setValue(2)
        self.assertEqual([message["params"]["value"] for message in self.daemon.take()], [2])

    def test_answer(self) -> None:
        """Who waits for an answer that is too long gets an error, which fits."""
        method = jet.Method("m")
        method.on("call", lambda: "x" * LIMIT)
        self.peer.add(method)
        self.daemon.answerAll()
        self.daemon.send({"id": "r1", "method": "m", "params": []})
        (answer,) = self.daemon.take()
        self.assertEqual((answer["id"], answer["error"]["data"]["limit"]), ("r1", LIMIT))
        self.assertEqual([type(error) for error in self.errors], [jet.LimitExceeded])

    def test_reconnect(self) -> None:
        """Content that has outgrown the limit comes back as soon as its value fits again."""
        state = jet.State("s", 1)
        self.peer.add(state)
        self.daemon.answerAll()
        self.daemon.cut()
        state.setValue("x" * LIMIT)
        self.daemon.clock.advance(1)
        self.daemon.welcome(CJET)
        self.assertEqual(self.daemon.take(), [])
        self.assertEqual([type(error) for error in self.errors], [jet.LimitExceeded])
        state.setValue(3)
        self.daemon.clock.pump([1] * 4)
        self.assertEqual([message["params"]["value"] for message in self.daemon.take()], [3])
