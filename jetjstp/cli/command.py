"""
What all commands of C{jetctl} are: options that can do something.
"""

from __future__ import annotations

import os
from typing import Any, BinaryIO

from twisted.python.usage import UsageError

from jetjstp.cli.describing import optionLines
from jetjstp.cli.jsonargument import readValues
from jetjstp.cli.options import DEFAULT_TIMEOUT, DEFAULT_URL, SHARED, SharedOptions
from jetjstp.cli.output import Output

__all__ = ["Command", "LocalCommand"]

URL_VARIABLE = "JETCTL_URL"


class Command(SharedOptions):
    """
    A command that talks to a daemon.

    @ivar endsWithReader: Whether it has nothing to do any more when nobody reads what it prints.
    @ivar subject: The path that it is about, to be named when it fails.
    @ivar password: That of C{--user}, once it is known.
    @ivar urlSource: Who says where the daemon is.
    """

    endsWithReader = True
    subject: str | None = None
    password: str | None = None
    urlSource = "--url"

    def __init__(self, name: str, summary: str) -> None:
        super().__init__()
        self.commandName = f"jetctl {name}"
        self.summary = summary

    def postOptions(self) -> None:
        """Take what stands before the command, and the defaults; check what belongs together."""
        for name in SHARED:
            if not self[name] and self.parent is not None:
                self[name] = self.parent[name]
        if not self["url"] and os.environ.get(URL_VARIABLE):
            self["url"], self.urlSource = os.environ[URL_VARIABLE], URL_VARIABLE
        self["url"] = self["url"] or DEFAULT_URL
        if "@" in self["url"].partition("//")[2].partition("/")[0]:
            # The message does not repeat it, as it may have a password.
            raise UsageError(
                f"{self.urlSource}: a user is no part of it; use --user, and JETCTL_PASSWORD or --password-file"
            )
        self["timeout"] = self["timeout"] or DEFAULT_TIMEOUT
        if self["password-file"] and not self["user"]:
            raise UsageError("--password-file without --user: say whose password it is")
        if self["key"] and not self["certificate"]:
            raise UsageError("--key without --certificate: say whose key it is")
        for name in ("cafile", "certificate"):
            if self[name] and not self["url"].startswith(("jets:", "wss:")):
                raise UsageError(f"--{name} is for TLS, and {self['url']} has none; use jets:// or wss://")

    def sections(self, columns: int) -> list[str]:
        """The options of its own, then those that all commands have."""
        described = self.describe()
        own = [option for option in described if option.long not in (*SHARED, "help", "version")]
        shared = [option for option in described if option not in own and option.long != "version"]
        lines = ["", "Options:", *optionLines(own, columns)] if own else []
        return [*lines, "", "Options of all commands:", *optionLines(shared, columns)]

    def readInput(self, stdin: BinaryIO | None) -> None:
        """
        Read what is to be read before there is a reactor: values from the standard input.

        @raise UsageError: They are wrong.
        """

    def valuesOf(self, arguments: list[str], names: list[str], stdin: BinaryIO | None) -> list[Any]:
        """The values that arguments stand for; see L{readValues}."""
        return readValues(arguments, names, bool(self.get("string")), stdin)

    async def run(self, reactor: Any, output: Output) -> None:
        """
        Do it.

        @raise CommandFailed: It did not work.
        """
        raise NotImplementedError(self.commandName)


class LocalCommand(Command):
    """A command that needs neither a daemon nor a reactor."""

    def runHere(self, output: Output) -> None:
        """
        Do it.

        @raise CommandFailed: It did not work.
        """
        raise NotImplementedError(self.commandName)
