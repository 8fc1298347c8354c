"""
Nodes of smokesignal on real sockets: ports, TLS, hostile bytes, C{twistd smokesignal}.
"""

from __future__ import annotations

import os
import re
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import CertificateOptions, PrivateCertificate
from twisted.internet.task import deferLater
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from jetjstp import smokesignal
from tests.interop.processes import ChildProcess
from tests.sockets.certificates import makeCertificate

reactor: Any = globalReactor

ROOT = Path(__file__).resolve().parents[2]
TWISTD = "from twisted.scripts.twistd import run; run()"


class Raw(Protocol):
    """A connection that says anything."""

    def __init__(self) -> None:
        self.received = b""
        self.lost: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        """Keep it."""
        self.received += data

    def connectionLost(self, reason: Failure | None = None) -> None:
        """It is gone."""
        self.lost.callback(None)


class NodesTestCase(TestCase):
    """Tests with nodes on loopback, which are stopped with the test."""

    timeout = 30.0

    def node(self, **options: Any) -> smokesignal.Node:
        """Make a node."""
        node = smokesignal.createNode(**{"address": "127.0.0.1", "reactor": reactor, **options})
        self.addCleanup(node.stop)
        return node

    async def start(self, **options: Any) -> smokesignal.Node:
        """Make a node and start it."""
        return await self.node(**options).start()

    async def until(self, isTrue: Callable[[], object]) -> None:
        """Wait until something is true."""
        for _ in range(500):
            if isTrue():
                return
            await deferLater(reactor, 0.01, lambda: None)
        self.fail("it does not come true")

    async def untilJoined(self, *nodes: smokesignal.Node) -> None:
        """Wait until each node has peers, and both ends of each link know it."""

        def isJoined() -> bool:
            links = {(node.id, peer.id) for node in nodes for peer in node.peerlist}
            return all(node.peerlist for node in nodes) and all((its, mine) in links for mine, its in links)

        await self.until(isJoined)

    async def raw(self, node: smokesignal.Node) -> Raw:
        """Connect to a node."""
        endpoint = TCP4ClientEndpoint(reactor, "127.0.0.1", node.port)
        return cast(Raw, await endpoint.connect(Factory.forProtocol(Raw)))


