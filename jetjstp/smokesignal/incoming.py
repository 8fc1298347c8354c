"""
Lines that came in: what they are, and whose business (protocol page, section 5).
"""

from __future__ import annotations

from jetjstp.smokesignal.connections import Connection, Neighbour, State
from jetjstp.smokesignal.effects import PeerSaid
from jetjstp.smokesignal.flooding import Flooding
from jetjstp.smokesignal.handshaking import Handshaking
from jetjstp.smokesignal.joining import Joining
from jetjstp.smokesignal.messages import MessageError, chunkOf, eventOf
from jetjstp.smokesignal.outgoing import Outgoing
from jetjstp.smokesignal.packets import Line
from jetjstp.smokesignal.pinging import Pinging

__all__ = ["Incoming"]

_NAMES = frozenset(("handshake", "handshake ack", "peer request", "ping", "pong", "broadcast", "event", "direct"))


class Incoming:
    """Reads lines and gives them to the parts of a node. Whatever a line holds, nothing is raised."""

    def __init__(
        self, outgoing: Outgoing, flooding: Flooding, handshaking: Handshaking, joining: Joining, pinging: Pinging
    ) -> None:
        self._effects = outgoing.effects
        self._counters = outgoing.counters
        self._flooding = flooding
        self._reader = flooding.reader
        self._handshaking = handshaking
        self._joining = joining
        self._pinging = pinging

    def fromPeer(self, connection: Connection, via: Neighbour, raw: bytes, now: float) -> None:
        """A peer says something. What is wrong is counted and ignored."""
        counters = self._counters
        counters.lines += 1
        if via.bucket is not None and not via.bucket.take(now):
            counters.dropped["rate"] += 1
            return
        reader = self._reader
        id = reader.idOf(raw)
        if id is not None and self._flooding.seen.has(id, now):
            # Most of what comes: each packet comes once from each peer. Nothing of it is read.
            counters.packets += 1
            counters.duplicates += 1
            return
        try:
            line = reader.read()
        except (ValueError, RecursionError):
            counters.badLines["json"] += 1
            return
        if line is None:
            counters.badLines["unknown"] += 1
            return
        try:
            if line.name == "broadcast" and len(line.elements) == 3:
                self._flooding.broadcast(line, via, now)
            else:
                self._rareFromPeer(connection, via, line, now)
        except MessageError as error:
            counters.badLines["value" if error.isTyped else "type"] += 1
        except RecursionError:
            # Reading may go a little deeper than writing.
            counters.badLines["json"] += 1

    def _rareFromPeer(self, connection: Connection, via: Neighbour, line: Line, now: float) -> None:
        name = line.name
        if name == "event":
            self._effects.append(PeerSaid(via, eventOf(line.elements)))
        elif len(line.elements) > 3 or name not in _NAMES:
            self._counters.badLines["unknown"] += 1
        elif name == "direct":
            self._effects.append(PeerSaid(via, chunkOf(line.data)))
        elif name == "pong" and connection.dial is None:
            self._pinging.pong(line.data)
        elif name == "ping" or name == "peer request":
            frame = self._flooding.take(line, now)
            if frame is not None:
                wants = self._pinging.packet if name == "ping" else self._joining.packet
                if wants(line, now):
                    self._flooding.forward(frame, via)
        else:
            # A handshake on a connection that has one behind it, for example.
            self._counters.badLines["late"] += 1

    def fromStranger(self, connection: Connection, raw: bytes, now: float) -> None:
        """Somebody who has not shaken hands says something. What no node would say ends the connection."""
        counters = self._counters
        counters.lines += 1
        self._reader.idOf(raw)
        try:
            line = self._reader.read()
        except (ValueError, RecursionError) as error:
            counters.badLines["json"] += 1
            self._handshaking.bad(connection, error, now)
            return
        if line is None or len(line.elements) > 3 or line.name not in _NAMES:
            counters.badLines["unknown"] += 1
            return
        try:
            self._knownFromStranger(connection, line, now)
        except MessageError as error:
            counters.badLines["value" if error.isTyped else "type"] += 1
            if not error.isTyped:
                self._handshaking.bad(connection, error, now)

    def _knownFromStranger(self, connection: Connection, line: Line, now: float) -> None:
        isAsked = connection.state is State.ASKED
        if isAsked and line.name == "handshake ack":
            self._handshaking.ack(connection, line.data, now)
        elif not isAsked and line.name == "handshake":
            self._handshaking.handshake(connection, line.data, now)
        elif not isAsked and line.name == "peer request":
            self._joining.bare(connection, line.data, now)
        elif not isAsked and line.name == "pong":
            self._pinging.pong(line.data)
        else:
            # A packet before the handshake is lost.
            self._counters.badLines["early"] += 1
