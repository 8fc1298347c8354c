"""
Tests for L{jetjstp.links.websocket}: upgrades, and who is let in.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent

from jetjstp.interfaces import MessageLink
from jetjstp.links.origins import OriginRules, UpgradeRequest
from jetjstp.links.settings import LinkSettings
from jetjstp.links.webside import MAX_HEAD, MAX_HEAD_LINES, OPEN_TIMEOUT
from tests.links.frames import clientFrame
from tests.links.upgrading import WebSocketTestCase, upgradeRequest


class UpgradeTests(WebSocketTestCase):
    """The opening handshake."""

    def test_accepted(self) -> None:
        """An upgrade is answered with the selected subprotocol, and the receiver gets a link that can be written to."""
        link, transport = self.connect()
        self.assertEqual(self.recorders, [])
        link.dataReceived(upgradeRequest())
        self.assertEqual(
            transport.value(),
            b"HTTP/1.1 101 Switching Protocols\r\n"
            b"Upgrade: WebSocket\r\n"
            b"Connection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: jet\r\n"
            b"Sec-WebSocket-Accept: HSmrc0sMlYUkAGmm5OPpG2HaGWk=\r\n"
            b"\r\n",
        )
        self.assertEqual(self.recorders[0].events, [("opened",)])
        asLink: MessageLink = link
        self.assertIs(self.recorders[0].link, asLink)
        self.assertEqual((link.kind, link.address, link.handshakeAuth), ("websocket", "192.168.1.1", None))

    def test_pieces(self) -> None:
        """The request may come byte by byte, and frames may come right behind it."""
        link, _ = self.connect()
        data = upgradeRequest() + clientFrame(b"early")
        for index in range(len(data)):
            link.dataReceived(data[index : index + 1])
        self.clock.advance(0)
        self.assertEqual(self.recorders[0].messages, [b"early"])
        link, _ = self.connect()
        link.dataReceived(data + clientFrame(b"second")[:3])
        link.dataReceived(clientFrame(b"second")[3:])
        self.clock.advance(0)
        self.assertEqual(self.recorders[1].messages, [b"early", b"second"])

    def test_subprotocols(self) -> None:
        """Ours is selected if it is offered, else none is; the order of preference is ours."""
        for offered, protocols, selected in [
            ("jet", ("jet",), b"jet"),
            ("mqtt, jet", ("jet",), b"jet"),
            ("mqtt", ("jet",), None),
            ("JET", ("jet",), None),
            (None, ("jet",), None),
            ("a, b", ("b", "a"), b"b"),
            ("a", (), None),
        ]:
            link, transport = self.connect(self.makeFactory(protocols=protocols))
            link.dataReceived(upgradeRequest(Sec_WebSocket_Protocol=offered))
            self.assertIn(b"101", transport.value())
            if selected is None:
                self.assertNotIn(b"Sec-WebSocket-Protocol", transport.value())
            else:
                self.assertIn(b"Sec-WebSocket-Protocol: " + selected + b"\r\n", transport.value())

    def test_requiredSubprotocol(self) -> None:
        """If a subprotocol is required, its case does not matter, it is echoed as it came, and without it is a 403."""
        factory = self.makeFactory(protocols=("metarhia-jstp",), requireProtocol=True)
        for spelling, selected in [
            ("metarhia-jstp", b"metarhia-jstp"),
            ("foo, Metarhia-JSTP", b"Metarhia-JSTP"),
            ("METARHIA-jstp, metarhia-jstp", b"METARHIA-jstp"),
        ]:
            link, transport = self.connect(factory)
            link.dataReceived(upgradeRequest("/any/path?at=all", Sec_WebSocket_Protocol=spelling))
            self.assertIn(b"101", transport.value())
            self.assertIn(b"Sec-WebSocket-Protocol: " + selected + b"\r\n", transport.value())
        for offered in None, "foo", "jstp":
            link, transport = self.connect(factory)
            link.dataReceived(upgradeRequest(Sec_WebSocket_Protocol=offered))
            self.assertTrue(transport.value().startswith(b"HTTP/1.1 403 Forbidden\r\n"))
            self.assertIn(b"metarhia-jstp", transport.value())
            self.assertTrue(transport.disconnecting)

    def test_plainStatus(self) -> None:
        """What is no upgrade gets the status that was asked for."""
        link, transport = self.connect(self.makeFactory(plainStatus=400))
        link.dataReceived(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 400 Bad Request\r\n"))

    def test_versions(self) -> None:
        """Versions 8 and 13 are spoken; others get a 426 with a list of them."""
        self.upgrade(Sec_WebSocket_Version="8")
        link, transport = self.connect(self.makeFactory(plainStatus=400))
        link.dataReceived(upgradeRequest(Sec_WebSocket_Version="12"))
        self.assertTrue(transport.value().startswith(b"HTTP/1.1 426 Upgrade Required\r\n"))
        self.assertIn(b"\r\nSec-WebSocket-Version: 13,8\r\n", transport.value())

    def test_compression(self) -> None:
        """Compression is never accepted: frames are shared by all links."""
        link, transport = self.connect()
        link.dataReceived(upgradeRequest(Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits"))
        self.assertIn(b"101", transport.value())
        self.assertNotIn(b"Extensions", transport.value())

    def test_noUpgrade(self) -> None:
        """What is no upgrade gets a well-formed answer that says so, and the connection is closed."""
        link, transport = self.connect()
        link.dataReceived(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        head, _, body = transport.value().partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 426 Upgrade Required\r\n"))
        self.assertIn(b"\r\nUpgrade: websocket", head)
        self.assertIn(f"Content-Length: {len(body)}\r\n".encode(), head)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(self.recorders, [])

    def test_malformed(self) -> None:
        """Malformed requests are refused; the log does not follow each of them, nor garble."""
        factory = self.makeFactory()
        with capturedLogs() as events:
            for request in (
                b"\r\n\r\n",
                b"POST / HTTP/1.1\r\n\r\n",
                b"GET \x1b[31m HTTP/9.9\r\n\r\n",
                upgradeRequest(Host=None),
                upgradeRequest(Sec_WebSocket_Key="short"),
                upgradeRequest(Sec_WebSocket_Version="7"),
            ):
                link, transport = self.connect(factory)
                link.dataReceived(request)
                self.assertTrue(transport.value().startswith(b"HTTP/1.1 4") or b" 505 " in transport.value())
                self.assertTrue(transport.disconnecting)
                self.lose(link)
        self.assertEqual(len(events), 1)
        self.assertIn("refused: address=192.168.1.1 code=400 reason=", formatEvent(events[0]))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_endlessRequest(self) -> None:
        """A request that does not end is dropped at the limit."""
        link, transport = self.connect()
        head = b"GET / HTTP/1.1\r\nX: "
        link.dataReceived(head + b"x" * (MAX_HEAD - len(head)))
        self.assertFalse(transport.disconnected)
        link.dataReceived(b"x")
        self.assertTrue(transport.disconnected)
        link.dataReceived(b"\r\n\r\n")
        self.assertEqual(transport.value(), b"")

    def test_manyLines(self) -> None:
        """A request of very many headers is dropped: joining those of one name is quadratic."""
        link, transport = self.connect()
        link.dataReceived(upgradeRequest()[:-2] + b"a:b\r\n" * MAX_HEAD_LINES + b"\r\n")
        self.assertTrue(transport.disconnected)

    def test_silent(self) -> None:
        """Who does not send a request is dropped after a while."""
        link, transport = self.connect()
        self.clock.advance(OPEN_TIMEOUT)
        self.assertTrue(transport.disconnected)
        self.lose(link)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_refusedDoesNotRead(self) -> None:
        """Who does not even read the refusal is dropped after a while."""
        link, transport = self.connect()
        link.dataReceived(upgradeRequest(Host=None))
        self.assertFalse(transport.disconnected)
        self.clock.advance(5)
        self.assertTrue(transport.disconnected)

    def test_lostBeforeOpen(self) -> None:
        """A connection that goes before its handshake is done leaves nothing, and no receiver hears of it."""
        factory = self.makeFactory()
        link, _ = self.connect(factory)
        link.dataReceived(b"GET")
        self.assertEqual(len(factory.links), 1)
        self.lose(link)
        self.assertEqual((factory.links, self.recorders, self.clock.getDelayedCalls()), (set(), [], []))

    def test_maxConnections(self) -> None:
        """Connections above the limit are refused with one log line."""
        factory = self.makeFactory(settings=LinkSettings(maxConnections=1))
        self.connect(factory)
        with capturedLogs() as events:
            self.assertIs(factory.buildProtocol(None), None)
            self.assertIs(factory.buildProtocol(None), None)
        self.assertEqual(len(events), 1)

    def test_receiverCannotBeMade(self) -> None:
        """If no receiver can be made, that is logged and the link aborted."""
        factory = self.makeFactory()
        factory.receiver = lambda: 1 // 0  # type: ignore[assignment,return-value]
        link, transport = self.connect(factory)
        link.dataReceived(upgradeRequest())
        self.assertTrue(transport.disconnected)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.lose(link)

    def test_options(self) -> None:
        """Options out of range are refused by name."""
        error = self.assertRaises(ValueError, self.makeFactory, pingInterval=5000)
        self.assertEqual(str(error), "pingInterval: 5000 is out of range; seconds; did you mean 5.0?")
        self.assertRaises(ValueError, self.makeFactory, pingInterval=-1)
        self.assertRaises(ValueError, self.makeFactory, maxMessage=0)
        self.assertRaises(ValueError, self.makeFactory, fragmentSize=100)
        error = self.assertRaises(ValueError, self.makeFactory, pingPatience=10_000)
        self.assertEqual(str(error), "pingPatience: 10000 is out of range; seconds; did you mean 10.0?")


class GuardTests(WebSocketTestCase):
    """Who is let in by what the request says."""

    def test_origin(self) -> None:
        """Without a guard, pages from elsewhere are refused, with one log line that says how to admit them."""
        factory = self.makeFactory()
        with capturedLogs() as events:
            for _ in range(2):
                link, transport = self.connect(factory)
                link.dataReceived(upgradeRequest(Origin="http://evil.example"))
                self.assertTrue(transport.value().startswith(b"HTTP/1.1 403 Forbidden\r\n"))
                self.assertTrue(transport.disconnecting)
        self.assertEqual(len(events), 1)
        self.assertEqual(
            formatEvent(events[0]),
            'refused: address=192.168.1.1 code=403 reason="the origin http://evil.example is not that of the host '
            '10.0.0.1:11123; it can be admitted with --origin"',
        )
        self.upgrade(factory, Origin="http://10.0.0.1:11123")
        self.upgrade(factory)

    def test_openRules(self) -> None:
        """Rules that admit everything admit origins that are none, too."""
        factory = self.makeFactory(guard=OriginRules(["*"]).check)
        for origin in "http://evil.example", "null", "file://", "chrome-extension://abc":
            self.upgrade(factory, Origin=origin)

    def test_request(self) -> None:
        """The guard sees all of the request."""
        seen: list[UpgradeRequest] = []
        factory = self.makeFactory(guard=lambda request: seen.append(request))
        link, _ = self.connect(factory)
        link.dataReceived(
            upgradeRequest("/a/b?c=d&c=e", Origin="http://x.example", Cookie="k=v", Sec_WebSocket_Protocol="x, jet")
        )
        (request,) = seen
        self.assertEqual((request.path, request.query), ("/a/b", "c=d&c=e"))
        self.assertEqual((request.origin, request.host), ("http://x.example", "10.0.0.1:11123"))
        self.assertEqual((request.address, request.local, request.secure), ("192.168.1.1", "10.0.0.1", False))
        self.assertEqual(request.protocols, ("x", "jet"))
        self.assertEqual(request.headers["cookie"], "k=v")

    def test_unixSocket(self) -> None:
        """At a UNIX socket there is no local address, and so no rule about origins."""
        transport = StringTransport(UNIXAddress("/run/jet"), UNIXAddress(None))
        link, _ = self.connect(transport=transport)
        link.dataReceived(upgradeRequest(Origin="http://evil.example"))
        self.assertIn(b"101", transport.value())

    def test_noOrigin(self) -> None:
        """A request without an origin has none."""
        seen: list[UpgradeRequest] = []
        self.upgrade(self.makeFactory(guard=lambda request: seen.append(request)))
        self.assertIs(seen[0].origin, None)

    def test_fails(self) -> None:
        """A guard that fails lets nobody in, and that is logged."""
        link, transport = self.connect(self.makeFactory(guard=lambda request: 1 // 0))
        link.dataReceived(upgradeRequest())
        self.assertIn(b"403", transport.value())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_later(self) -> None:
        """A guard may take its time, with a Deferred or a coroutine; only then it is asked who it is."""
        answers: list[Deferred[object]] = []

        def later(request: UpgradeRequest) -> Deferred[object]:
            answers.append(Deferred())
            return answers[-1]

        async def coroutine(request: UpgradeRequest) -> object:
            return await later(request)

        for guard in later, coroutine:
            for verdict, status in (None, b" 401 "), ("not today", b" 403 "):
                link, transport = self.connect(self.makeFactory(guard=guard, authenticate=lambda request: None))
                link.dataReceived(upgradeRequest())
                self.assertEqual(transport.value(), b"")
                answers.pop().callback(verdict)
                self.assertIn(status, transport.value().split(b"\r\n")[0])
                self.assertIn(b"not ", transport.value())
            link, transport = self.connect(self.makeFactory(guard=guard))
            link.dataReceived(upgradeRequest())
            answers.pop().callback(None)
            self.assertIn(b" 101 ", transport.value())

    def test_failsLater(self) -> None:
        """A guard whose Deferred fails lets nobody in, and that is logged."""
        link, transport = self.connect(self.makeFactory(guard=lambda request: fail(ZeroDivisionError())))
        link.dataReceived(upgradeRequest())
        self.assertIn(b"403", transport.value())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_lostMeanwhile(self) -> None:
        """When the connection goes while the guard thinks, the question is taken back, without a log line."""
        cancellations: list[Any] = []
        answer: Deferred[Any] = Deferred(cancellations.append)
        link, transport = self.connect(self.makeFactory(guard=lambda request: answer))
        link.dataReceived(upgradeRequest())
        self.lose(link)
        self.assertEqual(len(cancellations), 1)
        self.assertEqual((transport.value(), self.recorders), (b"", []))


class AuthenticationTests(WebSocketTestCase):
    """Who is let in by what the application says."""

    def connectTo(self, authenticate: Any) -> tuple[Any, StringTransport]:
        """Ask for an upgrade."""
        link, transport = self.connect(self.makeFactory(authenticate=authenticate))
        link.dataReceived(upgradeRequest("/?token=5"))
        return link, transport

    def test_mapping(self) -> None:
        """A mapping lets the peer in, and is there for the receiver; at once, from a Deferred or a coroutine."""
        auth = {"fetchGroups": ["a"]}

        async def coroutine(request: UpgradeRequest) -> dict[str, list[str]]:
            self.assertEqual(request.query, "token=5")
            return auth

        for authenticate in (lambda request: auth, lambda request: succeed(auth), coroutine):
            link, transport = self.connectTo(authenticate)
            self.assertIn(b"101", transport.value())
            self.assertIs(link.handshakeAuth, auth)

    def test_refused(self) -> None:
        """Whatever is no mapping refuses with 401."""
        for answer in None, False, True, "user", ["user"], 5:
            _, transport = self.connectTo(lambda request, answer=answer: answer)
            self.assertTrue(transport.value().startswith(b"HTTP/1.1 401 Unauthorized\r\n"))
            self.assertTrue(transport.disconnecting)

    def test_fails(self) -> None:
        """A hook that fails refuses with 401, and is logged."""

        async def coroutine(request: UpgradeRequest) -> None:
            raise ZeroDivisionError

        for authenticate in (lambda request: 1 // 0, lambda request: fail(ZeroDivisionError()), coroutine):
            _, transport = self.connectTo(authenticate)
            self.assertIn(b"401", transport.value())
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_later(self) -> None:
        """While the answer is out nothing more is read; what came early is no second handshake, and is not lost."""
        answer: Deferred[Any] = Deferred()
        calls: list[UpgradeRequest] = []

        def authenticate(request: UpgradeRequest) -> Deferred[Any]:
            calls.append(request)
            return answer

        link, transport = self.connectTo(authenticate)
        self.assertEqual(transport.producerState, "paused")
        link.dataReceived(clientFrame(b"early \r\n\r\n one"))
        link.dataReceived(clientFrame(b"early two"))
        self.assertEqual((transport.value(), len(calls)), (b"", 1))
        answer.callback({})
        self.clock.advance(0)
        self.assertIn(b"101", transport.value())
        self.assertEqual(self.recorders[0].messages, [b"early \r\n\r\n one", b"early two"])
        self.assertEqual(transport.producerState, "producing")

    def test_lostMeanwhile(self) -> None:
        """When the connection goes while the answer is out, the question is taken back, and nobody gets a link."""
        answer: Deferred[Any] = Deferred(lambda cancelled: cancellations.append(cancelled))
        cancellations: list[Any] = []
        link, transport = self.connectTo(lambda request: answer)
        self.lose(link)
        self.assertEqual(len(cancellations), 1)
        self.assertEqual((transport.value(), self.recorders), (b"", []))

    def test_answerTooLate(self) -> None:
        """An answer after the time for the handshake does not open anything."""
        answer: Deferred[Any] = Deferred()
        _, transport = self.connectTo(lambda request: answer)
        self.clock.advance(OPEN_TIMEOUT)
        self.assertTrue(transport.disconnected)
        answer.callback({})
        self.assertEqual((transport.value(), self.recorders), (b"", []))

    def test_guardFirst(self) -> None:
        """Whom the guard refuses is not asked who he is."""
        calls: list[UpgradeRequest] = []

        def authenticate(request: UpgradeRequest) -> None:
            calls.append(request)

        factory = self.makeFactory(authenticate=authenticate, guard=lambda request: "no")
        link, transport = self.connect(factory)
        link.dataReceived(upgradeRequest())
        self.assertIn(b"403", transport.value())
        self.assertEqual(calls, [])
