"""
Notices that nobody reads the standard output any more, although there is
nothing to be written.
"""

from __future__ import annotations

import os
import select
import stat
from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IReadDescriptor
from twisted.python.failure import Failure
from zope.interface import implementer

__all__ = ["watchForHangUp"]


def watchForHangUp(reactor: Any, descriptor: int | None, hungUp: Callable[[], object]) -> None:
    """
    Call C{hungUp} when the other end of a pipe or socket is closed.

    Without that C{jetctl watch | head -1} would wait for one more line, which may never come.
    """
    if descriptor is None:
        return
    mode = os.fstat(descriptor).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        # One of its own: the descriptor may be put to another use before the reactor looks again.
        reactor.addReader(_WriteEnd(reactor, os.dup(descriptor), hungUp))


@implementer(IReadDescriptor)
class _WriteEnd:
    """
    The writing end of a pipe, on which reactors tell of nothing but its end.
    """

    def __init__(self, reactor: Any, descriptor: int, hungUp: Callable[[], object]) -> None:
        self._reactor = reactor
        self._descriptor = descriptor
        self._hungUp = hungUp

    def fileno(self) -> int:
        """See L{IReadDescriptor}."""
        return self._descriptor

    def logPrefix(self) -> str:
        """See L{IReadDescriptor}."""
        return "jetctl"

    def doRead(self) -> None:
        """Some reactors say "readable" for "closed", and some for anything."""
        self._reactor.removeReader(self)
        poll = select.poll()
        poll.register(self._descriptor, 0)
        isClosed = any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
        os.close(self._descriptor)
        if isClosed:
            self._hungUp()

    def connectionLost(self, reason: Failure) -> None:
        """Nobody reads. When the reactor shuts down, that is not the reason for it."""
        os.close(self._descriptor)
        if self._reactor.running:
            self._hungUp()
