"""
The rules of one node, told and answered by hand.
"""

from __future__ import annotations

from jetjstp.smokesignal.connections import Connection, Neighbour, State
from jetjstp.smokesignal.effects import (
    Abort,
    Added,
    AddFailed,
    Cancel,
    Close,
    Delivered,
    MakeConnection,
    PeerAdded,
    PeerRemoved,
    PeerSaid,
    Stopped,
    Warn,
)
from jetjstp.smokesignal.errors import (
    AlreadyPeer,
    DialFailed,
    HandshakeRefused,
    HandshakeTimeout,
    NodeStopped,
    OwnNode,
    PeerListFull,
    WrongDialect,
)
from jetjstp.smokesignal.limits import Limits
from jetjstp.smokesignal.node import Node
from tests.smokesignal.nodes import NodeTestCase


class HandshakeTests(NodeTestCase):
    """Who becomes a peer, and over which connections."""

    def test_addPeer(self) -> None:
        """Who is dialled and answers is a peer, and whoever asked for it is told."""
        node = self.make()
        ticket = node.addPeer("10.0.0.2", 7000, 0.0)
        connection = self.dialled(node)
        self.assertEqual(self.said(connection), [b'["smoke","handshake",{"id":"mm"}]\n'])
        self.tell(node, connection, "handshake ack", {"id": "pp"})
        added, done = node.effects
        self.assertEqual(added, PeerAdded(connection.neighbour, True))  # type: ignore[arg-type]
        self.assertEqual(done, Added(ticket, connection.neighbour))  # type: ignore[arg-type]
        self.assertEqual(node.peerOf("pp"), connection.neighbour)

    def failure(self, node: Node) -> Exception:
        """Why somebody was not added."""
        (effect,) = self.effects(node, AddFailed)
        error: Exception = effect.error
        return error

    def test_whyNot(self) -> None:
        """Each reason for which nobody was added is told, once."""
        node = self.make(maxPeerNo=2)
        node.addPeer("10.0.0.2", 7000, 0.0)
        (effect,) = self.effects(node, MakeConnection)
        node.dialFailed(effect.dial, "no route", 0.0)
        node.dialFailed(effect.dial, "no route", 0.0)
        self.assertIsInstance(self.failure(node), DialFailed)
        node.addPeer("10.0.0.2", 7000, 0.0)
        node.expire(5.0)
        self.assertEqual(len([effect for effect in node.effects if isinstance(effect, Cancel)]), 1)
        self.assertIsInstance(self.failure(node), DialFailed)
        node.addPeer("10.0.0.2", 7000, 5.0)
        node.lost(self.dialled(node, 5.0), 5.0)
        self.assertIsInstance(self.failure(node), HandshakeRefused)
        node.addPeer("10.0.0.2", 7000, 5.0)
        self.dialled(node, 5.0)
        node.expire(10.0)
        self.assertIsInstance(self.failure(node), HandshakeTimeout)
        node.addPeer("10.0.0.2", 7000, 10.0)
        node.received(self.dialled(node, 10.0), [b"HTTP/1.1 400 Bad Request"], 10.0)
        self.assertIsInstance(self.failure(node), HandshakeRefused)
        self.join(node, "pp", 3.0)
        node.addPeer("10.0.0.2", 7000, 10.0)
        self.tell(node, self.dialled(node, 10.0), "handshake ack", {"id": "pp"}, now=10.0)
        error = self.failure(node)
        self.assertIsInstance(error, AlreadyPeer)
        self.assertEqual(error.peer, node.peerOf("pp"))  # type: ignore[attr-defined]
        self.join(node, "qq", 10.0)
        node.effects.clear()
        node.addPeer("10.0.0.2", 7000, 10.0)
        self.assertIsInstance(self.failure(node), PeerListFull)
        node.stop(10.0)
        node.effects.clear()
        node.addPeer("10.0.0.2", 7000, 10.0)
        self.assertIsInstance(self.failure(node), NodeStopped)

    def test_ownNode(self) -> None:
        """A node that dials itself closes both ends, and the dialler is told why."""
        node = self.make()
        node.addPeer("10.0.0.1", 7000, 0.0)
        mine = self.dialled(node)
        its = self.stranger(node)
        self.tell(node, its, "handshake", {"id": "mm"})
        self.assertEqual(self.effects(node, Close), [Close(its)])
        node.lost(its, 0.0)
        node.lost(mine, 0.0)
        self.assertIsInstance(self.failure(node), OwnNode)
        self.assertEqual(len(node.peers), 0)

    def test_cancelled(self) -> None:
        """A dial that nobody waits for any more is cancelled, or its connection closed."""
        node = self.make()
        node.cancelAdd(node.addPeer("10.0.0.2", 7000, 0.0), 0.0)
        self.assertEqual([type(effect) for effect in node.effects], [MakeConnection, Cancel])
        node.effects.clear()
        ticket = node.addPeer("10.0.0.2", 7000, 0.0)
        connection = self.dialled(node)
        node.cancelAdd(ticket, 0.0)
        self.assertEqual(list(node.effects), [Close(connection)])
        node.lost(connection, 0.0)
        self.assertEqual(len(node.effects), 1)

    def second(self, id: str) -> tuple[Node, Connection, Connection, Neighbour]:
        """A node with two links to one peer: one that the peer dialled, one that the node dialled."""
        node = self.make()
        node.addPeer("10.0.0.2", 7000, 0.0)
        ours = self.dialled(node)
        theirs = self.join(node, id)
        self.tell(node, ours, "handshake ack", {"id": id}, now=0.1)
        peer = node.peerOf(id)
        assert peer is not None
        self.said(ours), self.said(theirs)
        self.assertEqual(len(self.effects(node, PeerAdded)), 1)
        return node, ours, theirs, peer

    def test_simultaneousOpen(self) -> None:
        """Broadcasts go over both links; after a second the one dialled by the greater id is closed, without a word."""
        for id, oursStays in (("aa", False), ("zz", True)):
            node, ours, theirs, peer = self.second(id)
            self.assertEqual(node.emit("x", [], 0.2), 2)
            self.assertEqual(self.said(ours), self.said(theirs))
            node.emitTo(peer, "hi", [], 0.2)
            stays, goes = (ours, theirs) if oursStays else (theirs, ours)
            self.assertEqual((len(self.said(stays)), len(self.said(goes))), (1, 0))
            node.expire(1.1)
            self.assertEqual(list(node.effects), [Close(goes)])
            node.lost(goes, 1.2)
            self.assertEqual(peer.connections, [stays])
            self.assertEqual(len(node.effects), 1)

    def test_otherSideCloses(self) -> None:
        """If one of two links ends, the other one is the link."""
        node, ours, theirs, peer = self.second("aa")
        node.lost(theirs, 0.3)
        node.expire(1.1)
        self.assertEqual((list(node.effects), peer.connections), ([], [ours]))
        node.lost(ours, 2.0)
        self.assertEqual(list(node.effects), [PeerRemoved(peer, True)])

    def test_notASecondLink(self) -> None:
        """A second link from the same side, or long after the first, is refused."""
        node = self.make()
        self.join(node, "pp")
        again = self.join(node, "pp", 1.0)
        self.assertEqual(again.state, State.ENDING)
        node.addPeer("10.0.0.2", 7000, 6.0)
        late = self.dialled(node, 6.0)
        self.tell(node, late, "handshake ack", {"id": "pp"}, now=6.0)
        self.assertEqual(late.state, State.ENDING)
        self.assertEqual(len(node.peers), 1)

    def test_strangers(self) -> None:
        """Those who wait without a handshake are bounded, by address and in all; the oldest is closed."""
        node = self.make(limits=Limits(strangers=3, strangersPerAddress=2))
        first = [self.stranger(node, address="10.0.0.2") for _ in range(3)]
        self.assertEqual(self.effects(node, Close), [Close(first[0])])
        others = [self.stranger(node, address=f"10.0.0.{n}") for n in (3, 4)]
        self.assertEqual(self.effects(node, Close), [Close(first[1])])
        node.expire(5.0)
        self.assertEqual(self.effects(node, Close), [Close(first[2]), Close(others[0]), Close(others[1])])
        node.expire(10.0)
        self.assertEqual(len(self.effects(node, Abort)), 3)

    def test_stopAndStart(self) -> None:
        """Stopping removes all peers and ends all connections, then says so; the node can start again."""
        node = self.make(seeds=[("10.0.0.7", 7000)])
        peer, other = self.join(node, "pp"), self.stranger(node)
        node.addPeer("10.0.0.3", 7000, 0.0)
        node.effects.clear()
        node.stop(1.0)
        kinds = [type(effect) for effect in node.effects]
        self.assertEqual(kinds, [Cancel, Cancel, AddFailed, Close, PeerRemoved, Close])
        node.stop(1.0)
        node.lost(peer, 1.0)
        self.assertEqual(self.effects(node, Stopped), [])
        node.lost(other, 1.0)
        self.assertEqual(list(node.effects), [Stopped()])
        self.assertIsNone(node.deadline())
        late = node.accepted("10.0.0.2", 1, 1.0)
        self.assertIn(Abort(late), node.effects)
        node.lost(late, 1.0)
        self.assertEqual(self.effects(node, Stopped), [Stopped()])
        node.start(7000, 2.0)
        self.assertEqual(len(self.effects(node, MakeConnection)), 1)
        self.assertEqual(node.id, "mm")


