"""
What others may not do to a node.
"""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as some

from jetjstp.smokesignal.connections import Dial, State
from jetjstp.smokesignal.effects import (
    Close,
    MakeConnection,
    Trouble,
)
from jetjstp.smokesignal.limits import Limits
from jetjstp.smokesignal.messages import lineOf
from tests.smokesignal.nodes import NodeTestCase


class HostileTests(NodeTestCase):
    """What others may not do to a node."""

    def test_requestsAreBounded(self) -> None:
        """However many requests come, four are dialled at a time, each target once; the others are passed on."""
        node = self.make(maxPeerNo=50, minPeerNo=40)
        via, other = self.join(node, "pp"), self.join(node, "qq")
        self.said(other)
        node.effects.clear()
        node.received(via, [self.packet("peer request", self.request(n)) for n in (1, 1, *range(1, 20))], 0.0)
        dials: list[Dial] = [effect.dial for effect in self.effects(node, MakeConnection)]
        self.assertEqual([dial.address for dial in dials], [f"10.0.1.{n}" for n in range(1, 5)])
        self.assertEqual(len(self.said(other)), 21 - 4)

    def test_failedTargets(self) -> None:
        """A target that cannot be reached is left alone for 30 s, then for a minute."""
        node = self.make(minPeerNo=4)
        via = self.join(node, "pp")
        tried = []
        for now in range(100):
            node.expire(float(now))
            node.effects.clear()
            node.received(via, [self.packet("peer request", self.request(1))], float(now))
            for effect in self.effects(node, MakeConnection):
                tried.append(now)
                node.dialFailed(effect.dial, "refused", float(now))
        self.assertEqual(tried, [0, 30, 90])

    def test_rateOfDials(self) -> None:
        """Ten targets a second at most."""
        node = self.make(minPeerNo=40, maxPeerNo=50)
        via = self.join(node, "pp")
        node.effects.clear()
        for number in range(100):
            node.received(via, [self.packet("peer request", self.request(number))], 0.0)
            for effect in self.effects(node, MakeConnection):
                node.dialFailed(effect.dial, "refused", 0.0)
        self.assertEqual(node.counters.dials["peer request"], 10)

    def test_forgedSource(self) -> None:
        """A request for somebody at another address is neither dialled nor passed on, unless that is wanted."""
        for isStrict in (True, False):
            node = self.make(limits=Limits(sourceMustMatch=isStrict))
            peer, asking = self.join(node, "pp"), self.stranger(node, address="10.0.0.9")
            self.said(peer)
            node.effects.clear()
            self.tell(node, asking, "peer request", self.request(1))
            self.assertEqual(len(self.effects(node, MakeConnection)), not isStrict)
            self.assertEqual(len(self.said(peer)), not isStrict)

    def test_policy(self) -> None:
        """The policy is asked before each dial that a packet wants; one that fails says no, and is told of."""
        asked = []

        def policy(address: str, port: int, why: str) -> bool:
            asked.append((address, port, why))
            raise KeyError(address)

        node = self.make(dialPolicy=policy)
        via = self.join(node, "pp")
        node.effects.clear()
        ping = {"remoteAddress": "10.0.1.2", "remotePort": 7000, "targetAddress": "10.0.0.1", "targetPort": 7000}
        node.received(via, [self.packet("peer request", self.request(1)), self.packet("ping", ping)], 0.0)
        self.assertEqual(asked, [("10.0.1.1", 7000, "peer request"), ("10.0.1.2", 7000, "pong")])
        self.assertEqual([type(effect) for effect in node.effects], [Trouble])

    def test_brokenPolicy(self) -> None:
        """A policy that fails is told of once a second at most, however many packets there are."""

        def policy(address: str, port: int, why: str) -> bool:
            raise KeyError(address)

        node = self.make(dialPolicy=policy)
        via = self.join(node, "pp")
        node.effects.clear()
        for now, troubles in ((0.0, 1), (0.5, 0), (1.1, 1)):
            node.received(via, [self.packet("peer request", self.request(number)) for number in range(50)], now)
            self.assertEqual(len(self.effects(node, Trouble)), troubles)
        self.assertEqual(node.counters.dropped["request: policy"], 150)

    def test_pongs(self) -> None:
        """Pings of many in one second get ten answers."""
        node = self.make()
        via = self.join(node, "pp")
        node.effects.clear()
        for number in range(30):
            ping = {
                "remoteAddress": f"10.0.1.{number}",
                "remotePort": 7000,
                "targetAddress": "10.0.0.1",
                "targetPort": 7000,
            }
            node.received(via, [self.packet("ping", ping)], 0.0)
        self.assertEqual(len(self.effects(node, MakeConnection)), 10)
        self.assertEqual(node.counters.dropped["pong rate"], 20)

    def test_room(self) -> None:
        """A full node makes room for one who knows nobody, at most once in ten seconds."""
        node = self.make(minPeerNo=1, maxPeerNo=2)
        self.join(node, "pp"), self.join(node, "qq")
        node.effects.clear()
        asking = self.stranger(node, 100.0, "10.0.1.1")
        self.tell(node, asking, "peer request", self.request(1), now=100.0)
        close, removed, make = node.effects
        self.assertIsInstance(close, Close)
        self.assertEqual(removed.peer.id, "qq")  # type: ignore[union-attr]
        self.assertIsInstance(make, MakeConnection)
        self.join(node, "qq", 100.0)
        node.effects.clear()
        asking = self.stranger(node, 101.0, "10.0.1.2")
        self.tell(node, asking, "peer request", self.request(2), now=101.0)
        self.assertEqual(list(node.effects), [])

    def test_roomForDials(self) -> None:
        """Nobody has to go for a newcomer while a node is full of dials only: what comes of those is not known yet."""
        node = self.make(minPeerNo=3, maxPeerNo=3)
        via = self.join(node, "pp")
        self.join(node, "qq")
        node.received(via, [self.packet("peer request", self.request(1))], 100.0)
        self.assertEqual(len(self.effects(node, MakeConnection)), 1)
        for number, dials in ((2, 1), (3, 0)):
            asking = self.stranger(node, 100.0, f"10.0.1.{number}")
            self.tell(node, asking, "peer request", self.request(number), now=100.0)
            self.assertEqual(len(self.effects(node, MakeConnection)), dials)
        self.assertEqual(len(node.peers), 2)

    @settings(max_examples=150, deadline=None)
    @given(
        some.lists(
            some.binary(max_size=40)
            | some.builds(
                lambda name, data: lineOf(name, data)[:-1],
                some.sampled_from(
                    ["handshake", "handshake ack", "peer request", "ping", "pong", "broadcast", "event", "direct", "*"]
                ),
                some.recursive(
                    some.none() | some.booleans() | some.floats(allow_nan=False) | some.text(max_size=5),
                    lambda inner: (
                        some.lists(inner, max_size=3)
                        | some.dictionaries(some.sampled_from(["id", "data", "remoteAddress", "remotePort"]), inner)
                    ),
                ),
            ),
            max_size=8,
        )
    )
    def test_garbage(self, lines: list[bytes]) -> None:
        """Whatever comes, nothing is raised, dialled or remembered; strangers are closed, peers are not."""
        node = self.make()
        peer, other, asking = self.join(node, "pp"), self.join(node, "qq"), self.stranger(node)
        self.said(other)
        node.effects.clear()
        for connection in (peer, asking):
            node.received(connection, lines, 1.0)
        self.assertEqual(peer.state, State.PEER)
        self.assertEqual(len(node._flooding.seen), 0)
        self.assertEqual((node.counters.dials.total(), other.outbox), (0, []))

    def test_deepNesting(self) -> None:
        """A line that is nested too deeply is a bad line."""
        node = self.make()
        peer = self.join(node, "pp")
        for depth in (300, 500, 900, 970, 990, 100_000):
            deep = b"[" * depth + b"]" * depth
            node.received(peer, [b'["smoke","broadcast",{"id":"a-b-c","data":["x",1.5,' + deep + b"]}]"], 0.0)
        self.assertEqual(node.counters.delivered, 0)
        self.assertGreater(node.counters.badLines["json"], 0)
        self.assertEqual(peer.state, State.PEER)

    def test_growingLines(self) -> None:
        """A packet that is longer in normal form than a line may be is dropped: neighbours would end our links."""
        node = self.make(limits=Limits(line=200))
        peer, other = self.join(node, "pp"), self.join(node, "qq")
        self.said(other)
        line = self.packet("broadcast", ["x", *[1e20] * 20]).replace(b"100000000000000000000", b"1e20")
        self.assertLess(len(line), 200)
        node.received(peer, [line], 0.0)
        self.assertEqual((self.said(other), node.counters.delivered), ([], 0))
        self.assertEqual(node.counters.badLines["too long"], 1)

    def test_manyIds(self) -> None:
        """The table of ids has a bound; what is evicted before its time is counted."""
        node = self.make(limits=Limits(packetIds=10))
        peer = self.join(node, "pp")
        node.received(peer, [self.packet("broadcast", ["x"]) for _ in range(25)], 0.0)
        self.assertEqual((len(node._flooding.seen), node.counters.dropped["forgotten"]), (10, 15))

    def test_manyConnections(self) -> None:
        """Connections that come and go leave nothing behind."""
        node = self.make()
        for _ in range(1000):
            connection = self.stranger(node, 0.0)
            node.lost(connection, 0.0)
        self.assertLess(len(node._outgoing.alarms._heap), 200)
        self.assertEqual(len(node._outgoing.live), 0)

    def test_limits(self) -> None:
        """Limits that are none are refused."""
        self.assertRaises(ValueError, Limits, line=0)
        self.assertRaises(ValueError, Limits, strangers=1.5)
        self.assertRaises(ValueError, Limits, dialsPerSecond=float("inf"))
