"""
Many nodes on one virtual clock: a net with latency, loss and partitions.

Everything random comes from one seed, so a run can be repeated exactly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any

from jetjstp.smokesignal.connections import Connection, Dial
from jetjstp.smokesignal.effects import Abort, Close, Delivered, MakeConnection, Resolved, Split
from jetjstp.smokesignal.limits import Limits
from jetjstp.smokesignal.node import Node

__all__ = ["Host", "Net"]

PORT = 7000

LIMITS = Limits(pongsPerSecond=100)
"""A seed of 200 nodes is pinged 20 times a second."""


class Wire:
    """A connection between two hosts, seen from one of them."""

    def __init__(self, host: Host, latency: float) -> None:
        self.host = host
        self.latency = latency
        self.connection: Connection | None = None
        self.other: Wire = self
        self.isOpen = True


class Host:
    """
    A machine with a node.

    @ivar heard: How often each broadcast was delivered here, by its event name.
    @ivar copies: How many copies of broadcasts came in.
    @ivar said: How many broadcasts were made here.
    @ivar splits: How often the application was told of a split, and of its end.
    """

    def __init__(self, net: Net, address: str, seeds: list[tuple[str, int]], **options: Any) -> None:
        self.net = net
        self.address = address
        self.side = 0
        self.heard: Counter[str] = Counter()
        self.copies = 0
        self.splits = [0, 0]
        self.node = Node(address=address, seeds=seeds, random=net.random, limits=LIMITS, **options)
        self._wake: float | None = None
        self.wires: dict[Connection, Wire] = {}
        self.isUp = False

    def __repr__(self) -> str:
        return f"<Host {self.address}>"

    def start(self) -> None:
        """Run the node."""
        self.isUp = True
        self.node.start(PORT, self.net.now)
        self.settle()

    def kill(self) -> None:
        """The machine is gone: nobody says goodbye, but its system ends the connections."""
        self.isUp = False
        for wire in list(self.wires.values()):
            self.net.cut(wire)
        self.wires.clear()

    def broadcast(self, event: str) -> None:
        """Broadcast an event without arguments."""
        self.node.emit(event, [], self.net.now)
        self.settle()

    def settle(self) -> None:
        """Do what the node wants, and wake it when it wants."""
        node, net = self.node, self.net
        while True:
            self._flush()
            if not node.effects:
                break
            effect = node.effects.popleft()
            match effect:
                case Delivered(data=data):
                    self.heard[str(data[0])] += 1
                case MakeConnection(dial):
                    net.dial(self, dial)
                case Close(connection) | Abort(connection):
                    self._flush()
                    wire = self.wires.get(connection)
                    if wire is not None:
                        net.cut(wire)
                        net.later(0, self._lost, wire)
                case Split():
                    self.splits[0] += 1
                case Resolved():
                    self.splits[1] += 1
        deadline = node.deadline()
        if deadline is not None and (self._wake is None or deadline < self._wake):
            self._wake = deadline
            net.later(deadline - net.now, self._expire, deadline)

    def _flush(self) -> None:
        for connection in self.node.takeDirty():
            wire = self.wires.get(connection)
            if wire is not None and wire.isOpen:
                self.net.later(wire.latency, self.net.deliver, wire.other, [line[:-1] for line in connection.outbox])
            connection.outbox.clear()

    def _expire(self, deadline: float) -> None:
        if self._wake == deadline:
            self._wake = None
            if self.isUp:
                self.node.expire(self.net.now)
                self.settle()

    def open(self, wire: Wire, connection: Connection) -> None:
        """A connection is there."""
        wire.connection = connection
        self.wires[connection] = wire
        self.settle()

    def _lost(self, wire: Wire) -> None:
        connection = wire.connection
        if connection is not None and self.wires.pop(connection, None) is not None:
            self.node.lost(connection, self.net.now)
            self.settle()

    lost = _lost


class Net:
    """
    The machines, what is between them, and the clock.

    @ivar hosts: Those that are up or will be.
    @ivar loss: The share of messages that get lost.
    @ivar now: Seconds since the beginning.
    """

    def __init__(self, seed: int, loss: float = 0.0) -> None:
        self.random = Random(seed)
        self.loss = loss
        self.now = 0.0
        self.hosts: list[Host] = []
        self._events: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._serials = count()
        self._addresses = count(1)
        self._byAddress: dict[str, Host] = {}

    # --- time

    def later(self, delay: float, action: Callable[..., None], *args: Any) -> None:
        """Have something done after a while."""
        heappush(self._events, (self.now + max(0.0, delay), next(self._serials), action, args))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.now + seconds
        events = self._events
        while events and events[0][0] <= end:
            self.now, _, action, args = heappop(events)
            action(*args)
        self.now = end

    def runUntil(self, condition: Callable[[], bool], most: float, step: float = 1.0) -> float:
        """
        Let time pass until something is true; it is looked at every now and then.

        @return: How many seconds that took; infinite if it took too long.
        """
        begin = self.now
        while not condition():
            if self.now - begin >= most:
                return float("inf")
            self.run(step)
        return self.now - begin

    # --- machines

    def add(self, seeds: Iterable[Host] = (), **options: Any) -> Host:
        """A new machine."""
        number = next(self._addresses)
        address = f"10.0.{number // 250}.{number % 250 + 1}"
        host = Host(self, address, [(seed.address, PORT) for seed in seeds], **options)
        self.hosts.append(host)
        self._byAddress[address] = host
        return host

    def populate(self, number: int, seedNo: int = 2, interval: float = 0.05, **options: Any) -> None:
        """Add hosts that know the first ones, and start them one after the other."""
        seeds: list[Host] = []
        for index in range(number):
            host = self.add(seeds, **options)
            if index < seedNo:
                seeds.append(host)
            self.later(index * interval, host.start)
        for seed in seeds:
            seed.node.seeds = [(other.address, PORT) for other in seeds]

    def kill(self, host: Host) -> None:
        """A machine is gone for good."""
        self.hosts.remove(host)
        del self._byAddress[host.address]
        host.kill()

    def partition(self, sides: Callable[[int, Host], int]) -> None:
        """Put each host on a side; nothing passes between the sides any more, and connections are reset."""
        for index, host in enumerate(self.hosts):
            host.side = sides(index, host)
        for host in self.hosts:
            for wire in list(host.wires.values()):
                if wire.other.host.side != host.side and wire.isOpen:
                    self.cut(wire)
                    self.later(0, host.lost, wire)

    def heal(self) -> None:
        """The sides can reach each other again."""
        for host in self.hosts:
            host.side = 0

    # --- what happens on the way

    def dial(self, host: Host, dial: Dial) -> None:
        """Somebody connects."""
        mine = Wire(host, self.random.uniform(0.002, 0.05))
        self.later(mine.latency, self._arrive, mine, dial)

    def _arrive(self, mine: Wire, dial: Dial) -> None:
        target = self._byAddress.get(dial.address)
        if target is not None and target.side != mine.host.side:
            # Nothing comes back.
            return
        if target is None or not target.isUp or dial.port != PORT:
            self.later(mine.latency, self._refused, mine.host, dial)
            return
        its = Wire(target, mine.latency)
        its.other, mine.other = mine, its
        self.later(mine.latency, self._established, mine, dial)
        target.open(its, target.node.accepted(mine.host.address, 40000, self.now))

    def _established(self, mine: Wire, dial: Dial) -> None:
        host = mine.host
        if not mine.isOpen or not mine.other.isOpen or dial.isOver or not host.isUp:
            self.cut(mine)
            if host.isUp:
                self._refused(host, dial)
        else:
            host.open(mine, host.node.dialled(dial, mine.other.host.address, PORT, self.now))

    def _refused(self, host: Host, dial: Dial) -> None:
        if host.isUp:
            host.node.dialFailed(dial, "refused", self.now)
            host.settle()

    def deliver(self, wire: Wire, lines: list[bytes]) -> None:
        """Lines arrive."""
        connection, host = wire.connection, wire.host
        if connection is None or not host.isUp or connection not in host.wires:
            return
        if self.loss:
            lines = [line for line in lines if self.random.random() >= self.loss]
        host.copies += sum(line.startswith(b'["smoke","broadcast"') for line in lines)
        host.node.received(connection, lines, self.now)
        host.settle()

    def cut(self, wire: Wire) -> None:
        """One side ends a connection; the other side hears of it."""
        if wire.isOpen:
            wire.isOpen = False
            if wire.other is not wire:
                self.later(wire.latency, self._cutOff, wire.other)

    def _cutOff(self, wire: Wire) -> None:
        wire.isOpen = False
        wire.host.lost(wire)

    # --- what to look at

    def isOne(self) -> bool:
        """Whether everybody who is up can be reached from everybody else."""
        up = {host.node.id: host for host in self.hosts if host.isUp}
        if len(up) < len(self.hosts):
            return False
        found = set(list(up)[:1])
        todo = list(found)
        while todo:
            for peer in up[todo.pop()].node.peers:
                if peer.id in up and peer.id not in found:
                    found.add(peer.id)
                    todo.append(peer.id)
        return len(found) == len(up)

    def parts(self) -> list[int]:
        """The sizes of the parts that cannot reach each other."""
        rest = {host.node.id: host for host in self.hosts if host.isUp}
        sizes = []
        while rest:
            todo = [rest.popitem()[1]]
            size = 0
            while todo:
                size += 1
                for peer in todo.pop().node.peers:
                    other = rest.pop(peer.id, None)
                    if other is not None:
                        todo.append(other)
            sizes.append(size)
        return sorted(sizes)

    def broadcastFromAll(self, hosts: Iterable[Host], name: str) -> list[str]:
        """
        Everybody of some broadcasts, one after the other, and all packets arrive.

        @return: What was not heard exactly once by exactly all others.
        """
        faults = []
        for index, host in enumerate(hosts):
            event = f"{name}{index}"
            host.broadcast(event)
            self.run(0.01)
        self.run(2)
        for index, host in enumerate(hosts):
            event = f"{name}{index}"
            for other in self.hosts:
                if other.heard[event] != (other is not host):
                    faults.append(f"{event} of {host.address} at {other.address}: {other.heard[event]}")
        return faults
