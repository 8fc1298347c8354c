"""Child processes that talk in lines, with a deadline for each line so that nothing hangs."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

# Each step takes milliseconds; on a machine that does ten things at once it may take seconds.
STEP_SECONDS = 20.0

# How long a process may take to leave when asked kindly.
LEAVE_SECONDS = 3.0


class ProcessFailed(Exception):
    """A child process ended with an error, or said nothing for too long; has what it wrote to standard error."""


class ChildProcess(ProcessProtocol):
    """
    A running program.

    @param environment: What differs from our own environment.
    @ivar errors: What it wrote to standard error.
    """

    def __init__(self, reactor: Any, command: Sequence[str], **environment: str) -> None:
        self._reactor = reactor
        self._command = command
        self._lines: deque[str] = deque()
        self._unfinished = b""
        self._lineWaiter: Deferred[None] | None = None
        self._endWaiters: list[Deferred[None]] = []
        self._exitCode: int | None = None
        self._ended = False
        self.errors = ""
        reactor.spawnProcess(self, command[0], command, env={**os.environ, **environment})

    async def nextLine(self) -> str | None:
        """
        The next line of standard output; L{None} when the program has ended with status 0.

        @raise ProcessFailed: It ended otherwise, or no line came in time.
        """
        if not self._lines and not self._ended:
            self._lineWaiter = Deferred()
            self._lineWaiter.addTimeout(STEP_SECONDS, self._reactor, self._tooSlow)
            await self._lineWaiter
        if self._lines:
            return self._lines.popleft()
        if self._exitCode == 0:
            return None
        raise ProcessFailed(f"{self._command} ended with status {self._exitCode}:\n{self.errors}")

    def tell(self, line: str) -> None:
        """Write a line to the program's standard input."""
        assert self.transport is not None
        self.transport.write(line.encode() + b"\n")

    async def kill(self) -> None:
        """End the program with SIGKILL."""
        self._signal("KILL")
        await self._end()

    async def leave(self) -> None:
        """End the program with SIGTERM, with SIGKILL if it does not listen. For programs that have children."""
        self._signal("TERM")
        stubborn = self._reactor.callLater(LEAVE_SECONDS, self._signal, "KILL")
        await self._end()
        if stubborn.active():
            stubborn.cancel()

    def _signal(self, name: str) -> None:
        assert self.transport is not None
        if not self._ended:
            try:
                self.transport.signalProcess(name)
            except ProcessExitedAlready:
                return

    def _end(self) -> Deferred[None]:
        waiter: Deferred[None] = Deferred()
        if self._ended:
            waiter.callback(None)
        else:
            self._endWaiters.append(waiter)
        return waiter

    def _tooSlow(self, result: object, seconds: float) -> None:
        self._lineWaiter = None
        raise ProcessFailed(f"{self._command} said nothing for {seconds} s:\n{self.errors}")

    def _wake(self) -> None:
        waiter, self._lineWaiter = self._lineWaiter, None
        if waiter is not None:
            waiter.callback(None)

    def outReceived(self, data: bytes) -> None:
        *lines, self._unfinished = (self._unfinished + data).split(b"\n")
        self._lines.extend(line.decode() for line in lines)
        if lines:
            self._wake()

    def errReceived(self, data: bytes) -> None:
        self.errors += data.decode(errors="replace")

    def processEnded(self, reason: Failure) -> None:
        self._ended = True
        self._exitCode = getattr(reason.value, "exitCode", None)
        self._wake()
        waiters, self._endWaiters = self._endWaiters, []
        for waiter in waiters:
            waiter.callback(None)
