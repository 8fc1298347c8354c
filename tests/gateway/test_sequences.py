"""
Whatever happens to a session, in whatever order: in the end its client knows the bus, and nothing is left over.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred

from jetjstp import jstp
from jetjstp.causes import Cause
from tests.gateway.setting import ADA, BusClient, PolicyTestCase

CALLS: dict[str, tuple[Any, ...]] = {
    "own": ("add", {"path": "mine", "value": 1}),
    "disown": ("remove", "mine"),
    "ask": ("info",),
}

STEPS = ("lose", "back", "drop", "answer", "fail", "soon", "later", "long", "change", "recheck", *CALLS)


class SequenceTests(PolicyTestCase):
    """A session with a subscription and an element of its own, under a policy that takes its time."""

    def flush(self) -> None:
        """Let everything arrive."""
        for _ in range(5):
            self.memory.flush()

    def step(self, what: str, client: BusClient, number: int) -> None:
        """Something happens."""
        isThere = client.connection.isConnected
        if what == "lose" and isThere:
            client.lose()
        elif what == "back" and not isThere:
            client.comeBack()
        elif what == "drop":
            self.drop()
        elif what in ("answer", "fail") and self.policy.waiting:
            asked = self.policy.waiting.pop(0)
            if what == "answer":
                asked.callback(ADA)
            else:
                asked.errback(RuntimeError("no connection"))
        elif what in ("soon", "later", "long"):
            self.advance({"soon": 0, "later": 1.1, "long": 16}[what])
        elif what == "change":
            self.change(self.states, "a", number)
        elif what == "recheck":
            self.bus.recheck()
        elif what in CALLS:
            client.begin(*CALLS[what]).addErrback(lambda failure: failure.trap(jstp.RemoteError) and None)

    def drop(self) -> None:
        """The daemon lets go of the session."""
        for guest in self.bus._guests.values():
            if guest._receiver is not None:
                self.daemon._server.bus.drop(guest._receiver.client, Cause.SLOW, "a test")
                self.daemon._server.driver.settle()

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(st.lists(st.sampled_from(STEPS), max_size=25))
    def test_any(self, steps: list[str]) -> None:
        """The client's picture of the bus is right in the end, what it owns is there once, and nothing waits."""
        self.setUp()
        self.states = self.owner(a=0)
        client = self.client(connectPolicy=jstp.SimpleConnectPolicy("ada", "secret"))
        client.call("fetch", "f", {})
        waiting: list[Deferred[Any]] = []
        self.policy.waiting = waiting
        for number, what in enumerate(steps):
            self.step(what, client, number)
            if what != "soon":
                self.memory.clock.advance(0)
        if not client.connection.isConnected:
            client.comeBack()
        self.policy.waiting = None
        for asked in waiting:
            asked.callback(ADA)
        for _ in range(3):
            self.advance(1.1)
            self.flush()
        self.flushLoggedErrors(RuntimeError)
        mirror: dict[str, Any] = {}
        for name, *args in client.take():
            if name == "restarted":
                mirror.clear()
            elif name == "notification":
                told = args[1]
                self.assertEqual(told["event"] == "add", told["path"] not in mirror, told)
                mirror[told["path"]] = told["value"]
                if told["event"] == "remove":
                    del mirror[told["path"]]
        self.assertEqual(mirror, {each["path"]: each["value"] for each in client.call("get")})
        self.assertIn("a", mirror)
        [guest] = self.bus._guests.values()
        self.assertEqual((guest._pending, guest._outgoing, guest._kept, self.bus.pool.size), ({}, [], {}, 0))
        self.assertEqual((len(self.daemon.peers), "mine" in mirror), (2, guest.memory.owns))
