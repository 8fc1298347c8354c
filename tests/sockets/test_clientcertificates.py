"""Tests of clients that present certificates, with real TLS on loopback."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cryptography import x509
from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import deferLater
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from jetjstp import jet, jstp
from jetjstp.jstp.logins import JstpLogins
from jetjstp.links.listeners import Listener, ListenFailed
from jetjstp.policies.users import UsersPolicy
from tests.sockets.certificates import Authority, Issued, makeCertificate
from tests.sockets.test_links import asDeferred

reactor: Any = globalReactor

PATIENCE = 5.0

LISTS = {"fetchGroups": ["machines"], "setGroups": ["machines"], "callGroups": ["machines"]}

USERS: dict[str, Any] = {
    "pump": {"certificate": "pump-1.example", "auth": LISTS},
    "joe": {"password": "s3cret", "auth": LISTS},
}


@implementer(ILogObserver)
class Lines(list[str]):
    """The lines of the log."""

    def __call__(self, event: LogEvent) -> None:
        self.append(formatEvent(event) or "")


class CertificateTestCase(TestCase):
    """A TLS listener that asks for certificates, and clients."""

    timeout = 30

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.authority = Authority()
        own = makeCertificate()
        self.server = self.write("server.pem", own.dumpPEM() + own.privateKey.dump(1))
        self.ca = self.write("ca.pem", self.authority.pem)
        self.lines = Lines()
        globalLogPublisher.addObserver(self.lines)
        self.addCleanup(globalLogPublisher.removeObserver, self.lines)

    def write(self, name: str, content: bytes) -> str:
        """Write a file; its path."""
        path = self.folder / name
        path.write_bytes(content)
        return str(path)

    def listener(self, clientCa: str | None) -> Listener:
        """Where to listen."""
        return Listener(reactor, "--listen", f"ssl:0:interface=127.0.0.1:privateKey={self.server}", clientCa=clientCa)

    def tlsOptions(self, issued: Issued | None) -> dict[str, str]:
        """What a client trusts, and presents."""
        options = {"trustRoot": self.server}
        if issued is not None:
            options["certificate"] = self.write("client.pem", issued.pem)
            options["key"] = self.write("client.key", issued.keyPem)
        return options

    async def until(self, condition: Any) -> None:
        """Wait until something is the case."""
        end = reactor.seconds() + PATIENCE
        while not condition():
            self.assertLess(reactor.seconds(), end, f"it did not happen in time: {self.lines}")
            await deferLater(reactor, 0.005)


class RenewalTests(CertificateTestCase):
    """Certificates that are renewed while a listener has connections."""

    async def start(self) -> str:
        """A daemon; its URL."""
        self.listening = self.listener(self.ca)
        daemon = jet.Daemon(policy=UsersPolicy(USERS))
        self.addCleanup(daemon.close)
        [port] = await daemon.listen(endpoints=[self.listening])
        return f"jets://127.0.0.1:{port.getHost().port}"  # type: ignore[attr-defined]

    async def connect(self, url: str, trusted: str, issued: Issued | None = None) -> jet.Peer:
        """A peer that trusts one certificate."""
        peer = jet.Peer(url, tlsOptions={**self.tlsOptions(issued), "trustRoot": trusted}, reconnect=False)
        self.addCleanup(peer.close)
        await peer.connect()
        return peer

    @asDeferred
    async def test_renewed(self) -> None:
        """Who connects after a renewal gets the new certificate, and is asked for one of the new authority."""
        url = await self.start()
        before = self.write("before.pem", Path(self.server).read_bytes())
        old = await self.connect(url, before)
        own, self.authority = makeCertificate(), Authority()
        self.write("server.pem", own.dumpPEM() + own.privateKey.dump(1))
        self.write("ca.pem", self.authority.pem)
        self.assertTrue(self.listening.renew())
        await self.connect(url, self.server, self.authority.issue("pump-1.example"))
        with self.assertRaises(jet.ConnectionClosed):
            await self.connect(url, before)
        self.assertTrue(old.isConnected())

    @asDeferred
    async def test_broken(self) -> None:
        """Files that are of no use are named in one line, and the listener goes on as it was."""
        url = await self.start()
        before = self.write("before.pem", Path(self.server).read_bytes())
        own, other = makeCertificate(), makeCertificate()
        for content, words in (
            (b"nothing", "ssl:0"),
            (own.dump(1) + other.privateKey.dump(1), "belong together"),
        ):
            self.write("server.pem", content)
            error = self.assertRaises(ValueError, self.listening.renew)
            self.assertIn(f"--listen {self.listening.description}: ", str(error))
            self.assertIn(words, str(error))
            self.assertNotIn("\n", str(error))
        self.write("server.pem", own.dumpPEM() + own.privateKey.dump(1))
        self.write("ca.pem", b"")
        self.assertIn("has no certificate in it", str(self.assertRaises(ValueError, self.listening.renew)))
        await self.connect(url, before)

    def test_nothing(self) -> None:
        """A listener without TLS, or one that does not listen yet, has nothing to renew."""
        self.assertFalse(Listener(reactor, "--listen", "tcp:0").renew())
        self.listener(None).renew()


class JetTests(CertificateTestCase):
    """Peers of a daemon."""

    async def start(self, clientCa: str | None = None) -> None:
        """A daemon on a stream and on a WebSocket listener."""
        self.policy = UsersPolicy(USERS)
        self.daemon = jet.Daemon(policy=self.policy)
        self.addCleanup(self.daemon.close)
        listeners = [self.listener(clientCa or self.ca) for _ in range(2)]
        ports = await self.daemon.listen(endpoints=listeners[:1], wsEndpoints=listeners[1:])
        self.urls = [
            f"{scheme}://127.0.0.1:{port.getHost().port}"  # type: ignore[attr-defined]
            for scheme, port in zip(("jets", "wss"), ports, strict=True)
        ]
        self.owner = jet.Peer(self.urls[0], tlsOptions=self.tlsOptions(None), reconnect=False)
        self.addCleanup(self.owner.close)
        await self.owner.connect()
        await self.owner.add(jet.State("secret", 7, access={"fetchGroups": ["machines"]}))

    async def see(self, url: str, issued: Issued | None, **options: Any) -> list[str]:
        """The paths that a peer with a certificate sees."""
        peer = jet.Peer(url, tlsOptions=self.tlsOptions(issued), reconnect=False, **options)
        self.addCleanup(peer.close)
        await peer.connect()
        return [entry.path for entry in await peer.get({})]

    def users(self) -> list[str | None]:
        """Who is connected, apart from the owner."""
        return [peer.user for peer in self.daemon.peers][1:]

    @asDeferred
    async def test_known(self) -> None:
        """Who has a certificate of a user is that user from the start, on both kinds of listeners."""
        await self.start()
        for issued in (
            self.authority.issue("pump-1.example"),
            self.authority.issue("a pump", x509.DNSName("pump-1.example")),
        ):
            for url in self.urls:
                self.assertEqual(await self.see(url, issued), ["secret"])
        self.assertEqual(self.users(), ["pump"] * 4)

    @asDeferred
    async def test_unknown(self) -> None:
        """Without a certificate, or with one of nobody, a peer is served as nobody; it may log in by password."""
        await self.start()
        for issued in (None, self.authority.issue("joe")):
            for url in self.urls:
                self.assertEqual(await self.see(url, issued), [])
                self.assertEqual(await self.see(url, issued, user="joe", password="s3cret"), ["secret"])
        self.assertEqual(self.users(), [None, "joe"] * 4)

    @asDeferred
    async def test_refused(self) -> None:
        """A certificate that somebody else signed, or that has expired, fails the handshake; the log says it."""
        await self.start()
        for issued in (
            Authority().issue("pump-1.example"),
            self.authority.issue("pump-1.example", isExpired=True),
        ):
            for url in self.urls:
                try:
                    await self.see(url, issued)
                except jet.ConnectionClosed:
                    pass
                else:
                    self.fail("it was let in")
        self.assertEqual(self.users(), [])
        await self.until(lambda: sum("certificate verify failed" in line for line in self.lines) >= 2)
        self.assertEqual(self.flushLoggedErrors(), [])

    @asDeferred
    async def test_severalAuthorities(self) -> None:
        """The file may have several authorities; text between them does not matter."""
        other = Authority("another one")
        await self.start(self.write("both.pem", b"# ours\n" + self.authority.pem + b"\n# theirs\n" + other.pem))
        for authority in (self.authority, other):
            self.assertEqual(await self.see(self.urls[0], authority.issue("pump-1.example")), ["secret"])

    @asDeferred
    async def test_recheck(self) -> None:
        """Who came in by a certificate is dropped when it is nobody's any more; who has none stays."""
        await self.start()
        await self.see(self.urls[0], self.authority.issue("pump-1.example"))
        self.assertEqual(await self.daemon.recheck(), 0)
        self.policy.replace({"joe": USERS["joe"]})
        self.assertEqual(await self.daemon.recheck(), 1)
        await self.until(lambda: self.users() == [])
        self.assertTrue(self.owner.isConnected())

    @asDeferred
    async def test_notAsked(self) -> None:
        """Without such a file nobody is asked for a certificate, and who has one is nobody."""
        self.daemon = jet.Daemon(policy=UsersPolicy(USERS))
        self.addCleanup(self.daemon.close)
        (port,) = await self.daemon.listen(endpoints=[self.listener(None)])
        url = f"jets://127.0.0.1:{port.getHost().port}"  # type: ignore[attr-defined]
        await self.see(url, self.authority.issue("pump-1.example"))
        self.assertEqual([peer.user for peer in self.daemon.peers], [None])


