"""
Daemons that announce themselves, and peers that find them: L{jetjstp.jet.announcing} and L{jetjstp.jet.finding}.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import TestCase

from jetjstp import jet
from jetjstp.discovery import Found, NameTaken
from jetjstp.jet.finding import FIND_TIMEOUT
from jetjstp.memorydiscovery import MemoryDiscovery

reactor = cast(Any, globalReactor)


class DiscoverTests(TestCase):
    """Zero-configuration Jet, found in memory, connected over loopback."""

    timeout = 30.0

    def setUp(self) -> None:
        """A network without daemons."""
        self.discovery = MemoryDiscovery()

    async def startDaemon(self, name: str = "greenhouse", **where: Any) -> jet.Daemon:
        """A daemon that is announced."""
        daemon = jet.Daemon(users={}, reactor=reactor)
        self.addCleanup(daemon.close)
        await daemon.listen(**where)
        await daemon.announce(name, discovery=self.discovery)
        return daemon

    def peer(self, name: str = "greenhouse", **options: Any) -> jet.Peer:
        """A peer that looks for a daemon."""
        peer = jet.Peer(discover=name, discovery=self.discovery, reactor=reactor, **options)
        self.addCleanup(peer.close)
        return peer

    async def test_tcp(self) -> None:
        """A peer finds the daemon of a name, in upper or lower case; what is announced is gone with the daemon."""
        daemon = await self.startDaemon(tcpPort=0, wsPort=0)
        self.assertEqual(sorted(self.discovery.announced), [("_jet._tcp", "greenhouse"), ("_jetws._tcp", "greenhouse")])
        await self.startDaemon("other", tcpPort=0)
        peer = self.peer("Greenhouse")
        await peer.connect()
        await peer.add(jet.State("a", 1))
        self.assertEqual(len(daemon.peers), 1)
        await peer.close()
        await daemon.close()
        self.assertEqual(list(self.discovery.announced), [("_jet._tcp", "other")])

    async def test_webSocket(self) -> None:
        """A daemon that serves WebSocket only is found, too."""
        await self.startDaemon(wsPort=0)
        peer = self.peer()
        await peer.connect()
        self.assertTrue(peer.isConnected())

    async def test_moved(self) -> None:
        """A daemon that comes back on another port is found again."""
        daemon = await self.startDaemon(tcpPort=0)
        peer = self.peer()
        await peer.connect()
        await daemon.close()
        again = await self.startDaemon(tcpPort=0)
        while not again.peers:
            await deferLater(reactor, 0.01)

    async def test_elsewhere(self) -> None:
        """An announcement cannot send a peer, and its password, to a network that this host is not on."""
        self.discovery.show("_jet._tcp", Found("greenhouse", ("203.0.113.1",), 11122))
        with self.assertRaises(jet.ConnectionClosed) as caught:
            await self.peer(reconnect=False).connect()
        self.assertIn("no address in a network of this host", str(caught.exception))

    def test_nobody(self) -> None:
        """If nobody announces the name, connecting fails after a while, with the remedy."""
        clock = Clock()
        peer = jet.Peer(discover="nobody", discovery=self.discovery, reconnect=False, reactor=clock)
        connecting = peer.connect()
        clock.advance(FIND_TIMEOUT)
        self.assertIn("--announce", str(self.failureResultOf(connecting, jet.ConnectionClosed).value))
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_closedMeanwhile(self) -> None:
        """A peer that is closed while it looks leaves nothing behind."""
        clock = Clock()
        peer = jet.Peer(discover="nobody", discovery=self.discovery, reconnect=False, reactor=clock)
        connecting = peer.connect()
        self.successResultOf(peer.close())
        self.failureResultOf(connecting, jet.ConnectionClosed)
        self.assertEqual(clock.getDelayedCalls(), [])

    async def test_taken(self) -> None:
        """Two daemons of one name on a network: the second one is told."""
        await self.startDaemon(tcpPort=0)
        await self.assertFailure(Deferred.fromCoroutine(self.startDaemon(tcpPort=0)), NameTaken)
        self.assertEqual(len(self.discovery.announced), 1)

    async def test_nothingToAnnounce(self) -> None:
        """What only this machine reaches is not announced."""
        daemon = jet.Daemon(users={}, reactor=reactor)
        self.addCleanup(daemon.close)
        await daemon.listen(endpoints=["tcp:0:interface=127.0.0.1"])
        error = self.assertRaises(ValueError, daemon.announce, "greenhouse", discovery=self.discovery)
        self.assertIn("other machines", str(error))

    def test_wrong(self) -> None:
        """Names that cannot be announced, and places besides the name, are refused."""
        daemon = jet.Daemon(reactor=Clock())
        for name in ("", "a\n", "x" * 64, "ä" * 32):
            self.assertRaises(ValueError, daemon.announce, name)
        self.assertRaises(TypeError, daemon.announce, None)
        wrong: list[dict[str, Any]] = [
            {"url": "jet://a"},
            {"endpoint": "tcp:a:1"},
            {"tlsOptions": {}},
            {"headers": {"a": "b"}},
        ]
        for options in wrong:
            self.assertRaises(ValueError, jet.Peer, discover="a", reactor=Clock(), **options)
        self.assertRaises(ValueError, jet.Peer, discover="", reactor=Clock())
        self.assertRaises(TypeError, jet.Peer, discover=5, reactor=Clock())
