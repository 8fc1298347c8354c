"""
What can be set about connections.
"""

from __future__ import annotations

from dataclasses import dataclass

from jetjstp.bounds import checkNumber, checkSeconds

__all__ = ["LinkSettings"]

_HOUR = 3600
_DAY = 24 * _HOUR


@dataclass(frozen=True)
class LinkSettings:
    """
    Settings of connections, whatever travels on them.

    A host that is gone (cable pulled, power lost) is noticed after C{keepAliveIdle + keepAliveInterval *
    keepAliveProbes} seconds when nothing is under way to it, else after about C{deadAfter}.

    @ivar keepAliveIdle: Seconds without traffic after which the system asks whether the other side is there.
    @ivar keepAliveInterval: Seconds between such questions.
    @ivar keepAliveProbes: Unanswered questions that end the connection.
    @ivar notSentLowWater: Bytes that the system keeps unsent before it stops taking more, so that the rest is still
        ours to decide on.
    @ivar idleTimeout: Seconds without received bytes that end a connection, or L{None}. For protocols whose peers have
        to say something from time to time.
    @ivar maxConnections: Connections that one listener serves at a time; more are refused.
    @ivar deadAfter: Seconds that a peer may leave sent data unacknowledged while it is silent. A peer that is there but
        does not read is not concerned.
    @raise ValueError: A value is out of range; the message names it.
    """

    keepAliveIdle: int = 12
    keepAliveInterval: int = 3
    keepAliveProbes: int = 2
    notSentLowWater: int = 131072
    idleTimeout: float | None = None
    maxConnections: int = 50_000
    deadAfter: float = 15.0

    def __post_init__(self) -> None:
        checkSeconds("keepAliveIdle", self.keepAliveIdle, _HOUR)
        checkSeconds("keepAliveInterval", self.keepAliveInterval, _HOUR)
        checkNumber("keepAliveProbes", self.keepAliveProbes, 1, 127)
        checkNumber("notSentLowWater", self.notSentLowWater, 1024, 2**30)
        if self.idleTimeout is not None:
            checkSeconds("idleTimeout", self.idleTimeout, _DAY)
        checkNumber("maxConnections", self.maxConnections, 1, 10_000_000)
        checkSeconds("deadAfter", self.deadAfter, _HOUR)
