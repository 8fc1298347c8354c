"""
C{jetctl call}: a method.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from twisted.python.usage import UsageError

from jetjstp.cli.command import Command
from jetjstp.cli.connecting import connection
from jetjstp.cli.jsonargument import parseValue
from jetjstp.cli.output import Output

__all__ = ["Call"]


class Call(Command):
    """Calls a method."""

    synopsis = "PATH [ARG...]"
    longdesc = (
        "Calls a method with a list of arguments, and prints the result. Each ARG is JSON, one may be - for what is on "
        "the standard input."
    )
    optParameters = [["args", None, None, "All arguments as one JSON value; an object is arguments by name"]]
    optFlags = [["string", "s", "Take each ARG as text, not as JSON"]]
    metavars = {"args": "JSON"}
    examples = (
        ("jetctl call devices/42/reset", "Calls it without arguments."),
        ("jetctl call sum 1 2 3", "Calls it with three numbers."),
        (
            'jetctl call greet --args \'{"name": "Ann"}\' --timeout 30',
            "Calls it with a name, and waits for up to 30 s.",
        ),
    )

    def takeArguments(self, path: str, *arguments: str) -> None:
        """Take a path and values."""
        self.subject = self.path = path
        self._arguments = list(arguments)

    def postOptions(self) -> None:
        """See L{Command.postOptions}."""
        super().postOptions()
        if self["args"] is not None and self._arguments:
            raise UsageError("--args has all arguments; drop it, or those behind the path")

    def readInput(self, stdin: BinaryIO | None) -> None:
        """See L{Command.readInput}."""
        names = [f"argument {number}" for number in range(1, len(self._arguments) + 1)]
        self.arguments: Any = self.valuesOf(self._arguments, names, stdin)
        if self["args"] == "-":
            [self.arguments] = self.valuesOf(["-"], ["--args"], stdin)
        elif self["args"] is not None:
            self.arguments = parseValue(self["args"], "--args")

    async def run(self, reactor: Any, output: Output) -> None:
        """See L{Command.run}."""
        async with connection(self, reactor) as peer:
            result = await peer.call(self.path, self.arguments, timeout=self["timeout"])
        output.value(result)
