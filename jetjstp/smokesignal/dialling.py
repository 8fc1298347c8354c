"""
Connections in the making, and how many of them packets may cause (protocol
page, sections 7 and 15).
"""

from __future__ import annotations

from collections.abc import Callable

from jetjstp.smokesignal.addresses import targetOf
from jetjstp.smokesignal.buckets import Bucket
from jetjstp.smokesignal.connections import Dial, Purpose
from jetjstp.smokesignal.effects import Cancel, MakeConnection, Trouble
from jetjstp.smokesignal.outgoing import Outgoing

__all__ = ["DIAL_TIMEOUT", "DialPolicy", "Dialling"]

DIAL_TIMEOUT = 5.0
"""Seconds for a connection to be made; the system's own patience is minutes."""

DialPolicy = Callable[[str, int, str], bool]
"""Called with address, port and C{"peer request"} or C{"pong"}; whether to connect there."""

_Failed = Callable[[Dial, str, float], None]


class Dialling:
    """
    The dials of a node.

    @ivar underWay: Dials that are not over, and those for peers until their handshake is.
    @ivar coming: How many of them may become peers.
    """

    def __init__(self, outgoing: Outgoing, policy: DialPolicy, failed: _Failed) -> None:
        """
        @param failed: Told of dials that took too long.
        """
        self._outgoing = outgoing
        self._policy = policy
        self._failed = failed
        limits = outgoing.limits
        self._bucket = Bucket(limits.dialsPerSecond)
        self._pongs = Bucket(limits.pongsPerSecond)
        # A policy that fails may do so at each packet of a flood.
        self._troubles = Bucket(1.0)
        # By target and purpose: until when it is left alone, and for how long after the next failure. A node that could
        # not be reached when it wanted peers may well be when it wants to know whether it is split off.
        self._paused: dict[tuple[tuple[str, int], Purpose], tuple[float, float]] = {}
        self.underWay: dict[Dial, None] = {}
        self.coming = 0
        self._requested = 0

    def refusal(self, address: str, port: int, now: float) -> str | None:
        """
        Why not to dial somebody who asked for peers, if there is a reason. If there is none, the dial counts.
        """
        target = targetOf(address, port)
        if any(dial.target == target and dial.purpose is not Purpose.SEED for dial in self.underWay):
            return "dialled already"
        if self._isPaused(target, Purpose.REQUEST, now):
            return "paused"
        if self._requested >= self._outgoing.limits.dialsAtOnce:
            return "dials at once"
        if not self._isAllowed(address, port, Purpose.REQUEST, now):
            return "policy"
        return None if self._bucket.take(now) else "dial rate"

    def pongRefusal(self, address: str, port: int, now: float) -> str | None:
        """Why not to answer a ping, if there is a reason. If there is none, the answer counts."""
        if self._isPaused(targetOf(address, port), Purpose.PONG, now):
            return "pong paused"
        if not self._isAllowed(address, port, Purpose.PONG, now):
            return "pong policy"
        return None if self._pongs.take(now) else "pong rate"

    def _isAllowed(self, address: str, port: int, purpose: Purpose, now: float) -> bool:
        try:
            return bool(self._policy(address, port, purpose.value))
        except Exception as error:
            if self._troubles.take(now):
                self._outgoing.effects.append(Trouble("the dial policy failed, the connection is not made", error))
            return False

    def _isPaused(self, target: tuple[str, int], purpose: Purpose, now: float) -> bool:
        pause = self._paused.get((target, purpose))
        return pause is not None and now < pause[0]

    def isDialled(self, target: tuple[str, int], purpose: Purpose) -> bool:
        """Whether somebody is being dialled for that."""
        return any(dial.target == target and dial.purpose is purpose for dial in self.underWay)

    def begin(self, dial: Dial, now: float) -> None:
        """Have a connection made."""
        self.underWay[dial] = None
        self._outgoing.counters.dials[dial.purpose.value] += 1
        self._count(dial, 1)
        self._outgoing.effects.append(MakeConnection(dial))

        def tooSlow(now: float) -> None:
            self.cancel(dial)
            self._failed(dial, f"no connection within {DIAL_TIMEOUT:g} seconds", now)

        dial.timer = self._outgoing.alarms.set(now + DIAL_TIMEOUT, tooSlow)

    def _count(self, dial: Dial, difference: int) -> None:
        if dial.purpose in (Purpose.USER, Purpose.REQUEST):
            self.coming += difference
        if dial.purpose is Purpose.REQUEST:
            self._requested += difference

    def made(self, dial: Dial) -> None:
        """It is made; one for a peer stays under way until L{end}."""
        dial.isOver = True
        self._outgoing.alarms.cancel(dial.timer)
        if dial.purpose not in (Purpose.USER, Purpose.REQUEST):
            self.end(dial)

    def cancel(self, dial: Dial) -> None:
        """It is not wanted any more."""
        if not dial.isOver:
            self._outgoing.effects.append(Cancel(dial))
        self.end(dial)

    def end(self, dial: Dial) -> None:
        """Nothing comes of it any more, or everything has."""
        dial.isOver = True
        self._outgoing.alarms.cancel(dial.timer)
        if dial in self.underWay:
            del self.underWay[dial]
            self._count(dial, -1)

    def failed(self, dial: Dial, now: float, isPolite: bool = False) -> None:
        """
        Leave the target alone for a while, if a packet named it.

        @param isPolite: It has refused as a node does that is full: the pause does not become longer.
        """
        if dial.purpose not in (Purpose.REQUEST, Purpose.PONG):
            return
        limits = self._outgoing.limits
        pause = limits.dialPause
        before = self._paused.pop((dial.target, dial.purpose), None)
        if before is not None and not isPolite:
            pause = before[1]
        if len(self._paused) >= limits.dialTargets:
            del self._paused[next(iter(self._paused))]
        following = pause if isPolite else min(pause * 2, limits.dialPauseMost)
        self._paused[dial.target, dial.purpose] = (now + pause, following)

    def succeeded(self, dial: Dial) -> None:
        """Forget that the target has ever failed."""
        self._paused.pop((dial.target, dial.purpose), None)
