"""
How a node finds peers: it asks seeds and peers, and judges those who ask
(protocol page, section 7).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from jetjstp.smokesignal.addresses import isSameHost
from jetjstp.smokesignal.buckets import Bucket
from jetjstp.smokesignal.connections import Connection, Dial, Neighbour, Purpose
from jetjstp.smokesignal.dialling import Dialling
from jetjstp.smokesignal.flooding import Flooding
from jetjstp.smokesignal.handshaking import Handshaking
from jetjstp.smokesignal.messages import MessageError, Request, lineOf, requestOf
from jetjstp.smokesignal.outgoing import Outgoing
from jetjstp.smokesignal.packets import Line
from jetjstp.smokesignal.peers import PeerTable

__all__ = ["ROOM_INTERVAL", "Joining", "Seed"]

Seed = tuple[str, int]

ROOM_INTERVAL = 10.0
"""Seconds after which a full node may end a peer again for somebody who knows nobody."""

SETTLED = 30.0
"""Seconds after which a peer has been through some ticks of its own, and has found others."""


class Joining:
    """
    Peer requests, ours and those of others.

    @ivar seeds: Where somebody probably answers.
    """

    def __init__(
        self,
        id: str,
        address: str,
        seeds: Sequence[Seed],
        outgoing: Outgoing,
        peers: PeerTable,
        dialling: Dialling,
        flooding: Flooding,
        handshaking: Handshaking,
        random: Random,
    ) -> None:
        self._id = id
        self._address = address
        self._port = 0
        self.seeds = seeds
        self._outgoing = outgoing
        self._counters = outgoing.counters
        self._peers = peers
        self._dialling = dialling
        self._flooding = flooding
        self._handshaking = handshaking
        self._random = random
        self._bare = Bucket(outgoing.limits.requestsPerSecond)
        self._madeRoom: float | None = None
        self._own: dict[str, Any] = {}
        self._line = b""

    def started(self, port: int) -> None:
        """The port is known now."""
        self._port = port
        self._own = {"id": self._id, "remoteAddress": self._address, "remotePort": port}
        self._line = lineOf("peer request", self._own)

    def otherSeeds(self) -> list[Seed]:
        """The seeds that are not this node."""
        return [seed for seed in dict.fromkeys(self.seeds) if seed != (self._address, self._port)]

    # --- asking

    def enter(self, seeds: Sequence[Seed], now: float) -> None:
        """Ask seeds for peers, those that are not being asked at the moment."""
        for address, port in seeds:
            dial = Dial(address, port, Purpose.SEED, self._line)
            if not self._dialling.isDialled(dial.target, Purpose.SEED):
                self._dialling.begin(dial, now)

    def ask(self, now: float) -> None:
        """Ask everybody for peers, if there are not enough."""
        if not self._peers.isFilled():
            self._flooding.flood("peer request", self._own, now)

    # --- being asked

    def bare(self, connection: Connection, data: object, now: float) -> None:
        """
        Somebody who is no peer wants peers.

        @raise MessageError: The data are no peer request's.
        """
        request = requestOf(data)
        if request.id == self._id:
            self._counters.dropped["own"] += 1
            return
        if self._outgoing.limits.sourceMustMatch and not isSameHost(request.address, connection.address):
            # Not even passed on: nobody else can check it, and each of them would dial the victim.
            self._counters.dropped["source"] += 1
            return
        if not self._bare.take(now):
            self._counters.dropped["request: rate"] += 1
            return
        try:
            self._flooding.flood("peer request", data, now)
        except ValueError:
            # The packet would be longer than a line may be.
            raise MessageError("too long", True) from None
        reason = self._judge(request, now)
        if reason is None:
            self._dial(request, now)
        elif reason == "full" and self._mayMakeRoom(request, now):
            self._madeRoom = now
            if len(self._peers) >= self._peers.most:
                self._handshaking.part(self._leastNeeded(now), now)
            # Else it is full of dials, and nobody knows yet what comes of those.
            self._dial(request, now)
        else:
            self._counters.dropped[f"request: {reason}"] += 1

    def packet(self, line: Line, now: float) -> bool:
        """
        A peer request was flooded, and its packet has been taken.

        @return: Whether it is to be passed on: nobody here wants it.
        @raise MessageError: The data are no peer request's.
        """
        request = requestOf(line.data["data"])
        reason = self._judge(request, now)
        if reason is None:
            self._dial(request, now)
            return False
        self._counters.dropped[f"request: {reason}"] += 1
        return reason != "own"

    def _dial(self, request: Request, now: float) -> None:
        self._dialling.begin(Dial(request.address, request.port, Purpose.REQUEST, self._handshaking.line), now)

    def _judge(self, request: Request, now: float) -> str | None:
        """Why not to dial, if there is a reason."""
        if request.id == self._id:
            return "own"
        if (request.address, request.port) == (self._address, self._port):
            # This node before it was started anew, or one behind another address translation.
            return "own address"
        if self._peers.get(request.id) is not None:
            return "known"
        coming = self._dialling.coming
        if self._peers.wouldBeFull(coming):
            return "full"
        if self._peers.isFilled(coming) and self._random.random() < 0.5:
            return "half"
        return self._dialling.refusal(request.address, request.port, now)

    def _mayMakeRoom(self, request: Request, now: float) -> bool:
        """Otherwise a club in which everybody is full would never notice that somebody is at the door."""
        if self._madeRoom is not None and now - self._madeRoom < ROOM_INTERVAL:
            return False
        # The one that has to go must not be our only way.
        return len(self._peers) >= 2 and self._dialling.refusal(request.address, request.port, now) is None

    def _leastNeeded(self, now: float) -> Neighbour:
        """
        The most recent peer among those that had the time for finding others.

        Who has come just now may be the only bridge over a split that heals, and may know nobody but us.
        """
        for neighbour in reversed(self._peers.all):
            if now - neighbour.since >= SETTLED:
                return neighbour
        return self._peers.all[-1]