class PacketTests(NodeTestCase):
    """What is flooded."""

    def test_dialects(self) -> None:
        """Where real nodes of one version are about, nothing of the other is sent, delivered or forwarded."""
        for dialect, event, chunk in (("both", 1, 1), ("0.1", 1, 0), ("0.2", 0, 1)):
            node = self.make(dialect=dialect)
            via, other = self.join(node, "pp"), self.join(node, "qq")
            self.said(other)
            node.received(via, [self.packet("broadcast", ["x"]), self.packet("broadcast", "aGk=")], 0.0)
            heard = [effect.data for effect in self.effects(node, Delivered)]
            self.assertEqual(heard, [["x"]] * event + [b"hi"] * chunk)
            self.assertEqual(len(self.said(other)), event + chunk)
            if not event:
                self.assertRaises(WrongDialect, node.emit, "x", [], 0.0)
            if not chunk:
                self.assertRaises(WrongDialect, node.write, b"x", 0.0)

    def test_mixedForms(self) -> None:
        """Using both forms is warned of, once, if somebody is about who may be a real node."""
        node = self.make()
        self.join(node, "pp")
        node.effects.clear()
        node.emit("x", [], 0.0)
        self.assertEqual(len(node.effects), 0)
        node.write(b"x", 0.0)
        node.write(b"x", 0.0)
        self.assertEqual(len(self.effects(node, Warn)), 1)

    def test_ownPacketsComeBack(self) -> None:
        """The sender does not hear its own broadcast, whoever brings it."""
        node = self.make()
        peer = self.join(node, "pp")
        self.said(peer)
        node.effects.clear()
        self.assertEqual(node.emit("x", [{"a": 1}], 0.0), 1)
        node.received(peer, [line[:-1] for line in self.said(peer)], 0.0)
        self.assertEqual((len(node.effects), node.counters.duplicates), (0, 1))

    def test_refusedFromTheApplication(self) -> None:
        """What cannot be sent is refused and not remembered."""
        node = self.make(limits=Limits(line=200))
        self.assertRaises(ValueError, node.emit, "x", [float("nan")], 0.0)
        self.assertRaises(TypeError, node.emit, "x", [b"x"], 0.0)
        self.assertRaises(ValueError, node.emit, "x", ["y" * 200], 0.0)
        self.assertRaises(TypeError, node.emit, 1, [], 0.0)

    def test_messagesToOnePeer(self) -> None:
        """They are handed over with the peer they came from; to one who is gone, nothing can be said."""
        node = self.make()
        connection = self.join(node, "pp")
        peer = connection.neighbour
        assert peer is not None
        node.effects.clear()
        self.tell(node, connection, "event", ["hi", 1])
        self.tell(node, connection, "direct", "aGk=")
        self.assertEqual(list(node.effects), [PeerSaid(peer, ["hi", 1]), PeerSaid(peer, b"hi")])
        node.closePeer(peer, 0.0)
        node.closePeer(peer, 0.0)
        self.assertRaises(ConnectionError, node.writeTo, peer, b"x", 0.0)
        self.assertEqual(len(self.effects(node, PeerRemoved)), 1)

    def test_outbox(self) -> None:
        """Packets of others do not wait for a slow peer; our own do, up to the hard limit, which ends the link."""
        node = self.make(limits=Limits(outboxSoft=1000, outboxHard=1500))
        via, slow = self.join(node, "pp"), self.join(node, "qq")
        node.blocked(slow)
        self.said(slow)
        node.received(via, [self.packet("broadcast", ["x"])], 0.0)
        self.assertEqual((self.said(slow), node.counters.dropped["outbox"]), ([], 1))
        self.assertEqual(node.emit("x", [], 0.0), 2)
        self.assertEqual(len(self.said(slow)), 1)
        node.drained(slow)
        node.received(via, [self.packet("broadcast", ["x"])], 0.0)
        self.assertEqual(len(self.said(slow)), 1)
        node.blocked(slow)
        node.effects.clear()
        node.emit("x", ["y" * 600], 0.0)
        self.assertEqual([type(effect) for effect in node.effects], [Abort, PeerRemoved])
        node.lost(slow, 0.0)
        self.assertEqual(len(node.effects), 2)

    def test_rate(self) -> None:
        """With a limit, a peer that says too much is not listened to for a while."""
        node = self.make(limits=Limits(packetsPerSecond=5))
        via = self.join(node, "pp")
        node.received(via, [self.packet("broadcast", ["x"]) for _ in range(20)], 1.0)
        self.assertEqual((node.counters.delivered, node.counters.dropped["rate"]), (5, 15))
        node.received(via, [self.packet("broadcast", ["x"])], 1.3)
        self.assertEqual(node.counters.delivered, 6)