class JstpTests(CertificateTestCase):
    """Clients of a JSTP server."""

    async def serve(self, module: Any) -> str:
        """Start a server; where it listens."""
        api = {"me": {"who": lambda connection: jstp.Results(connection.username)}}
        server = module.createServer([jstp.Application("app", api)], authPolicy=JstpLogins(UsersPolicy(USERS)))
        self.addCleanup(server.close)
        port: IListeningPort = await server.listen(self.listener(self.ca))
        return f"127.0.0.1:{port.getHost().port}"  # type: ignore[attr-defined]

    async def who(self, connecting: Deferred[jstp.Connection]) -> Any:
        """Who a client is."""
        connection = await connecting
        self.addCleanup(connection.close)
        (name,) = await connection.callMethod("me", "who")
        return name

    @asDeferred
    async def test_stream(self) -> None:
        """Over TLS a client is who its certificate says, nobody without one, and whom it logs in as by password."""
        where = await self.serve(jstp.net)
        joe = jstp.SimpleConnectPolicy("joe", "s3cret")
        pump = self.authority.issue("pump-1.example")
        cases: list[tuple[Any, Issued | None, str | None]] = [
            (None, pump, "pump"),
            (None, None, None),
            (None, self.authority.issue("eve"), None),
            (joe, None, "joe"),
            (joe, pump, "joe"),
        ]
        for policy, issued, expected in cases:
            client = jstp.Client(connectPolicy=policy)
            connecting = jstp.net.connect("app", client, f"tls:{where}", tlsOptions=self.tlsOptions(issued))
            self.assertEqual(await self.who(connecting), expected)

    @asDeferred
    async def test_webSocket(self) -> None:
        """Likewise over WebSocket."""
        where = await self.serve(jstp.ws)
        for issued, expected in ((self.authority.issue("pump-1.example"), "pump"), (None, None)):
            config = {"tlsOptions": self.tlsOptions(issued)}
            self.assertEqual(await self.who(jstp.ws.connect("app", None, config, f"wss://{where}/")), expected)


