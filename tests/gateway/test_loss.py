"""
Whenever a connection is lost, between two messages or within one: what a client
was told of a bus is what happened there.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import jet, jstp
from jetjstp.gateway.application import BusApplication
from jetjstp.jstp import net
from jetjstp.jstp.connection import Connection
from jetjstp.testing import MemoryEndpoint
from tests.jstp.pairs import DOWN, UP, Direction, Pair

BEAT = 0.05
"""Seconds between two changes."""

PATHS = ("a", "b", "ab", "b/c")


class BusPair(Pair):
    """
    A bus, a client of JSTP, and an owner that is a peer.

    @ivar told: The ids of fetches and what they told, L{None} for their beginning anew.
    @ivar begun: How much was told when the last fetch was answered.
    @ivar values: What is on the bus.
    """

    def __init__(self, daemonLimits: jet.Limits | None = None, **options: Any) -> None:
        clock = Clock()
        self.daemon = jet.Daemon(reactor=clock, limits=daemonLimits)
        place = MemoryEndpoint()
        self.daemon.listen(endpoints=[place])
        self.bus = BusApplication(self.daemon, reactor=clock)
        self.told: list[tuple[Any, ...]] = []
        handlers: dict[str, Any] = {
            "notification": lambda connection, id, notification: self.told.append((id, notification)),
            "restarted": lambda connection, id: self.told.append((id, None)),
        }
        super().__init__(
            self.bus.application, jstp.Application("client", {}, {"jet": handlers}), clock=clock, **options
        )
        self.bus.serve(self.server)
        self.owner = place.connect()
        self.values: dict[str, Any] = {}
        self.begun = 0

    def dial(self) -> Deferred[Connection]:
        return net.connect("jet", self._client, self.endpoint, reactor=self.clock)

    def fetch(self, id: str, expression: dict[str, Any]) -> None:
        """Begin a fetch, and again if its answer was lost."""
        fetching = self.connection.callMethodWithResend("jet", "fetch", [id, expression])

        def begins(_: object) -> None:
            self.begun = len(self.told)

        fetching.addCallback(begins)

    def put(self, path: str, value: Any) -> None:
        """Add or change a state; with L{None} remove it."""
        if value is None:
            if self.values.pop(path, None) is not None:
                self.owner.send({"method": "remove", "params": {"path": path}})
        else:
            method = "change" if path in self.values else "add"
            self.values[path] = value
            self.owner.send({"method": method, "params": {"path": path, "value": value}})

    def end(self) -> None:
        """Let everything arrive."""
        self.waitUntil(lambda: bool(self.connection.isConnected))
        self.wait(2.0)


def mirrorOf(told: list[tuple[Any, ...]], id: str) -> dict[str, Any]:
    """
    The states that a client knows of by what one fetch has told.

    @raise AssertionError: It was told something that does not fit to what it knew.
    """
    mirror: dict[str, Any] = {}
    for each, notification in told:
        if each != id:
            continue
        if notification is None:
            mirror.clear()
            continue
        path, event = notification["path"], notification["event"]
        assert (path in mirror) == (event != "add"), f"{notification} when there is {mirror}"
        if event == "remove":
            del mirror[path]
        else:
            mirror[path] = notification["value"]
    return mirror


CHANGES = [("a", 1), ("b", 1), ("a", 2), ("a", None), ("ab", "x"), ("a", 3), ("b", 2)]


class BoundaryTests(SynchronousTestCase):
    """One loss, everywhere."""

    def run1(self, cuts: dict[Direction, list[int]], isServerTold: bool = True) -> BusPair:
        pair = BusPair()
        pair.isServerTold = isServerTold
        pair.cuts.update(cuts)
        pair.connect()
        for number, (path, value) in enumerate(CHANGES):
            if number == 2:
                pair.fetch("f", {})
            pair.put(path, value)
            pair.wait(BEAT)
        pair.end()
        return pair

    def test_everywhere(self) -> None:
        """Cut before, behind and within each message: each change is told once, in order."""
        whole = self.run1({})
        expected = [notification for _, notification in whole.told]
        self.assertEqual(len(expected), 6)
        runs = 0
        for direction in (UP, DOWN):
            passed = whole.passed[direction]
            ends = [position + 1 for position, byte in enumerate(passed) if byte == 0]
            del ends[0]  # the handshake
            for end in ends:
                for cut in (end - 4, end - 1, end):
                    for isServerTold in (True, False):
                        pair = self.run1({direction: [cut]}, isServerTold)
                        self.check(pair, expected, f"{direction} {cut} {isServerTold}")
                        runs += 1
        self.assertGreater(runs, 40)

    def check(self, pair: BusPair, expected: list[Any], what: str) -> None:
        told = [notification for _, notification in pair.told]
        if pair.passed[UP].count(b"fetch:") == 1:
            self.assertEqual(told, expected, what)
        else:
            # The call or its answer was lost, so the client has fetched once more, and at its answer it begins anew.
            self.assertEqual(mirrorOf(pair.told[pair.begun :], "f"), pair.values, what)


class RandomTests(SynchronousTestCase):
    """Several losses, at random, with limits that are reached."""

    @settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(st.tuples(st.sampled_from(PATHS), st.one_of(st.none(), st.integers(0, 9))), max_size=60),
        st.lists(st.integers(1, 4000), max_size=4),
        st.lists(st.integers(1, 600), max_size=2),
        st.booleans(),
        st.sampled_from([8, 10_000]),
        st.sampled_from([(1, 1_000_000), (1000, 3000), (1_000_000, 10_000_000)]),
    )
    def test_mirror(
        self,
        changes: list[tuple[str, Any]],
        down: list[int],
        up: list[int],
        isServerTold: bool,
        bufferMessages: int,
        marks: tuple[int, int],
    ) -> None:
        """A mirror that is built from what was told equals the bus, however much is merged or given up meanwhile."""
        pair = BusPair(
            jet.Limits(highWater=marks[0], hardLimit=marks[1]), limits=jstp.Limits(bufferMessages=bufferMessages)
        )
        pair.isServerTold = isServerTold
        pair.connect()
        for id, expression in [("f", {}), ("c", {"coalesce": True}), ("n", {"coalesce": False})]:
            pair.fetch(id, expression)
        pair.settle()
        for direction, positions in ((DOWN, down), (UP, up)):
            first = len(pair.passed[direction])
            pair.cuts[direction] = sorted({first + position for position in positions})
        for number, (path, value) in enumerate(changes):
            pair.put(path, value)
            if number % 3 == 0:
                pair.wait(BEAT)
        pair.end()
        for id in "fcn":
            self.assertEqual(mirrorOf(pair.told, id), pair.values, id)
        if marks[0] == 1_000_000:
            events = [(each["path"], each["event"], each["value"]) for id, each in pair.told if id == "n"]
            self.assertEqual(events, eventsOf(changes))


def eventsOf(changes: list[tuple[str, Any]]) -> list[tuple[str, str, Any]]:
    """What changes are told as, if nothing is merged."""
    values: dict[str, Any] = {}
    events = []
    for path, value in changes:
        if value is not None:
            events.append((path, "change" if path in values else "add", value))
            values[path] = value
        elif path in values:
            events.append((path, "remove", values.pop(path)))
    return events
