"""
The parts that only a daemon with everything has, each made in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from jetjstp.interfaces import IAuthPolicy
from jetjstp.jet.daemon import Daemon
from jetjstp.jstp.server import Server

__all__ = ["makeBusApplication", "makeFigures", "makeLogins", "makeSite", "makeStatusStates"]


def makeLogins(policy: IAuthPolicy | None, daemon: Daemon) -> Any:
    """
    What JSTP servers ask who somebody is; L{None} if nobody can log in. Wrong logins count together with those of Jet.
    """
    make = _find("jstplogins", "JstpLogins")
    return None if policy is None or make is None else make(policy, getattr(daemon, "attempts", None))


def makeBusApplication(daemon: Daemon, policy: IAuthPolicy | None, reactor: Any) -> Any:
    """The application C{jet}: the bus for JSTP clients."""
    make = _find("busapplication", "BusApplication")
    return None if make is None else make(daemon, policy, reactor=reactor)


def makeFigures(daemon: Daemon, servers: Sequence[Server]) -> Any:
    """What is counted."""
    make = _find("figures", "Figures")
    return None if make is None else make(daemon, servers)


def makeSite(figures: Any, healthy: Callable[[], str | None], reactor: Any) -> Any:
    """
    The web site with C{/healthz} and C{/metrics}.

    @raise ValueError: What it needs is not installed; the message says what.
    """
    make = _find("website", "statusSite")
    return None if make is None else make(figures, healthy, reactor)


def makeStatusStates(daemon: Daemon, figures: Any, group: str, reactor: Any) -> Any:
    """The same figures as states of the bus; has C{start} and C{stop}."""
    make = _find("status", "StatusStates")
    return None if make is None else make(daemon, figures, group, reactor)


def _find(module: str, name: str) -> Any:
    path = f"jetjstp.services.{module}"
    return getattr(import_module(path), name) if find_spec(path) is not None else None
