"""
Jet, the realtime bus: peers add states and methods, others fetch, set and call
them through a daemon.

Each name is imported when it is first asked for, so that who has a peer does not
wait for a daemon, nor for the WebSockets that only a daemon needs.
"""

from typing import TYPE_CHECKING

from jetjstp.lazynames import lazyNames

if TYPE_CHECKING:
    from jetjstp.jet.content import Method, SetResult, State
    from jetjstp.jet.daemon import Daemon
    from jetjstp.jet.fetcher import Entry, Fetcher, Notification
    from jetjstp.jet.limits import Limits
    from jetjstp.jet.pathrules import PathRules
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
    "PathRules",
    "Peer",
    "PeerError",
    "PeerTimeout",
    "SetResult",
    "State",
    "Unauthorized",
    "WrongKind",
]

_HOMES = {
    "ConnectedPeer": "jetjstp.jet.protocol",
    "Daemon": "jetjstp.jet.daemon",
    "Entry": "jetjstp.jet.fetcher",
    "Fetcher": "jetjstp.jet.fetcher",
    "Limits": "jetjstp.jet.limits",
    "Method": "jetjstp.jet.content",
    "Notification": "jetjstp.jet.fetcher",
    "PathRules": "jetjstp.jet.pathrules",
    "Peer": "jetjstp.jet.peer",
    "SetResult": "jetjstp.jet.content",
    "State": "jetjstp.jet.content",
}
"""The modules of the names that are no errors."""

__getattr__, __dir__ = lazyNames(__name__, __all__, _HOMES, "jetjstp.jet.peererrors")
