"""
JSTP on real sockets, our client on our server.
"""

from __future__ import annotations

import os
import tempfile
from typing import Any

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.trial.unittest import TestCase

from jetjstp import jstp
from jetjstp.links.dialing import DialFailed
from tests.sockets.certificates import makeCertificate

reactor: Any = globalReactor

ANY_PORT = "tcp:0:interface=127.0.0.1"


class JstpSocketTests(TestCase):
    """Servers and clients on loopback."""

    timeout = 30.0

    def setUp(self) -> None:
        self.certificate = makeCertificate()
        self.trustRoot = self.mktemp()
        with open(self.trustRoot, "wb") as file:
            file.write(self.certificate.dumpPEM())

    def makeServer(self, module: Any = jstp.net) -> jstp.Server:
        """A server with something to ask for, and something that takes its time."""
        self.slow: Deferred[Any] = Deferred()
        application = jstp.Application(
            "app", {"calc": {"add": lambda connection, a, b: a + b, "slow": lambda connection: self.slow}}
        )
        server: jstp.Server = module.createServer([application])
        self.addCleanup(server.close)
        return server

    async def listen(self, server: jstp.Server, endpoint: Any = ANY_PORT) -> int:
        """Let a server listen; its port."""
        port: Any = await server.listen(endpoint)
        return getattr(port.getHost(), "port", 0)

    def tls(self) -> Any:
        """An endpoint with TLS."""
        return SSL4ServerEndpoint(reactor, 0, self.certificate.options(), interface="127.0.0.1")

    async def converse(self, module: Any, *address: Any, **options: Any) -> None:
        """Connect, ask for something small and something large, and leave."""
        connection, proxies = await module.connectAndInspect("app", None, ["calc"], *address, **options)
        self.assertEqual(await proxies["calc"].add(1, 2), 3)
        self.assertEqual(await proxies["calc"].add("é" * 200_000, "!"), "é" * 200_000 + "!")
        await connection.close()

    async def test_tls(self) -> None:
        """With TLS, the certificate and the name in it are checked."""
        port = await self.listen(self.makeServer(), self.tls())
        trusted: dict[str, Any] = {"tlsOptions": {"trustRoot": self.trustRoot}}
        await self.converse(jstp.net, f"tls:127.0.0.1:{port}", **trusted)
        for address, options in ((f"tls:localhost:{port}", trusted), (f"tls:127.0.0.1:{port}", {})):
            await self.assertFailure(jstp.net.connect("app", None, address, **options), DialFailed)

    async def test_secureWebSocket(self) -> None:
        """So they are with C{wss}."""
        port = await self.listen(self.makeServer(jstp.ws), self.tls())
        trusted = {"tlsOptions": {"trustRoot": self.trustRoot}}
        await self.converse(jstp.ws, trusted, f"wss://127.0.0.1:{port}/any")
        for config, url in ((trusted, f"wss://localhost:{port}"), (None, f"wss://127.0.0.1:{port}")):
            await self.assertFailure(jstp.ws.connect("app", None, config, url), DialFailed)

    async def test_unix(self) -> None:
        """UNIX sockets carry the same."""
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "s")
            server = self.makeServer()
            await self.listen(server, f"unix:{path}")
            await self.converse(jstp.net, f"unix:{path}")
            await server.close()

    async def test_move(self) -> None:
        """A session moves from one transport to another, with the calls that are being answered."""
        server = self.makeServer()
        first = await self.listen(server)
        second = await self.listen(server)
        connection = await jstp.net.connect("app", None, "127.0.0.1", first)
        self.addCleanup(connection.close)
        assert connection.session is not None
        id = connection.session.id
        running = connection.callMethod("calc", "slow")
        await connection.ping()
        await jstp.net.reconnect(connection, f"tcp:127.0.0.1:{second}")
        self.assertEqual((await connection.callMethod("calc", "add", [1, 2]), connection.session.id), ([3], id))
        self.assertEqual(len(server.getClientsArray()), 1)
        # What was running has arrived, but its answer might have been lost with the old transport.
        self.slow.callback("late")
        await self.assertFailure(running, jstp.CallbackLost)

    async def test_moveToWebSocket(self) -> None:
        """It moves from TCP to WebSocket, if both servers keep their sessions in one place."""
        storage = jstp.SimpleSessionStorageProvider()
        self.addCleanup(storage.close)
        application = jstp.Application("app", {"calc": {"add": lambda connection, a, b: a + b}})
        plain, web = (
            module.createServer([application], sessionStorageProvider=storage) for module in (jstp.net, jstp.ws)
        )
        for server in (plain, web):
            self.addCleanup(server.close)
        port, webPort = await self.listen(plain), await self.listen(web)
        connection = await jstp.net.connect("app", None, "127.0.0.1", port)
        self.addCleanup(connection.close)
        assert connection.session is not None
        id = connection.session.id
        # The session is stored when its connection has ended.
        gone: Deferred[Any] = Deferred()
        plain.on("disconnect", gone.callback)
        await connection.close()
        await gone
        await jstp.ws.reconnect(connection, None, f"ws://127.0.0.1:{webPort}/")
        self.assertEqual(await connection.callMethod("calc", "add", [1, 2]), [3])
        assert connection.session is not None
        self.assertEqual(connection.session.id, id)
        self.assertEqual((plain.getClientsArray(), len(web.getClientsArray())), ([], 1))

    async def test_refused(self) -> None:
        """Who is refused leaves nothing open."""
        server = self.makeServer()
        port = await self.listen(server)
        gone: Deferred[Any] = Deferred()
        server.on("disconnect", gone.callback)
        failing = jstp.net.connect("nope", None, "127.0.0.1", port)
        error: Any = await self.assertFailure(failing, jstp.RemoteError)
        self.assertEqual(error.code, jstp.ERR_APP_NOT_FOUND)
        await gone
