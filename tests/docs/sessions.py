"""
Reads what a page of the documentation shows, and runs it: files, and sessions on terminals.

Comments of the page, which readers do not see, say where something happens: C{.. terminal: NAME} before a block, else
it is the main terminal; C{.. interrupt: NAME} is Ctrl-C there, and C{.. end: NAME} Ctrl-D; C{.. typing: NAME} before a
block says that it is typed there, and C{.. file: NAME} that it is a file. A C{console} block has commands behind C{$},
each with what it prints; a C{text} block is what a terminal prints on its own. In both three dots stand for anything,
alone on a line for any lines. A C{python}, C{toml} or C{ini} block whose first line is a comment with a name is a file.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IProcessTransport
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

__all__ = ["ROOT", "Shell", "Step", "makeCommands", "readPage"]

reactor = cast(Any, globalReactor)

ROOT = Path(__file__).resolve().parent.parent.parent

_COMMENT = re.compile(r"\.\. (terminal|typing|interrupt|end|file): (\S+)")
_BLOCK = re.compile(r"( *)\.\. code-block:: (\w+)")
_FILE = re.compile(r"# ([\w/.-]+\.\w+)")
_FILES = frozenset({"python", "toml", "ini"})

END = "\x1e"
"""What a shell writes when a command has ended."""

# A trap: without one, bash ends together with what was interrupted.
LOOP = r"""stty -echo; trap : INT; s=0
printf '\036'
while IFS= read -r line; do eval "(exit $s)"$'\n'"$line"; s=$?; printf '\036'; done"""

PATIENCE = 60.0
"""Seconds to wait for what has to come."""


class Step(NamedTuple):
    """
    Something that happens.

    @ivar what: C{"file"} with its name and content; C{"run"} with a command and what it prints; C{"see"} with what is
        printed; C{"type"} with what is typed; C{"interrupt"}; C{"end"}.
    @ivar where: The terminal.
    """

    what: Literal["file", "run", "see", "type", "interrupt", "end"]
    where: str
    name: str
    text: str


def readPage(text: str) -> Iterator[Step]:
    """What happens on a page, in order."""
    where = "main"
    isTyped = False
    file = ""
    lines = text.splitlines()
    for at, line in enumerate(lines):
        comment, block = _COMMENT.fullmatch(line), _BLOCK.fullmatch(line)
        if comment and comment[1] == "interrupt":
            yield Step("interrupt", comment[2], "", "")
        elif comment and comment[1] == "end":
            yield Step("end", comment[2], "", "")
        elif comment and comment[1] == "file":
            file = comment[2]
        elif comment:
            where, isTyped = comment[2], comment[1] == "typing"
        elif block:
            shown = _indented(lines[at + 1 :], len(block[1]) + 4)
            if file:
                yield Step("file", where, file, "\n".join(shown) + "\n")
            elif isTyped:
                yield from (Step("type", where, line, "") for line in shown)
            else:
                yield from _steps(block[2], where, shown)
            where, isTyped, file = "main", False, ""


def _indented(lines: list[str], width: int) -> list[str]:
    block: list[str] = []
    for line in lines:
        if line and not line.startswith(" " * width):
            break
        block.append(line[width:])
    return "\n".join(block).strip("\n").splitlines()


def _steps(language: str, where: str, lines: list[str]) -> Iterator[Step]:
    name = _FILE.fullmatch(lines[0])
    if language in _FILES and name:
        yield Step("file", where, name[1], "\n".join(lines) + "\n")
    elif language == "text":
        yield Step("see", where, "", "\n".join(lines) + "\n")
    elif language == "console":
        for command in re.split(r"(?m)^\$ ", "\n".join(lines))[1:]:
            typed, _, printed = command.partition("\n")
            printed = printed.rstrip("\n")
            yield Step("run", where, typed, f"{printed}\n" if printed else "")


def makeCommands(folder: Path, python: str = sys.executable) -> None:
    """Put the commands that the page uses into a folder, as if this package were installed for that interpreter."""
    folder.mkdir()
    for name, code in (
        ("python", ""),
        ("jetctl", "-m jetjstp.cli.jetctl"),
        ("twistd", "-m twisted"),
    ):
        file = folder / name
        if name == "twistd":
            code = '-c "from twisted.scripts.twistd import run; run()"'
        file.write_text(f'#!/bin/sh\nexec "{python}" {code} "$@"\n')
        file.chmod(0o755)


class Shell(ProcessProtocol):
    """
    A shell on a terminal of its own.

    @param folder: Where it begins; C{commands} are looked up first in the other one.
    """

    def __init__(self, folder: Path, commands: Path) -> None:
        self._hasEnded = False
        self._ended: Deferred[None] | None = None
        self._unseen = ""
        self._wanted: tuple[re.Pattern[str], Deferred[None]] | None = None
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("JETCTL_")}
        paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
        self.process: IProcessTransport = reactor.spawnProcess(
            self,
            "bash",
            ["bash", "--norc", "-c", LOOP],
            env={
                **inherited,
                "PATH": f"{commands}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": os.pathsep.join(paths),
                "NO_COLOR": "1",
                "TERM": "xterm",
                "COLUMNS": "120",
            },
            path=str(folder),
            usePTY=True,
        )

    def outReceived(self, data: bytes) -> None:
        """Keep it."""
        self._unseen += data.decode("utf-8").replace("\r\n", "\n")
        self._look()

    def _look(self) -> None:
        if self._wanted is not None:
            match = self._wanted[0].match(self._unseen)
            if match:
                self._unseen = self._unseen[match.end() :]
                wanted, self._wanted = self._wanted[1], None
                wanted.callback(None)

    async def see(self, text: str) -> None:
        """Wait until just that comes."""
        pieces = [re.escape(piece) for piece in re.sub(r"(?m)^\.\.\.\n", "\x00", text).split("...")]
        pattern = re.compile("[^\n]*".join(pieces).replace("\x00", "(?:[^\n]*\n)*?"))
        seen: Deferred[None] = Deferred()
        self._wanted = (pattern, seen)
        self._look()
        try:
            await seen.addTimeout(PATIENCE, reactor)
        except TimeoutError:
            raise AssertionError(f"expected:\n{text}\nbut there is:\n{self._unseen}") from None

    def type(self, line: str) -> None:
        """Give it a line."""
        self.process.write(line.encode("utf-8") + b"\n")

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.write(b"\x03")

    def endInput(self) -> None:
        """Press Ctrl-D."""
        self.process.write(b"\x04")

    async def wait(self, seconds: float) -> None:
        """Wait for its end."""
        if not self._hasEnded:
            self._ended = Deferred()
            await self._ended.addTimeout(seconds, reactor)

    @property
    def unseen(self) -> str:
        """What was printed that nobody waited for."""
        return self._unseen.strip(END)

    def processEnded(self, reason: Failure) -> None:
        """Nothing more will come."""
        self._hasEnded = True
        ended, self._ended = self._ended, None
        if ended is not None:
            ended.callback(None)
