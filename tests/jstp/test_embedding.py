"""Tests of L{jetjstp.jstp.server.Server.asService}."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IStreamServerEndpoint
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from jetjstp import jstp


class Port:
    """A port that is open until it is closed."""

    isOpen = True

    def stopListening(self) -> Deferred[None]:
        """Close it."""
        self.isOpen = False
        return succeed(None)


@implementer(IStreamServerEndpoint)
class Place:
    """Somewhere to listen, which may be taken."""

    def __init__(self, isTaken: bool = False) -> None:
        self.isTaken = isTaken
        self.ports: list[Port] = []

    def listen(self, protocolFactory: Any) -> Deferred[Any]:
        """Listen, if nobody else does."""
        if self.isTaken:
            return fail(CannotListenError("any", 3000, OSError("in use")))
        self.ports.append(Port())
        return succeed(self.ports[-1])


class ServiceTests(SynchronousTestCase):
    """The server as a service."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.server = jstp.net.createServer([jstp.Application("app", {})], reactor=self.clock)

    def test_life(self) -> None:
        """It listens at all places while it runs, and nothing is left when it has stopped."""
        places = [Place(), Place()]
        service = self.server.asService(*places)
        service.startService()
        self.assertEqual([port.isOpen for place in places for port in place.ports], [True, True])
        self.successResultOf(service.stopService())
        self.assertEqual([port.isOpen for place in places for port in place.ports], [False, False])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_taken(self) -> None:
        """While one place is taken none is listened at, and it tries again."""
        free, taken = Place(), Place(isTaken=True)
        service = self.server.asService(free, taken)
        service.startService()
        self.assertEqual([port.isOpen for port in free.ports], [False])
        taken.isTaken = False
        self.clock.advance(1)
        self.assertEqual([port.isOpen for port in free.ports], [False, True])
        self.assertEqual([port.isOpen for port in taken.ports], [True])
        self.successResultOf(service.stopService())

    def test_nowhere(self) -> None:
        """A service without a place to listen at is a mistake."""
        self.assertRaises(TypeError, self.server.asService)
