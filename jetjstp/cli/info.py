"""
C{jetctl info}: what the daemon says of itself.
"""

from __future__ import annotations

from typing import Any

from jetjstp.cli.command import Command
from jetjstp.cli.connecting import connection
from jetjstp.cli.output import Output

__all__ = ["Info"]


class Info(Command):
    """Tells about the daemon."""

    longdesc = (
        "Prints the name, the version and the features of the daemon; with --user, also what that user may do. That it "
        "prints anything means that the connection and the login work."
    )
    examples = (
        ("jetctl info", "Tells about the daemon on this machine."),
        (
            "jetctl --url wss://plant.example.org/ --user ann info",
            "Asks for the password, and tells the groups of ann.",
        ),
        ("jetctl info --json | jq -r .version", "Prints the version alone."),
    )

    async def run(self, reactor: Any, output: Output) -> None:
        """See L{Command.run}."""
        async with connection(self, reactor) as peer:
            info = {"url": self["url"], **(peer.daemonInfo or {})}
            if self["user"]:
                info |= {"user": self["user"], "access": peer.access}
        if output.forPeople:
            output.table(_rows(info, output), isCut=False)
        else:
            output.value(info)


def _rows(info: dict[str, Any], output: Output) -> list[tuple[str, str]]:
    rows: list[tuple[str, str]] = []
    for name, value in info.items():
        if isinstance(value, dict):
            rows += [(f"{name}.{inner}", output.textOf(its, isBare=True)) for inner, its in value.items()]
        else:
            rows.append((name, output.textOf(value, isBare=True)))
    return rows
