"""
C{jetctl serve}: a method that a shell command answers.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from jetjstp import jet
from jetjstp.cli.holding import AnsweringOptions, groups, hold
from jetjstp.cli.output import Output

__all__ = ["Serve"]


class Serve(AnsweringOptions):
    """Adds a method."""

    synopsis = "PATH COMMAND"
    longdesc = (
        "Adds a method, and runs COMMAND in a shell for each call. Its standard input is the argument as JSON: if "
        "there is exactly one, that itself, otherwise the list or the object of all; with --all-args always the "
        "latter. What it writes has to be JSON, and is the result; nothing is null. If it fails, so does the call, "
        "with its exit status and the last line of its standard error output. JETCTL_PATH is the "
        "path, JETCTL_URL the daemon.\n\n"
        "Whoever may call the method runs the command with what they like on its input: take care what it does with it."
    )
    optParameters = [
        [
            "call-groups",
            None,
            None,
            "Who may call it: groups of users. Default: everybody",
            partial(groups, "--call-groups"),
        ]
    ]
    optFlags = [
        ["string", "s", "What the command writes is text, not JSON"],
        ["all-args", None, "Give the command all arguments, even if there is exactly one"],
    ]
    metavars = {"call-groups": "GROUPS"}
    examples = (
        (
            "jetctl serve tools/uppercase 'tr a-z A-Z'",
            "Then 'jetctl call tools/uppercase \\'\"abc\"\\'' prints \"ABC\".",
        ),
        ("jetctl serve --string host/uptime uptime", "Serves the text that a program prints."),
        (
            "jetctl serve sum 'jq -c add' --jobs 8 --call-groups staff",
            "Adds up the numbers of 'jetctl call sum 1 2 3', for members of staff.",
        ),
    )

    endsWithReader = False

    def takeArguments(self, path: str, command: str) -> None:
        """Take a path and a command."""
        self.subject = self.path = path
        self.command = command

    async def run(self, reactor: Any, output: Output) -> None:
        """See L{Command.run}."""
        method = jet.Method(self.path, self.access(callGroups=self["call-groups"]), unpack=False)
        command = self.shellCommand(reactor, self.command, self.path)

        @method.on("call")
        async def answer(arguments: Any) -> Any:
            isOne = isinstance(arguments, list) and len(arguments) == 1 and not self["all-args"]
            given = arguments[0] if isOne else arguments
            return await self.ask(command, self.path, given, output, isText=bool(self["string"]))

        try:
            await hold(method, self, reactor, output, f"calls run {self.command!r}")
        finally:
            command.stop()
