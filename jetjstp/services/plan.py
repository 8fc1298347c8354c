"""
What is to be run, as options or a program say it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from jetjstp.interfaces import IAuthPolicy
from jetjstp.jet.daemon import DialectName
from jetjstp.jet.limits import Limits as JetLimits
from jetjstp.jstp.applications import Application
from jetjstp.jstp.keeping import Durability
from jetjstp.jstp.limits import Limits as JstpLimits
from jetjstp.links.listeners import Listener

__all__ = ["JetSide", "JstpSide", "Plan"]


@dataclass(frozen=True, kw_only=True)
class JetSide:
    """
    Where Jet is spoken, and how. Times are seconds.

    @ivar listeners: For plain streams.
    @ivar webSocketListeners: For WebSocket.
    @ivar dialect: What peers speak.
    @ivar wsPingInterval: Between pings to WebSocket peers; 0 for none.
    @ivar announce: The name to announce by multicast DNS.
    """

    listeners: Sequence[Listener] = ()
    webSocketListeners: Sequence[Listener] = ()
    dialect: DialectName = "auto"
    wsPingInterval: float = 5.0
    announce: str | None = None


@dataclass(frozen=True, kw_only=True)
class JstpSide:
    """
    Where JSTP is spoken, and what is served there besides the bus.

    @ivar listeners: For plain streams.
    @ivar webSocketListeners: For WebSocket.
    @ivar applications: What is served; none of them is called C{jet}.
    @ivar storage: Where sessions are kept, an L{ISessionStorage<jetjstp.interfaces.ISessionStorage>} with C{start} and
        C{close}.
    @ivar storageName: What it is called in the log.
    @ivar durability: When sessions are recorded, see L{jetjstp.jstp.net.createServer}.
    @ivar limits: What clients may ask for.
    """

    listeners: Sequence[Listener] = ()
    webSocketListeners: Sequence[Listener] = ()
    applications: Sequence[Application] = ()
    storage: Any
    storageName: str
    durability: Durability | None = None
    limits: JstpLimits = field(default_factory=JstpLimits)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """
    What is to be run: a daemon, the ways to it, and what stands around it.

    @ivar command: What it is called in last lines and in the log.
    @ivar name: What the daemon calls itself.
    @ivar policy: Who may log in; L{None}: nobody.
    @ivar policyName: What the policy is called in the log.
    @ivar limits: What Jet peers may ask of the daemon.
    @ivar origins: Which web pages may connect over WebSocket besides those of the same host.
    @ivar web: Where the site is that tells how the daemon is.
    @ivar metricsGroup: Who may fetch the figures of the daemon as states; L{None}: they are not there.
    @ivar remarks: What else to tell in the log when it has started, a line each.
    """

    command: str
    name: str = "jetjstp"
    fetchMode: Literal["full", "simple"] = "full"
    policy: IAuthPolicy | None = None
    policyName: str | None = None
    limits: JetLimits = field(default_factory=JetLimits)
    origins: Sequence[str] = ()
    jet: JetSide | None = None
    jstp: JstpSide | None = None
    web: Sequence[Listener] = ()
    metricsGroup: str | None = None
    remarks: Sequence[str] = ()

    def listeners(self) -> list[tuple[str, str, Listener]]:
        """All listeners, each behind what its kind is called in fields of the log and by people."""
        found: list[tuple[str, str, Listener]] = []
        if self.jet is not None:
            found += [("jet", "TCP", each) for each in self.jet.listeners]
            found += [("jetWebSocket", "WebSocket", each) for each in self.jet.webSocketListeners]
        if self.jstp is not None:
            found += [("jstp", "JSTP", each) for each in self.jstp.listeners]
            found += [("jstpWebSocket", "JSTP over WebSocket", each) for each in self.jstp.webSocketListeners]
        found += [("web", "web site", each) for each in self.web]
        return found