class ListenerTests(CertificateTestCase):
    """Files of authorities that are of no use."""

    def refused(self, clientCa: str, description: str | None = None) -> str:
        """The error, in one line."""
        description = description or f"ssl:0:interface=127.0.0.1:privateKey={self.server}"
        error = self.assertRaises(ValueError, Listener, reactor, "--listen", description, clientCa=clientCa)
        self.assertNotIn("\n", str(error))
        self.assertIn("--client-ca", str(error))
        return str(error)

    def test_files(self) -> None:
        """A file that is missing, a folder, without certificates or with a broken one is named with the remedy."""
        broken = self.authority.pem.replace(b"M", b"N", 3)
        cases = [
            (str(self.folder / "no-such.pem"), "does not exist"),
            (str(self.folder), "is a folder"),
            (self.write("empty.pem", b""), "no certificate in it"),
            (self.write("key.pem", self.authority.issue("x").keyPem), "no certificate in it"),
            (self.write("broken.pem", self.authority.pem + broken), "number 2 is broken"),
            (self.write("cut.pem", self.authority.pem[:200]), "number 1 is broken"),
            ("\0", "cannot be read"),
        ]
        for path, words in cases:
            error = self.refused(path)
            self.assertIn(words, error)
            self.assertIn(repr(path), error)

    def test_notPermitted(self) -> None:
        """A file that may not be read is named with the remedy."""

        readable = Path.read_bytes

        def readBytes(path: Path) -> bytes:
            if str(path) != self.ca:
                return readable(path)
            raise PermissionError(13, "Permission denied", str(path))

        self.patch(Path, "read_bytes", readBytes)
        self.assertIn("permit it", self.refused(self.ca))

    def test_otherListeners(self) -> None:
        """Listeners without TLS have nothing to do with it; TLS of somebody else's endpoints cannot be reached."""
        Listener(reactor, "--listen", "tcp:0:interface=127.0.0.1", clientCa="no-such.pem")
        self.assertIn("use ssl:", self.refused(self.ca, "tls:0"))

    def test_brokenServerKey(self) -> None:
        """What is wrong with the endpoint itself is told as ever."""
        error = self.assertRaises(
            ValueError, Listener, reactor, "--listen", f"ssl:0:privateKey={self.folder}/none.pem", clientCa=self.ca
        )
        self.assertIn("none.pem", str(error))

    @asDeferred
    async def test_takenPort(self) -> None:
        """A port that is taken is told as ever."""
        from twisted.internet.protocol import Factory

        port = await self.listener(self.ca).listen(Factory())
        self.addCleanup(port.stopListening)
        number = port.getHost().port  # type: ignore[attr-defined]
        description = f"ssl:{number}:interface=127.0.0.1:privateKey={self.server}"
        with self.assertRaises(ListenFailed):
            await Listener(reactor, "--listen", description, clientCa=self.ca).listen(Factory())
