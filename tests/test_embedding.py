"""
Tests for L{jetjstp.embedding}: the daemon as a service.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.application.service import IService, IServiceCollection, MultiService
from twisted.internet.defer import Deferred, fail
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IStreamServerEndpoint
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from jetjstp.embedding import FIRST_WAIT, LONGEST_WAIT
from jetjstp.jet.daemon import Daemon
from jetjstp.testing import MemoryEndpoint
from tests.jet.asking import add, ask


@implementer(IStreamServerEndpoint)
class TakenEndpoint:
    """
    A place that is taken for some time.

    @ivar tries: How often it was asked for.
    @ivar free: What is behind it, as soon as it is not taken any more.
    """

    def __init__(self) -> None:
        self.tries = 0
        self.free: MemoryEndpoint | None = None

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See L{IStreamServerEndpoint}."""
        self.tries += 1
        if self.free is None:
            return fail(CannotListenError("", 11122, OSError("taken")))
        return self.free.listen(protocolFactory)


class ServiceTests(SynchronousTestCase):
    """C{asService}."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.daemon = Daemon(reactor=self.clock)
        self.endpoint = MemoryEndpoint()

    def service(self, endpoint: object) -> Any:
        """The daemon as a service that listens there."""
        return self.daemon.asService(endpoints=[endpoint])

    def stop(self, service: Any) -> None:
        """Stop the service, and see that nothing is left."""
        self.successResultOf(service.stopService())
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_startAndStop(self) -> None:
        """It listens while it runs; when it has stopped, peers and ports are gone."""
        service = self.service(self.endpoint)
        verifyObject(IService, service)
        self.assertIsNone(self.endpoint.factory)
        service.startService()
        self.assertTrue(service.running)
        peer = self.endpoint.connect()
        self.assertEqual(ask(peer, "echo"), {"result": {}})
        self.stop(service)
        self.assertFalse(peer.connected)
        self.assertFalse(service.running)
        self.assertIsNone(self.endpoint.factory)

    def test_again(self) -> None:
        """It can be started again, and is empty then."""
        service = self.service(self.endpoint)
        for _ in range(2):
            service.startService()
            peer = self.endpoint.connect()
            self.assertEqual(ask(peer, "get"), {"result": []})
            add(peer, "a")
            self.stop(service)

    def test_inApplication(self) -> None:
        """It is a child of other services like any other; stopping waits until its peers are gone."""
        application = MultiService()
        self.service(self.endpoint).setServiceParent(application)
        verifyObject(IServiceCollection, application)
        application.startService()
        peer = self.endpoint.connect()
        peer.stopReading()
        peer.send({"id": 1, "method": "echo"})
        stopping = cast(Any, application.stopService())
        self.assertNoResult(stopping)
        peer.startReading()
        self.successResultOf(stopping)

    def test_retry(self) -> None:
        """A place that is taken is tried again, after waits that become longer, with a log line each time."""
        taken = TakenEndpoint()
        service = self.service(taken)
        with capturedLogs() as logs:
            service.startService()
            wait, waits = FIRST_WAIT, []
            for tries in range(1, 10):
                self.assertEqual(taken.tries, tries)
                (call,) = self.clock.getDelayedCalls()
                waits.append(call.getTime() - self.clock.seconds())
                self.clock.advance(waits[-1] - 0.25)
                self.assertEqual(taken.tries, tries)
                self.clock.advance(0.25)
        self.assertEqual(waits[:3], [wait, 2 * wait, 4 * wait])
        self.assertEqual(max(waits), LONGEST_WAIT)
        lines = [formatEvent(event) for event in logs]
        self.assertEqual(len(lines), 10)
        self.assertIn("taken", lines[0])
        self.assertIn("next try in 1.0 seconds", lines[0])
        taken.free = self.endpoint
        self.clock.advance(LONGEST_WAIT)
        self.assertTrue(self.endpoint.connect().connected)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.stop(service)

    def test_waitsStartOver(self) -> None:
        """When it is started anew, the first wait is a short one again."""
        taken = TakenEndpoint()
        service = self.service(taken)
        service.startService()
        for _ in range(5):
            self.clock.advance(LONGEST_WAIT)
        self.stop(service)
        service.startService()
        (call,) = self.clock.getDelayedCalls()
        self.assertEqual(call.getTime() - self.clock.seconds(), FIRST_WAIT)
        self.stop(service)

    def test_stopWhileWaiting(self) -> None:
        """When it is stopped between two tries there is no other one."""
        taken = TakenEndpoint()
        service = self.service(taken)
        service.startService()
        self.stop(service)
        self.clock.advance(1000)
        self.assertEqual(taken.tries, 1)

    def test_stopWhileListening(self) -> None:
        """When it is stopped while a try is under way, that is given up, and not tried again."""
        listening: list[Deferred[IListeningPort]] = []

        @implementer(IStreamServerEndpoint)
        class SlowEndpoint:
            def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
                listening.append(Deferred())
                return listening[-1]

        service = self.daemon.asService(endpoints=[self.endpoint, SlowEndpoint()])
        service.startService()
        self.assertIsNotNone(self.endpoint.factory)
        self.stop(service)
        self.assertTrue(listening[0].called)
        self.assertIsNone(self.endpoint.factory)

    def test_wrongOptions(self) -> None:
        """What cannot be listened at at all is said at once, by the name of the option."""
        for options, text in (({"tcpPort": -1}, "tcpPort"), ({"wsPort": 1, "wsPingInterval": 5000}, "seconds")):
            service = self.daemon.asService(**options)
            error = self.assertRaises(ValueError, service.startService)
            self.assertIn(text, str(error))
            self.successResultOf(cast(Any, service.stopService()))

    def test_stopWithoutStart(self) -> None:
        """Stopping what never ran is no error."""
        self.successResultOf(self.service(self.endpoint).stopService())
