"""
Packets: each is taken once, handed to whom it concerns, and passed on
(protocol page, sections 8 and 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any, Literal

from jetjstp.smokesignal.connections import Neighbour
from jetjstp.smokesignal.effects import Delivered, Warn
from jetjstp.smokesignal.errors import WrongDialect
from jetjstp.smokesignal.messages import MessageError, chunkOf, chunkText
from jetjstp.smokesignal.outgoing import Outgoing
from jetjstp.smokesignal.packets import Line, LineReader, isPacketId, ownPacket
from jetjstp.smokesignal.peers import PeerTable
from jetjstp.smokesignal.seen import SeenTable

__all__ = ["Dialect", "Flooding"]

Dialect = Literal["both", "0.1", "0.2"]
"""Which real nodes are about: they end at each other's broadcasts."""

OURS = "jetjstp/"
"""What the agents of nodes begin with that speak both dialects."""


class Flooding:
    """
    The packets of a node.

    @ivar seen: The ids of those that were here.
    """

    def __init__(self, id: str, dialect: Dialect, outgoing: Outgoing, peers: PeerTable, random: Random) -> None:
        self._id = id
        self._dialect = dialect
        self._outgoing = outgoing
        self._counters = outgoing.counters
        self._peers = peers
        self._random = random
        self.seen = SeenTable(outgoing.limits.packetIds)
        self.reader = LineReader()
        self._emits = False
        self._writes = False
        self._hasWarned = False

    def take(self, line: Line, now: float) -> bytes | None:
        """
        Take the packet that the reader has just read; it is remembered if it is right.

        @return: What to pass on; L{None} if there is nothing more to do with it.
        @raise MessageError: It is no packet.
        @raise RecursionError: Its data are nested too deeply.
        """
        packet = line.data
        if not isinstance(packet, dict) or "data" not in packet or not isPacketId(packet.get("id")):
            raise MessageError("not a packet")
        id: str = packet["id"]
        self._counters.packets += 1
        if self.seen.has(id, now):
            self._counters.duplicates += 1
            return None
        fields = id.split("-", 3)
        if len(fields) < 3:
            raise MessageError("no hash in the id")
        hash, frame = self.reader.hashOf(line)
        if fields[2] != hash:
            # Not remembered: a forged copy that is faster must not suppress the true one.
            self._counters.badHashes += 1
            return None
        if len(frame) - 1 > self._outgoing.limits.line:
            # Normal form may be longer than what came, and whoever got it from us would end the link.
            self._counters.badLines["too long"] += 1
            return None
        self._remember(id, now)
        return frame

    def _remember(self, id: str, now: float) -> None:
        if self.seen.add(id, now):
            self._counters.dropped["forgotten"] += 1

    def broadcast(self, line: Line, via: Neighbour, now: float) -> None:
        """
        A broadcast came in.

        @raise MessageError: It is no packet.
        """
        packet = line.data
        # Forms that would end the processes of neighbours are not even remembered.
        payload = self._payloadOf(packet.get("data")) if isinstance(packet, dict) else None
        if payload is None:
            if not isinstance(packet, dict) or "data" not in packet:
                raise MessageError("not a packet")
            return
        frame = self.take(line, now)
        if frame is None:
            return
        id = packet["id"]
        self._counters.delivered += 1
        self._outgoing.effects.append(Delivered(id, id.partition("-")[0], via, payload))
        self.forward(frame, via)

    def _payloadOf(self, data: Any) -> list[Any] | bytes | None:
        if isinstance(data, list):
            if not data or not isinstance(data[0], str):
                self._counters.dropped["payload"] += 1
                return None
            if self._dialect == "0.2":
                self._counters.dropped["dialect"] += 1
                return None
            return data
        try:
            chunk = chunkOf(data)
        except MessageError:
            self._counters.dropped["payload"] += 1
            return None
        if self._dialect == "0.1":
            self._counters.dropped["dialect"] += 1
            return None
        return chunk

    def forward(self, frame: bytes, via: Neighbour | None) -> None:
        """Pass a packet on to all but the one it came from."""
        self._outgoing.forward(self._peers.all, via, frame)

    def flood(self, name: str, data: object, now: float) -> tuple[str, int]:
        """
        Send a packet of our own to everybody.

        @return: Its id, and to how many links it went.
        @raise TypeError: The data are no JSON value.
        @raise ValueError: A number is not finite, nesting is too deep, or the line is longer than the limit.
        """
        try:
            id, frame = ownPacket(name, self._id, data, self._random)
        except RecursionError:
            raise ValueError("nested too deeply, or contains itself") from None
        limit = self._outgoing.limits.line
        if len(frame) - 1 > limit:
            raise ValueError(f"a line of {len(frame) - 1} bytes exceeds the limit of {limit}")
        self._remember(id, now)
        links = 0
        for neighbour in self._peers.all:
            for connection in list(neighbour.connections):
                links += 1
                self._outgoing.send(connection, frame)
        return id, links

    def emit(self, event: str, args: Sequence[object], now: float) -> int:
        """Broadcast an event. See L{jetjstp.smokesignal.node.Node.emit}."""
        if self._dialect == "0.2":
            raise WrongDialect("nodes of version 0.2 take events for junk; use write, or another dialect")
        if not isinstance(event, str):
            raise TypeError(f"an event name is a string, not {event!r}")
        links = self.flood("broadcast", [event, *args], now)[1]
        self._emits = True
        self.warnIfMixed()
        return links

    def write(self, chunk: bytes, now: float) -> int:
        """Broadcast bytes. See L{jetjstp.smokesignal.node.Node.write}."""
        if self._dialect == "0.1":
            raise WrongDialect("nodes of version 0.1 end when they get bytes; use emit, or another dialect")
        links = self.flood("broadcast", chunkText(chunk), now)[1]
        self._writes = True
        self.warnIfMixed()
        return links

    def warnIfMixed(self) -> None:
        """Warn once if the application uses both forms, and there is a node that may know only one."""
        if self._hasWarned or not (self._emits and self._writes):
            return
        for peer in self._peers.all:
            if peer.agent is None or not peer.agent.startswith(OURS):
                self._hasWarned = True
                self._outgoing.effects.append(
                    Warn(
                        f"peer {peer.id} may be a node that ends when it gets one of the two kinds of broadcasts that "
                        "this application uses, events and bytes; choose a dialect"
                    )
                )
                return
