"""
Shell commands that do something with JSON: a value on their standard input, the
outcome on their standard output.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred, DeferredSemaphore
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IDelayedCall, IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from jetjstp import jet
from jetjstp.cli.passwordprompt import PASSWORD_VARIABLE

__all__ = ["ShellCommand"]

ALONE = "import os, sys; os.setsid(); os.execv('/bin/sh', ['/bin/sh', '-c', sys.argv[1]])"
"""Runs a shell in a process group of its own: ending that ends all that the command has started."""

MOST_WAITING = 1000
"""Requests that wait for a process; each may hold a message of megabytes."""

KEPT_OF_ERRORS = 4096
"""Bytes of what a command says on its standard error output that are kept: the end tells why it failed."""


class ShellCommand:
    """
    Runs one command again and again, a few at a time.

    @param command: What the shell is given. Nothing of a request becomes part of it: that goes to its standard input.
    @param jobs: How many run at a time; others wait.
    @param maxOutput: Bytes that it may write.
    @param limit: Seconds that it may take.
    @param variables: More environment variables.
    """

    def __init__(
        self, reactor: Any, command: str, *, jobs: int, maxOutput: int, limit: float, variables: dict[str, str]
    ) -> None:
        self._reactor = reactor
        self._command = command
        self._maxOutput = maxOutput
        self._limit = limit
        # It is nobody's business who may log in.
        inherited = {name: value for name, value in os.environ.items() if name != PASSWORD_VARIABLE}
        self._environment = inherited | variables
        self._slots = DeferredSemaphore(jobs)
        self._running: set[_Run] = set()
        self._isStopped = False

    async def run(self, given: bytes) -> bytes:
        """
        Run it once, when it is its turn.

        @param given: Its standard input.
        @return: What it wrote.
        @raise PeerError: It failed; the message says how, with the last line that it wrote on its standard error.
        """
        if len(self._slots.waiting) >= MOST_WAITING:
            raise jet.PeerError(f"busy: {MOST_WAITING} requests are waiting already")
        await self._slots.acquire()
        try:
            if self._isStopped:
                raise jet.PeerError("this peer is ending")
            process = _Run(self._command, given, self._maxOutput, self._limit, self._reactor)
            self._running.add(process)
            program = [sys.executable, "-I", "-S", "-c", ALONE, self._command]
            try:
                self._reactor.spawnProcess(process, sys.executable, program, env=self._environment)
                return await process.finished
            finally:
                self._running.discard(process)
        finally:
            self._slots.release()

    def stop(self) -> None:
        """End what is running, and begin nothing more."""
        self._isStopped = True
        for process in list(self._running):
            process.end("this peer is ending")


class _Run(ProcessProtocol):
    """One process."""

    def __init__(self, command: str, given: bytes, maxOutput: int, limit: float, reactor: Any) -> None:
        self.finished: Deferred[bytes] = Deferred()
        self._command = command
        self._given = given
        self._maxOutput = maxOutput
        self._limit = limit
        self._reactor = reactor
        self._output: list[bytes] = []
        self._size = 0
        self._errors = b""
        self._timer: IDelayedCall | None = None

    def makeConnection(self, process: Any) -> None:
        """It runs."""
        self._process: IProcessTransport = process
        self._group: int = process.pid
        super().makeConnection(process)

    def connectionMade(self) -> None:
        """Give it its input."""
        self._timer = self._reactor.callLater(self._limit, self.end, f"the command took longer than {self._limit:g} s")
        self._process.writeToChild(0, self._given)
        self._process.closeChildFD(0)

    def outReceived(self, data: bytes) -> None:
        """Keep it, to a bound."""
        self._size += len(data)
        if self._size > self._maxOutput:
            self.end(f"the command wrote more than {self._maxOutput} bytes")
        else:
            self._output.append(data)

    def errReceived(self, data: bytes) -> None:
        """Keep the end of it."""
        self._errors = (self._errors + data)[-KEPT_OF_ERRORS:]

    def end(self, reason: str) -> None:
        """It may not go on."""
        if not self.finished.called:
            self._settle(jet.PeerError(reason))
            process = self._process
            with suppress(ProcessExitedAlready):
                process.signalProcess("KILL")
            # The shell may be gone, and what it has left behind keeps the pipes open; or it has no group yet.
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, signal.SIGKILL)
            process.loseConnection()

    def processEnded(self, reason: Failure) -> None:
        """It has ended, and all that it wrote is here."""
        if self.finished.called:
            return
        value: Any = reason.value
        if value.exitCode == 0:
            self._settle(b"".join(self._output))
            return
        how = f"exit status {value.exitCode}" if value.exitCode is not None else f"signal {value.signal}"
        lines = self._errors.decode("utf-8", "replace").strip().splitlines()
        self._settle(jet.PeerError(f"the command failed with {how}" + (f": {lines[-1]}" if lines else "")))

    def _settle(self, outcome: bytes | jet.PeerError) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        if isinstance(outcome, bytes):
            self.finished.callback(outcome)
        else:
            self.finished.errback(outcome)
