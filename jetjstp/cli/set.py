"""
C{jetctl set}: a new value for a state.
"""

from __future__ import annotations

from typing import Any, BinaryIO

from jetjstp.cli.command import Command
from jetjstp.cli.connecting import connection
from jetjstp.cli.output import Output

__all__ = ["Set"]


class Set(Command):
    """Sets a state."""

    synopsis = "PATH VALUE"
    longdesc = (
        "Asks the owner of a state to change it, and prints the answer: true, as a rule. VALUE is JSON, or - for what "
        "is on the standard input."
    )
    optFlags = [
        ["string", "s", "Take VALUE as text, not as JSON"],
        [
            "value-as-result",
            None,
            "Print the value that the state has then, which may be another one than was asked for",
        ],
    ]
    examples = (
        ("jetctl set heating/target 21.5", "Sets a number."),
        ("jetctl set --string devices/42/name 'main pump'", "Sets a text, without quotation marks of its own."),
        ("jq .settings plant.json | jetctl set plant/settings -", "Sets what another program has made."),
    )

    def takeArguments(self, path: str, value: str) -> None:
        """Take a path and a value."""
        self.subject = self.path = path
        self._argument = value

    def readInput(self, stdin: BinaryIO | None) -> None:
        """See L{Command.readInput}."""
        [self.value] = self.valuesOf([self._argument], ["VALUE"], stdin)

    async def run(self, reactor: Any, output: Output) -> None:
        """See L{Command.run}."""
        wantsValue = bool(self["value-as-result"])
        async with connection(self, reactor) as peer:
            result = await peer.set(self.path, self.value, timeout=self["timeout"], valueAsResult=wantsValue)
        output.value(result)
