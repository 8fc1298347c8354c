"""
C{jetctl get}: the values of states.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import FirstError, gatherResults

from jetjstp.cli.command import Command
from jetjstp.cli.connecting import answerTo, connection
from jetjstp.cli.exitcodes import FAILED, CommandFailed
from jetjstp.cli.output import Output

__all__ = ["Get"]


class Get(Command):
    """Prints values."""

    synopsis = "PATH..."
    longdesc = (
        "Prints the value of each state, in the order of the arguments. If one of them is not there, the others are "
        "printed all the same, and the exit code is 1."
    )
    optFlags = [["with-path", None, "Print the path beside each value: objects with path and value"]]
    examples = (
        ("jetctl get devices/42/name", 'Prints the value, such as "pump".'),
        ("jetctl get --with-path lamp door", "Prints paths and values, aligned; for programs one object a line."),
        ("jetctl get devices/42 | jq .temperature", "Picks a member of the value."),
    )

    def takeArguments(self, first: str, *more: str) -> None:
        """Take paths."""
        self.paths = (first, *more)

    async def run(self, reactor: Any, output: Output) -> None:
        """See L{Command.run}."""
        async with connection(self, reactor) as peer:
            asked = [answerTo(peer.get(path), self, reactor, path) for path in self.paths]
            try:
                answers = await gatherResults(asked, consumeErrors=True)
            except FirstError as error:
                error.subFailure.raiseException()
        found: list[tuple[str, Any]] = []
        missing: list[str] = []
        for path, answer in zip(self.paths, answers, strict=True):
            if not answer:
                missing.append(
                    f"{path}: there is no such state that may be seen; 'jetctl ls' lists those that there are"
                )
            elif answer[0].isMethod:
                missing.append(f"{path}: is a method and has no value; 'jetctl call' calls it")
            else:
                found.append((path, answer[0].value))
        self._print(found, output)
        if missing:
            for line in missing[:-1]:
                output.complain(line)
            raise CommandFailed(FAILED, missing[-1])

    def _print(self, found: list[tuple[str, Any]], output: Output) -> None:
        if output.forPeople and (self["with-path"] or len(self.paths) > 1):
            output.table([(path, output.textOf(value)) for path, value in found], isCut=False)
            return
        for path, value in found:
            output.value({"path": path, "value": value} if self["with-path"] else value)
