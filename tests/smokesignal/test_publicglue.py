"""Tests of what joins a node to its links: L{jetjstp.smokesignal.protocol}, C{attempts}, C{network}."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IListeningPort, IProtocol, IProtocolFactory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp import smokesignal
from jetjstp.smokesignal.connections import Connection
from jetjstp.smokesignal.network import TCPNetwork, tlsContext
from jetjstp.smokesignal.protocol import LineReceiver

from .overlays import PORT, OverlayTestCase, addressOf


class Core:
    """Remembers what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Connection]] = []
        self.connection = Connection("10.0.0.2", 1, None)

    def accepted(self, address: str, port: int, now: float) -> Connection:
        """There is but one."""
        return self.connection

    def blocked(self, connection: Connection) -> None:
        """Remember it."""
        self.told.append(("blocked", connection))

    def drained(self, connection: Connection) -> None:
        """Remember it."""
        self.told.append(("drained", connection))


class Carrier:
    """As much of a carrier as a receiver needs."""

    def __init__(self) -> None:
        self.core = Core()
        self.driver = self
        self.limits = smokesignal.Limits(outboxSoft=100)

    def now(self) -> float:
        """Any time."""
        return 0.0

    def settle(self) -> None:
        """Nothing is to be done."""


class Link:
    """A link that takes everything."""

    address = "10.0.0.2"
    blocked = False

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, frames: list[bytes]) -> None:
        """Keep it."""
        self.written += frames


class BlockedTests(SynchronousTestCase):
    """Links that do not get rid of what they are given."""

    def test_marks(self) -> None:
        """The core is told when more waits than the soft limit says, once, and when it is gone."""
        carrier: Any = Carrier()
        link: Any = Link()
        receiver = LineReceiver(carrier, 1)
        receiver.linkOpened(link)
        connection = carrier.core.connection

        def write(size: int) -> None:
            connection.outbox.append(b"x" * size)
            receiver.write(connection)
            self.assertEqual(connection.outbox, [])

        write(1000)
        link.blocked = True
        receiver.linkBlocked()
        write(100)
        self.assertEqual(carrier.core.told, [])
        write(1)
        write(1000)
        self.assertEqual(carrier.core.told, [("blocked", connection)])
        receiver.linkDrained()
        link.blocked = False
        self.assertEqual(carrier.core.told[1:], [("drained", connection)])
        receiver.linkDrained()
        self.assertEqual(len(carrier.core.told), 2)
        self.assertEqual([len(frame) for frame in link.written], [1000, 100, 1, 1000])


class SlowNetwork:
    """
    Connections to one place are made when the test says so.

    @ivar factory: What the connection is to be made with.
    """

    def __init__(self, below: Any) -> None:
        self._below = below
        self.factory: IProtocolFactory | None = None
        self.connecting: Deferred[IProtocol] = Deferred(self._cancelled)
        self.cancelled = 0

    def _cancelled(self, result: object) -> None:
        self.cancelled += 1

    def listen(self, factory: IProtocolFactory, interface: str, port: int) -> Deferred[IListeningPort]:
        """Listen."""
        listening: Deferred[IListeningPort] = self._below.listen(factory, interface, port)
        return listening

    def connect(self, factory: IProtocolFactory, address: str, port: int, source: str | None) -> Deferred[IProtocol]:
        """Remember it."""
        self.factory = factory
        return self.connecting

    def proceed(self, address: str, port: int) -> None:
        """Make the connection now."""
        assert self.factory is not None
        self._below.connect(self.factory, address, port, None).chainDeferred(self.connecting)


class AttemptTests(OverlayTestCase):
    """Connections that take their time."""

    def setUp(self) -> None:
        """Start a node, which dials another one."""
        super().setUp()
        self.slow = SlowNetwork(self.network)
        self.other = self.start(2, seeds=[])
        self.dialler = smokesignal.createNode(address=addressOf(1), network=self.slow, reactor=self.clock)
        self.successResultOf(self.dialler.start())
        self.adding = self.dialler.addPeer(addressOf(2), PORT)

    def test_made(self) -> None:
        """A connection that is made late is as good as another one."""
        self.clock.advance(4)
        self.slow.proceed(addressOf(2), PORT)
        self.network.flush()
        self.assertEqual(self.successResultOf(self.adding).id, self.other.id)

    def test_failed(self) -> None:
        """The reason why there is none is told."""
        fail(ConnectError(string="no way")).chainDeferred(self.slow.connecting)
        error = self.failureResultOf(self.adding, smokesignal.DialFailed)
        self.assertIn("no way", error.getErrorMessage())

    def test_tooSlow(self) -> None:
        """After five seconds it is given up."""
        self.clock.advance(5)
        self.failureResultOf(self.adding, smokesignal.DialFailed)
        self.assertEqual(self.slow.cancelled, 1)

    def test_stop(self) -> None:
        """Stopping the node gives it up."""
        stopped = self.dialler.stop()
        self.network.flush()
        self.successResultOf(stopped)
        self.failureResultOf(self.adding, smokesignal.NodeStopped)
        self.assertEqual(self.slow.cancelled, 1)

    def test_cancel(self) -> None:
        """So does cancelling the wish."""
        self.adding.cancel()
        self.failureResultOf(self.adding)
        self.assertEqual(self.slow.cancelled, 1)


class TCPTests(SynchronousTestCase):
    """L{TCPNetwork}."""

    def setUp(self) -> None:
        """Make the network."""
        self.reactor = MemoryReactorClock()
        self.network = TCPNetwork(self.reactor)
        self.factory: Any = object()

    def test_listen(self) -> None:
        """It listens on one interface."""
        self.network.listen(self.factory, "10.0.0.1", 8495)
        [(port, _, _, interface)] = self.reactor.tcpServers
        self.assertEqual((port, interface), (8495, "10.0.0.1"))

    def test_source(self) -> None:
        """Connections come from the address that is wanted, where that is possible."""
        for address, source in (("10.0.0.2", "10.0.0.1"), ("10.0.0.2", None), ("10.0.0.2", "2001:db8::1")):
            self.network.connect(self.factory, address, 8495, source)
        self.assertEqual([client[4] for client in self.reactor.tcpClients], [("10.0.0.1", 0), None, None])
        self.assertEqual({client[0] for client in self.reactor.tcpClients}, {"10.0.0.2"})


class ContextTests(SynchronousTestCase):
    """L{tlsContext}."""

    def test_empty(self) -> None:
        """A file without certificates is named, for each of the options."""
        path = Path(self.mktemp())
        path.write_text("nothing")
        with self.assertRaises(ValueError) as caught:
            tlsContext({"certificate": path, "trustRoot": path})
        self.assertIn(f"{path} holds no usable certificate in PEM form", str(caught.exception))
        with self.assertRaises(OSError):
            tlsContext({"certificate": "not there", "trustRoot": path})
