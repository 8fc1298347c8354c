"""
Tests for L{jetjstp.jstp.serving}: what a server can be made of.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp import Application, Connection, net, ws
from tests.jstp.clientends import StreamClient


class CreatingTests(SynchronousTestCase):
    """What a server can be made of."""

    def test_dict(self) -> None:
        """All options may come in one dict, as with npm's package; C{listener} listens to C{connect}."""
        connections: list[Connection] = []
        clock = Clock()
        options = {"applications": [Application("app", {})], "listener": connections.append, "reactor": clock}
        for create in (net.createServer, ws.createServer):
            server = create(options)
            self.assertEqual(server.getClientsArray(), [])
        server = net.createServer(options)
        client = StreamClient(server.factory)
        client.open()
        self.assertEqual(server.getClientsArray(), connections)
        client.disconnect()
        self.successResultOf(server.close())

    def test_oneApplication(self) -> None:
        """One application needs no list."""
        clock = Clock()
        server = net.createServer(Application("app", {}), reactor=clock)
        StreamClient(server.factory).open()
        self.successResultOf(server.close())

    def test_mistakes(self) -> None:
        """Each mistake is refused at once, and named."""
        for options, word in (
            ({"heartbeatInterval": 100_000}, "100"),
            ({"clientExpirationTime": 3_600_000_000}, "clientExpirationTime"),
            ({"heartbeatInterval": 0}, "heartbeatInterval"),
            ({"sessionStorageProvider": object()}, "get"),
            ({"sessionDurability": "sometimes"}, "sometimes"),
            ({"applications": [5]}, "Application"),
            ({"applications": None}, "list"),
            ({"authpolicy": None}, "authpolicy"),
        ):
            with self.assertRaises((ValueError, TypeError), msg=str(options)) as raised:
                net.createServer({"applications": [], **options}, reactor=Clock())
            self.assertIn(word, str(raised.exception))
        self.assertRaises(TypeError, net.createServer, {})

    def test_milliseconds(self) -> None:
        """What is written in milliseconds, as for npm's package, is refused, with what was meant."""
        for options, meant in (
            ({"heartbeatInterval": 5000}, "5.0"),
            ({"clientExpirationTime": 3_600_000}, "3600.0"),
        ):
            error = self.assertRaises(ValueError, net.createServer, [], reactor=Clock(), **options)
            self.assertIn(f"did you mean {meant}?", str(error))

    def test_position(self) -> None:
        """Whatever stands behind the applications, npm's listener or options, is refused, and the keywords are told."""
        first: Any
        for create, word in ((net.createServer, "listener"), (ws.createServer, "originCheckStrategy")):
            for first in ([], {"applications": []}):
                for second in (print, {"heartbeatInterval": 5}, None):
                    error = self.assertRaises(TypeError, create, first, second)
                    self.assertIn(word, str(error))

    def test_kinds(self) -> None:
        """Options of another kind are refused when the server is made, not when they are used."""
        options: Any
        for options, word in (
            ({"limits": {"message": 5}}, "jstp.Limits"),
            ({"listener": 5}, "5"),
        ):
            self.assertIn(word, str(self.assertRaises(TypeError, net.createServer, [], reactor=Clock(), **options)))
        for check in ("*", lambda: True):
            error = self.assertRaises(TypeError, ws.createServer, [], originCheckStrategy=check, reactor=Clock())
            self.assertIn("originCheckStrategy", str(error))
        error = self.assertRaises(TypeError, net.createServer, {"applications": [], "originCheckStrategy": print})
        self.assertIn("has no originCheckStrategy", str(error))

    def test_service(self) -> None:
        """Places for a service that mean nothing are refused at once: it would try them for ever."""
        server = net.createServer([], reactor=Clock())
        for places in ((), (3000,), (["tcp:3000"],)):
            self.assertRaises(TypeError, server.asService, *places)
        self.assertRaises(ValueError, server.asService, "tcp:3000", "3000")

    def test_resource(self) -> None:
        """Only a server of WebSockets is a part of a web site."""
        self.assertTrue(ws.createServer([], reactor=Clock()).webSocketResource().isLeaf)
        self.assertRaises(TypeError, net.createServer([], reactor=Clock()).webSocketResource)

    def test_listenFails(self) -> None:
        """What prevents listening is what the program is told."""

        class Endpoint(TCP4ServerEndpoint):
            def listen(self, factory: Any) -> Any:
                return fail(CannotListenError("", 5, OSError("taken")))

        server = net.createServer([], reactor=Clock())
        self.failureResultOf(server.listen(Endpoint(Clock(), 5)), CannotListenError)
        self.failureResultOf(_wrapped(server.listen, 5), TypeError)
        self.failureResultOf(_wrapped(server.listen, "nonsense:5"), ValueError)
        self.successResultOf(server.close())


def _wrapped(function: Any, *args: Any) -> Deferred[Any]:
    try:
        found: Deferred[Any] = function(*args)
    except Exception:
        return fail()
    return found