class NodeTests(NodesTestCase):
    """Nodes on TCP."""

    async def test_overlay(self) -> None:
        """Five nodes find each other by one seed, and each hears each other one once."""
        nodes = [await self.start()]
        for _ in range(4):
            # Nodes with enough peers refuse half of those who ask, so it may take more than one try.
            nodes.append(await self.start(seeds=[("127.0.0.1", nodes[0].port)], tickInterval=0.2))
            await self.untilJoined(*nodes)
        heard: list[tuple[int, str]] = []
        for at, node in enumerate(nodes):
            node.broadcast.on("chat", lambda text, at=at: heard.append((at, text)))
        for node in nodes:
            node.broadcast.emit("chat", node.id)
        await self.until(lambda: len(heard) >= 20)
        await deferLater(reactor, 0.1, lambda: None)
        wanted = [(at, node.id) for at, other in enumerate(nodes) for node in nodes if node is not other]
        self.assertEqual(sorted(heard), sorted(wanted))

    async def test_port(self) -> None:
        """A port that is taken fails the start; when its node has stopped it is free at once."""
        first = await self.start()
        second = self.node(port=first.port)
        errors: list[BaseException] = []
        second.on("error", errors.append)
        await self.assertFailure(second.start(), CannotListenError)
        self.assertEqual([type(error) for error in errors], [CannotListenError])
        await first.stop()
        await second.start()
        await second.stop()
        await second.start()

    async def test_localhost(self) -> None:
        """A seed, and a peer, may be given by name."""
        first = await self.start()
        second = await self.start(seeds=[("localhost", first.port)])
        await self.untilJoined(first, second)
        third = await self.start()
        self.assertEqual((await third.addPeer("localhost", first.port)).id, first.id)

    async def test_six(self) -> None:
        """IPv6 works as well."""
        try:
            socket.create_server(("::1", 0), family=socket.AF_INET6).close()
        except OSError:
            self.skipTest("this machine has no IPv6")
        first = await self.start(address="::1")
        second = await self.start(address="::1", seeds=[("::1", first.port)])
        await self.untilJoined(first, second)
        self.assertEqual(second.peerlist.list[0].remoteAddress, "::1")

    async def test_nobody(self) -> None:
        """Where nobody listens, nobody can be added, and the reason is told."""
        node = await self.start()
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        error = await self.assertFailure(node.addPeer("127.0.0.1", port), smokesignal.DialFailed)
        self.assertIn("refused", str(error))
        self.assertIsInstance(error, ConnectionError)

    async def test_garbage(self) -> None:
        """Bytes that mean nothing end their own connection, and concern nobody else."""
        first = await self.start(limits=smokesignal.Limits(line=1000))
        second = await self.start(seeds=[("127.0.0.1", first.port)])
        await self.untilJoined(first, second)
        for data in (
            b"\x00\xff\n",
            b"GET / HTTP/1.1\r\n\r\n",
            b"[" * 900 + b"\n",
            b"x" * 1002,
            b'["smoke","handshake",7]\n',
        ):
            raw = await self.raw(first)
            assert raw.transport is not None
            raw.transport.write(data)
            if data.startswith((b"x", b'["smoke')):
                await raw.lost
            else:
                raw.transport.loseConnection()
                await raw.lost
        self.assertEqual(first.counters.badLines["too long"], 1)
        self.assertEqual(len(first.peerlist), 1)

    async def test_unread(self) -> None:
        """A peer that reads nothing does not keep the others from hearing, nor the node from stopping."""
        first = await self.start(limits=smokesignal.Limits(outboxSoft=100_000, outboxHard=400_000))
        second = await self.start(seeds=[("127.0.0.1", first.port)])
        await self.untilJoined(first, second)
        raw = await self.raw(first)
        assert raw.transport is not None
        raw.transport.write(b'["smoke","handshake",{"id":"lazybones"}]\n')
        await self.until(lambda: "lazybones" in first.peerlist)
        cast(Any, raw.transport).pauseProducing()
        heard: list[bytes] = []
        second.broadcast.on("data", heard.append)
        for count in range(1, 121):
            first.broadcast.write(b"x" * 100_000)
            await self.until(lambda count=count: len(heard) == count)  # type: ignore[misc]
        # The system itself may hold some megabytes; behind those our limit ends the link.
        await self.until(lambda: "lazybones" not in first.peerlist)
        cast(Any, raw.transport).abortConnection()


