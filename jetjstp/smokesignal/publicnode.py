"""
A node, for applications.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import Any, Literal, TypeVar, cast, overload

from twisted.application.service import IService
from twisted.internet.defer import CancelledError, Deferred, fail, maybeDeferred, succeed
from twisted.internet.error import ConnectionLost, DNSLookupError
from twisted.internet.interfaces import IListeningPort, IReactorTime
from twisted.python.failure import Failure

from jetjstp.embedding import ListeningService
from jetjstp.smokesignal.announcing import Announcing
from jetjstp.smokesignal.broadcast import Broadcast
from jetjstp.smokesignal.checking import Seed, checkPort
from jetjstp.smokesignal.connections import Neighbour
from jetjstp.smokesignal.counters import Counters
from jetjstp.smokesignal.dialling import DialPolicy
from jetjstp.smokesignal.errors import AlreadyPeer, NodeStopped
from jetjstp.smokesignal.flooding import Dialect
from jetjstp.smokesignal.limits import Limits
from jetjstp.smokesignal.logs import NodeLog
from jetjstp.smokesignal.network import Network
from jetjstp.smokesignal.node import Node as Core
from jetjstp.smokesignal.peerlist import Peer, Peerlist
from jetjstp.smokesignal.protocol import Carrier, NodeFactory
from jetjstp.smokesignal.seeding import Seeding

__all__ = ["Node", "NodeEvent"]

NodeEvent = Literal["connect", "disconnect", "new peer", "netsplit", "netsplit resolved", "error"]

_H = TypeVar("_H", bound=Callable[..., Any])

Stage = Literal["stopped", "starting", "running", "stopping"]


class Node(Announcing):
    """
    A node of an overlay. L{createNode} makes it.

    Events: C{connect()} when it has its first peer, C{disconnect()} when it has lost its last one; C{new peer(Peer)};
    C{netsplit(Seed)} when a seed cannot be reached through the overlay any more (or was stopped, which looks the same)
    and C{netsplit resolved(Seed)}; C{error(exception)}.

    @ivar id: Names this node in the overlay. It belongs to the object, and stays when the node is stopped and started.
    @ivar address: What others dial.
    @ivar broadcast: Speaks to all other nodes, and hears them.
    @ivar peerlist: The peers; C{peers} is the same.
    """

    def __init__(
        self,
        *,
        address: str,
        port: int,
        seeds: list[Seed],
        minPeerNo: int,
        maxPeerNo: float,
        pingTimeout: float,
        log: NodeLog,
        dialect: Dialect,
        interface: str,
        dialPolicy: DialPolicy | None,
        limits: Limits,
        tickInterval: float,
        network: Network,
        reactor: Any,
    ) -> None:
        """The options, checked."""
        self.address = address
        self.broadcast = Broadcast(self)
        self.peerlist = self.peers = Peerlist()
        self._wantedPort = port
        self._interface = interface
        self._network = network
        self._reactor = reactor
        self._log = log
        self._core = Core(
            address=address,
            minPeerNo=minPeerNo,
            maxPeerNo=maxPeerNo,
            pingTimeout=pingTimeout,
            tickInterval=tickInterval,
            dialect=dialect,
            dialPolicy=dialPolicy,
            limits=limits,
        )
        self.id = self._core.id
        # Where others see us coming from has to be where we say we are, see Limits.sourceMustMatch.
        source = address if interface == address else None
        self._carrier = Carrier(self._core, network, source, limits, self._tell, cast(IReactorTime, reactor))
        self._factory = NodeFactory(self._carrier, cast(IReactorTime, reactor))
        isSix = ip_address(address).version == 6
        self._seeding = Seeding(seeds, isSix, self._seedsChanged, self._seedUnknown, reactor)
        self._stage: Stage = "stopped"
        self._port: IListeningPort | None = None
        self._opening: Deferred[None] | None = None
        self._startWaiters: list[Deferred[Node]] = []
        self._stopWaiters: list[Deferred[None]] = []
        self._adding = {}

    @overload  # type: ignore[override]  # narrower on purpose: only the names of our events
    def on(self, name: NodeEvent) -> Callable[[_H], _H]: ...

    @overload
    def on(self, name: NodeEvent, handler: _H) -> _H: ...

    def on(self, name: str, handler: Any = None) -> Any:
        """Add a handler, see L{Emitter.on}."""
        return super().on(name, handler)

    @property
    def port(self) -> int:
        """The port that it listens on, and that others are told; the one it was made with while it does not run."""
        return self._wantedPort if self._port is None else cast(Any, self._port.getHost()).port

    @property
    def isRunning(self) -> bool:
        """Whether it was started, and not stopped."""
        return self._stage == "running"

    @property
    def counters(self) -> Counters:
        """What it has seen and done, in numbers."""
        return self._core.counters

    # Life

    def start(self) -> Deferred[Node]:
        """
        Listen, and enter the overlay. A node that runs is left alone; one that is being stopped starts afterwards.

        @return: Fires with the node when its port is open (there need not be a peer yet); fails with what prevents
            that, which is an C{error} event as well, or with L{NodeStopped} if C{stop} is called meanwhile. Cancelling
            it stops the start.
        """
        if self._stage == "running":
            return succeed(self)
        waiting: Deferred[Node] = Deferred(self._startCancelled)
        self._startWaiters.append(waiting)
        if self._stage == "stopped":
            self._begin()
        return waiting

    def _begin(self) -> None:
        self._stage = "starting"
        self._opening = Deferred.fromCoroutine(self._open())
        self._opening.addCallbacks(self._opened, self._notOpened)

    async def _open(self) -> None:
        port = await self._network.listen(self._factory, self._interface, self._wantedPort)
        try:
            await self._seeding.begin()
        except BaseException:
            await maybeDeferred(port.stopListening)
            raise
        self._port = port

    def _opened(self, _: None) -> None:
        self._stage = "running"
        self._opening = None
        self._factory.isOpen = True
        self._core.seeds = list(self._seeding.found)
        self._log.info(f"node {self.id} listens on {self.address} port {self.port}")
        self._core.start(self.port, self._carrier.driver.now())
        self._carrier.driver.settle()
        waiters, self._startWaiters = self._startWaiters, []
        for waiter in waiters:
            waiter.callback(self)

    def _notOpened(self, failure: Failure) -> None:
        self._opening = None
        self._seeding.end()
        starters: list[Deferred[Node]] = []
        if self._stage == "starting":
            starters, self._startWaiters = self._startWaiters, []
        # Who is told may start it again at once.
        self._stage = "stopped"
        for starter in starters:
            starter.errback(failure)
        if not failure.check(CancelledError):
            self.emit("error", failure.value)
        self._ended()

    def _startCancelled(self, waiting: Deferred[Node]) -> None:
        if waiting in self._startWaiters:
            self._startWaiters.remove(waiting)
        if self._stage == "starting" and not self._startWaiters:
            self._giveUp()

    def _giveUp(self) -> None:
        """Start no more. What is open by then takes a moment to close."""
        self._stage = "stopping"
        assert self._opening is not None
        self._opening.cancel()

    def _ended(self) -> None:
        """Tell those who wait for the end, then start anew if that was asked for meanwhile."""
        stoppers, self._stopWaiters = self._stopWaiters, []
        for stopper in stoppers:
            stopper.callback(None)
        if self._startWaiters and self._stage == "stopped":
            self._begin()

    def stop(self) -> Deferred[None]:
        """
        Leave: close the port, end the links, cancel what is under way. May be called at any time, and the node may be
        started again afterwards.

        @return: Fires when all is gone. A peer that reads nothing delays that by 5 seconds at most.
        """
        if self._stage == "stopped":
            return succeed(None)
        waiting: Deferred[None] = Deferred()
        self._stopWaiters.append(waiting)
        # Those who wanted it to start, now or after an earlier stop: this is the last word.
        starters, self._startWaiters = self._startWaiters, []
        if self._stage == "starting":
            self._giveUp()
        elif self._stage == "running":
            self._stage = "stopping"
            Deferred.fromCoroutine(self._close()).addErrback(self._notClosed).addCallback(self._closed)
        for starter in starters:
            starter.errback(NodeStopped("the node was stopped before it had started"))
        return waiting

    async def _close(self) -> None:
        port, self._port = self._port, None
        self._factory.isOpen = False
        self._seeding.end()
        for link in list(self._factory.links):
            if not link.isLive:  # its TLS is not ready, or it is ending
                link.abort()
        if port is not None:
            await maybeDeferred(port.stopListening).addErrback(self._stuck)
        quiet = self._quiet = Deferred()
        self._core.stop(self._carrier.driver.now())
        self._carrier.driver.settle()
        await quiet
        self._carrier.driver.rest()

    def _stuck(self, failure: Failure) -> None:
        self._log.failure("the port could not be closed", failure)

    def _notClosed(self, failure: Failure) -> None:
        self._log.failure("the node could not be stopped in order", failure)

    def _closed(self, _: None) -> None:
        self._stage = "stopped"
        self._log.info(f"node {self.id} has stopped")
        self._ended()

    def asService(self) -> IService:
        """
        A service that starts the node and stops it. A port that is taken is tried again.
        """
        return ListeningService(self.start, self.stop, cast(IReactorTime, self._reactor), NodeStopped)

    # Seeds

    def _seedsChanged(self) -> None:
        self._core.seeds = list(self._seeding.found)

    def _seedUnknown(self, seed: Seed, error: DNSLookupError) -> None:
        self._log.warn(f"the seed {seed.address} is not known by that name, and looked up again: {error}")

    # Peers

    def addPeer(self, address: str, port: int) -> Deferred[Peer]:
        """
        Become a peer of the node that listens at an address. This is done beyond C{minPeerNo}, not beyond C{maxPeerNo}.

        @param address: An IP address or the name of a host.
        @return: The peer; fails with L{DialFailed}, L{HandshakeRefused} (the other one is full, or has a link to us
            already), L{HandshakeTimeout}, L{PeerListFull}, L{AlreadyPeer}, L{OwnNode}, or L{NodeStopped} if this node
            does not run. Cancelling it ends the attempt.
        @raise TypeError: The address or the port is of another type; L{ValueError}: or of no use.
        """
        if not isinstance(address, str):
            raise TypeError(f"address must be a string, not {address!r}")
        if not address:
            raise ValueError("address is empty")
        checkPort("port", port, 1)
        if self._stage != "running":
            return fail(NodeStopped("the node does not run: start it, and wait until it has"))
        for peer in self.peerlist:
            # What is dialled again would be refused, in a way that looks like being full.
            if (peer.remoteAddress, peer.remotePort) == (address, port):
                return fail(AlreadyPeer(f"node {peer.id} is a peer already", peer))
        ticket = self._core.addPeer(address, port, self._carrier.driver.now())

        def cancelled(_: Deferred[Peer]) -> None:
            self._adding.pop(ticket, None)
            self._core.cancelAdd(ticket, self._carrier.driver.now())
            self._carrier.driver.settle()

        waiting = self._adding[ticket] = Deferred(cancelled)
        self._carrier.driver.settle()
        return waiting

    def emitToAll(self, event: str, args: tuple[object, ...]) -> int:
        """For L{Broadcast}."""
        links: int = self._settled(partial(self._core.emit, event, args))
        return links

    def writeToAll(self, chunk: bytes) -> int:
        """For L{Broadcast}."""
        links: int = self._settled(partial(self._core.write, chunk))
        return links

    def emitTo(self, neighbour: Neighbour, event: str, args: tuple[object, ...]) -> None:
        """For L{Peer}."""
        self._toOne(partial(self._core.emitTo, neighbour, event, args))

    def writeTo(self, neighbour: Neighbour, chunk: bytes) -> None:
        """For L{Peer}."""
        self._toOne(partial(self._core.writeTo, neighbour, chunk))

    def closePeer(self, neighbour: Neighbour) -> None:
        """For L{Peer}."""
        self._settled(partial(self._core.closePeer, neighbour))

    def _toOne(self, send: Callable[[float], None]) -> None:
        try:
            self._settled(send)
        except ConnectionError as error:
            raise ConnectionLost(str(error)) from error

    def _settled(self, say: Callable[[float], Any]) -> Any:
        result = say(self._carrier.driver.now())
        self._carrier.driver.settle()
        return result

    def __repr__(self) -> str:
        return f"<Node {self.id} at {self.address} port {self.port}, {self._stage}, peers: {len(self.peerlist)}>"
