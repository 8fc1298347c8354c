"""Peers that are killed, daemons that close, programs that end: tests in which more than one process takes part."""

from __future__ import annotations

import re

from twisted.internet import reactor
from twisted.trial.unittest import SkipTest

from jetjstp import jet

from .installation import NODE_JET
from .processes import ChildProcess
from .running import OURS, NodeTestCase

JOHN = {"john": {"password": "john's", "auth": {"fetchGroups": [], "setGroups": [], "callGroups": []}}}


class KilledPeerTests(NodeTestCase):
    """A node process that owns states is gone from one moment to the next."""

    async def watch(self, victimPlace: object, watcherPlace: object) -> None:
        """Kill an owner that has a call pending; who watches it is told everything."""
        victim = self.startNode("victim.js", victimPlace)
        await self.assertObserves(victim, ("ready",))
        watcher = self.startNode("watcher.js", watcherPlace)
        await self.assertObserves(
            watcher, ("before", ["add victim/a 2", 'add victim/b {"alive":true}', "add victim/m"])
        )
        await self.assertObserves(victim, ("asked", ["help"]))
        await victim.kill()
        watcher.tell("the victim is dead")
        await self.assertObserves(
            watcher,
            ("events", ["remove victim/a 2", 'remove victim/b {"alive":true}', "remove victim/m"]),
            ("pending call", "PeerError: peer shuts down"),
            ("soon", True),
            ("set", "NotFound"),
            ("left", [{"path": "watcher", "event": "add", "value": 1}]),
        )
        await self.assertEnds(watcher)

    def setUp(self) -> None:
        """Nothing of this works on node-jet's own daemon: calls stay pending until they time out."""
        super().setUp()
        if not OURS:
            raise SkipTest("node-jet's daemon leaves calls to lost peers pending")

    async def test_tcp(self) -> None:
        """Others, over TCP, see the states of a killed TCP peer go, and their pending calls fail at once."""
        place = await self.startDaemon()
        await self.watch(place.tcp, place.tcp)

    async def test_webSocket(self) -> None:
        """Others, over WebSocket, see the states of a killed WebSocket peer go; their pending calls fail at once."""
        place = await self.startDaemon()
        await self.watch(place.webSocket, place.webSocket)

    async def test_mixed(self) -> None:
        """Who watches over WebSocket sees a killed TCP peer go."""
        place = await self.startDaemon()
        await self.watch(place.tcp, place.webSocket)


class ClosedDaemonTests(NodeTestCase):
    """The daemon closes while peers are connected."""

    async def close(self, transport: str) -> None:
        """Close the daemon under two peers, one of which waits for an answer of the other."""
        if not OURS:
            raise SkipTest("node-jet's daemon does not disconnect its peers when it closes")
        place = await self.startDaemon()
        child = self.startNode("closed.js", place.tcp if transport == "tcp" else place.webSocket)
        await self.assertObserves(child, ("asked",))
        await self.daemon.close()
        child.tell("the daemon is closed")
        await self.assertObserves(
            child, ("pending", "ConnectionClosed"), ("set", "ConnectionClosed"), ("connect", "ConnectionClosed")
        )
        await self.assertEnds(child)

    async def test_tcp(self) -> None:
        """TCP peers are disconnected, what they wait for fails, and nobody can connect any more."""
        await self.close("tcp")

    async def test_webSocket(self) -> None:
        """WebSocket peers are disconnected, what they wait for fails, and nobody can connect any more."""
        await self.close("webSocket")


class DaemonEventTests(NodeTestCase):
    """What the application around a daemon is told about node-jet peers."""

    async def visit(self, transport: str) -> None:
        """A named and authenticated peer comes and goes."""
        if not OURS:
            raise SkipTest("this is about our daemon object")
        place = await self.startDaemon(users=JOHN)
        events: list[tuple[str, jet.ConnectedPeer]] = []
        self.daemon.on("connection", lambda peer: events.append(("connection", peer)))
        self.daemon.on("disconnect", lambda peer: events.append(("disconnect", peer)))
        child = self.startNode("visitor.js", place.tcp if transport == "tcp" else place.webSocket)
        await self.assertObserves(child, ("ready",))
        [(event, peer)] = events
        self.assertEqual((event, peer.user, peer.name, peer.address), ("connection", "john", "frank", "127.0.0.1"))
        child.tell("leave")
        await self.assertObserves(child, ("left",))
        self.assertEqual(events[1:], [("disconnect", peer)])
        child.tell("end")
        await self.assertEnds(child)

    async def test_tcp(self) -> None:
        """C{connection} and C{disconnect} give the same TCP peer, with its name and its user."""
        await self.visit("tcp")

    async def test_webSocket(self) -> None:
        """C{connection} and C{disconnect} give the same WebSocket peer, with its name and its user."""
        await self.visit("webSocket")


class ProgramTests(NodeTestCase):
    """The command-line program that npm installs with node-jet."""

    async def test_fetch(self) -> None:
        """C{fetch.js} shows the elements that are there with their values, and that they go."""
        place = await self.startDaemon()
        victim = self.startNode("victim.js", place.tcp)
        await self.assertObserves(victim, ("ready",))
        # It demands all three options and one more word, and uses the URL.
        options = ["--url", place.webSocket["url"], "--ip", "x", "--port", "1", "word"]
        program = ChildProcess(reactor, ["node", str(NODE_JET / "bin" / "fetch.js"), *options])
        self.addCleanup(program.kill)
        self.assertIn("Connected to Daemon", await program.nextLine() or "")
        added = [await program.nextLine() or "" for _ in range(7)]
        await victim.kill()
        removed = [await program.nextLine() or "" for _ in range(7)]
        # What follows the kind of an element is the time of day.
        self.assertEqual(
            [re.sub("> .*", ">", line) for line in added],
            ["+++ victim/a <S>", "2", "+++ victim/b <S>", "{", '\t"alive": true', "}", "+++ victim/m <M>"],
        )
        self.assertEqual(
            [re.sub("> .*", ">", line) for line in removed],
            ["--- victim/a <S>", "2", "--- victim/b <S>", "{", '\t"alive": true', "}", "--- victim/m <M>"],
        )