class TLSTests(NodesTestCase):
    """TLS between nodes."""

    def write(self, name: str, *certificates: PrivateCertificate) -> str:
        """Write certificates and keys to a file."""
        path = Path(self.mktemp()).with_name(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        texts = [each.dumpPEM() + each.privateKey.dump(1) for each in certificates]
        path.write_bytes(b"".join(texts))
        return str(path)

    async def test_files(self) -> None:
        """Nodes whose certificates are trusted find each other, and tell each other."""
        name = self.write("own.pem", makeCertificate())
        tls = {"certificate": name, "key": name, "trustRoot": name}
        first = await self.start(tlsOptions=tls)
        second = await self.start(tlsOptions=tls, seeds=[("127.0.0.1", first.port)])
        await self.untilJoined(first, second)
        self.assertEqual([peer.remoteAddress for peer in first.peerlist], ["127.0.0.1"])
        heard: list[bytes] = []
        second.broadcast.on("data", heard.append)
        first.broadcast.write(b"secret")
        await self.until(lambda: heard)
        self.assertEqual(heard, [b"secret"])

    async def test_strangers(self) -> None:
        """Who has another certificate, or speaks no TLS, is no peer; neither is a connection that says nothing."""
        name, other = self.write("own.pem", makeCertificate()), self.write("other.pem", makeCertificate())
        first = await self.start(tlsOptions={"certificate": name, "trustRoot": name})
        stranger = await self.start(tlsOptions={"certificate": other, "trustRoot": other})
        # This one believes the first, which does not believe it.
        credulous = await self.start(tlsOptions={"certificate": other, "trustRoot": name})
        plain = await self.start()
        silent = await self.raw(first)
        error = await self.assertFailure(stranger.addPeer("127.0.0.1", first.port), smokesignal.AddPeerError)
        self.assertIn("TLS", str(error))
        await self.assertFailure(credulous.addPeer("127.0.0.1", first.port), smokesignal.AddPeerError)
        await self.assertFailure(plain.addPeer("127.0.0.1", first.port), smokesignal.AddPeerError)
        self.assertEqual(len(first.peerlist), 0)
        await first.stop()
        await silent.lost

    async def test_silentStrangers(self) -> None:
        """Those who do not even begin with TLS are bounded like all who do not shake hands: the oldest has to go."""
        name = self.write("own.pem", makeCertificate())
        tls = {"certificate": name, "trustRoot": name}
        first = await self.start(tlsOptions=tls, limits=smokesignal.Limits(strangersPerAddress=3))
        silent = [await self.raw(first) for _ in range(5)]
        await gatherResults([each.lost for each in silent[:2]])
        second = await self.start(tlsOptions=tls)
        await second.addPeer("127.0.0.1", first.port)
        await silent[2].lost
        self.assertEqual([each.lost.called for each in silent], [True] * 3 + [False] * 2)
        await first.stop()
        await gatherResults([each.lost for each in silent[3:]])

    async def test_context(self) -> None:
        """The context may be made by the application."""
        certificate = makeCertificate()
        context: CertificateOptions = certificate.options(certificate)
        first = await self.start(tlsOptions=context)
        second = await self.start(tlsOptions=context)
        self.assertEqual((await second.addPeer("127.0.0.1", first.port)).id, first.id)


class TwistdTests(NodesTestCase):
    """C{twistd -n smokesignal}."""

    def twistd(self, *arguments: str) -> ChildProcess:
        """Run it."""
        folder = Path(self.mktemp()).resolve()
        folder.mkdir(parents=True)
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        child = ChildProcess(
            reactor,
            [sys.executable, "-c", TWISTD, "-n", "--pidfile=", f"--rundir={folder}", "smokesignal", *arguments],
            PYTHONPATH=os.pathsep.join(paths),
        )
        self.addCleanup(child.kill)
        return child

    async def test_seed(self) -> None:
        """It says where it listens; nodes that name it as their seed find each other; it leaves when it is told to."""
        child = self.twistd("--address", "127.0.0.1")
        found = None
        while found is None:
            line = await child.nextLine()
            assert line is not None
            found = re.search(r"others name 127\.0\.0\.1:(\d+) as their seed", line)
        seeds = [("127.0.0.1", int(found[1]))]
        nodes = [await self.start(seeds=seeds, tickInterval=1.0) for _ in range(2)]
        await self.until(lambda: all(node.peerlist for node in nodes))
        heard: list[str] = []
        nodes[0].broadcast.on("chat", heard.append)
        # The seed may know the first node a moment later than that one knows the seed.
        await self.until(lambda: heard or not nodes[1].broadcast.emit("chat", "passed on"))
        disconnected: list[int] = [len(node.peerlist) for node in nodes]
        cast(IProcessTransport, child.transport).signalProcess("TERM")
        await self.until(
            lambda: all(len(node.peerlist) < before for node, before in zip(nodes, disconnected, strict=True))
        )
        self.assertEqual(child.errors, "")

    async def test_refused(self) -> None:
        """What stops the start ends in a last line, status 1 and no traceback."""
        first = await self.start()
        taken = self.twistd("--address", "127.0.0.1", "--port", str(first.port))
        nowhere = self.twistd("--port", "8495")
        await gatherResults([Deferred.fromCoroutine(self.ended(child)) for child in (taken, nowhere)])
        self.assertRegex(taken.errors, r"smokesignal: cannot listen on 127\.0\.0\.1 port \d+: .*in use; choose another")
        self.assertRegex(nowhere.errors, r"smokesignal: --address is missing")
        for child in (taken, nowhere):
            self.assertNotIn("Traceback", child.errors)
            self.assertEqual(child._exitCode, 1)

    async def ended(self, child: ChildProcess) -> None:
        """Wait for the end."""
        await self.until(lambda: child._ended)
