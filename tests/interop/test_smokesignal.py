"""Overlays of npm's smokesignal 0.2 and ours."""

from __future__ import annotations

from collections import Counter
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from jetjstp import smokesignal

from .installation import missingNodeJet, require
from .overlays import Ours, Theirs, freePorts, sleep, until

SETTLING = 0.3
"""Seconds in which a second copy of a broadcast would have come: the first takes milliseconds."""


class OverlayTestCase(TestCase):
    """Tests with nodes of both kinds. All of them are ended with the test."""

    timeout = 90.0

    def setUp(self) -> None:
        """Skip where npm's packages cannot be run."""
        require(missingNodeJet())
        self.rounds = 0

    def theirs(self, *options: dict[str, Any]) -> Theirs:
        """A process with nodes of npm's."""
        process = Theirs(*options)
        self.addCleanup(process.end)
        return process

    def ours(self, **options: Any) -> Ours:
        """A node of ours. It looks around ten times as often as npm's."""
        node = Ours(**{"tickInterval": 1.0, "pingTimeout": 0.5, **options})
        self.addCleanup(node.node.stop)
        return node

    async def assertFloods(self, ours: list[Ours], theirs: list[Theirs]) -> None:
        """What each node broadcasts reaches each other one, once."""
        self.rounds += 1
        names: dict[str, Any] = {f"ours {at}": each for at, each in enumerate(ours)}
        names |= {f"theirs {at}": each for at, each in enumerate(theirs)}
        sinks = {name: each.chunks if isinstance(each, Ours) else each.chunks[0] for name, each in names.items()}
        for sink in sinks.values():
            sink.clear()
        for name, each in names.items():
            text = f"{self.rounds} from {name}"
            if isinstance(each, Ours):
                self.assertGreater(each.node.broadcast.write(text.encode()), 0)
            else:
                each.tell("write", 0, text)
        wanted = {name: Counter(f"{self.rounds} from {other}" for other in names if other != name) for name in names}

        def missing() -> dict[str, Any]:
            return {name: found for name in names if (found := wanted[name] - Counter(sinks[name]))}

        await until(lambda: not missing(), missing)
        await sleep(SETTLING)
        self.assertEqual({name: Counter(sink) for name, sink in sinks.items()}, wanted)


class OverlayTests(OverlayTestCase):
    """Three nodes of npm's and three of ours."""

    async def test_floods(self) -> None:
        """Each node's broadcast reaches all others once; also after a node and the seed were killed and came back."""
        ports = freePorts(3)
        seed = {"address": "127.0.0.1", "port": ports[0]}
        first = self.theirs({"port": ports[0]})
        await first.start()
        others = [self.theirs({"port": port, "seeds": [seed]}) for port in ports[1:]]
        ours = [self.ours(seeds=[seed]) for _ in range(3)]
        # One after the other: that is how they get to know each other, not only the seed.
        for mine in ours:
            await mine.node.start()
            await until(lambda: ours[0].node.peerlist, lambda: ours[0].node)
        await gatherResults([Deferred.fromCoroutine(each.start()) for each in others])
        await self.assertJoined(ours, 2)
        await self.assertFloodsSoon(ours, [first, *others])

        await others[0].end()
        await until(lambda: all(others[0].ids[0] not in mine.ids for mine in ours), lambda: [m.ids for m in ours])
        await self.assertFloods(ours, [first, others[1]])
        others[0] = self.theirs({"port": ports[1], "seeds": [seed]})
        await others[0].start()
        await self.assertFloodsSoon(ours, [first, *others])

        await first.end()
        await self.assertTold(ours, "netsplit", seed)
        first = self.theirs({"port": ports[0]})
        await first.start()
        await self.assertTold(ours, "netsplit resolved", seed)
        await self.assertFloodsSoon(ours, [first, *others])
        self.assertEqual([told for mine in ours for told in mine.told if told[0] in ("disconnect", "error")], [])

    async def assertJoined(self, ours: list[Ours], least: int) -> None:
        """All of our nodes have peers."""
        await until(
            lambda: all(len(mine.node.peerlist) >= least for mine in ours), lambda: [mine.node for mine in ours]
        )

    async def assertFloodsSoon(self, ours: list[Ours], theirs: list[Theirs]) -> None:
        """Wait until the newest nodes have peers (who is refused tries again after 10 s); then all hear each other."""
        for each in theirs:
            while not await each.peers():
                await sleep(0.05)
        await self.assertFloods(ours, theirs)

    async def assertTold(self, ours: list[Ours], event: str, seed: dict[str, Any]) -> None:
        """Each of ours was told of something that concerns the seed, once."""
        wanted = (event, smokesignal.Seed(**seed))
        await until(lambda: all(wanted in mine.told for mine in ours), lambda: [mine.told for mine in ours])
        self.assertEqual([mine.told.count(wanted) for mine in ours], [1] * len(ours))


