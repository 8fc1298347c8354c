"""
Peers on real sockets: TLS, WebSocket, UNIX sockets.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.ssl import Certificate
from twisted.trial.unittest import TestCase

from jetjstp import jet
from tests.sockets.certificates import makeCertificate

reactor: Any = globalReactor


class PeerSocketTests(TestCase):
    """A daemon with listeners of all kinds."""

    timeout = 30.0

    async def begin(self, **options: Any) -> None:
        """Start the daemon."""
        self.certificate = makeCertificate()
        self.trustRoot = self.mktemp()
        with open(self.trustRoot, "wb") as file:
            file.write(self.certificate.dumpPEM())
        self.socket = "/tmp/" + self.mktemp().replace("/", "_")[-60:] + ".sock"
        self.daemon = jet.Daemon(reactor=reactor)
        self.addCleanup(self.daemon.close)
        plain = "tcp:0:interface=127.0.0.1"

        def secure() -> SSL4ServerEndpoint:
            return SSL4ServerEndpoint(reactor, 0, self.certificate.options(), interface="127.0.0.1")

        ports: list[Any] = await self.daemon.listen(
            endpoints=[plain, secure(), f"unix:{self.socket}"], wsEndpoints=[plain, secure()], **options
        )
        self.jet, self.jets, _, self.ws, self.wss = ports

    def peer(self, url: str, **options: Any) -> jet.Peer:
        """A peer that is closed with the test."""
        peer = jet.Peer(url, reactor=reactor, **options)
        self.addCleanup(peer.close)
        return peer

    async def refusal(self, peer: jet.Peer) -> jet.ConnectionClosed:
        """Why a peer cannot connect."""
        try:
            await peer.connect()
        except jet.ConnectionClosed as error:
            return error
        self.fail("it is connected")

    async def exchange(self, peer: jet.Peer) -> None:
        """Everything works, long messages included."""
        await peer.connect()
        long = "é" * 300_000
        state = jet.State("s", 1)
        state.on("set", jet.State.acceptAny)
        await peer.add(state)
        told: list[Any] = []
        fetcher = jet.Fetcher()
        fetcher.on("data", lambda one: told.append(one.value))
        await peer.fetch(fetcher)
        for value in (2, "short", "x" * 200, "y" * 5000, long):
            self.assertEqual(await peer.set("s", value, valueAsResult=True), value)
        await peer.request("info")
        self.assertEqual(told, [1, 2, "short", "x" * 200, "y" * 5000, long])
        await peer.close()
        await peer.closed()

    async def test_everyUrl(self) -> None:
        """Each kind of URL leads to the daemon."""
        await self.begin()
        tls = {"tlsOptions": {"trustRoot": self.trustRoot}}
        for url, options in (
            (f"jet://127.0.0.1:{self.jet.getHost().port}", {}),
            (f"jets://127.0.0.1:{self.jets.getHost().port}", tls),
            (f"unix:{self.socket}", {}),
            (f"ws://127.0.0.1:{self.ws.getHost().port}/api/jet/", {}),
            (f"wss://127.0.0.1:{self.wss.getHost().port}", tls),
        ):
            await self.exchange(self.peer(url, **options))

    async def test_endpoint(self) -> None:
        """An endpoint leads there as well, with WebSocket if the URL says so."""
        await self.begin()
        port = self.ws.getHost().port
        await self.exchange(self.peer("ws://localhost", endpoint=f"tcp:127.0.0.1:{port}"))
        await self.exchange(jet.Peer(endpoint=f"tcp:127.0.0.1:{self.jet.getHost().port}", reactor=reactor))

    async def test_unknownCertificate(self) -> None:
        """A certificate that the system does not trust is refused, with a reason."""
        await self.begin()
        for url in (
            f"jets://127.0.0.1:{self.jets.getHost().port}",
            f"wss://127.0.0.1:{self.wss.getHost().port}",
        ):
            error = await self.refusal(self.peer(url))
            self.assertIn("certificate", str(error))

    async def test_otherName(self) -> None:
        """The name of the server is checked."""
        await self.begin()
        options = {"trustRoot": self.trustRoot}
        peer = self.peer(f"jets://localhost:{self.jets.getHost().port}", tlsOptions=options)
        await self.assertFailure(peer.connect(), jet.ConnectionClosed)

    async def test_headers(self) -> None:
        """Headers reach the daemon, who may refuse by them."""

        def identify(request: Any) -> Any:
            return {"fetchGroups": ["g"]} if request.headers.get("x-token") == "secret" else None

        await self.begin(wsGetAuthentication=identify)
        url = f"ws://127.0.0.1:{self.ws.getHost().port}"
        await self.peer(url, headers={"X-Token": "secret"}).connect()
        error = await self.refusal(self.peer(url))
        self.assertIn("401", str(error))

    async def test_clientCertificate(self) -> None:
        """A certificate of ours is shown to the daemon that asks for one; without it we are not let in."""
        await self.begin()
        own = self.mktemp()
        with open(own, "wb") as file:
            file.write(self.certificate.privateKey.dump(1) + self.certificate.dumpPEM())
        authority = Certificate.loadPEM(self.certificate.dumpPEM())
        options = self.certificate.options(authority)
        (port,) = await self.daemon.listen(endpoints=[SSL4ServerEndpoint(reactor, 0, options, interface="127.0.0.1")])
        url = f"jets://127.0.0.1:{cast(Any, port).getHost().port}"
        tls = {"trustRoot": self.trustRoot}
        await self.exchange(self.peer(url, tlsOptions={**tls, "certificate": own, "key": own}))
        await self.refusal(self.peer(url, tlsOptions=tls))

    def test_malformedTlsOptions(self) -> None:
        """Options that mean nothing are refused."""
        for options in ({"ca": "x"}, {"key": "x"}):
            with self.assertRaises(ValueError):
                self.peer("jets://localhost", tlsOptions=options)
        with self.assertRaises(TypeError):
            self.peer("jets://localhost", tlsOptions=5)
