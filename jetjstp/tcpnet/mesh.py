"""
The core of a service: which nodes there are, and which of them to dial, when.

What discovery reports and what becomes of connections goes in, effects come
out. TCP is the truth and discovery a hint: a living connection outlasts its
announcement, a lost one is dialled again for as long as its node is announced.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum
from heapq import heappop, heappush
from typing import NamedTuple

from jetjstp.tcpnet.limits import Limits
from jetjstp.tcpnet.naming import dials, isUuid

__all__ = ["Appeared", "Cancel", "Dial", "Drop", "Effect", "Mesh", "Overflow", "Place", "Trouble", "Vanished"]

FIRST_WAIT = 0.5
LONGEST_WAIT = 30.0
"""Seconds between two attempts: doubled each time."""

LASTING = 10.0
"""Seconds after which a connection counts as a success: the waits begin anew."""


class Place(NamedTuple):
    """Where a node says it is."""

    addresses: tuple[str, ...]
    port: int


class Dial(NamedTuple):
    """
    Connect; L{Mesh.connected} or L{Mesh.failed} follows.

    @ivar attempt: Which attempt this is: answers of earlier ones count no more.
    """

    uuid: str
    attempt: int
    place: Place


class Cancel(NamedTuple):
    """Give up an attempt. Nothing follows."""

    uuid: str
    attempt: int


class Drop(NamedTuple):
    """End the connection of an attempt: it leads to another node. L{Mesh.ended} follows."""

    uuid: str
    attempt: int


class Trouble(NamedTuple):
    """A node could not be reached, for the first time in a row."""

    uuid: str
    reason: str


class Appeared(NamedTuple):
    """A node is announced."""

    uuid: str


class Vanished(NamedTuple):
    """A node is announced no longer."""

    uuid: str


class Overflow(NamedTuple):
    """More nodes are announced than are kept; told once."""


Effect = Dial | Cancel | Drop | Trouble | Appeared | Vanished | Overflow


class Link(Enum):
    """What there is between us and a node that we have to dial."""

    NONE = "none"
    QUEUED = "queued"
    DIALLING = "dialling"
    CONNECTED = "connected"
    WAITING = "waiting"


class _Node:
    """Another node."""

    __slots__ = ("announced", "attempt", "connectedAt", "dialledPlace", "link", "mine", "place", "troubled", "wait")

    def __init__(self, place: Place, mine: bool) -> None:
        self.place = place
        self.mine = mine
        self.announced = False
        self.link = Link.NONE
        self.attempt = 0
        self.wait = FIRST_WAIT
        self.connectedAt = 0.0
        self.dialledPlace: Place | None = None
        self.troubled = False


class Mesh:
    """
    The nodes of one service, as one of them sees them. L{jetjstp.driver.Driver} drives it.

    @ivar effects: What is to be done outside.
    @ivar ignored: How many reports were of no node, or of one too many.
    """

    working = False

    def __init__(self, uuid: str, limits: Limits, random: Callable[[], float]) -> None:
        """
        @param random: Gives a number from 0 to 1, so that not all nodes dial at the same time.
        """
        self.effects: deque[Effect] = deque()
        self.ignored = 0
        self._uuid = uuid
        self._limits = limits
        self._random = random
        self._nodes: dict[str, _Node] = {}
        # Who was announced last at a place.
        self._inPlace: dict[tuple[frozenset[str], int], str] = {}
        self._queue: dict[str, None] = {}
        self._dialling = 0
        self._attempts = 0
        # Times of those that wait, soonest first; an entry counts if the node still waits for just that attempt.
        self._times: list[tuple[float, str, int]] = []
        self._hasOverflown = False

    # --- what a driver asks for

    def work(self) -> None:
        """There is never work in slices."""

    def deadline(self) -> float | None:
        """When L{expire} is to be called."""
        while self._times and not self._stillWaits(self._times[0]):
            heappop(self._times)
        return self._times[0][0] if self._times else None

    def expire(self, now: float) -> None:
        """Time has passed: dial those that have waited enough."""
        while self._times and self._times[0][0] <= now:
            entry = heappop(self._times)
            if self._stillWaits(entry):
                self._enqueue(entry[1], self._nodes[entry[1]])
        self._dialNext()

    def _stillWaits(self, entry: tuple[float, str, int]) -> bool:
        node = self._nodes.get(entry[1])
        return node is not None and node.link is Link.WAITING and node.attempt == entry[2]

    # --- what there is

    def places(self) -> dict[str, Place]:
        """The nodes that are announced, by uuid."""
        return {uuid: node.place for uuid, node in self._nodes.items() if node.announced}

    def linkTo(self, uuid: str) -> Link:
        """What there is between us and a node; C{NONE} too if it is its part to dial."""
        node = self._nodes.get(uuid)
        return Link.NONE if node is None else node.link

    # --- what discovery reports

    def seen(self, instance: str, place: Place, now: float) -> None:
        """Somebody is announced, or announced with something new."""
        if instance == self._uuid:
            return
        if not isUuid(instance):
            self.ignored += 1
            return
        self._supersede(instance, place, now)
        node = self._nodes.get(instance)
        if node is None:
            if len(self._nodes) >= self._limits.services:
                self.ignored += 1
                if not self._hasOverflown:
                    self._hasOverflown = True
                    self.effects.append(Overflow())
                return
            node = self._nodes[instance] = _Node(place, dials(self._uuid, instance))
        isNews = node.place != place or not node.announced
        self._leavePlace(instance, node)
        node.place = place
        if place.addresses:
            self._inPlace[_keyOf(place)] = instance
        if not node.announced:
            node.announced = True
            self.effects.append(Appeared(instance))
        if node.mine and isNews:
            self._dialAnew(instance, node)

    def _supersede(self, uuid: str, place: Place, now: float) -> None:
        """
        Only one can listen in a place. Who was announced there before is gone without a word, as a process that was
        killed and started anew with another uuid; its announcement may stay for more than an hour.
        """
        before = self._inPlace.get(_keyOf(place))
        if before is None or before == uuid:
            return
        node = self._nodes[before]
        self.gone(before, now)
        if node.link is Link.CONNECTED and node.dialledPlace == place and now - node.connectedAt < LASTING:
            # Who listened there so lately was the new one already, before its announcement came.
            self.effects.append(Drop(before, node.attempt))

    def _leavePlace(self, uuid: str, node: _Node) -> None:
        key = _keyOf(node.place)
        if self._inPlace.get(key) == uuid:
            del self._inPlace[key]

    def _dialAnew(self, uuid: str, node: _Node) -> None:
        """A node is somewhere else than before, or there again."""
        if node.link is Link.DIALLING:
            if node.dialledPlace == node.place:
                return
            self._cancel(uuid, node)
        if node.link is not Link.CONNECTED:
            node.wait = FIRST_WAIT
            self._enqueue(uuid, node)
            self._dialNext()

    def gone(self, instance: str, now: float) -> None:
        """Somebody is announced no longer. A living connection stays."""
        node = self._nodes.get(instance)
        if node is None or not node.announced:
            return
        node.announced = False
        self._leavePlace(instance, node)
        self.effects.append(Vanished(instance))
        if node.link is Link.DIALLING:
            self._cancel(instance, node)
        if node.link is not Link.CONNECTED:
            self._forget(instance)
        self._dialNext()

    # --- what becomes of connections

    def connected(self, uuid: str, attempt: int, now: float) -> bool:
        """
        An attempt has succeeded.

        @return: Whether the connection is wanted.
        """
        node = self._dialled(uuid, attempt)
        if node is None:
            return False
        node.link = Link.CONNECTED
        node.connectedAt = now
        node.troubled = False
        self._dialNext()
        return True

    def failed(self, uuid: str, attempt: int, reason: str, now: float) -> None:
        """An attempt has failed."""
        node = self._dialled(uuid, attempt)
        if node is None:
            return
        if not node.troubled:
            node.troubled = True
            self.effects.append(Trouble(uuid, reason))
        self._waitFor(uuid, node, now)
        self._dialNext()

    def ended(self, uuid: str, attempt: int, now: float) -> None:
        """The connection that an attempt has made is gone."""
        node = self._nodes.get(uuid)
        if node is None or node.link is not Link.CONNECTED or node.attempt != attempt:
            return
        node.link = Link.NONE
        if not node.announced:
            self._forget(uuid)
        elif node.place != node.dialledPlace:
            self._dialAnew(uuid, node)
        else:
            if now - node.connectedAt >= LASTING:
                node.wait = FIRST_WAIT
            self._waitFor(uuid, node, now)

    def stop(self) -> None:
        """Dial nobody any more."""
        for uuid, node in self._nodes.items():
            if node.link is Link.DIALLING:
                self._cancel(uuid, node)
        self._nodes.clear()
        self._inPlace.clear()
        self._queue.clear()
        self._times.clear()

    # --- dialling

    def _dialled(self, uuid: str, attempt: int) -> _Node | None:
        node = self._nodes.get(uuid)
        if node is None or node.link is not Link.DIALLING or node.attempt != attempt:
            return None
        self._dialling -= 1
        return node

    def _waitFor(self, uuid: str, node: _Node, now: float) -> None:
        node.link = Link.WAITING
        wait, node.wait = node.wait, min(2 * node.wait, LONGEST_WAIT)
        heappush(self._times, (now + wait * (0.5 + 0.5 * self._random()), uuid, node.attempt))

    def _enqueue(self, uuid: str, node: _Node) -> None:
        node.link = Link.QUEUED
        self._queue[uuid] = None

    def _dialNext(self) -> None:
        while self._queue and self._dialling < self._limits.dials:
            uuid = next(iter(self._queue))
            del self._queue[uuid]
            node = self._nodes[uuid]
            self._attempts += 1
            node.attempt = self._attempts
            node.link = Link.DIALLING
            node.dialledPlace = node.place
            self._dialling += 1
            self.effects.append(Dial(uuid, node.attempt, node.place))

    def _cancel(self, uuid: str, node: _Node) -> None:
        node.link = Link.NONE
        self._dialling -= 1
        self.effects.append(Cancel(uuid, node.attempt))

    def _forget(self, uuid: str) -> None:
        del self._nodes[uuid]
        self._queue.pop(uuid, None)


def _keyOf(place: Place) -> tuple[frozenset[str], int]:
    return frozenset(place.addresses), place.port
