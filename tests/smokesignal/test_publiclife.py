"""Tests of L{jetjstp.smokesignal.Node}: starting and stopping, also as a service."""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import formatEvent, globalLogPublisher

from jetjstp import smokesignal
from jetjstp.smokesignal.seeding import RETRY_INTERVAL

from .overlays import PORT, OverlayTestCase, addressOf
from .resolvers import Resolver, ResolvingClock


class LifeTests(OverlayTestCase):
    """Starting and stopping."""

    def test_start(self) -> None:
        """A node that has started listens on its own address, and enters the overlay by its seeds."""
        first = self.start(1)
        self.assertEqual(list(self.network.listeners), [(addressOf(1), PORT)])
        self.assertTrue(first.isRunning)
        second = self.start(2)
        self.assertEqual([peer.id for peer in first.peerlist], [second.id])
        self.assertEqual([peer.id for peer in second.peerlist], [first.id])

    def test_anyPort(self) -> None:
        """Port 0 takes a free port, which is the one that others are told."""
        first, second = self.start(1), self.start(2, port=0)
        self.assertNotEqual(second.port, 0)
        self.assertIn((addressOf(2), second.port), self.network.listeners)
        self.assertEqual([(peer.id, peer.remotePort) for peer in first.peerlist], [(second.id, second.port)])

    def test_interface(self) -> None:
        """A node may listen elsewhere than on the address that others dial."""
        self.start(1, interface="")
        self.start(2, interface="10.9.9.9")
        self.assertEqual(list(self.network.listeners), [("0.0.0.0", PORT), ("10.9.9.9", PORT)])

    def test_startAgain(self) -> None:
        """A node that runs is left alone."""
        first, _ = self.pair()
        self.assertIs(self.successResultOf(first.start()), first)
        self.assertEqual(len(first.peerlist), 1)

    def test_taken(self) -> None:
        """A port that is taken fails the start, and is an error event too; the node can be started later."""
        self.start(1)
        other = self.node(1)
        told = self.listen(other)
        self.failureResultOf(other.start(), CannotListenError)
        [(name, error)] = told
        self.assertEqual((name, type(error)), ("error", CannotListenError))
        self.assertFalse(other.isRunning)
        self.network.listeners.clear()
        self.assertIs(self.successResultOf(other.start()), other)

    def test_stop(self) -> None:
        """Stopping tells the peers, frees the port, and leaves nothing behind; it may be asked for at any time."""
        first, second = self.pair()
        told = self.listen(second)
        [peer] = second.peerlist
        ended: list[str] = []
        peer.on("end", lambda: ended.append("end"))
        self.stop(first)
        self.assertEqual(told, [("disconnect",), ("remove", peer)])
        self.assertEqual((ended, peer.isConnected, len(first.peerlist)), (["end"], False, 0))
        self.assertEqual(list(self.network.listeners), [(addressOf(2), PORT)])
        self.stop(first)
        self.stop(second)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.stop(self.node(3))

    def test_restart(self) -> None:
        """A node that was stopped may be started again, under the same id."""
        first, second = self.pair()
        id = first.id
        self.stop(first)
        self.successResultOf(first.start())
        self.assertEqual(first.id, id)
        # The second one is alone, and so looks for its seed at its next tick.
        self.clock.advance(10)
        self.network.flush()
        self.assertIn(id, second.peerlist)

    def test_startWhileStopping(self) -> None:
        """A start that is asked for during a stop comes after it."""
        first, _ = self.pair()
        stopped, started = first.stop(), first.start()
        self.assertNoResult(started)
        self.network.flush()
        self.successResultOf(stopped)
        self.successResultOf(started)
        self.assertTrue(first.isRunning)

    def test_lastWordCounts(self) -> None:
        """Starts and stops may be asked for in any order without waiting: what was asked for last is what comes."""
        first, _ = self.pair()
        stops, starts = [], []
        for _ in range(3):
            stops.append(first.stop())
            starts.append(first.start())
        stops.append(first.stop())
        self.network.flush()
        for stopped in stops:
            self.successResultOf(stopped)
        for started in starts:
            self.failureResultOf(started, smokesignal.NodeStopped)
        self.assertFalse(first.isRunning)
        self.assertNotIn((addressOf(1), PORT), self.network.listeners)

    def test_stopFromHandler(self) -> None:
        """A node may be stopped from a handler of its own."""
        first = self.start(1)
        stops = []
        first.on("connect", lambda: stops.append(first.stop()))
        self.start(2)
        self.clock.advance(5)
        self.successResultOf(stops[0])
        self.assertEqual((first.isRunning, len(first.peerlist)), (False, 0))

    def test_stopWithAddPeer(self) -> None:
        """Who waits for a peer is told that the node has stopped."""
        first = self.start(1)
        adding = first.addPeer(addressOf(9), PORT)
        self.failureResultOf(adding, smokesignal.DialFailed)
        self.stop(first)
        self.failureResultOf(first.addPeer(addressOf(2), PORT), smokesignal.NodeStopped)


