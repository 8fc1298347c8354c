"""
C{jetctl add}: a state.
"""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Any, BinaryIO

from twisted.python.usage import UsageError

from jetjstp import jet
from jetjstp.cli.holding import AnsweringOptions, groups, hold
from jetjstp.cli.output import Output, OutputClosed

__all__ = ["Add"]


class Add(AnsweringOptions):
    """Adds a state."""

    synopsis = "PATH VALUE"
    longdesc = (
        "Adds a state, and holds it until interrupted; then it is gone. VALUE is JSON, or - for what is on the "
        "standard input. Without --on-set and --accept the state is read only. With one of them every new value is "
        "printed.\n\n"
        "--on-set runs COMMAND in a shell whenever somebody sets the state, with the value as JSON on its standard "
        "input. If it succeeds the value is accepted; what it writes, if anything, is JSON, and becomes the value. If "
        "it fails the value is refused, with the last line of its standard error output. JETCTL_PATH is the "
        "path, JETCTL_URL the daemon."
    )
    optParameters = [
        ["on-set", None, None, "The command that decides on what others set"],
        [
            "set-groups",
            None,
            None,
            "Who may set it: groups of users. Default: everybody",
            partial(groups, "--set-groups"),
        ],
    ]
    optFlags = [
        ["accept", None, "Accept whatever others set"],
        ["string", "s", "Take VALUE as text, not as JSON"],
    ]
    metavars = {"on-set": "COMMAND", "set-groups": "GROUPS"}
    examples = (
        (
            'echo \'{"cpu":0.2}\' | jetctl add "hosts/$(hostname)" -',
            "Tells that this host is there: presence for free.",
        ),
        ("jetctl add lamp false --accept", "Holds a state that everybody can set, and prints what they set."),
        (
            "jetctl add volume 5 --on-set 'jq \"if . > 10 then 10 else . end\"'",
            "Holds a state that never gets above 10.",
        ),
    )

    def takeArguments(self, path: str, value: str) -> None:
        """Take a path and a value."""
        self.subject = self.path = path
        self._argument = value

    def postOptions(self) -> None:
        """See L{Command.postOptions}."""
        super().postOptions()
        if self["on-set"] is not None and self["accept"]:
            raise UsageError("--on-set and --accept exclude each other: either the command decides, or all is accepted")
        if self["set-groups"] is not None and self["on-set"] is None and not self["accept"]:
            raise UsageError("--set-groups without --on-set or --accept: nobody can set the state; add one of them")

    def readInput(self, stdin: BinaryIO | None) -> None:
        """See L{Command.readInput}."""
        self.endsWithReader = bool(self["accept"] or self["on-set"])
        [self.value] = self.valuesOf([self._argument], ["VALUE"], stdin)

    async def run(self, reactor: Any, output: Output) -> None:
        """See L{Command.run}."""
        state = jet.State(self.path, self.value, self.access(setGroups=self["set-groups"]))
        if self["accept"]:
            state.on("set", lambda value: _show(value, output))
            await hold(state, self, reactor, output, "added, everybody can set it")
        elif self["on-set"] is None:
            await hold(state, self, reactor, output, "added, read only")
        else:
            await self._ask(state, reactor, output)

    async def _ask(self, state: jet.State, reactor: Any, output: Output) -> None:
        command = self.shellCommand(reactor, self["on-set"], self.path)

        @state.on("set")
        async def decide(value: Any) -> jet.SetResult:
            accepted = await self.ask(command, self.path, value, output, empty=value)
            _show(accepted, output)
            return jet.SetResult(accepted)

        try:
            await hold(state, self, reactor, output, f"added, {self['on-set']!r} decides on what is set")
        finally:
            command.stop()


def _show(value: Any, output: Output) -> None:
    with suppress(OutputClosed):  # What ends the command then is not the one who has set the state.
        output.value(value)
