"""
A daemon with everything around it, put together as a plan says: what listens,
what is asked who somebody is, where sessions are, and the order in which these
begin and end.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.defer import Deferred, DeferredList, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.server import Site

from jetjstp.gateway.application import BusApplication
from jetjstp.gateway.link import BusLink
from jetjstp.jet.daemon import Daemon
from jetjstp.jstp.listening import webSocketFactory
from jetjstp.jstp.logins import JstpLogins
from jetjstp.jstp.net import createServer
from jetjstp.jstp.server import Server
from jetjstp.links.origins import OriginRules
from jetjstp.links.websocket import WebSocketLinkFactory
from jetjstp.metrics.figures import Figures
from jetjstp.metrics.status import StatusStates
from jetjstp.metrics.website import statusSite
from jetjstp.services.plan import JetSide, JstpSide, Plan

__all__ = ["Assembly"]

GOING_AWAY = 1001
"""The close code of RFC 6455, section 7.4.1, for a server that goes down."""


class Assembly:
    """
    What a plan comes down to.

    The order is: L{bind}, L{prepare}, L{open}; then L{hangUp}, L{finish}. With a JSTP side that is once.

    @ivar plan: The plan.
    @ivar daemon: The Jet daemon.
    @ivar server: The JSTP server, or L{None}.
    @raise ValueError: Something that the plan needs is not installed; the message says what.
    """

    _log = Logger()

    def __init__(self, plan: Plan, reactor: Any) -> None:
        self.plan = plan
        self._reactor = reactor
        self.daemon = Daemon(
            policy=plan.policy, name=plan.name, fetchMode=plan.fetchMode, limits=plan.limits, reactor=reactor
        )
        self.server: Server | None = None
        self._busApplication: BusApplication | None = None
        self._logins: JstpLogins | None = None
        self._webSockets: WebSocketLinkFactory | None = None
        if plan.jstp is not None:
            self.server = self._makeServer(plan.jstp)
        self._isOpen = False
        self._isEnding = False
        self._sitePorts: list[IListeningPort] = []
        self._site: Site | None = None
        self._states: StatusStates | None = None
        figures = Figures(self.daemon, [] if self.server is None else [self.server])
        if plan.web:
            self._site = statusSite(figures, self.trouble, reactor)
        if plan.metricsGroup is not None:
            self._states = StatusStates(self.daemon, figures, plan.metricsGroup, reactor)

    def _makeServer(self, side: JstpSide) -> Server:
        policy = self.plan.policy
        if policy is not None:
            if not callable(getattr(policy, "identify", None)):
                raise ValueError(
                    f"the policy {self.plan.policyName!r} has no method identify(user), by which JSTP clients are "
                    "known again when they come back; take another one, or serve Jet alone"
                )
            # Wrong logins count together with those of Jet.
            self._logins = JstpLogins(policy, self.daemon.attempts)
        self._busApplication = bus = BusApplication(self.daemon, policy, reactor=self._reactor)
        server = createServer(
            [bus.application, *side.applications],
            authPolicy=self._logins,
            sessionStorageProvider=side.storage,
            sessionDurability=side.durability,
            limits=side.limits,
            reactor=self._reactor,
        )
        if side.webSocketListeners:
            # One server for both: who comes back by the other way finds everything as it was.
            guard = OriginRules(self.plan.origins).check
            self._webSockets = server.addFactory(
                lambda receiver: webSocketFactory(receiver, side.limits, self._reactor, guard=guard)
            )
        bus.serve(server)
        return server

    # Beginning

    def bind(self) -> Deferred[None]:
        """
        Bind all ports, which take no connections yet.

        @return: Fails with what prevents one of them; then L{hangUp} gives back the others.
        """
        return Deferred.fromCoroutine(self._bind())

    async def _bind(self) -> None:
        self._isEnding = False
        for _, _, listener in self.plan.listeners():
            listener.isHeld = True
        if self.plan.jet is not None:
            await self._bindJet(self.plan.jet)
        if self.plan.jstp is not None and self.server is not None:
            for listener in self.plan.jstp.listeners:
                await self.server.listen(listener)
            for listener in self.plan.jstp.webSocketListeners:
                await self.server.listen(listener, self._webSockets)
        if self._site is not None:
            for listener in self.plan.web:
                self._sitePorts.append(await listener.listen(self._site))

    async def _bindJet(self, side: JetSide) -> None:
        await self.daemon.listen(
            endpoints=side.listeners,
            wsEndpoints=side.webSocketListeners,
            wsPingInterval=side.wsPingInterval,
            origins=self.plan.origins or None,
            dialect=side.dialect,
        )

    def prepare(self) -> Deferred[None]:
        """
        Get ready what connections rely on: the session storage.

        @return: Fails as the storage does, with L{StorageUnavailable<jetjstp.interfaces.StorageUnavailable>} as a rule.
        """
        start = getattr(self.plan.jstp and self.plan.jstp.storage, "start", None)
        return maybeDeferred(start or (lambda: None)).addCallback(lambda _: None)

    def open(self) -> None:
        """Take connections."""
        self._isOpen = True
        for _, _, listener in self.plan.listeners():
            listener.open()
        if self._states is not None:
            self._states.start()

    def announce(self, name: str) -> Deferred[None]:
        """Announce where Jet is spoken, see L{Daemon.announce}."""
        return maybeDeferred(self.daemon.announce, name)

    # Meanwhile

    def trouble(self) -> str | None:
        """Why not everything can be done now; L{None} if it can."""
        if self._isEnding:
            return "stopping"
        if not self._isOpen:
            return "starting"
        found = getattr(self.plan.jstp and self.plan.jstp.storage, "trouble", None)
        return None if found is None else str(found)

    def counts(self) -> tuple[int, int]:
        """How many Jet peers and how many JSTP clients are connected."""
        peers = sum(peer.kind != BusLink.kind for peer in self.daemon.peers)
        return peers, 0 if self.server is None else len(self.server.getClientsArray())

    def rechecks(self) -> list[Callable[[], Any]]:
        """
        What is to be called, in this order, after the policy has other users: each says how many peers it has dropped,
        now or later.
        """
        rechecks: list[Callable[[], Any]] = []
        if self._busApplication is not None:
            # First: its sessions are peers of the daemon, too, and are not to be counted twice.
            rechecks.append(self._busApplication.recheck)
        rechecks.append(self.daemon.recheck)
        if self._logins is not None and self.server is not None:
            rechecks.append(partial(self._logins.recheck, self.server))
        return rechecks

    # Ending

    def hangUp(self) -> Deferred[None]:
        """Take no more connections, say goodbye to all that there are, and save the sessions; fires when it is done."""
        return Deferred.fromCoroutine(self._hangUp())

    async def _hangUp(self) -> None:
        self._isOpen, self._isEnding = False, True
        closing: list[Deferred[Any]] = []
        if self._states is not None:
            closing.append(self._orLog(self._states.stop))
        if self._busApplication is not None:
            # First: that the peers of the bus leave now is nothing for clients that come back to the next process.
            closing.append(self._orLog(self._busApplication.close))
        if self._webSockets is not None:
            self._webSockets.closeCode = GOING_AWAY
        ports, self._sitePorts = self._sitePorts, []
        closing += [self._orLog(port.stopListening) for port in ports]
        closing.append(self._orLog(self.daemon.close))
        if self.server is not None:
            closing.append(self._orLog(self.server.close))
        await DeferredList(closing)

    def finish(self) -> Deferred[None]:
        """Close the session storage; fires when it has everything."""
        close = getattr(self.plan.jstp and self.plan.jstp.storage, "close", None)
        return self._orLog(close or (lambda: None)).addCallback(lambda _: None)

    def _orLog(self, close: Callable[[], Any]) -> Deferred[Any]:
        def failed(failure: Failure) -> None:
            self._log.failure("while stopping", failure)

        return maybeDeferred(close).addErrback(failed)
