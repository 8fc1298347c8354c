"""
Whether the seeds can still be reached through the overlay (protocol page,
section 11).
"""

from __future__ import annotations

from jetjstp.smokesignal.alarms import Alarm
from jetjstp.smokesignal.connections import Dial, Purpose
from jetjstp.smokesignal.dialling import Dialling
from jetjstp.smokesignal.effects import Resolved, Split
from jetjstp.smokesignal.flooding import Flooding
from jetjstp.smokesignal.joining import Joining, Seed
from jetjstp.smokesignal.messages import lineOf, pingOf, pongOf
from jetjstp.smokesignal.outgoing import Outgoing
from jetjstp.smokesignal.packets import Line
from jetjstp.smokesignal.peers import PeerTable

__all__ = ["Pinging"]


class Pinging:
    """
    Pings, ours and those of others.

    @ivar splits: The seeds that did not answer the last time, in the order in which that was noticed.
    """

    def __init__(
        self,
        id: str,
        address: str,
        timeout: float,
        outgoing: Outgoing,
        peers: PeerTable,
        dialling: Dialling,
        flooding: Flooding,
        joining: Joining,
    ) -> None:
        self._id = id
        self._address = address
        self._port = 0
        self._timeout = timeout
        self._outgoing = outgoing
        self._counters = outgoing.counters
        self._peers = peers
        self._dialling = dialling
        self._flooding = flooding
        self._joining = joining
        self._outstanding: dict[str, tuple[Seed, Alarm]] = {}
        self.splits: dict[Seed, None] = {}

    def started(self, port: int) -> None:
        """The port is known now."""
        self._port = port

    def stop(self) -> None:
        """Wait for nothing any more."""
        for _, alarm in self._outstanding.values():
            self._outgoing.alarms.cancel(alarm)
        self._outstanding.clear()
        self.splits.clear()
        self._peers.hasSpare = False

    # --- asking

    def pingSeeds(self, now: float) -> None:
        """Ask each seed, through the overlay, whether it is there."""
        seeds = self._joining.otherSeeds()
        for gone in [seed for seed in self.splits if seed not in seeds]:
            # It is no seed any more.
            self._resolved(gone)
        for seed in seeds:
            self._ping(seed, now)

    def _ping(self, seed: Seed, now: float) -> None:
        data = {
            "remoteAddress": self._address,
            "remotePort": self._port,
            "targetPort": seed[1],
            "targetAddress": seed[0],
        }
        id, _ = self._flooding.flood("ping", data, now)

        def unanswered(now: float) -> None:
            del self._outstanding[id]
            self._split(seed, now)

        self._outstanding[id] = (seed, self._outgoing.alarms.set(now + self._timeout, unanswered))

    def _split(self, seed: Seed, now: float) -> None:
        if seed in self.splits:
            return
        self.splits[seed] = None
        self._peers.hasSpare = True
        self._counters.splits += 1
        self._outgoing.effects.append(Split(seed))
        self._joining.enter([seed], now)

    def _resolved(self, seed: Seed) -> None:
        if seed in self.splits:
            del self.splits[seed]
            self._peers.hasSpare = bool(self.splits)
            self._outgoing.effects.append(Resolved(seed))

    def pong(self, data: object) -> None:
        """
        A ping is answered.

        @raise MessageError: The data are no pong's.
        """
        pong = pongOf(data)
        outstanding = self._outstanding.pop(pong.respondsTo, None)
        if outstanding is None:
            self._counters.dropped["pong unknown"] += 1
            return
        seed, alarm = outstanding
        self._outgoing.alarms.cancel(alarm)
        self._resolved(seed)

    # --- being asked

    def packet(self, line: Line, now: float) -> bool:
        """
        A ping was flooded, and its packet has been taken.

        @return: Whether it is to be passed on: it is for somebody else.
        @raise MessageError: The data are no ping's.
        """
        ping = pingOf(line.data["data"])
        if (ping.targetAddress, ping.targetPort) != (self._address, self._port):
            return True
        reason = self._dialling.pongRefusal(ping.address, ping.port, now)
        if reason is not None:
            self._counters.dropped[reason] += 1
            return False
        pong = {
            "id": self._id,
            "remoteAddress": self._address,
            "remotePort": self._port,
            "respondsTo": line.data["id"],
        }
        self._dialling.begin(Dial(ping.address, ping.port, Purpose.PONG, lineOf("pong", pong)), now)
        return False
