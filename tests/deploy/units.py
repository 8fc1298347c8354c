"""
Does for a unit of systemd what systemd would do, as far as a process can see: the sockets that it is given, the
environment, the messages that it sends, the signals.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.interfaces import IListeningPort, IProcessTransport
from twisted.internet.protocol import DatagramProtocol, ProcessProtocol
from twisted.python.failure import Failure

__all__ = ["Unit", "UnitProcess", "readUnit"]

reactor = cast(Any, globalReactor)

PATIENCE = 30.0
"""Seconds to wait for what has to come."""

# The process identifier has to be known to whom it belongs before the program begins.
BEGIN = 'export LISTEN_PID=$$; exec "$0" "$@"'

Unit = dict[str, dict[str, list[str]]]
"""Sections, in these the names, each with everything that was given for it."""


def readUnit(text: str) -> Unit:
    """Read the text of a unit."""
    unit: Unit = {}
    section: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("["):
            section = unit.setdefault(line.strip("[]"), {})
        elif line and not line.startswith(("#", ";")):
            name, _, value = line.partition("=")
            section.setdefault(name, []).append(value)
    return unit


class Messages(DatagramProtocol):
    """
    Hears what a service says of itself.

    @ivar lines: What was said and not waited for.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []
        self._waiting: list[tuple[str, Deferred[None]]] = []

    async def said(self, message: str) -> None:
        """Wait until a line comes, and forget everything up to that."""
        if message not in self.lines:
            waiting: Deferred[None] = Deferred()
            self._waiting.append((message, waiting))
            try:
                await waiting.addTimeout(PATIENCE, reactor)
            except TimeoutError:
                raise AssertionError(f"it does not say {message}, but {self.lines}") from None
        del self.lines[: self.lines.index(message) + 1]

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Somebody says something."""
        self.lines += datagram.decode("utf-8").splitlines()
        waiting, self._waiting = self._waiting, []
        for message, deferred in waiting:
            if message in self.lines:
                deferred.callback(None)
            else:
                self._waiting.append((message, deferred))

    def ended(self, log: str) -> None:
        """Nothing more will be said."""
        waiting, self._waiting = self._waiting, []
        for message, deferred in waiting:
            deferred.errback(AssertionError(f"it ended instead of saying {message}: {log}"))


class UnitProcess(ProcessProtocol):
    """
    The process of a service.

    @ivar messages: What it has sent to us.
    @ivar log: What it has written.
    @ivar status: How it ended: C{(code, None)} or C{(None, signal)}.
    """

    def __init__(self, unit: Unit, folder: Path, sockets: Sequence[int] = (), pythonPath: str = "") -> None:
        """
        @param folder: For the socket of the messages: its path has to be short.
        @param sockets: The ports of the socket unit, or others in their place; 0: the system chooses.
        """
        self.messages = Messages()
        self.log = ""
        self.status: tuple[int | None, int | None] | None = None
        self._unit = unit["Service"]
        self._folder = folder
        self._listening: list[socket.socket] = [_listen(port) for port in sockets]
        self._watching: IListeningPort | None = None
        self._pythonPath = pythonPath
        self._ended: Deferred[None] = Deferred()
        self._process: IProcessTransport | None = None

    @property
    def pid(self) -> int:
        """The process."""
        assert self._process is not None
        return cast(int, self._process.pid)

    @property
    def ports(self) -> list[int]:
        """Where the sockets listen."""
        return [int(each.getsockname()[1]) for each in self._listening]

    async def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        path = self._folder / "notify"
        self._watching = reactor.listenUNIXDatagram(str(path), self.messages)
        environment = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "NOTIFY_SOCKET": str(path)}
        if self._pythonPath:
            environment["PYTHONPATH"] = self._pythonPath
        for file in self._unit.get("EnvironmentFile", []):
            if not file.startswith("-") or Path(file[1:]).exists():
                lines = Path(file.removeprefix("-")).read_text("utf-8").splitlines()
                environment |= dict(line.split("=", 1) for line in lines if "=" in line)
        for watchdog in self._unit.get("WatchdogSec", []):
            environment["WATCHDOG_USEC"] = str(int(float(watchdog) * 1_000_000))
        if self._listening:
            environment["LISTEN_FDS"] = str(len(self._listening))
            environment["LISTEN_FDNAMES"] = ":".join("jet.socket" for _ in self._listening)
        descriptors: dict[int, int | str] = {0: "w", 1: "r", 2: "r"}
        descriptors |= {3 + at: each.fileno() for at, each in enumerate(self._listening)}
        [command] = self._unit["ExecStart"]
        self._process = reactor.spawnProcess(
            self,
            "/bin/sh",
            ["sh", "-c", BEGIN, *shlex.split(command)],
            env=environment,
            path=self._unit["WorkingDirectory"][0],
            childFDs=descriptors,
        )
        await self.messages.said("READY=1")

    async def reload(self) -> None:
        """Do what C{ExecReload} says."""
        [command] = self._unit["ExecReload"]
        program, option, process = shlex.split(command)
        assert (Path(program).name, process) == ("kill", "$MAINPID"), command
        assert self._process is not None
        self._process.signalProcess(option.removeprefix("-"))
        await self.messages.said("READY=1")

    async def stop(self) -> None:
        """End it as the unit says, and release what it was given."""
        assert self._process is not None
        with contextlib.suppress(ProcessExitedAlready):
            self._process.signalProcess("TERM")
        await self._ended.addTimeout(float(self._unit["TimeoutStopSec"][0]), reactor)
        await self.release()

    async def kill(self) -> None:
        """See to it that it is gone."""
        if self._process is not None and self.status is None:
            self._process.signalProcess("KILL")
            await self._ended
        await self.release()

    async def release(self) -> None:
        """Keep nothing open."""
        for each in self._listening:
            each.close()
        self._listening = []
        if self._watching is not None:
            watching, self._watching = self._watching, None
            await maybeDeferred(watching.stopListening)
            (self._folder / "notify").unlink(missing_ok=True)

    def outReceived(self, data: bytes) -> None:
        """Keep it."""
        self.log += data.decode("utf-8", "replace")

    errReceived = outReceived

    def processEnded(self, reason: Failure) -> None:
        """It is over."""
        number = cast(Any, reason.value).signal
        self.status = (cast(Any, reason.value).exitCode, number and int(signal.Signals(number)))
        self.messages.ended(self.log)
        self._ended.callback(None)


def _listen(port: int) -> socket.socket:
    """As C{ListenStream=} with a mere port, an IPv6 socket that takes IPv4; but from nobody beyond this machine."""
    listening = socket.socket(socket.AF_INET6)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    listening.bind(("::ffff:127.0.0.1", port))
    listening.listen(64)
    return listening
