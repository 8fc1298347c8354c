"""
Runs C{jetctl} as a user does, on a pseudo terminal or with pipes, or where no process is needed without one; the daemon
is in the process of the tests.
"""

from __future__ import annotations

import io
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast
from unittest.mock import patch

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IListeningPort, IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.python.usage import UsageError
from twisted.trial.unittest import TestCase

from jetjstp import jet
from jetjstp.cli.jetctl import codeOf, parse
from jetjstp.cli.output import Output
from jetjstp.cli.passwordprompt import passwordOf

from .relays import Relay

__all__ = ["Ended", "Jetctl", "JetctlTestCase"]

reactor = cast(Any, globalReactor)

ROOT = Path(__file__).resolve().parent.parent.parent

ALONE = "import os, runpy; os.setsid(); runpy.run_module('jetjstp.cli.jetctl', run_name='__main__', alter_sys=True)"
"""Runs it without a terminal, whatever the tests run on."""


class Ended(NamedTuple):
    """
    What came of a process.

    @ivar code: Its exit code; L{None} if a signal ended it.
    @ivar output: What it wrote to the standard output; on a terminal all that it wrote.
    """

    code: int | None
    output: str
    errors: str

    @property
    def values(self) -> list[Any]:
        """The lines of the output, as JSON."""
        return [json.loads(line) for line in self.output.splitlines()]


class Jetctl(ProcessProtocol):
    """
    A process.

    @ivar ended: Fires when it has ended.
    """

    def __init__(self, given: bytes | None) -> None:
        self.output = ""
        self.errors = ""
        self.ended: Deferred[Ended] = Deferred()
        self._given = given
        self._wanted: list[tuple[str, Deferred[None]]] = []

    @property
    def process(self) -> IProcessTransport:
        """The transport."""
        return cast(IProcessTransport, self.transport)

    def connectionMade(self) -> None:
        """Give it its input, if that is known now."""
        if self._given is not None:
            self.process.write(self._given)
            self.process.closeStdin()

    def outReceived(self, data: bytes) -> None:
        """Keep it."""
        self.output += data.decode("utf-8")
        self._look()

    def errReceived(self, data: bytes) -> None:
        """Keep it."""
        self.errors += data.decode("utf-8")
        self._look()

    def _look(self) -> None:
        for wanted in self._wanted[:]:
            if re.search(wanted[0], self.output + self.errors):
                self._wanted.remove(wanted)
                wanted[1].callback(None)

    def find(self, pattern: str) -> Deferred[None]:
        """Fires when a pattern is in what it wrote."""
        found: Deferred[None] = Deferred()
        self._wanted.append((pattern, found))
        self._look()
        return found

    def processEnded(self, reason: Failure) -> None:
        """Nothing more will come."""
        for pattern, found in self._wanted:
            found.errback(AssertionError(f"ended without {pattern!r}: {self.output}{self.errors}"))
        value = cast(Any, reason.value)
        self.ended.callback(Ended(value.exitCode, self.output, self.errors))


class JetctlTestCase(TestCase):
    """
    Tests that run C{jetctl}.

    @ivar url: Where the daemon is, once there is one.
    """

    timeout = 60.0
    url = ""

    async def startDaemon(self, where: str = "tcp:0:interface=127.0.0.1", **options: Any) -> IListeningPort:
        """Start a daemon on loopback."""
        daemon = jet.Daemon(reactor=reactor, **options)
        self.addCleanup(daemon.close)
        [port] = await daemon.listen(endpoints=[where])
        if where.startswith("tcp:"):
            self.url = f"jet://127.0.0.1:{cast(Any, port.getHost()).port}"
        return port

    async def connect(self, *content: jet.State | jet.Method, **options: Any) -> jet.Peer:
        """A peer that has added something."""
        peer = jet.Peer(self.url, reconnect=False, reactor=reactor, **options)
        self.addCleanup(peer.close)
        await peer.connect()
        for each in content:
            await peer.add(each)
        return peer

    def startRelay(self) -> Relay:
        """Something between a process and the daemon whose connections can be cut."""
        relay = Relay(self.url)
        self.addCleanup(relay.close)
        return relay

    def start(
        self,
        *arguments: str,
        given: bytes | None = b"",
        onTerminal: bool = False,
        environment: dict[str, str] | None = None,
        childFDs: dict[int, Any] | None = None,
    ) -> Jetctl:
        """
        Run it.

        @param given: What its standard input is; L{None} leaves that open.
        @param onTerminal: Whether it runs on a terminal of its own, else it has none.
        """
        child = Jetctl(None if onTerminal or childFDs is not None else given)
        program = ["-m", "jetjstp.cli.jetctl"] if onTerminal else ["-c", ALONE]
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith("JETCTL_") and name != "NO_COLOR"
        }
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        mine = {"PYTHONPATH": os.pathsep.join(paths), "JETCTL_URL": self.url, "TERM": "xterm", "COLUMNS": "80"}
        process = reactor.spawnProcess(
            child,
            sys.executable,
            [sys.executable, *program, *arguments],
            env={**inherited, **mine, **(environment or {})},
            usePTY=onTerminal,
            childFDs=childFDs,
        )
        self.addCleanup(self.end, child, process)
        return child

    async def end(self, child: Jetctl, process: IProcessTransport) -> None:
        """See to it that a process is gone."""
        if not child.ended.called:
            process.signalProcess("KILL")
            await child.ended

    async def jetctl(
        self, *arguments: str, given: bytes = b"", environment: dict[str, str] | None = None, onTerminal: bool = False
    ) -> Ended:
        """
        What comes of a run; unless it is on a terminal, in this process, which saves the time of starting another one.
        """
        if onTerminal:
            return await self.start(*arguments, environment=environment, onTerminal=True).ended
        out, err = io.BytesIO(), io.StringIO()
        output = Output(out, err)
        try:
            with patch.dict(os.environ, {"JETCTL_URL": self.url, **(environment or {})}):
                command = parse(arguments)
                output.isQuiet = bool(command["quiet"])
                command.readInput(io.BytesIO(given))
                if command["user"]:
                    file = command["password-file"]
                    command.password = passwordOf(command["user"], command["url"], file, os.environ, output)
            await command.run(reactor, output)
            code = 0
        except Exception as error:
            # Only a command that has been understood can fail in another way.
            code = 2 if isinstance(error, UsageError) else codeOf(error, command, output)
            if isinstance(error, UsageError):
                output.complain(str(error))
        return Ended(code, out.getvalue().decode("utf-8"), err.getvalue())

    def assertEnded(self, ended: Ended, code: int, output: str | None = None, *words: str) -> None:
        """
        It has ended with that exit code and output, and its last line on the standard error has the words.
        """
        self.assertEqual(ended.code, code, f"{ended.output}{ended.errors}")
        self.assertNotIn("Traceback", ended.output + ended.errors)
        if output is not None:
            self.assertEqual(ended.output, output)
        if words:
            last = ended.errors.splitlines()[-1]
            for word in words:
                self.assertIn(word, last)

    async def assertAllEnd(
        self, code: int, cases: Sequence[tuple[Sequence[str], Sequence[str]]], **options: Any
    ) -> None:
        """
        All of these commands, the first one as a process, end with that exit code, an empty output, and one line that
        has the words.
        """
        child = self.start(*cases[0][0], **options)
        outcomes = [await self.jetctl(*arguments, **options) for arguments, _ in cases[1:]]
        for ended, (_, words) in zip([await child.ended, *outcomes], cases, strict=True):
            self.assertEnded(ended, code, "", *words)
            self.assertEqual(len(ended.errors.splitlines()), 1, ended.errors)
