"""
The examples of docs/howto/jstpapplications.rst, as they are printed there.
"""

from __future__ import annotations

import json
import os
import re
import textwrap
from pathlib import Path
from typing import Any
from unittest import TestResult

from twisted.application.service import IServiceCollection
from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from jetjstp import jstp
from tests.sockets.certificates import makeCertificate

reactor: Any = globalReactor
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "jstpapplications.rst"

ANY_PORT = "tcp:0:interface=127.0.0.1"


def codeBlocks() -> list[str]:
    """The Python examples, in order."""
    found = re.findall(r"\.\. code-block:: python\n\n((?:(?: {4}.*)?\n)+)", GUIDE.read_text("utf-8"))
    return [textwrap.dedent(block).strip() + "\n" for block in found]


SERVICE, TLS_SERVER, TLS_CLIENT, SITE, SERVER_CALLS, CLIENT_CALLED, KEPT, TESTS = codeBlocks()


class Site:
    """The reactor, for an example that listens at a port of its own."""

    def __init__(self) -> None:
        self.ports: list[Any] = []

    def listenTCP(self, port: int, factory: Any, interface: str) -> None:
        """Listen at any port instead."""
        self.ports.append(reactor.listenTCP(0, factory, interface=interface))


class GuideTests(TestCase):
    """Each example."""

    timeout = 30.0

    def setUp(self) -> None:
        """A folder of its own, which is where examples look for files."""
        folder = os.getcwd()
        place = self.mktemp()
        os.makedirs(place)
        os.chdir(place)
        self.addCleanup(os.chdir, folder)
        self.printed: list[Any] = []
        sums = jstp.Application("sums", {"calc": {"add": lambda connection, a, b: a + b}})
        self.names: dict[str, Any] = {"jstp": jstp, "sums": sums, "print": self.printed.append, "reactor": reactor}

    async def run_(self, code: str, **replaced: str) -> None:
        """Run a piece of a coroutine; its names stay."""
        for old, new in replaced.items():
            code = code.replace(old.strip("_"), new)
        names = " ".join(f"global {name};" for name in ("server", "connection", "proxies", "client"))
        exec(f"async def example():\n    {names}\n" + textwrap.indent(code, "    "), self.names)
        await Deferred.fromCoroutine(self.names["example"]())
        for name in ("connection", "server"):
            if name in self.names:
                self.addCleanup(self.names[name].close)

    async def listen(self, server: Any) -> int:
        """Let a server listen at any port."""
        self.addCleanup(server.close)
        return int((await server.listen(ANY_PORT)).getHost().port)

    async def test_service(self) -> None:
        """The service listens at the places that it was given, and stops."""
        exec(SERVICE.replace("tcp:3000", "tcp:0"), self.names)
        [service] = IServiceCollection(self.names["application"])
        service.startService()
        connection = await jstp.net.connect("sums", None, "unix:sums.sock")
        self.assertEqual(await connection.callMethod("calc", "add", [1, 2]), [3])
        await connection.close()
        await service.stopService()
        self.assertFalse(os.path.exists("sums.sock"))

    async def test_tls(self) -> None:
        """The client trusts the certificate of the server."""
        certificate = makeCertificate()
        Path("server.pem").write_bytes(certificate.dumpPEM())
        Path("server.key").write_bytes(certificate.privateKey.dump(1))
        listened: list[Any] = []
        listen = jstp.Server.listen

        def listening(server: jstp.Server, endpoint: Any) -> Any:
            waiting = listen(server, endpoint)
            waiting.addCallback(lambda port: listened.append(port))
            return waiting

        self.patch(jstp.Server, "listen", listening)
        await self.run_(TLS_SERVER, _3001_="0")
        await self.run_(TLS_CLIENT, _3001_=str(listened[0].getHost().port))
        self.assertEqual(self.printed, [3])

    async def test_site(self) -> None:
        """The server is a part of the site; pages of other origins are not let in."""
        os.mkdir("htdocs")
        Path("htdocs/page.html").write_text("a page")
        site = Site()
        self.names["reactor"] = site
        exec(SITE, self.names)
        self.addCleanup(self.names["server"].close)
        [port] = site.ports
        self.addCleanup(port.stopListening)
        url = f"ws://localhost:{port.getHost().port}/jstp"
        for origin in (None, "http://localhost:8080"):
            connection = await jstp.ws.connect("sums", None, {"origin": origin}, url)
            self.assertEqual(await connection.callMethod("calc", "add", [1, 2]), [3])
            await connection.close()
        stranger = jstp.ws.connect("sums", None, {"origin": "https://example.org"}, url)
        error: Any = await self.assertFailure(stranger, jstp.WebSocketHandshakeError)
        self.assertEqual(error.status, 403)

    async def test_serverCalls(self) -> None:
        """The server asks a client that has logged in."""
        exec(SERVER_CALLS, self.names)
        port = await self.listen(self.names["server"])
        await self.run_(CLIENT_CALLED, _3000_=str(port))
        self.assertEqual(await Deferred.fromCoroutine(self.names["ask"]("ada", "Coffee?")), "Coffee? Tea, please.")

    async def test_kept(self) -> None:
        """A client goes on with the session of its predecessor."""
        server = jstp.net.createServer([self.names["sums"]])
        told: list[str] = []
        server.on("connect", lambda connection: told.append("connect"))
        server.on("reconnect", lambda connection: told.append("reconnect"))
        port = str(await self.listen(server))
        await self.run_(KEPT, _3000_=port)
        self.assertEqual(json.loads(Path("session.json").read_text())["latestBufferedMessageId"], 1)
        await self.run_(KEPT, _3000_=port)
        self.assertEqual((self.printed, told), ([[3], [3]], ["connect", "reconnect"]))

    def test_tests(self) -> None:
        """The tests pass."""
        exec(TESTS, self.names)
        result = TestResult()
        for name in ("test_add", "test_lostConnection"):
            self.names["SumsTests"](name).run(result)
        self.assertEqual((result.testsRun, result.errors, result.failures), (2, [], []))
