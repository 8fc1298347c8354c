"""
The parts that only a daemon with everything has, each made in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from twisted.web.server import Site

from jetjstp.interfaces import IAuthPolicy
from jetjstp.jet.daemon import Daemon
from jetjstp.jstp.server import Server
from jetjstp.services.busapplication import BusApplication
from jetjstp.services.figures import Figures
from jetjstp.services.jstplogins import JstpLogins
from jetjstp.services.status import StatusStates
from jetjstp.services.website import statusSite

__all__ = ["makeBusApplication", "makeFigures", "makeLogins", "makeSite", "makeStatusStates"]


def makeLogins(policy: IAuthPolicy | None, daemon: Daemon) -> JstpLogins | None:
    """
    What JSTP servers ask who somebody is; L{None} if nobody can log in. Wrong logins count together with those of Jet.
    """
    return None if policy is None else JstpLogins(policy, daemon.attempts)


def makeBusApplication(daemon: Daemon, policy: IAuthPolicy | None, reactor: Any) -> BusApplication:
    """The application C{jet}: the bus for JSTP clients."""
    return BusApplication(daemon, policy, reactor=reactor)


def makeFigures(daemon: Daemon, servers: Sequence[Server]) -> Figures:
    """What is counted."""
    return Figures(daemon, servers)


def makeSite(figures: Figures, healthy: Callable[[], str | None], reactor: Any) -> Site:
    """
    The web site with C{/healthz} and C{/metrics}.

    @raise ValueError: What it needs is not installed; the message says what.
    """
    return statusSite(figures, healthy, reactor)


def makeStatusStates(daemon: Daemon, figures: Figures, group: str, reactor: Any) -> StatusStates:
    """The same figures as states of the bus."""
    return StatusStates(daemon, figures, group, reactor)