class SeedNamesTests(OverlayTestCase):
    """Seeds that are given by name."""

    def setUp(self) -> None:
        """Make a reactor that resolves names."""
        super().setUp()
        self.clock = self.network.clock = ResolvingClock()
        self.resolver: Resolver = self.clock.nameResolver

    def test_resolved(self) -> None:
        """The node waits for the address of its seed, then enters there; nobody is let in before."""
        self.start(1)
        second = self.node(2, seeds=[("seed.example.org", PORT)])
        starting = second.start()
        self.assertNoResult(starting)
        self.assertFalse(second.isRunning)
        self.resolver.answer("seed.example.org", addressOf(1))
        self.successResultOf(starting)
        self.network.flush()
        self.assertEqual(len(second.peerlist), 1)

    def test_split(self) -> None:
        """Events about the seed name it as it was given."""
        first = self.start(1)
        second = self.node(2, seeds=[("seed.example.org", PORT)])
        told = self.listen(second)
        second.start()
        self.resolver.answer("seed.example.org", addressOf(1))
        self.network.flush()
        self.start(3, seeds=[addressOf(2)])
        self.stop(first)
        self.clock.pump([1.0] * 15)
        self.assertIn(("netsplit", smokesignal.Seed("seed.example.org", PORT)), told)

    def test_unknown(self) -> None:
        """A name that nobody knows is logged once, and asked for again until it is known."""
        self.start(1)
        second = self.node(2, seeds=[("seed.example.org", PORT)])
        starting = second.start()
        self.resolver.answer("seed.example.org")
        self.successResultOf(starting)
        for _ in range(2):
            self.clock.advance(RETRY_INTERVAL)
            self.resolver.answer("seed.example.org")
        self.clock.advance(RETRY_INTERVAL)
        self.resolver.answer("seed.example.org", addressOf(1))
        self.clock.advance(10)
        self.network.flush()
        self.assertEqual(len(second.peerlist), 1)
        logger = second._log._logger
        self.assertEqual(len([line for line in logger.lines if "seed.example.org" in line[1]]), 1)

    def test_slow(self) -> None:
        """A lookup that takes too long does not keep the node from starting."""
        second = self.node(2, seeds=[("seed.example.org", PORT)])
        starting = second.start()
        self.clock.advance(5)
        self.successResultOf(starting)
        self.stop(second)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stopMeanwhile(self) -> None:
        """A node that is stopped while it looks for its seeds was never started."""
        node = self.node(2, seeds=[("seed.example.org", PORT)])
        starting, stopping = node.start(), node.stop()
        self.failureResultOf(starting, smokesignal.NodeStopped)
        self.successResultOf(stopping)
        self.assertEqual((self.network.listeners, self.clock.getDelayedCalls()), ({}, []))

    def test_startAgainMeanwhile(self) -> None:
        """A node that is stopped or cancelled while it looks for its seeds, and then started, does start."""
        for wantsNoMore in (lambda node, starting: node.stop(), lambda node, starting: starting.cancel()):
            node = self.node(2, seeds=[("seed.example.org", PORT)])
            # Closing the port takes a moment, as on a reactor.
            closing = self.delayClosing()
            starting = node.start()
            wantsNoMore(node, starting)
            again = node.start()
            self.failureResultOf(starting, smokesignal.NodeStopped, CancelledError)
            self.assertNoResult(again)
            closing.callback(None)
            self.resolver.answer("seed.example.org", addressOf(1))
            self.assertIs(self.successResultOf(again), node)
            self.stop(node)

    def delayClosing(self) -> Deferred[None]:
        """Have the next port that is opened close late: when the result fires."""
        late: Deferred[None] = Deferred()
        listen = self.network.listen

        def listenOnce(factory: IProtocolFactory, interface: str, port: int) -> Deferred[IListeningPort]:
            self.network.listen = listen  # type: ignore[method-assign]
            listening = listen(factory, interface, port)
            opened = cast(Any, self.successResultOf(listening))
            close = opened.stopListening

            def closeLate() -> Deferred[None]:
                opened.stopListening = close
                return late.addCallback(lambda _: close())

            opened.stopListening = closeLate
            return succeed(opened)

        self.network.listen = listenOnce  # type: ignore[method-assign]
        return late

    def test_cancel(self) -> None:
        """A start that is cancelled leaves nothing behind."""
        node = self.node(2, seeds=[("seed.example.org", PORT)])
        told = self.listen(node)
        starting = node.start()
        starting.cancel()
        self.failureResultOf(starting, CancelledError)
        self.assertEqual((self.network.listeners, self.clock.getDelayedCalls(), told), ({}, [], []))
        again = node.start()
        self.resolver.answer("seed.example.org", addressOf(1))
        self.assertIs(self.successResultOf(again), node)


class ServiceTests(OverlayTestCase):
    """C{node.asService()}."""

    def test_service(self) -> None:
        """The node runs while the service does."""
        node = self.node()
        service = node.asService()
        service.startService()
        self.assertTrue(node.isRunning)
        stopped = service.stopService()
        assert stopped is not None
        self.successResultOf(stopped)
        self.assertFalse(node.isRunning)

    def test_taken(self) -> None:
        """A port that is taken is tried again, ever more rarely; each time is logged in one line."""
        observer = EventLoggingObserver()
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.start()
        node = self.node()
        node.on("error", lambda error: None)
        service = node.asService()
        service.startService()
        self.clock.advance(1)
        lines = [formatEvent(event) for event in observer]
        self.assertEqual(
            [line[:39] for line in lines],
            ["cannot listen, next try in 1.0 seconds:", "cannot listen, next try in 2.0 seconds:"],
        )
        self.network.listeners.clear()
        self.clock.advance(2)
        self.assertTrue(node.isRunning)

    def test_stopWhileWaiting(self) -> None:
        """A service that is stopped tries no more."""
        self.start()
        node = self.node()
        node.on("error", lambda error: None)
        service = node.asService()
        service.startService()
        waiting = len(self.clock.getDelayedCalls())
        service.stopService()
        self.assertEqual(len(self.clock.getDelayedCalls()), waiting - 1)
        self.flushLoggedErrors()
