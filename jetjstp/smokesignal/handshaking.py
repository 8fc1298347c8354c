"""
How connections become peers and cease to be, also when both sides have dialled
(protocol page, section 6).
"""

from __future__ import annotations

from jetjstp.smokesignal.buckets import Bucket
from jetjstp.smokesignal.connections import Connection, Dial, Neighbour, State
from jetjstp.smokesignal.dialling import Dialling
from jetjstp.smokesignal.effects import Added, AddFailed, PeerAdded, PeerRemoved
from jetjstp.smokesignal.errors import (
    AddPeerError,
    AlreadyPeer,
    HandshakeRefused,
    HandshakeTimeout,
    NodeStopped,
    OwnNode,
    PeerListFull,
)
from jetjstp.smokesignal.flooding import Flooding
from jetjstp.smokesignal.messages import MessageError, agentOf, lineOf, nodeIdOf
from jetjstp.smokesignal.outgoing import Outgoing
from jetjstp.smokesignal.peers import PeerTable
from jetjstp.smokesignal.strangers import Strangers

__all__ = ["HANDSHAKE_TIMEOUT", "SECOND_LINK", "SETTLE", "Handshaking"]

HANDSHAKE_TIMEOUT = 5.0
"""Seconds for a handshake on an accepted connection, and for the ack on one of ours."""

SECOND_LINK = 5.0
"""Seconds for which a peer's connection is young enough for both sides to have dialled at once."""

SETTLE = 1.0
"""Seconds after which one of two connections is closed; a real node has closed one long before."""


