"""
C{jetctl ls}: what there is.
"""

from __future__ import annotations

from typing import Any

from jetjstp import jet
from jetjstp.cli.command import Command
from jetjstp.cli.connecting import answerTo, connection
from jetjstp.cli.output import Output, jsonText, printable
from jetjstp.cli.selecting import SelectingOptions

__all__ = ["Ls"]


class Ls(SelectingOptions, Command):
    """Lists elements."""

    synopsis = "[PREFIX]"
    longdesc = (
        "Lists the states and methods that may be seen, sorted by path: path, type, whether it can be set or called, "
        "value. Long lines are cut on a terminal. With PREFIX, only paths that begin with it."
    )
    optFlags = [["paths", None, "Print the paths alone, one a line; with --json as JSON"]]
    examples = (
        ("jetctl ls devices/", "Lists what is below devices/."),
        ("jetctl ls --where 'value is number' --contains temp", "Lists the states with temp in the path and a number."),
        ("jetctl ls --json | jq -r 'select(.type==\"method\").path'", "Prints the paths of all methods."),
    )

    def takeArguments(self, prefix: str | None = None) -> None:
        """Take a prefix."""
        self.prefix = prefix
        self.subject = prefix

    async def run(self, reactor: Any, output: Output) -> None:
        """See L{Command.run}."""
        rule = self.rule(startsWith=self.prefix)
        async with connection(self, reactor) as peer:
            found: list[jet.Notification] = await answerTo(peer.get(rule), self, reactor, "the list")
        found.sort(key=lambda one: one.path)
        if self["paths"]:
            for one in found:
                # A line feed in a path must not pass for the end of one.
                output.line(output.safe(jsonText(one.path)) if self["json"] else printable(one.path))
        elif output.forPeople:
            output.table(_row(one, output) for one in found)
            output.say(f"{len(found)} elements" if len(found) != 1 else "1 element")
        else:
            for one in found:
                output.value(_record(one))


def _row(one: jet.Notification, output: Output) -> tuple[str, str, str, str]:
    if one.isMethod:
        return one.path, "method", "not ours to call" if one.fetchOnly else "", ""
    return one.path, "state", "read only" if one.fetchOnly else "", output.textOf(one.value)


def _record(one: jet.Notification) -> dict[str, Any]:
    record: dict[str, Any] = {
        "path": one.path,
        "type": "method" if one.isMethod else "state",
        "fetchOnly": one.fetchOnly,
    }
    if not one.isMethod:
        record["value"] = one.value
    return record
