"""
Overlays of many nodes on one virtual clock.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.smokesignal.node import TICK_INTERVAL
from tests.smokesignal.simulation import Host, Net

HEALED_WITHIN = 4
"""Ticks after which an overlay that was parted is one again."""


def halves(index: int, host: Host) -> int:
    """Part a net in the middle, so that each side keeps one of the two seeds."""
    return index % 2


class OverlayTests(SynchronousTestCase):
    """What the rules of one node make of many."""

    def joined(self, number: int, seed: int, **options: object) -> Net:
        """A net that has become one."""
        net = Net(seed)
        net.populate(number, **options)  # type: ignore[arg-type]
        self.assertLess(net.runUntil(net.isOne, 60), 60)
        net.run(1)
        return net

    def assertBounded(self, net: Net, broadcasts: int, before: int) -> None:
        """No node has more peers than it may have, so nobody handles more copies than that."""
        copies = sum(host.copies for host in net.hosts) - before
        self.assertLessEqual(copies / broadcasts / len(net.hosts), 5)
        self.assertLessEqual(max(len(host.node.peers) for host in net.hosts), 6)

    def test_everyBroadcastReachesEverybodyOnce(self) -> None:
        """After joining, each broadcast is heard exactly once by each other node, in nets of 10 and 50."""
        for number in (10, 50):
            net = self.joined(number, seed=number)
            self.assertEqual(net.broadcastFromAll(net.hosts, "all"), [])
            self.assertBounded(net, number, 0)

    def test_twoHundred(self) -> None:
        """A net of 200 nodes that has joined through one seed delivers everything once."""
        net = self.joined(200, seed=3, seedNo=1, interval=0.02)
        before = sum(host.copies for host in net.hosts)
        self.assertEqual(net.broadcastFromAll(net.hosts[::40], "all"), [])
        self.assertBounded(net, 5, before)

    def test_partition(self) -> None:
        """A net that was parted in halves is one again soon, stays so, and everybody is told of both."""
        for number, seed in ((10, 1), (50, 2)):
            net = self.joined(number, seed)
            net.run(15)
            net.partition(halves)
            net.run(40)
            self.assertGreater(len(net.parts()), 1)
            net.heal()
            self.assertLess(net.runUntil(net.isOne, 200), HEALED_WITHIN * TICK_INTERVAL)
            for _ in range(4):
                net.run(TICK_INTERVAL)
                self.assertTrue(net.isOne(), net.parts())
            self.assertEqual([host.node.splits for host in net.hosts if host.node.splits], [])
            self.assertTrue(all(host.splits[0] == host.splits[1] for host in net.hosts))
            self.assertEqual(net.broadcastFromAll(net.hosts[:5], "healed"), [])

    def test_churn(self) -> None:
        """Nodes that come and go without a word, seeds among them, leave one overlay in the end."""
        net = self.joined(30, seed=4)
        for round in range(10):
            net.kill(net.hosts[0 if round == 5 else net.random.randrange(2, len(net.hosts))])
            net.later(0.5, net.add(net.hosts[:2]).start)
            net.run(4)
        self.assertLess(net.runUntil(net.isOne, 100), 100)
        self.assertEqual(net.broadcastFromAll(net.hosts[:5], "churned"), [])

    def test_loss(self) -> None:
        """Lost messages take other ways: a tenth of them lost, nearly everybody hears everything, nobody twice."""
        net = Net(5, loss=0.1)
        net.populate(30)
        self.assertLess(net.runUntil(net.isOne, 200), 200)
        net.run(20)
        for index, host in enumerate(net.hosts):
            host.broadcast(f"lossy{index}")
        net.run(2)
        heard = sum(host.heard.total() for host in net.hosts)
        self.assertGreater(heard, 0.97 * 30 * 29)
        self.assertEqual(max(max(host.heard.values()) for host in net.hosts), 1)

    def test_closedClub(self) -> None:
        """Where everybody is full, a newcomer is let in."""
        net = self.joined(3, seed=6, minPeerNo=2, maxPeerNo=2)
        net.add(net.hosts[:1], minPeerNo=2, maxPeerNo=2).start()
        self.assertLess(net.runUntil(net.isOne, 60), 30)

    def test_mutualSeeds(self) -> None:
        """Two nodes that are each other's seed and start at once always end up with one link, and no disconnect."""
        for seed in range(20):
            net = Net(seed)
            one, other = net.add(), net.add()
            one.node.seeds = [(other.address, 7000)]
            other.node.seeds = [(one.address, 7000)]
            net.later(0, one.start)
            net.later(net.random.uniform(0, 0.05), other.start)
            net.run(8)
            for host in (one, other):
                self.assertEqual([len(peer.connections) for peer in host.node.peers], [1])
                self.assertTrue(all(peer.since < 1 for peer in host.node.peers))

    def test_repeatable(self) -> None:
        """The same seed gives the same run, to the last counter."""
        runs = []
        for _ in range(2):
            net = self.joined(20, seed=9)
            net.run(15)
            runs.append([(host.node.id, host.node.counters.lines, len(host.node.peers)) for host in net.hosts])
        self.assertEqual(*runs)