class Handshaking:
    """The handshakes of a node, and what they make of its connections."""

    def __init__(
        self,
        id: str,
        agent: str | None,
        outgoing: Outgoing,
        peers: PeerTable,
        dialling: Dialling,
        flooding: Flooding,
    ) -> None:
        self._id = id
        self._outgoing = outgoing
        self._counters = outgoing.counters
        self._peers = peers
        self._dialling = dialling
        self._flooding = flooding
        limits = outgoing.limits
        self.strangers = Strangers(limits.strangers, limits.strangersPerAddress)
        self.port = 0
        self._asked: dict[Connection, Dial] = {}
        introduction: dict[str, object] = {"id": id}
        if agent is not None:
            introduction.update(agent=agent, speaks=["0.1", "0.2"])
        self.line = lineOf("handshake", introduction)
        self._ack = lineOf("handshake ack", introduction)

    # --- connections that are no peers yet

    def accepted(self, connection: Connection, now: float) -> None:
        """Somebody has connected, and has some time for telling what they want."""
        oldest = self.strangers.add(connection)
        if oldest is not None:
            self.end(oldest, now)

        def tooSlow(now: float) -> None:
            self.end(connection, now)

        connection.timer = self._outgoing.alarms.set(now + HANDSHAKE_TIMEOUT, tooSlow)

    def ask(self, connection: Connection, dial: Dial, now: float) -> None:
        """We have connected: shake hands."""
        connection.state = State.ASKED
        self._asked[connection] = dial
        self._outgoing.send(connection, self.line)

        def tooSlow(now: float) -> None:
            error = HandshakeTimeout(f"no answer to the handshake within {HANDSHAKE_TIMEOUT:g} seconds")
            self.refuse(connection, error, now)

        connection.timer = self._outgoing.alarms.set(now + HANDSHAKE_TIMEOUT, tooSlow)

    def end(self, connection: Connection, now: float) -> None:
        """Close a connection that is no peer's."""
        self.strangers.remove(connection)
        self._outgoing.close(connection, now)

    def refuse(self, connection: Connection, error: AddPeerError, now: float) -> None:
        """Nothing becomes of a connection that we have opened for a handshake."""
        self._failed(connection, error, now, False)
        self._outgoing.close(connection, now)

    def _failed(self, connection: Connection, error: AddPeerError, now: float, isPolite: bool) -> None:
        dial = self._asked.pop(connection)
        self._dialling.end(dial)
        if not isinstance(error, AlreadyPeer | PeerListFull | NodeStopped):
            # With these, the target is a node, and did nothing wrong.
            self._dialling.failed(dial, now, isPolite)
        if dial.ticket:
            self._outgoing.effects.append(AddFailed(dial.ticket, error))

    def forget(self, connection: Connection) -> None:
        """Nobody waits for the answer to our handshake any more."""
        self._dialling.end(self._asked.pop(connection))

    # --- messages

    def handshake(self, connection: Connection, data: object, now: float) -> None:
        """
        Somebody wants to be our peer.

        @raise MessageError: The data are no handshake's.
        """
        id = nodeIdOf(data)
        known = self._peers.get(id)
        reason = self._refusal(id, known, connection, now)
        if reason is not None:
            self._counters.refusedHandshakes[reason] += 1
            if reason == "own":
                self._suspect()
            self.end(connection, now)
            return
        self.strangers.remove(connection)
        self._outgoing.send(connection, self._ack)
        self._join(connection, id, agentOf(data), known, now)

    def ack(self, connection: Connection, data: object, now: float) -> None:
        """
        Our handshake is answered.

        @raise MessageError: The data are no ack's.
        """
        id = nodeIdOf(data)
        known = self._peers.get(id)
        reason = self._refusal(id, known, connection, now)
        if reason is None:
            dial = self._asked.pop(connection)
            self._dialling.end(dial)
            self._dialling.succeeded(dial)
            neighbour = self._join(connection, id, agentOf(data), known, now)
            if dial.ticket:
                self._outgoing.effects.append(Added(dial.ticket, neighbour))
            return
        self._counters.refusedHandshakes[reason] += 1
        error: AddPeerError
        if reason == "own":
            error = OwnNode("this node has dialled itself")
        elif reason == "known":
            error = AlreadyPeer(f"node {id} is a peer already", known)
        else:
            error = PeerListFull(f"there are {len(self._peers)} peers, and may not be more")
        self.refuse(connection, error, now)

    def bad(self, connection: Connection, error: MessageError | ValueError | RecursionError, now: float) -> None:
        """Whoever begins like this is no node."""
        if connection.state is State.ASKED:
            self.refuse(connection, HandshakeRefused(f"the answer to the handshake cannot be read: {error}"), now)
        else:
            self.end(connection, now)

    def _refusal(self, id: str, known: Neighbour | None, connection: Connection, now: float) -> str | None:
        if id == self._id:
            return "own"
        if known is not None:
            if len(known.connections) > 1:
                return "known"
            (other,) = known.connections
            bothDialled = (other.dial is None) is not (connection.dial is None)
            return None if bothDialled and now - other.since < SECOND_LINK else "known"
        return "full" if self._peers.isFull() else None

    def _suspect(self) -> None:
        """The other end of one of those that wait for an ack is this node; most likely one to our own port."""
        for connection, dial in self._asked.items():
            if dial.port == self.port:
                connection.isOwnNode = True

    # --- peers

    def _join(
        self, connection: Connection, id: str, agent: str | None, known: Neighbour | None, now: float
    ) -> Neighbour:
        alarms = self._outgoing.alarms
        alarms.cancel(connection.timer)
        connection.timer = None
        connection.state = State.PEER
        connection.since = now
        if known is not None:
            # No events: the list counts one.
            connection.neighbour = known
            known.connections.append(connection)

            def settle(now: float) -> None:
                self._settle(known, now)

            known.settling = alarms.set(now + SETTLE, settle)
            return known
        rate = self._outgoing.limits.packetsPerSecond
        bucket = None if rate is None else Bucket(rate)
        neighbour = Neighbour(id, agent, connection.address, connection.port, now, bucket)
        connection.neighbour = neighbour
        neighbour.connections.append(connection)
        isFirst = self._peers.add(neighbour)
        self._outgoing.effects.append(PeerAdded(neighbour, isFirst))
        self._flooding.warnIfMixed()
        return neighbour

    def steady(self, neighbour: Neighbour) -> Connection:
        """The connection that stays when there are two: that which was dialled by the node with the smaller id."""
        weDial = self._id < neighbour.id
        for connection in neighbour.connections:
            if (connection.dial is not None) is weDial:
                return connection
        return neighbour.connections[0]

    def _settle(self, neighbour: Neighbour, now: float) -> None:
        if len(neighbour.connections) > 1:
            steady = self.steady(neighbour)
            for connection in [other for other in neighbour.connections if other is not steady]:
                neighbour.connections.remove(connection)
                self._outgoing.close(connection, now)

    def left(self, connection: Connection) -> None:
        """A peer's connection is gone, or of no use any more; so is the peer, if it was its last one."""
        neighbour = connection.neighbour
        if neighbour is None or connection not in neighbour.connections:
            return
        neighbour.connections.remove(connection)
        if not neighbour.connections:
            self._removed(neighbour)

    def part(self, neighbour: Neighbour, now: float) -> None:
        """End a peer; it is none from now on."""
        connections, neighbour.connections = neighbour.connections, []
        for connection in connections:
            self._outgoing.close(connection, now)
        if neighbour.isListed:
            self._removed(neighbour)

    def _removed(self, neighbour: Neighbour) -> None:
        self._outgoing.alarms.cancel(neighbour.settling)
        isLast = self._peers.remove(neighbour)
        self._outgoing.effects.append(PeerRemoved(neighbour, isLast))

    def lost(self, connection: Connection, now: float) -> None:
        """A connection has ended."""
        self.strangers.remove(connection)
        if connection in self._asked:
            error: AddPeerError
            if connection.isOwnNode:
                error = OwnNode("this node has dialled itself")
            else:
                error = HandshakeRefused("the other node has ended the connection without an answer")
            self._failed(connection, error, now, True)
        self.left(connection)
