"""
The core of a node: connections, lines and wishes go in; connections to make
and to end, lines to write and news for the application come out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import Random, SystemRandom

from jetjstp._version import __version__
from jetjstp.errors import LocalProtocolError
from jetjstp.smokesignal.addresses import DefaultDialPolicy
from jetjstp.smokesignal.alarms import Alarm
from jetjstp.smokesignal.connections import Connection, Dial, Neighbour, Purpose, State
from jetjstp.smokesignal.dialling import Dialling, DialPolicy
from jetjstp.smokesignal.effects import AddFailed, Stopped
from jetjstp.smokesignal.errors import AddPeerError, DialFailed, NodeStopped, PeerListFull
from jetjstp.smokesignal.flooding import Dialect, Flooding
from jetjstp.smokesignal.handshaking import Handshaking
from jetjstp.smokesignal.ids import newId
from jetjstp.smokesignal.incoming import Incoming
from jetjstp.smokesignal.joining import Joining, Seed
from jetjstp.smokesignal.limits import Limits
from jetjstp.smokesignal.messages import chunkText
from jetjstp.smokesignal.normal import encode, write
from jetjstp.smokesignal.outgoing import Outgoing
from jetjstp.smokesignal.peers import PeerTable
from jetjstp.smokesignal.pinging import Pinging

__all__ = ["AGENT", "TICK_INTERVAL", "Node"]

AGENT = f"jetjstp/{__version__.public()}"
"""What we call ourselves."""

TICK_INTERVAL = 10.0
"""Seconds from tick to tick."""


class Node:
    """
    A node. L{jetjstp.driver.Driver} drives it.

    After each input C{effects} are to be performed in order, then the outbox of each connection that L{takeDirty} gives
    is to be written and cleared; before L{jetjstp.smokesignal.effects.Close} is performed, that of its connection.
    C{now} is in seconds, on a clock that never goes back.

    @ivar id: This node's id; the same after a restart.
    @ivar effects: What is to be done outside, in order.
    @ivar counters: What was seen and done.
    @ivar isRunning: Between L{start} and L{stop}.
    """

    working = False

    def __init__(
        self,
        *,
        address: str,
        seeds: Sequence[Seed] = (),
        minPeerNo: int = 3,
        maxPeerNo: float = 5,
        pingTimeout: float = 3.0,
        tickInterval: float = TICK_INTERVAL,
        dialect: Dialect = "both",
        dialPolicy: DialPolicy | None = None,
        limits: Limits | None = None,
        random: Random | None = None,
        id: str | None = None,
        agent: str | None = AGENT,
    ) -> None:
        """
        @param address: What others are told to dial, an IP literal.
        @param dialPolicy: Asked before each connection that a packet wants, with address, port and C{"peer request"}
            or C{"pong"}; whether to make it. Default: section 15 of the protocol page (L{DefaultDialPolicy}).
        @param random: For ids and for which requests are refused. Default: the system's.
        @param id: Instead of a random one.
        @param agent: What to call oneself in handshakes; nothing (also no C{speaks}) if L{None}.
        """
        random = SystemRandom() if random is None else random
        self.id = id = newId(random) if id is None else id
        self.isRunning = False
        self._isStopping = False
        self._tickInterval = tickInterval
        self._tick: Alarm | None = None
        self._tickets = 0
        outgoing = self._outgoing = Outgoing(Limits() if limits is None else limits, self._overflowed)
        self.counters = outgoing.counters
        self.effects = outgoing.effects
        policy = DefaultDialPolicy(address) if dialPolicy is None else dialPolicy
        peers = self._peers = PeerTable(minPeerNo, maxPeerNo)
        dialling = self._dialling = Dialling(outgoing, policy, self._dialFailed)
        flooding = self._flooding = Flooding(id, dialect, outgoing, peers, random)
        handshaking = self._handshaking = Handshaking(id, agent, outgoing, peers, dialling, flooding)
        joining = self._joining = Joining(id, address, seeds, outgoing, peers, dialling, flooding, handshaking, random)
        self._pinging = Pinging(id, address, pingTimeout, outgoing, peers, dialling, flooding, joining)
        self._incoming = Incoming(outgoing, flooding, handshaking, joining, self._pinging)

    @property
    def seeds(self) -> Sequence[Seed]:
        """Address (an IP literal) and port of each seed, as they call themselves. May be replaced."""
        return self._joining.seeds

    @seeds.setter
    def seeds(self, seeds: Sequence[Seed]) -> None:
        self._joining.seeds = seeds

    @property
    def splits(self) -> list[Seed]:
        """The seeds that are split off."""
        return list(self._pinging.splits)

    # --- what a driver asks for

    def work(self) -> None:
        """There is never anything in progress."""

    def takeDirty(self) -> list[Connection]:
        """The connections with something in their outbox, which is to be written and cleared now."""
        dirty = self._outgoing.dirty
        if dirty:
            taken = dirty[:]
            dirty.clear()
            for connection in taken:
                connection.isDirty = False
            return taken
        return dirty

    # --- life

    def start(self, port: int, now: float) -> None:
        """The port is open (the real one, if 0 was wanted): enter the overlay, begin to tick."""
        if self.isRunning:
            raise LocalProtocolError("this node runs already")
        self.isRunning = True
        self._isStopping = False
        self._handshaking.port = port
        self._joining.started(port)
        self._pinging.started(port)
        self._joining.enter(self._joining.otherSeeds(), now)
        self._tick = self._outgoing.alarms.set(now + self._tickInterval, self._ticked)

    def stop(self, now: float) -> None:
        """
        Leave: dials cancelled, every peer removed, every connection closed, and aborted after 5 s. L{Stopped} is the
        last effect. To be called when the port is closed. May be started again.
        """
        wasRunning, self.isRunning = self.isRunning, False
        self._outgoing.alarms.cancel(self._tick)
        self._pinging.stop()
        for dial in list(self._dialling.underWay):
            if not dial.isOver:
                self._dialling.cancel(dial)
                self._notAdded(dial, NodeStopped("this node was stopped"))
        for neighbour in self._peers.all:
            self._handshaking.part(neighbour, now)
        for connection in list(self._outgoing.live):
            if connection.state is State.ASKED:
                self._handshaking.refuse(connection, NodeStopped("this node was stopped"), now)
            else:
                self._handshaking.end(connection, now)
        self._isStopping = self._isStopping or wasRunning
        self._tellWhenStopped()

    # --- connections

    def accepted(self, address: str, port: int, now: float) -> Connection:
        """Somebody has connected. The result may be ended by the next effects."""
        connection = Connection(address, port, None)
        self._outgoing.live.add(connection)
        if self.isRunning:
            self._handshaking.accepted(connection, now)
        else:
            self._outgoing.abort(connection)
        return connection

    def dialled(self, dial: Dial, address: str, port: int, now: float) -> Connection:
        """A connection was made; address and port are those of the other side's socket. Not after L{Cancel}."""
        connection = Connection(address, port, dial)
        dial.connection = connection
        self._outgoing.live.add(connection)
        if dial.isOver:
            self._outgoing.abort(connection)
            return connection
        self._dialling.made(dial)
        if dial.purpose in (Purpose.USER, Purpose.REQUEST):
            self._handshaking.ask(connection, dial, now)
        else:
            self._outgoing.send(connection, dial.line)
            self._outgoing.close(connection, now)
            self._dialling.succeeded(dial)
        return connection

    def dialFailed(self, dial: Dial, reason: str, now: float) -> None:
        """It could not be made. After L{Cancel}, this does nothing."""
        if not dial.isOver:
            self._dialling.end(dial)
            self._dialFailed(dial, reason, now)

    def received(self, connection: Connection, lines: list[bytes], now: float) -> None:
        """Lines came in, without line feeds, as C{MessageReceiver.messagesReceived} has them."""
        for line in lines:
            neighbour = connection.neighbour
            if connection.state is State.PEER and neighbour is not None:
                self._incoming.fromPeer(connection, neighbour, line, now)
            elif connection.state in (State.STRANGER, State.ASKED):
                self._incoming.fromStranger(connection, line, now)
            else:
                return

    def tooLong(self, connection: Connection) -> None:
        """For the counters: a line exceeded the limit; the link ends by itself."""
        self.counters.badLines["too long"] += 1

    def blocked(self, connection: Connection) -> None:
        """More is waiting on it than C{Limits.outboxSoft} (the high-water mark that the glue gives the link)."""
        connection.isBlocked = True

    def drained(self, connection: Connection) -> None:
        """What was waiting is gone."""
        connection.isBlocked = False
        connection.waiting = 0

    def lost(self, connection: Connection, now: float) -> None:
        """It has ended, whoever did that. Once for each connection, also after L{Close} and L{Abort}."""
        if connection.state is State.LOST:
            return
        self._outgoing.alarms.cancel(connection.timer)
        self._handshaking.lost(connection, now)
        connection.state = State.LOST
        connection.outbox.clear()
        self._outgoing.live.discard(connection)
        self._tellWhenStopped()

    # --- time

    def deadline(self) -> float | None:
        """When L{expire} is to be called."""
        return self._outgoing.alarms.deadline()

    def expire(self, now: float) -> None:
        """Time has passed."""
        self._outgoing.alarms.expire(now)

    # --- the application

    @property
    def peers(self) -> Collection[Neighbour]:
        """The peers, in the order in which they came."""
        return self._peers

    def peerOf(self, id: str) -> Neighbour | None:
        """The peer with that id."""
        return self._peers.get(id)

    def addPeer(self, address: str, port: int, now: float) -> int:
        """
        Dial, and become a peer of who is there.

        @return: A ticket: L{Added} or L{AddFailed} will have it, once.
        """
        self._tickets += 1
        dial = Dial(address, port, Purpose.USER, self._handshaking.line, self._tickets)
        if not self.isRunning:
            self._notAdded(dial, NodeStopped("this node does not run"))
        elif self._peers.isFull():
            self._notAdded(dial, PeerListFull(f"there are {len(self._peers)} peers, and may not be more"))
        else:
            self._dialling.begin(dial, now)
        return dial.ticket

    def cancelAdd(self, ticket: int, now: float) -> None:
        """Nobody waits for it any more: the dial is cancelled, the connection closed, unless it is a peer by now."""
        for dial in list(self._dialling.underWay):
            if dial.ticket != ticket:
                continue
            if dial.connection is None:
                self._dialling.cancel(dial)
            else:
                self._handshaking.forget(dial.connection)
                self._outgoing.close(dial.connection, now)

    def emit(self, event: str, args: Sequence[object], now: float) -> int:
        """
        Broadcast an event (0.1).

        @return: To how many links it went.
        @raise WrongDialect: The dialect is 0.2.
        @raise TypeError: Something is no JSON value.
        @raise ValueError: A number is not finite, nesting is too deep, or the line is longer than the limit.
        """
        return self._flooding.emit(event, args, now)

    def write(self, chunk: bytes, now: float) -> int:
        """
        Broadcast bytes (0.2).

        @raise WrongDialect: The dialect is 0.1.
        @raise ValueError: The line is longer than the limit.
        """
        return self._flooding.write(chunk, now)

    def emitTo(self, peer: Neighbour, event: str, args: Sequence[object], now: float) -> None:
        """
        Send an event to one peer.

        @raise ConnectionError: It is no peer any more. Others as L{emit}, without L{WrongDialect}.
        """
        if not isinstance(event, str):
            raise TypeError(f"an event name is a string, not {event!r}")
        self._sayTo(peer, "event", [event, *args])

    def writeTo(self, peer: Neighbour, chunk: bytes, now: float) -> None:
        """Send bytes to one peer; see L{emitTo}."""
        self._sayTo(peer, "direct", chunkText(chunk))

    def closePeer(self, peer: Neighbour, now: float) -> None:
        """End the connection to a peer; it is removed now. Nothing happens if it is none any more."""
        if peer.isListed:
            self._handshaking.part(peer, now)

    # --- inside

    def _tellWhenStopped(self) -> None:
        if self._isStopping and not self._outgoing.live:
            self._isStopping = False
            self.effects.append(Stopped())

    def _sayTo(self, peer: Neighbour, name: str, data: object) -> None:
        if not peer.connections:
            raise ConnectionError(f"{peer.id} is no peer any more")
        try:
            frame = encode(write(["smoke", name, data], strict=True)) + b"\n"
        except RecursionError:
            raise ValueError("nested too deeply, or contains itself") from None
        limit = self._outgoing.limits.line
        if len(frame) - 1 > limit:
            raise ValueError(f"a line of {len(frame) - 1} bytes exceeds the limit of {limit}")
        # On one of two connections only: the other side could not know that it is the same.
        self._outgoing.send(self._handshaking.steady(peer), frame)

    def _overflowed(self, connection: Connection) -> None:
        self._handshaking.left(connection)

    def _dialFailed(self, dial: Dial, reason: str, now: float) -> None:
        self._dialling.failed(dial, now)
        self._notAdded(dial, DialFailed(reason))

    def _notAdded(self, dial: Dial, error: AddPeerError) -> None:
        if dial.ticket:
            self.effects.append(AddFailed(dial.ticket, error))

    def _ticked(self, now: float) -> None:
        self.counters.ticks += 1
        self._tick = self._outgoing.alarms.set(now + self._tickInterval, self._ticked)
        self._flooding.seen.purge(now)
        if not self._peers:
            self._joining.enter(self._joining.otherSeeds(), now)
            return
        self._pinging.pingSeeds(now)
        self._joining.enter(self.splits, now)
        self._joining.ask(now)
