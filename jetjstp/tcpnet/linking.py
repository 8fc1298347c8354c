"""
What joins the core of a service to sockets: dials what the core wants dialled,
takes in who dials us, and keeps account of all connections.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from ipaddress import ip_address
from typing import Any, NamedTuple, Protocol, assert_never, cast

from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.endpoints import TCP4ServerEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.discovery import Found, Session
from jetjstp.driver import Driver
from jetjstp.links.bytestream import ByteFactory, ByteLink
from jetjstp.links.notices import RareNotice
from jetjstp.links.racing import dialFirst
from jetjstp.links.settings import LinkSettings
from jetjstp.links.wrapping import WrappedLink, WrappedLinkFactory
from jetjstp.reachable import Networks, candidates
from jetjstp.tcpnet.connection import Connection
from jetjstp.tcpnet.errors import DialFailed
from jetjstp.tcpnet.limits import Limits
from jetjstp.tcpnet.mesh import Appeared, Cancel, Dial, Drop, Effect, Mesh, Overflow, Place, Trouble, Vanished
from jetjstp.tcpnet.naming import dials

__all__ = ["Linking", "factoryOf", "listenOn"]

FAREWELL = 5.0
"""Seconds that the other side has to end a connection that we have ended."""

BACKLOG = 1024
"""Nodes of a mesh may all dial at once."""

NETWORKS_LAST = 5.0
"""Seconds that the networks of this host are taken for the same."""

SETTINGS = LinkSettings(keepAliveIdle=30, keepAliveInterval=10, keepAliveProbes=3)
"""A node that is gone without a word is noticed after a minute, while nothing is under way; else after 15 seconds."""


class Tie(Protocol):
    """A connection, as we see to it; whose protocol it carries does not matter."""

    def end(self) -> None:
        """Send what was written, then end it."""

    def abort(self) -> None:
        """End it at once."""


class Linked(NamedTuple):
    """
    A connection that the application knows of.

    @ivar handle: What it knows.
    @ivar uuid: The other node, if it is known.
    @ivar attempt: Of those that we have dialled.
    """

    handle: Any
    address: str
    uuid: str | None
    attempt: int | None


def factoryOf(given: Any) -> IProtocolFactory:
    """
    The factory that C{protocolFactory} means.

    @raise TypeError: It is neither a factory nor something that makes protocols.
    """
    if IProtocolFactory.providedBy(given):
        return given
    if not callable(given):
        raise TypeError(f"protocolFactory is a protocol class or a factory of protocols, not {given!r}")
    factory: Factory[Any] = Factory.forProtocol(given)
    factory.noisy = False
    return factory


async def listenOn(linking: Linking, address: str, port: int) -> int:
    """Open the port, without taking anybody in yet; returns its number."""
    kind = TCP4ServerEndpoint if ip_address(address).version == 4 else TCP6ServerEndpoint
    opened: Any = await kind(linking.reactor, port, backlog=BACKLOG, interface=address).listen(linking.accepting())
    # Who connects waits in the system's queue: nobody is to be there before "listening".
    opened.stopReading()
    linking.port = opened
    return int(opened.getHost().port)


class Linking:
    """
    The connections of one node.

    @ivar links: Those that the application knows of, in the order of their coming.
    @ivar port: What we listen on.
    """

    _log = Logger()

    def __init__(
        self,
        uuid: str,
        protocolFactory: IProtocolFactory | None,
        limits: Limits,
        emit: Callable[..., bool],
        random: Callable[[], float],
        reactor: Any,
    ) -> None:
        self.mesh = Mesh(uuid, limits, random)
        self.links: dict[Tie, Linked] = {}
        self.port: Any = None
        self.reactor = reactor
        self._uuid = uuid
        self._protocolFactory = protocolFactory
        self._limits = limits
        self._emit = emit
        self._driver: Driver[Effect] = Driver(self.mesh, self._perform, _nothing, reactor)
        self._session: Session | None = None
        self._type = ""
        self._ours = "0.0.0.0"
        self._knownNetworks = Networks(())
        self._networksUntil = float("-inf")
        self._isOpen = False
        self._isStopping = False
        self._dials: dict[tuple[str, int], Deferred[None]] = {}
        # Accepted connections by address, and those that the application does not know of yet.
        self._accepted: Counter[str] = Counter()
        self._refusal = RareNotice(self._log, reactor)
        self._allGone: Deferred[None] | None = None

    def begin(self, session: Session, type: str, ours: str) -> None:
        """Discovery begins."""
        self._type = type
        self._session = session
        self._ours = ours

    def open(self) -> None:
        """Take in who dials us, and dial."""
        if not self._isStopping:
            self._isOpen = True
            if self.port is not None:
                self.port.startReading()
            self._driver.settle()

    # --- what discovery reports

    def seen(self, found: Found) -> None:
        """A node is announced."""
        if found.port:
            place = Place(found.addresses, found.port)
            self.mesh.seen(found.instance, place, self._driver.now())
            self._settle()

    def gone(self, instance: str) -> None:
        """A node is announced no longer."""
        self.mesh.gone(instance, self._driver.now())
        self._settle()

    def _settle(self) -> None:
        if self._isOpen:
            self._driver.settle()

    # --- what the core wants

    def _perform(self, effect: Effect) -> None:
        match effect:
            case Dial():
                self._dial(effect)
            case Cancel():
                dialling = self._dials.pop((effect.uuid, effect.attempt), None)
                if dialling is not None:
                    dialling.cancel()
            case Drop():
                for tie in [tie for tie, linked in self.links.items() if linked.attempt == effect.attempt]:
                    tie.end()
            case Trouble():
                self._emit("error", DialFailed(effect.uuid, effect.reason))
            case Appeared():
                self._emit("up", effect.uuid)
            case Vanished():
                self._emit("down", effect.uuid)
            case Overflow():
                self._log.warn(
                    "more than {limit} nodes are announced (services): the others are ignored",
                    limit=self._limits.services,
                )
            case _:
                assert_never(effect)

    def _dial(self, dial: Dial) -> None:
        assert self._session is not None
        if len(self.links) >= self._limits.connections:
            reason = f"there are {self._limits.connections} connections already (connections)"
            self.mesh.failed(dial.uuid, dial.attempt, reason, self._driver.now())
            return
        addresses = candidates(dial.place.addresses, self._networks(), self._ours, self._limits.addresses)
        dialling = dialFirst(addresses, dial.place.port, self._dialling(), self.reactor)
        self._dials[dial.uuid, dial.attempt] = dialling
        dialling.addCallbacks(self._dialled, self._failed, callbackArgs=(dial,), errbackArgs=(dial,))

    def _dialled(self, protocol: Any, dial: Dial) -> None:
        tie: Tie = cast(Connection, protocol.listener) if isinstance(protocol, ByteLink) else protocol
        self._dials.pop((dial.uuid, dial.attempt), None)
        if not self.mesh.connected(dial.uuid, dial.attempt, self._driver.now()):
            tie.abort()
            return
        self._link(tie, dial.uuid, dial.attempt)
        self._settle()

    def _failed(self, failure: Failure, dial: Dial) -> None:
        self._dials.pop((dial.uuid, dial.attempt), None)
        if not failure.check(CancelledError):
            self.mesh.failed(dial.uuid, dial.attempt, failure.getErrorMessage(), self._driver.now())
            if self._session is not None:
                # It may have moved while we could not hear it.
                self._session.lookAgain(self._type, dial.uuid)
            self._settle()

    def _networks(self) -> Networks:
        assert self._session is not None
        now = self._driver.now()
        if now >= self._networksUntil:
            self._networksUntil = now + NETWORKS_LAST
            self._knownNetworks = Networks(self._session.interfaces())
        return self._knownNetworks

    # --- connections

    def accepting(self) -> IProtocolFactory:
        """The factory of those that dial us."""
        return self._factory(self._admit, self._opened)

    def _dialling(self) -> IProtocolFactory:
        return self._factory(lambda address: True, _nothing)

    def _factory(self, admit: Callable[[str], bool], opened: Callable[..., None]) -> IProtocolFactory:
        if self._protocolFactory is not None:
            wrapping: Any = WrappedLinkFactory(self._protocolFactory, admit, opened, self._lost, SETTINGS)
            return cast(IProtocolFactory, wrapping)
        plain: Any = ByteFactory(
            lambda: Connection(opened, self._lost, self._limits, self.reactor), admit, SETTINGS, self.reactor
        )
        return cast(IProtocolFactory, plain)

    def _admit(self, address: str) -> bool:
        address = address.removeprefix("::ffff:")
        if self._isStopping:
            return False
        if len(self.links) >= self._limits.connections:
            self._refusal.warn("connection from {address} refused: too many are open (connections)", address=address)
            return False
        if self._accepted[address] >= self._limits.acceptedPerAddress:
            self._refusal.warn(
                "connection from {address} refused: too many from there (acceptedPerAddress)", address=address
            )
            return False
        return True

    def _opened(self, tie: Tie) -> None:
        """Somebody has dialled us."""
        address = _addressOf(tie)
        self._accepted[address] += 1
        self._link(tie, self._guess(address), None)

    def _guess(self, address: str) -> str | None:
        """Which node has dialled us, if only one can have."""
        # As text: with many nodes this is what takes time.
        own = {str(each.ip) for _, each in self._networks().interfaces}
        linked = {link.uuid for link in self.links.values()}
        possible = []
        for uuid, place in self.mesh.places().items():
            if uuid in linked or not dials(uuid, self._uuid):
                continue
            announced = {each.partition("%")[0] for each in place.addresses}
            # Who is on this host may come by any of its addresses.
            if address.partition("%")[0] in announced or (address in own and not own.isdisjoint(announced)):
                possible.append(uuid)
        return possible[0] if len(possible) == 1 else None

    def _link(self, tie: Tie, uuid: str | None, attempt: int | None) -> None:
        handle: Any = tie
        if isinstance(tie, Connection):
            tie.dialled, tie.remoteUuid = attempt is not None, uuid
        elif isinstance(tie, WrappedLink):
            handle = tie.protocol
        self.links[tie] = Linked(handle, _addressOf(tie), uuid, attempt)
        self._emit("connection", handle)

    def _lost(self, tie: Tie) -> None:
        linked = self.links.pop(tie, None)
        if linked is None:
            return
        if linked.attempt is None:
            self._accepted[linked.address] -= 1
            if not self._accepted[linked.address]:
                del self._accepted[linked.address]
        elif linked.uuid is not None:
            self.mesh.ended(linked.uuid, linked.attempt, self._driver.now())
            self._settle()
        if self._allGone is not None and not self.links:
            # Later: this one is still about to tell the application.
            gone, self._allGone = self._allGone, None
            self.reactor.callLater(0, gone.callback, None)

    # --- the end

    async def stop(self) -> None:
        """Take nobody in and dial nobody any more; end all connections, and wait for that."""
        self._isStopping = True
        self.mesh.stop()
        self._driver.settle()
        self._driver.rest()
        ends = [] if self.port is None else [maybeDeferred(self.port.stopListening)]
        if self._session is not None:
            ends.append(self._session.close())
        if self.links:
            self._allGone = Deferred()
            ends.append(self._allGone)
            ties = list(self.links)
            late = self.reactor.callLater(FAREWELL, self._abort)
            for tie in ties:
                tie.end()
        else:
            late = None
        for end in ends:
            await end
        if late is not None and late.active():
            late.cancel()

    def _abort(self) -> None:
        for tie in list(self.links):
            tie.abort()


def _addressOf(tie: Tie) -> str:
    return tie.remoteAddress if isinstance(tie, Connection) else str(getattr(tie, "address", ""))


def _nothing(*args: object) -> None:
    """There is nothing to be done."""
