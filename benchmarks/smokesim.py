"""
Overlays of smokesignal nodes on one virtual clock, and what they cost.

    PYTHONPATH=.. python smokesim.py
    PYTHONPATH=.. python smokesim.py --nodes 50 --runs 5
    PYTHONPATH=.. python smokesim.py packets
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from random import Random
from statistics import median
from time import process_time

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from jetjstp.smokesignal.node import TICK_INTERVAL, Node
from jetjstp.smokesignal.packets import ownPacket
from tests.smokesignal.simulation import Net


def overlay(number: int, seed: int) -> dict[str, float]:
    """The figures of one overlay, from its start to a partition that heals."""
    begin = process_time()
    net = Net(seed)
    net.populate(number, interval=0.02)
    joined = net.runUntil(net.isOne, 300, 0.5)
    net.run(15)
    hosts = net.hosts[:: max(1, number // 20)]
    before = sum(host.copies for host in net.hosts)
    faults = len(net.broadcastFromAll(hosts, "all"))
    copies = (sum(host.copies for host in net.hosts) - before) / number / len(hosts)
    peers = sum(len(host.node.peers) for host in net.hosts) / number
    net.partition(lambda index, host: index % 2)
    net.run(3 * TICK_INTERVAL)
    net.heal()
    healed = net.runUntil(net.isOne, 600, 0.5)
    net.run(2 * TICK_INTERVAL)
    faults += len(net.broadcastFromAll(hosts, "healed"))
    return {
        "joined, ticks": joined / TICK_INTERVAL,
        "peers a node": peers,
        "copies a broadcast and node": copies,
        "not heard exactly once": faults,
        "healed, ticks": healed / TICK_INTERVAL,
        "CPU, s": process_time() - begin,
    }


def overlays(numbers: list[int], runs: int) -> None:
    """Print the median and the worst of some runs for each size."""
    for number in numbers:
        figures = [overlay(number, seed) for seed in range(runs)]
        print(f"{number} nodes, {runs} runs")
        for name in figures[0]:
            values = [figure[name] for figure in figures]
            print(f"  {name:30} median {median(values):8.2f}   worst {max(values):8.2f}")


def packets(number: int) -> None:
    """Print what a packet costs in a node with five peers."""
    random = Random(1)
    for name, data in (
        ("event, plain", ["chat", "hello", 7, 300]),
        ("event, with floats", ["chat", {"a": 1.5, "2": 3}]),
        ("chunk", "aGVsbG8="),
    ):
        node = Node(address="127.0.0.1", random=random)
        node.start(7000, 0.0)
        connections = [node.accepted("127.0.0.1", 4000 + index, 0.0) for index in range(5)]
        for index, connection in enumerate(connections):
            node.received(connection, [b'["smoke","handshake",{"id":"p%d"}]' % index], 0.0)
        lines = [ownPacket("broadcast", "origin", data, random)[1][:-1] for _ in range(number)]
        best = []
        for connection in connections[:2]:
            costs = []
            for start in range(0, number, number // 10):
                part = lines[start : start + number // 10]
                begin = process_time()
                for first in range(0, len(part), 50):
                    node.received(connection, part[first : first + 50], 1.0)
                    node.effects.clear()
                    for dirty in node.takeDirty():
                        dirty.outbox.clear()
                costs.append((process_time() - begin) / len(part))
            best.append(min(costs) * 1e6)
        print(f"{name:20} forwarded to four: {best[0]:5.1f} us   a copy of it: {best[1]:5.1f} us")


def main() -> None:
    """Run what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="?", choices=["overlays", "packets"], default="overlays")
    parser.add_argument("--nodes", type=int, action="append", help="how many; repeatable (10, 50 and 200)")
    parser.add_argument("--runs", type=int, default=3, help="overlays of each size, each from another seed")
    parser.add_argument("--packets", type=int, default=20_000)
    arguments = parser.parse_args()
    if arguments.what == "packets":
        packets(arguments.packets)
    else:
        overlays(arguments.nodes or [10, 50, 200], arguments.runs)


if __name__ == "__main__":
    main()
