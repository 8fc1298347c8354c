"""
Commands that add something to the bus, and answer for it until they are
interrupted.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.usage import UsageError

from jetjstp import jet
from jetjstp.cli.command import Command
from jetjstp.cli.connecting import answerTo, connection
from jetjstp.cli.jsonargument import parseValue
from jetjstp.cli.options import positive, seconds
from jetjstp.cli.output import Output, jsonText
from jetjstp.cli.shellcommand import ShellCommand

__all__ = ["AnsweringOptions", "groups", "hold"]

DEFAULT_OUTPUT = 1_000_000
DEFAULT_JOBS = 4
DEFAULT_LIMIT = 60.0


def groups(option: str, text: str) -> list[str]:
    """
    Names of groups, with commas between.

    @param option: The option whose value it is.
    @raise ValueError: One is empty.
    """
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise ValueError(f"{option} {text!r}: write names of groups with commas between, such as admin,staff")
    return names


class AnsweringOptions(Command):
    """The options for answering by a shell command."""

    optParameters = [
        [
            "fetch-groups",
            None,
            None,
            "Who may see it: groups of users, with commas between. Default: everybody",
            partial(groups, "--fetch-groups"),
        ],
        [
            "jobs",
            None,
            DEFAULT_JOBS,
            f"How many commands may run at a time; others wait. Default: {DEFAULT_JOBS}",
            partial(positive, "--jobs"),
        ],
        [
            "time-limit",
            None,
            DEFAULT_LIMIT,
            f"How long a command may take. Default: {DEFAULT_LIMIT:g}",
            partial(seconds, "--time-limit"),
        ],
        [
            "max-output",
            None,
            DEFAULT_OUTPUT,
            f"How many bytes a command may write. Default: {DEFAULT_OUTPUT}",
            partial(positive, "--max-output"),
        ],
    ]
    metavars = {"fetch-groups": "GROUPS", "jobs": "N", "time-limit": "SECONDS", "max-output": "BYTES"}

    def access(self, **rights: list[str] | None) -> dict[str, list[str]] | None:
        """The access of what is added; L{None} if everybody may do everything."""
        named = {"fetchGroups": self["fetch-groups"], **rights}
        return {right: names for right, names in named.items() if names is not None} or None

    def shellCommand(self, reactor: Any, command: str, path: str) -> ShellCommand:
        """A command as the options want it."""
        return ShellCommand(
            reactor,
            command,
            jobs=self["jobs"],
            maxOutput=self["max-output"],
            limit=self["time-limit"],
            variables={"JETCTL_PATH": path, "JETCTL_URL": self["url"]},
        )

    async def ask(
        self,
        command: ShellCommand,
        path: str,
        given: Any,
        output: Output,
        *,
        isText: bool = False,
        empty: Any = None,
    ) -> Any:
        """
        Have a command answer.

        @param isText: Whether what it writes is text, not JSON; a line feed at its end is no part of it.
        @return: What it wrote; C{empty} if that is nothing.
        @raise PeerError: It failed, or what it wrote is no JSON.
        """
        try:
            written = await command.run(jsonText(given).encode("utf-8", "backslashreplace") + b"\n")
            return _answerOf(written, isText, empty)
        except jet.PeerError as error:
            output.complain(f"{path}: {error.message}")
            raise


def _answerOf(written: bytes, isText: bool, empty: Any) -> Any:
    try:
        text = written.decode("utf-8")
    except UnicodeDecodeError:
        raise jet.PeerError("what the command wrote is not UTF-8 text") from None
    if isText:
        return text.removesuffix("\n")
    if not text.strip():
        return empty
    try:
        return parseValue(text, "what the command wrote,")
    except UsageError as error:
        raise jet.PeerError(str(error).partition(";")[0]) from None


async def hold(
    content: jet.State | jet.Method, command: AnsweringOptions, reactor: Any, output: Output, what: str
) -> None:
    """Add something, and keep it until interrupted."""
    async with connection(command, reactor, output, reconnect=True) as peer:
        await answerTo(peer.add(content), command, reactor, content.path)
        output.say(f"{content.path}: {what}; it is gone when this ends (Ctrl-C)")
        closed: Deferred[None] = peer.closed()
        await closed
