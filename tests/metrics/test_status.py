"""
Tests for L{jetjstp.metrics.status}: figures as states of the daemon.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.figure import Figure
from jetjstp.jstp import Application, net
from jetjstp.metrics.figures import Figures
from jetjstp.metrics.status import INTERVAL, StatusStates, statesOf
from jetjstp.testing import MemoryDaemon, MemoryPeer
from tests.jet.asking import ask, events

USERS = {
    "ann": {"password": "x", "auth": {"fetchGroups": ["ops"]}},
    "bob": {"password": "x", "auth": {"fetchGroups": ["staff"]}},
}


class StatesTests(SynchronousTestCase):
    """What is shown."""

    def test_paths(self) -> None:
        """Figures of the daemon are at the top, those of JSTP in a folder; labels become members."""
        figures = [
            Figure("jet_fetches", "F.", "gauge", 1),
            Figure("jet_peers", "P.", "gauge", 2, (("link", "stream"),)),
            Figure("jet_peers", "P.", "gauge", 3, (("link", "websocket"),)),
            Figure("jstp_sessions_begun", "S.", "counter", 4),
        ]
        self.assertEqual(
            statesOf(figures), {"fetches": 1, "peers": {"stream": 2, "websocket": 3}, "jstp/sessions_begun": 4}
        )


class StatusTests(SynchronousTestCase):
    """A daemon that shows its figures."""

    def setUp(self) -> None:
        self.memory = MemoryDaemon(users=USERS)
        server = net.createServer([Application("app", {})], reactor=self.memory.clock)
        self.addCleanup(server.close)
        self.status = StatusStates(
            self.memory.daemon, Figures(self.memory.daemon, [server]), "ops", cast(Any, self.memory.clock)
        )
        self.status.start()

    def connect(self, user: str) -> MemoryPeer:
        """A peer that has logged in."""
        peer = self.memory.connect()
        ask(peer, "authenticate", user=user, password="x")
        return peer

    def paths(self, peer: MemoryPeer) -> dict[str, Any]:
        """What a peer sees under C{$daemon/}."""
        found = ask(peer, "get", path={"startsWith": "$daemon/"})["result"]
        return {each["path"]: each["value"] for each in found}

    def test_shown(self) -> None:
        """Who is in the group sees all figures."""
        shown = self.paths(self.connect("ann"))
        self.assertEqual(shown["$daemon/peers"], {"stream": 0, "websocket": 0, "other": 0})
        self.assertEqual(shown["$daemon/jstp/sessions"], {"connected": 0, "away": 0})
        self.assertEqual(shown["$daemon/fetches"], 0)

    def test_hidden(self) -> None:
        """Nobody else does."""
        self.assertEqual(self.paths(self.connect("bob")), {})
        self.assertEqual(self.paths(self.memory.connect()), {})

    def test_followed(self) -> None:
        """Those who fetch are told of what has changed, not more often than once in an interval."""
        peer = self.connect("ann")
        self.memory.clock.advance(INTERVAL)
        ask(peer, "fetch", id="f", path={"equalsOneOf": ["$daemon/peers", "$daemon/logins"]})
        peer.take()
        for _ in range(3):
            self.memory.connect()
        self.memory.clock.advance(INTERVAL / 2)
        self.assertEqual(events(peer), [])
        self.memory.clock.advance(INTERVAL / 2)
        self.assertEqual(events(peer), [("change", "$daemon/peers", {"stream": 4, "websocket": 0, "other": 0})])
        self.memory.clock.advance(INTERVAL)
        self.assertEqual(events(peer), [])

    def test_startAndStop(self) -> None:
        """It can be stopped, when nothing is shown any more and no timer is left, and started again."""
        peer = self.connect("ann")
        self.status.start()
        self.status.stop()
        self.assertEqual(self.paths(peer), {})
        self.assertEqual(self.memory.clock.getDelayedCalls(), [])
        self.status.stop()
        self.status.start()
        self.assertNotEqual(self.paths(peer), {})

    def test_failing(self) -> None:
        """Figures that cannot be read are logged once, and tried again."""
        peer = self.connect("ann")
        figures = self.memory.daemon.figures
        self.patch(self.memory.daemon, "figures", lambda: 1 / 0)
        with capturedLogs() as logged:
            for _ in range(3):
                self.memory.clock.advance(INTERVAL)
        self.assertEqual(len(logged), 1)
        self.flushLoggedErrors(ZeroDivisionError)
        self.patch(self.memory.daemon, "figures", figures)
        self.memory.clock.advance(INTERVAL)
        self.assertEqual(self.paths(peer)["$daemon/peers"]["stream"], 1)

    def test_group(self) -> None:
        """A group that is no name of one is refused at once."""
        self.assertRaises(ValueError, StatusStates, self.memory.daemon, Figures(), "", self.memory.clock)