class PairTests(OverlayTestCase):
    """Two nodes."""

    async def test_mutualSeeds(self) -> None:
        """Two of ours that are each other's seeds, started together, end with one link; six pairs."""
        pairs = []
        for _ in range(6):
            ports = freePorts(2)
            pairs.append([self.ours(port=mine, seeds=[("127.0.0.1", its)]) for mine, its in (ports, reversed(ports))])
        await gatherResults([each.node.start() for pair in pairs for each in pair])
        await until(
            lambda: all(len(each.node.peerlist) == 1 for pair in pairs for each in pair),
            lambda: [each.node for pair in pairs for each in pair],
        )
        # After a second, two links become one.
        await sleep(1.5)
        for pair in pairs:
            self.assertEqual([each.ids for each in pair], [{other.node.id} for other in reversed(pair)])
            self.assertEqual([each.node.broadcast.write(b"once") for each in pair], [1, 1])
            self.assertEqual([told for each in pair for told in each.told], [("connect",)] * 2)
        await until(lambda: all(each.chunks for pair in pairs for each in pair), lambda: "nothing heard")
        await sleep(SETTLING)
        self.assertEqual([each.chunks for pair in pairs for each in pair], [["once"]] * 12)

    async def test_mutualSeedsWithTheirs(self) -> None:
        """One of ours and one of npm's that are each other's seeds, started together, end with one link; six pairs."""
        pairs = [freePorts(2) for _ in range(6)]
        theirs = self.theirs(*({"port": its, "seeds": [{"address": "127.0.0.1", "port": mine}]} for mine, its in pairs))
        ours = [self.ours(port=mine, seeds=[("127.0.0.1", its)]) for mine, its in pairs]
        await theirs.ready()
        for at, mine in enumerate(ours):
            theirs.tell("start", at)
            await mine.node.start()
        await until(lambda: all(len(mine.node.peerlist) == 1 for mine in ours), lambda: [mine.node for mine in ours])
        await sleep(1.5)
        for at, mine in enumerate(ours):
            self.assertEqual(mine.ids, {theirs.ids[at]})
            self.assertEqual(await theirs.peers(at), [mine.node.id])
            self.assertEqual(mine.node.broadcast.write(b"once"), 1)
            self.assertEqual(mine.told, [("connect",)])
            theirs.tell("write", at, "back")
        await until(lambda: all(mine.chunks for mine in ours) and all(theirs.chunks), lambda: "nothing heard")
        await sleep(SETTLING)
        self.assertEqual([mine.chunks for mine in ours], [["back"]] * 6)
        self.assertEqual(theirs.chunks, [["once"]] * 6)

    async def test_addPeer(self) -> None:
        """Ours dials npm's and npm's dials ours; what ours writes to a peer alone arrives at it alone."""
        ports = freePorts(2)
        theirs = self.theirs({"port": ports[0]}, {"port": ports[1]})
        await theirs.start(0)
        await theirs.start(1)
        mine = self.ours()
        await mine.node.start()
        peer = await mine.node.addPeer("127.0.0.1", ports[0])
        self.assertEqual((peer.id, peer.remoteAddress, peer.remotePort), (theirs.ids[0], "127.0.0.1", ports[0]))
        theirs.tell("addPeer", 1, mine.node.port)
        await until(lambda: len(mine.node.peerlist) == 2, lambda: mine.node)
        peer.write(b"psst")
        await until(lambda: theirs.direct[0], lambda: "nothing heard")
        # In the middle of a chain, it passes on.
        theirs.tell("write", 1, "through")
        await until(lambda: theirs.chunks[0], lambda: "nothing heard")
        self.assertEqual(theirs.direct, [[(mine.node.id, "psst")], []])
        self.assertEqual((theirs.chunks, mine.chunks), ([["through"], []], ["through"]))

    async def test_refused(self) -> None:
        """A node of npm's that is full refuses without a word, and ours that is full closes its door to it."""
        ports = freePorts(2)
        theirs = self.theirs({"port": ports[0], "maxPeerNo": 1}, {"port": ports[1]})
        await theirs.start(0)
        await theirs.start(1)
        first, second = self.ours(minPeerNo=1, maxPeerNo=1), self.ours()
        await first.node.start()
        await second.node.start()
        await first.node.addPeer("127.0.0.1", ports[0])
        await self.assertFailure(second.node.addPeer("127.0.0.1", ports[0]), smokesignal.HandshakeRefused)
        await self.assertFailure(first.node.addPeer("127.0.0.1", ports[1]), smokesignal.PeerListFull)
        theirs.tell("addPeer", 1, first.node.port)
        await sleep(SETTLING)
        self.assertEqual(await theirs.peers(1), [])
