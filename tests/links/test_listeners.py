"""Tests of L{jetjstp.links.listeners}."""

from __future__ import annotations

import errno
import os
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocolFactory, IReadDescriptor, IStreamServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.testing import MemoryReactorClock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import directlyProvides, implementer
from zope.interface.verify import verifyObject

from jetjstp.links.listeners import Listener, ListenFailed


@implementer(IListeningPort)
class Port:
    """A port that is somewhere."""

    def __init__(self, address: Any) -> None:
        self._address = address

    def getHost(self) -> Any:
        """Where it is."""
        return self._address

    def startListening(self) -> None:
        """It does."""

    def stopListening(self) -> None:
        """It need not."""


@implementer(IStreamServerEndpoint)
class Endpoint:
    """An endpoint with a given outcome."""

    def __init__(self, outcome: Any) -> None:
        self._outcome = outcome

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """Succeed, fail or raise."""
        if isinstance(self._outcome, KeyError):
            raise self._outcome
        return fail(self._outcome) if isinstance(self._outcome, Exception) else succeed(self._outcome)


def listenerOf(description: str, outcome: Any) -> Listener:
    """A listener whose endpoint has an outcome."""
    listener = Listener(MemoryReactorClock(), "--listen", description)
    listener._endpoint = Endpoint(outcome)
    return listener


class ListenerTests(SynchronousTestCase):
    """L{Listener}."""

    def test_listens(self) -> None:
        """It listens where the description says, and knows the port."""
        reactor = MemoryReactorClock()
        listener = Listener(reactor, "--listen", "tcp:11122:interface=127.0.0.1")
        self.assertTrue(verifyObject(IStreamServerEndpoint, listener))
        self.assertIsNone(listener.port)
        factory = Factory()
        port = self.successResultOf(listener.listen(factory))
        self.assertIs(listener.port, port)
        self.assertEqual(reactor.tcpServers, [(11122, factory, 50, "127.0.0.1")])

    def test_unusable(self) -> None:
        """A description that cannot be understood is named together with its option and how to do better."""
        for description, words in (
            ("11122", "did you mean tcp:11122?"),
            ("", "write it like tcp:"),
            ("tpc:11122", "tpc"),
            ("tcp:http", "http"),
            ("tcp:1:2:3:4", "argument"),
            ("tcp:1:host=x", "host"),
            ("tcp:1\\", "write it like"),
            ("systemd:domain=INET:index=7", "no such socket"),
            ("ssl:11122:privateKey=no-such-key.pem", "no-such-key.pem"),
        ):
            with self.assertRaises(ValueError) as caught:
                Listener(MemoryReactorClock(), "--listen-websocket", description)
            message = str(caught.exception)
            for word in ("--listen-websocket", repr(description), words):
                self.assertIn(word, message)
            self.assertNotIn("\n", message)

    def test_refused(self) -> None:
        """What prevents listening is told with the option, the description, the reason and the remedy."""

        def systemError(number: int) -> CannotListenError:
            return CannotListenError("", 80, OSError(number, os.strerror(number)))

        for error, reason, remedy in (
            (systemError(errno.EADDRINUSE), "in use", "stop the program"),
            (systemError(errno.EACCES), "Permission denied", "choose a port above 1023"),
            (CannotListenError(None, "/x", OSError(errno.EACCES, "Denied")), "Denied", "choose a folder"),
            (PermissionError(errno.EACCES, "Denied", "/x.lock"), "Denied: /x.lock", "choose a folder"),
            (systemError(errno.EADDRNOTAVAIL), "assign requested address", "interface="),
            (systemError(errno.ENOENT), "No such file", "create the folder"),
            (systemError(errno.ENODEV), "No such device", "correct the endpoint"),
            (CannotListenError(None, "/run/jet", "Cannot acquire lock"), "acquire lock", "stop the program"),
            (FileNotFoundError(errno.ENOENT, "No such file", "/no/jet.lock"), "/no/jet.lock", "create the folder"),
            (OverflowError("port must be 0-65535"), "0-65535", "correct the endpoint"),
            (KeyError("raised"), "raised", "correct the endpoint"),
        ):
            failure = self.failureResultOf(listenerOf("tcp:80", error).listen(Factory()), ListenFailed)
            message = failure.getErrorMessage()
            for word in ("--listen tcp:80: ", reason, "; ", remedy):
                self.assertIn(word, message)
            self.assertNotIn("\n", message)

    def test_text(self) -> None:
        """As text it is where one can connect, or what was asked for as long as that is not known."""
        for description, address, text in (
            ("tcp:0", IPv4Address("TCP", "127.0.0.1", 4711), "127.0.0.1:4711"),
            ("tcp6:0", IPv6Address("TCP", "::1", 4711), "[::1]:4711"),
            ("unix:jet.sock", UNIXAddress(b"/run/jet.sock"), "unix:/run/jet.sock"),
            ("systemd:x", None, "systemd:x"),
        ):
            listener = listenerOf("tcp:0", Port(address))
            listener.description = description
            self.assertEqual(str(listener), description)
            self.successResultOf(listener.listen(Factory()))
            self.assertEqual(str(listener), text)

    def test_textWithTLS(self) -> None:
        """A listener with TLS says so."""
        for description in ("ssl:0", "tls:certificates:0"):
            listener = listenerOf("tcp:0", Port(IPv4Address("TCP", "127.0.0.1", 4711)))
            listener.description = description
            self.successResultOf(listener.listen(Factory()))
            self.assertEqual(str(listener), "127.0.0.1:4711 with TLS")


class HeldTests(SynchronousTestCase):
    """A L{Listener} that takes no connections yet."""

    class Reading(Port):
        """A port that can be told to wait."""

        reads = True

        def startReading(self) -> None:
            """It takes connections."""
            self.reads = True

        def stopReading(self) -> None:
            """It takes none."""
            self.reads = False

    def test_held(self) -> None:
        """Connections wait in the queue of the port until the listener is opened."""
        port = self.Reading(IPv4Address("TCP", "127.0.0.1", 1))
        directlyProvides(port, IListeningPort, IReadDescriptor)
        listener = listenerOf("tcp:1", port)
        listener.isHeld = True
        self.successResultOf(listener.listen(Factory()))
        self.assertEqual((port.reads, listener.isHeld), (False, True))
        listener.open()
        self.assertEqual((port.reads, listener.isHeld), (True, False))

    def test_opened(self) -> None:
        """Without that they are taken at once, and ports that cannot wait take them in any case."""
        port = self.Reading(IPv4Address("TCP", "127.0.0.1", 1))
        directlyProvides(port, IListeningPort, IReadDescriptor)
        self.successResultOf(listenerOf("tcp:1", port).listen(Factory()))
        self.assertTrue(port.reads)
        listener = listenerOf("tcp:1", Port(IPv4Address("TCP", "127.0.0.1", 1)))
        listener.isHeld = True
        self.successResultOf(listener.listen(Factory()))
        listener.open()
        self.assertFalse(listener.isHeld)
