"""Tests of L{jetjstp.smokesignal.Node}: what it tells, and what its broadcasts and peers carry."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory, Protocol

from jetjstp import smokesignal
from jetjstp.smokesignal.logs import NodeLog

from .overlays import PORT, OverlayTestCase, addressOf


class EventTests(OverlayTestCase):
    """Events about peers and seeds."""

    def test_peers(self) -> None:
        """Peers are told in the same order as by npm's nodes: first the node's events, then those of the list."""
        first = self.start(1)
        told = self.listen(first)
        second = self.start(2)
        [peer] = first.peerlist
        self.assertEqual(told, [("connect",), ("new peer", peer), ("add", peer)])
        told.clear()
        self.start(3)
        other = first.peerlist.list[1]
        self.assertEqual(told, [("new peer", other), ("add", other)])
        told.clear()
        self.stop(second)
        self.assertEqual(told, [("remove", peer)])

    def test_listDuringEvents(self) -> None:
        """In a handler the list of peers is that of the moment of the event."""
        first = self.start(1)
        lengths: list[int] = []
        for name in ("connect", "disconnect"):
            first.on(name, lambda: lengths.append(len(first.peerlist)))
        second = self.start(2)
        self.stop(second)
        self.assertEqual(lengths, [1, 0])

    def test_netsplit(self) -> None:
        """A seed that is split off is told once, and once that it is back."""
        nodes = [self.start(number) for number in range(1, 5)]
        self.clock.pump([1.0] * 10)
        self.assertEqual([len(node.peerlist) for node in nodes], [3] * 4)
        told = self.listen(nodes[3])
        self.network.separate([addressOf(1), addressOf(2)])
        self.clock.pump([1.0] * 40)
        seed = smokesignal.Seed(addressOf(1), PORT)
        self.assertEqual([each for each in told if each[0].startswith("netsplit")], [("netsplit", seed)])
        self.network.rejoin()
        self.clock.pump([1.0] * 40)
        self.assertEqual(
            [each for each in told if each[0].startswith("netsplit")], [("netsplit", seed), ("netsplit resolved", seed)]
        )

    def test_policyFails(self) -> None:
        """A dial policy that raises is an error event, and means no."""
        error = RuntimeError("no policy today")

        def policy(address: str, port: int, why: str) -> bool:
            raise error

        first = self.start(1, dialPolicy=policy)
        told = self.listen(first)
        self.start(2)
        self.assertEqual(told, [("error", error)])
        self.assertEqual(len(first.peerlist), 0)

    def test_log(self) -> None:
        """The logger that was given is told of peers, not of packets; one that raises does no harm."""
        first, second = self.pair()
        second.broadcast.emit("hello")
        self.network.flush()
        [peer] = first.peerlist
        logger: Any = first._log._logger
        self.assertEqual(
            logger.lines,
            [
                ("info", f"node {first.id} listens on 10.0.0.1 port 8495"),
                ("info", f"{peer.id} at 10.0.0.2 is a peer now"),
            ],
        )

    def test_logIsBounded(self) -> None:
        """Who comes and goes all the time does not fill the log: ten lines, then one a second that counts the rest."""
        first, second = self.pair(minPeerNo=1)
        lines: Any = first._log._logger.lines
        for _ in range(30):
            [peer] = second.peerlist
            peer.close()
            self.network.flush()
            self.clock.advance(0.01)
            second.addPeer("10.0.0.1", PORT)
            self.network.flush()
        told = [text for _, text in lines if "is a peer" in text]
        self.assertEqual(len(told), 10)
        self.clock.advance(1)
        second.peerlist.list[0].close()
        self.network.flush()
        self.assertEqual(
            lines[-1], ("info", f"{second.id} at 10.0.0.2 is a peer no more (51 lines like it were left out)")
        )

    def test_brokenLogger(self) -> None:
        """A logger without a method is not called; one that raises is logged itself."""

        class Broken:
            def warn(self, text: str) -> None:
                raise RuntimeError(text)

        log = NodeLog(Broken())
        log.info("nobody hears it")
        log.warn("this fails")
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)


class BroadcastTests(OverlayTestCase):
    """C{node.broadcast}."""

    def test_events(self) -> None:
        """An event reaches all other nodes once, with its arguments, and not the one that it came from."""
        nodes = [self.start(number) for number in range(1, 5)]
        heard: list[tuple[Any, ...]] = []
        for at, node in enumerate(nodes):
            node.broadcast.on("chat", lambda *args, at=at: heard.append((at, *args)))
        self.assertGreater(nodes[1].broadcast.emit("chat", "hi", 7, None, {"a": [True]}), 0)
        self.network.flush()
        self.assertEqual(sorted(heard), [(at, "hi", 7, None, {"a": [True]}) for at in (0, 2, 3)])

    def test_chunks(self) -> None:
        """Bytes arrive in one piece each; an empty one, too."""
        first, second = self.pair()
        heard: list[bytes] = []
        first.broadcast.on("data", heard.append)
        for chunk in (b"\x00\xff", b"", bytearray(b"mutable")):
            second.broadcast.write(chunk)
        self.network.flush()
        self.assertEqual(heard, [b"\x00\xff", b"", b"mutable"])

    def test_nobody(self) -> None:
        """Who is alone is told so, also when the node does not run."""
        self.assertEqual(self.start(1).broadcast.emit("chat"), 0)
        self.assertEqual(self.node(2).broadcast.emit("chat"), 0)

    def test_packets(self) -> None:
        """Packets are told in front of their content, with the peer that they came from."""
        first, second = self.pair()
        heard: list[Any] = []
        first.broadcast.on("packet", heard.append)
        first.broadcast.on("chat", lambda *args: heard.append(args))
        first.broadcast.on("data", heard.append)
        second.broadcast.emit("chat", 1)
        second.broadcast.write(b"bytes")
        self.network.flush()
        event, args, packet, chunk = heard
        self.assertEqual((event.origin, event.data, args), (second.id, ["chat", 1], (1,)))
        self.assertEqual((packet.data, chunk), (b"bytes", b"bytes"))
        self.assertIs(event.via, first.peerlist.list[0])
        self.assertTrue(event.id.startswith(second.id + "-"))

    def test_namesOfOurEvents(self) -> None:
        """An event from another node never reaches the handlers of our own, whatever it is called."""
        first, second = self.pair()
        local: list[Any] = []
        sent: list[Any] = []
        for name in ("data", "packet"):
            first.broadcast.onEvent(name, lambda *args: sent.append(args))
        first.broadcast.on("data", local.append)
        second.broadcast.emit("data", 1)
        second.broadcast.emit("packet", 2)
        second.broadcast.emit("error", "nobody listens")
        second.broadcast.emit("", "nor here")
        self.network.flush()
        self.assertEqual((local, sent), ([], [(1,), (2,)]))
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_handlers(self) -> None:
        """Handlers may be added as decorators, for once, and removed again."""
        first, second = self.pair()
        heard: list[Any] = []

        @first.broadcast.on("chat")
        def always(text: str) -> None:
            heard.append(text)

        first.broadcast.once("chat", lambda text: heard.append(f"once {text}"))
        first.broadcast.onEvent("chat", heard.append)
        for text in ("a", "b"):
            second.broadcast.emit("chat", text)
            self.network.flush()
        first.broadcast.off("chat", always)
        first.broadcast.offEvent("chat", heard.append)
        second.broadcast.emit("chat", "c")
        self.network.flush()
        self.assertEqual(heard, ["a", "once a", "a", "b", "b"])
        with self.assertRaises(TypeError):
            first.broadcast.on(17, always)  # type: ignore[call-overload]

    def test_raisingHandlers(self) -> None:
        """What a handler raises is logged; other handlers, and the overlay, are not concerned."""
        first, second = self.pair()
        third = self.start(3, seeds=[addressOf(1)])
        heard: list[str] = []

        def broken(text: str) -> None:
            raise ZeroDivisionError(text)

        async def late(text: str) -> None:
            raise ArithmeticError(text)

        for node in (first, third):
            node.broadcast.on("chat", broken)
            node.broadcast.on("chat", late)
            node.broadcast.on("chat", heard.append)
        second.broadcast.emit("chat", "x")
        self.network.flush()
        self.assertEqual(heard, ["x", "x"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2)
        self.assertEqual(len(self.flushLoggedErrors(ArithmeticError)), 2)

    def test_wrong(self) -> None:
        """What no line can carry, and what real nodes cannot bear, is refused with an error."""
        node = self.start(1)
        for kind, args in (
            (TypeError, (17,)),
            (TypeError, ("chat", b"bytes")),
            (TypeError, ("chat", {1: 2})),
            (ValueError, ("chat", float("nan"))),
            (ValueError, ("chat", "x" * 2**20)),
        ):
            with self.assertRaises(kind):
                node.broadcast.emit(*args)
        with self.assertRaises(TypeError) as caught:
            node.broadcast.write("text")  # type: ignore[arg-type]
        self.assertIn(".encode()", str(caught.exception))
        with self.assertRaises(smokesignal.WrongDialect):
            self.start(2, dialect="0.1").broadcast.write(b"x")
        with self.assertRaises(smokesignal.WrongDialect):
            self.start(3, dialect="0.2").broadcast.emit("x")


class PeerTests(OverlayTestCase):
    """Peers, and messages to one of them."""

    def test_messages(self) -> None:
        """Events and bytes reach one peer alone, and come from the peer that sent them."""
        first, second = self.pair()
        self.start(3, seeds=[addressOf(1)])
        heard: list[Any] = []
        for node in (first, second):
            for peer in node.peerlist:
                peer.on("hi", lambda *args, peer=peer: heard.append((peer.id, *args)))
                peer.on("data", lambda chunk, peer=peer: heard.append((peer.id, chunk)))
        peer = next(each for each in first.peerlist if each.id == second.id)
        peer.emit("hi", "x", 1)
        peer.emit("hi")
        peer.write(b"bytes")
        self.network.flush()
        self.assertEqual(heard, [(first.id, "x", 1), (first.id,), (first.id, b"bytes")])

    def test_attributes(self) -> None:
        """A peer knows who and where it is, by its socket."""
        first, second = self.pair()
        [peer] = second.peerlist
        self.assertEqual((peer.id, peer.remoteAddress), (first.id, addressOf(1)))
        self.assertTrue((peer.agent or "").startswith("jetjstp/"))
        self.assertTrue(peer.isConnected)

    def test_list(self) -> None:
        """The list can be iterated over, counted, and asked for a peer or an id."""
        first, second = self.pair()
        [peer] = first.peerlist
        self.assertEqual((list(first.peerlist), len(first.peerlist), first.peerlist.list), ([peer], 1, (peer,)))
        self.assertTrue(peer in first.peerlist and second.id in first.peerlist and first.peerlist.inList(peer))
        self.assertFalse(peer in second.peerlist or "nobody" in first.peerlist or None in first.peerlist)
        self.assertIs(first.peerlist.find(second.id), peer)

    def test_close(self) -> None:
        """A peer that is closed is a peer no more, on both sides; nothing can be sent to it then."""
        first, second = self.pair(minPeerNo=1)
        [peer] = first.peerlist
        peer.close()
        self.assertEqual(len(first.peerlist), 0)
        self.network.flush()
        self.assertEqual(len(second.peerlist), 0)
        peer.close()
        with self.assertRaises(smokesignal.ConnectionLost):
            peer.emit("hi")
        with self.assertRaises(smokesignal.ConnectionLost):
            peer.write(b"hi")


class AddPeerTests(OverlayTestCase):
    """C{node.addPeer}."""

    def add(self, node: smokesignal.Node, number: int) -> Deferred[smokesignal.Peer]:
        """Have a node add another one, by its number."""
        adding = node.addPeer(addressOf(number), PORT)
        self.network.flush()
        return adding

    def test_added(self) -> None:
        """It fires with the peer, which is in the list by then."""
        first, second = self.start(1), self.start(2, seeds=[])
        peer = self.successResultOf(self.add(first, 2))
        self.assertEqual((list(first.peerlist), peer.id, peer.remotePort), ([peer], second.id, PORT))

    def test_refused(self) -> None:
        """Each reason why a node is no peer has an error of its own."""
        first, second = self.pair()
        full = self.start(3, seeds=[], minPeerNo=1, maxPeerNo=1)
        self.start(4, seeds=[addressOf(3)])
        self.failureResultOf(self.add(first, 9), smokesignal.DialFailed)
        self.failureResultOf(self.add(first, 1), smokesignal.OwnNode)
        self.failureResultOf(self.add(first, 3), smokesignal.HandshakeRefused)
        self.failureResultOf(self.add(full, 1), smokesignal.PeerListFull)
        known = self.failureResultOf(self.add(first, 2), smokesignal.AlreadyPeer).value
        self.assertIs(known.peer, first.peerlist.find(second.id))
        # The other way round the address says nothing: the link was dialled from any port.
        self.clock.advance(6)
        self.failureResultOf(self.add(second, 1), smokesignal.HandshakeRefused)

    def test_silent(self) -> None:
        """Who takes the connection and says nothing has five seconds."""
        first = self.start(1)
        self.network.listen(Factory.forProtocol(Protocol), addressOf(7), PORT)
        adding = self.add(first, 7)
        self.clock.advance(4.9)
        self.assertNoResult(adding)
        self.clock.advance(0.2)
        self.failureResultOf(adding, smokesignal.HandshakeTimeout)

    def test_cancel(self) -> None:
        """An attempt that is cancelled ends its connection."""
        first = self.start(1)
        self.network.listen(Factory.forProtocol(Protocol), addressOf(7), PORT)
        adding = self.add(first, 7)
        adding.cancel()
        self.failureResultOf(adding)
        self.network.flush()
        self.assertEqual(self.network._pipes[0][0].connected, False)

    def test_arguments(self) -> None:
        """An address or port of no use is an error at once."""
        first = self.start(1)
        for kind, args in (
            (TypeError, (17, 80)),
            (ValueError, ("", 80)),
            (TypeError, ("10.0.0.2", "80")),
            (ValueError, ("10.0.0.2", 0)),
        ):
            with self.assertRaises(kind):
                first.addPeer(*args)
