"""
A daemon in a process of its own, so that what is done to it cannot hide in
ours: its memory can be looked at, and whoever tests it may block.

Run as a program it listens at the endpoints that it is given, C{ws:} in front of
those for WebSocket, and writes the ports on one line; it ends with its input.
"""

from __future__ import annotations

import atexit
import resource
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import ensureDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python.failure import Failure

__all__ = ["ROOT", "ChildDaemon", "raiseFileLimit", "serveUntilInputEnds", "sharedDaemon"]

ROOT = Path(__file__).resolve().parent.parent.parent

LOOPBACK = "tcp:0:interface=127.0.0.1"


def raiseFileLimit(wanted: int) -> int:
    """Let this process have more files open, as far as it may; returns how many it may have now."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        soft = min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft


class ChildDaemon:
    """
    A running daemon.

    @ivar ports: Where it listens: first the endpoints for TCP, then those for WebSocket, each in their order.
    """

    def __init__(self, *endpoints: str, program: str = __name__) -> None:
        """
        @param program: The module that is run; this one by default.
        """
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as the process does
        self._process = subprocess.Popen(
            [sys.executable, "-m", program, *(endpoints or (LOOPBACK, "ws:" + LOOPBACK))],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the daemon ended with status {self._process.wait()}: {self.errors()}")
        self.ports = [int(port) for port in line.split()]

    def memory(self) -> int:
        """Bytes of memory that it occupies now."""
        with open(f"/proc/{self._process.pid}/statm", encoding="ascii") as file:
            return int(file.read().split()[1]) * resource.getpagesize()

    def errors(self) -> str:
        """What it has logged of errors."""
        self._errors.seek(0)
        return self._errors.read().decode("utf-8")

    @property
    def isRunning(self) -> bool:
        """Whether it has not ended."""
        return self._process.poll() is None

    def stop(self) -> int:
        """Let it end; returns its status."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            return self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()
        finally:
            self._process.stdout.close()
            self._errors.close()


_shared: list[ChildDaemon] = []


def sharedDaemon() -> ChildDaemon:
    """A daemon for all tests of this process: starting one takes longer than most of them. It ends with the process."""
    if not _shared or not _shared[-1].isRunning:
        _shared.append(ChildDaemon())
        atexit.register(_shared[-1].stop)
    return _shared[-1]


def serveUntilInputEnds(listen: Callable[[], Awaitable[Sequence[IListeningPort]]]) -> None:
    """
    Be a server: write the ports on one line, then errors alone to the standard error output; end with the input.

    @param listen: Begins to listen; what it registers to be done at the shutdown of the reactor is done.
    """
    from twisted.internet import reactor as globalReactor
    from twisted.internet.protocol import Protocol, connectionDone
    from twisted.internet.stdio import StandardIO

    reactor: Any = globalReactor

    class Input(Protocol):
        def connectionLost(self, reason: Failure = connectionDone) -> None:
            reactor.stop()

    async def begin() -> None:
        ports: list[Any] = list(await listen())
        StandardIO(Input())
        sys.stdout.write(" ".join(str(port.getHost().port) for port in ports) + "\n")
        sys.stdout.flush()

    raiseFileLimit(10_000)
    errorsOnly = LogLevelFilterPredicate(LogLevel.error)
    observer = FilteringLogObserver(textFileLogObserver(sys.stderr), [errorsOnly])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)
    ensureDeferred(begin()).addErrback(lambda failure: (failure.printTraceback(), reactor.stop()))
    reactor.run()


def main(endpoints: list[str]) -> None:
    """Be such a daemon."""
    from twisted.internet import reactor as globalReactor

    from jetjstp.jet import Daemon

    reactor: Any = globalReactor

    def listen() -> Awaitable[Sequence[IListeningPort]]:
        daemon = Daemon(users={})
        reactor.addSystemEventTrigger("before", "shutdown", daemon.close)
        return daemon.listen(
            endpoints=[endpoint for endpoint in endpoints if not endpoint.startswith("ws:")],
            wsEndpoints=[endpoint.removeprefix("ws:") for endpoint in endpoints if endpoint.startswith("ws:")],
        )

    serveUntilInputEnds(listen)


if __name__ == "__main__":
    main(sys.argv[1:])
