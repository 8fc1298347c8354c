"""
Jet, the realtime bus: peers add states and methods, others fetch, set and call
them through a daemon.

Each name is imported when it is first asked for, so that who has a peer does not
wait for a daemon, nor for the WebSockets that only a daemon needs.
"""

from importlib import import_module
from sys import modules
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jetjstp.jet.content import Method, SetResult, State
    from jetjstp.jet.daemon import Daemon
    from jetjstp.jet.fetcher import Entry, Fetcher, Notification
    from jetjstp.jet.limits import Limits
    from jetjstp.jet.peer import Peer
    from jetjstp.jet.peererrors import (
        AlreadyFetching,
        BaseError,
        ConnectionClosed,
        DaemonError,
        FetchOnly,
        InvalidArgument,
        InvalidCredentials,
        InvalidPassword,
        InvalidUser,
        LimitExceeded,
        MalformedRequest,
        MethodNotFound,
        NotFound,
        NotOwner,
        Occupied,
        PeerError,
        PeerTimeout,
        Unauthorized,
        WrongKind,
    )
    from jetjstp.jet.protocol import ConnectedPeer

__all__ = [
    "AlreadyFetching",
    "BaseError",
    "ConnectedPeer",
    "ConnectionClosed",
    "Daemon",
    "DaemonError",
    "Entry",
    "FetchOnly",
    "Fetcher",
    "InvalidArgument",
    "InvalidCredentials",
    "InvalidPassword",
    "InvalidUser",
    "LimitExceeded",
    "Limits",
    "MalformedRequest",
    "Method",
    "MethodNotFound",
    "NotFound",
    "NotOwner",
    "Notification",
    "Occupied",
    "Peer",
    "PeerError",
    "PeerTimeout",
    "SetResult",
    "State",
    "Unauthorized",
    "WrongKind",
]

_HOMES = {
    "ConnectedPeer": "protocol",
    "Daemon": "daemon",
    "Entry": "fetcher",
    "Fetcher": "fetcher",
    "Limits": "limits",
    "Method": "content",
    "Notification": "fetcher",
    "Peer": "peer",
    "SetResult": "content",
    "State": "content",
}
"""The modules of the names that are no errors."""


def __getattr__(name: str) -> object:
    """Import a public name."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=modules[__name__])
    value: object = getattr(import_module(f"{__name__}.{_HOMES.get(name, 'peererrors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """All public names, imported or not."""
    return sorted({*globals(), *__all__})
