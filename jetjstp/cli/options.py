"""
What the options of C{jetctl} and of each of its commands have in common: how
they are parsed, what they say when they are wrong, and their help.
"""

from __future__ import annotations

import difflib
import getopt
import re
import shutil
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from twisted.python.usage import Options, UsageError

from jetjstp import __version__
from jetjstp.cli.describing import OptionText, describeOptions, optionLines, paragraphs
from jetjstp.cli.output import Output

__all__ = ["SHARED", "Example", "SharedOptions", "ToolOptions", "positive", "printAndExit", "seconds"]

LONGEST_TIMEOUT = 600.0
"""Seconds; who writes more has milliseconds in mind."""

DEFAULT_URL = "jet://localhost:11122"
DEFAULT_TIMEOUT = 5.0

Example = tuple[str, str]
"""A command line, and what it does."""

_NUMBER = re.compile(r"-\.?\d")


class ToolOptions(Options):
    """
    Options that may stand before and behind the arguments, and whose mistakes are answered with the remedy.

    @cvar synopsis: The arguments, as in the help.
    @cvar longdesc: What it does; paragraphs have an empty line between them.
    @cvar examples: Three of them.
    @cvar metavars: What stands for the values of options in the help.
    @cvar choices: The values of options that have a fixed list of them.
    @cvar files: The options whose values are names of files.
    @ivar commandName: How it is called, C{jetctl get}.
    @ivar summary: What it does, in one line.
    """

    optParameters: ClassVar[Sequence[Sequence[Any]]] = ()
    optFlags: ClassVar[Sequence[Sequence[Any]]] = ()
    synopsis: str = ""
    longdesc: str = ""
    examples: ClassVar[Sequence[Example]] = ()
    metavars: ClassVar[dict[str, str]] = {}
    choices: ClassVar[dict[str, tuple[str, ...]]] = {}
    files: ClassVar[tuple[str, ...]] = ()
    commandName = "jetctl"
    summary = ""

    if TYPE_CHECKING:
        # Commands take different ones.
        takeArguments: Any
    else:

        def takeArguments(self) -> None:
            """Take the arguments that are no options. With too few or too many of them it is an error."""

    def parseArgs(self, *arguments: str) -> None:
        """See L{takeArguments}."""
        self.takeArguments(*arguments)

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Parse a command line.

        @raise UsageError: It is wrong; the message names what, and the remedy.
        """
        arguments = list(sys.argv[1:] if options is None else options)
        before = arguments[: arguments.index("--")] if "--" in arguments else arguments
        if any(argument.partition("=")[0] == "--password" for argument in before):
            # It would be taken for an abbreviation.
            raise UsageError(
                "a password is never an argument, which everybody on this machine could read; give it in "
                "JETCTL_PASSWORD, with --password-file FILE, or wait for the prompt"
            )
        try:
            super().parseOptions(arguments if hasattr(self, "subCommands") else self._sorted(arguments))
        except UsageError as error:
            raise self._explained(error) from None

    def _explained(self, error: UsageError) -> UsageError:
        cause = error.__context__
        help = f"'{self.commandName} --help' tells more"
        if isinstance(cause, getopt.GetoptError):
            names = [option.rstrip("=") for option in self.longOpt]
            close = difflib.get_close_matches(cause.opt, names, 1)
            if "not recognized" in cause.msg:
                if close:
                    return UsageError(f"{cause.msg}; did you mean --{close[0]}?")
                return UsageError(f"{cause.msg}; {help}, and '--' goes before an argument that begins with '-'")
            return UsageError(f"{cause.msg}; {help}")
        if str(error) == "Wrong number of arguments.":
            takes = f"takes {self.synopsis}" if self.synopsis else "takes no arguments"
            return UsageError(f"{self.commandName} {takes}; {help}")
        return UsageError(str(error).removeprefix("Parameter type enforcement failed: "))

    def _sorted(self, arguments: list[str]) -> list[str]:
        """Options first: they may stand behind the arguments, and a negative number is an argument."""
        options: list[str] = []
        others: list[str] = []
        left = arguments[::-1]
        while left:
            argument = left.pop()
            if argument == "--":
                others += left[::-1]
                break
            if not argument.startswith("-") or argument == "-" or _NUMBER.match(argument):
                others.append(argument)
                continue
            options.append(argument)
            if left and self._takesNext(argument):
                options.append(left.pop())
        return [*options, "--", *others]

    def _takesNext(self, argument: str) -> bool:
        if argument.startswith("--"):
            name = argument[2:]
            if f"{name}=" in self.longOpt:
                return True
            # Options may be abbreviated.
            possible = [option for option in self.longOpt if option.startswith(name)]
            return name not in self.longOpt and bool(possible) and all(option.endswith("=") for option in possible)
        for at, letter in enumerate(argument[1:], 2):
            if f"{letter}:" in self.shortOpt:
                return at == len(argument)
        return False

    def describe(self) -> list[OptionText]:
        """The options."""
        return describeOptions(self, self.allOf("metavars"), self.allOf("choices"), tuple(self.allOf("files")))

    def allOf(self, name: str) -> Any:
        """What the class and those that it is made of have in a table of that name."""
        tables = [vars(kind)[name] for kind in reversed(type(self).__mro__) if name in vars(kind)]
        if tables and isinstance(tables[0], dict):
            return {key: value for table in tables for key, value in table.items()}
        return [value for table in tables for value in table]

    def getUsage(self, width: int | None = None) -> str:
        """The help text."""
        columns = min(width or shutil.get_terminal_size().columns, 100)
        lines = [
            f"{self.commandName}: {self.summary}",
            "",
            f"Usage: {self.commandName} [options] {self.synopsis}".rstrip(),
        ]
        lines += ["", *paragraphs(self.longdesc, columns)]
        lines += self.sections(columns)
        if self.examples:
            lines += ["", "Examples:"]
            for command, does in self.examples:
                lines += [f"  $ {command}", *(f"      {line}" for line in paragraphs(does, columns - 6))]
        return "\n".join(lines)

    def sections(self, columns: int) -> list[str]:
        """What the help says between the description and the examples."""
        return ["", "Options:", *optionLines(self.describe(), columns)]

    def getSynopsis(self) -> str:
        """See L{getUsage}, which has it."""
        return ""

    def __str__(self) -> str:
        return self.getUsage() + "\n"

    def opt_help(self) -> NoReturn:
        """
        Print this help, and exit.
        """
        printAndExit(str(self))

    def opt_version(self) -> NoReturn:
        """
        Print the version of jetjstp, and exit.
        """
        printAndExit(f"jetjstp {__version__.public()}\n")


def printAndExit(text: str) -> NoReturn:
    """
    Print a text about the program itself, and end the process.

    @raise CommandFailed: The standard output does not take it.
    """
    Output.ofProcess().line(text.removesuffix("\n"))
    sys.exit(0)


def seconds(option: str, text: str) -> float:
    """
    An interval, as it stands on the command line.

    @param option: The option whose value it is.
    @raise ValueError: It is none; the message has the remedy.
    """
    try:
        value = float(text)
    except ValueError:
        raise ValueError(f"{option} {text!r} is not a number of seconds; write one such as 5 or 0.5") from None
    if value > LONGEST_TIMEOUT and value < float("inf"):
        raise ValueError(
            f"{option}: {text} s are more than {LONGEST_TIMEOUT:g}; seconds; did you mean {value / 1000:g}?"
        )
    if not 0 < value <= LONGEST_TIMEOUT:
        raise ValueError(f"{option}: {text} is out of range; seconds, above 0 and at most {LONGEST_TIMEOUT:g}")
    return value


def positive(option: str, text: str) -> int:
    """
    A number of things, at least one.

    @param option: The option whose value it is.
    @raise ValueError: It is none.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > 12 or int(text) < 1:
        raise ValueError(f"{option} {text!r} is no number from 1 on")
    return int(text)


SHARED = ("url", "user", "password-file", "cafile", "certificate", "key", "timeout", "json", "quiet")
"""The options that may stand before the command as well as behind it."""


class SharedOptions(ToolOptions):
    """The options that every command has."""

    optParameters = [
        ["url", None, None, f"Where the daemon is. Default: JETCTL_URL, or {DEFAULT_URL}"],
        ["user", None, None, "Log in as this user, with the password from JETCTL_PASSWORD, a file, or a prompt"],
        ["password-file", None, None, "A file whose first line is the password"],
        [
            "cafile",
            None,
            None,
            "For jets:// and wss://: the certificates that are trusted, as PEM, not those of the system",
        ],
        [
            "certificate",
            None,
            None,
            "For jets:// and wss://: the certificate to present, as PEM; daemons may know a user by it",
        ],
        ["key", None, None, "The private key of --certificate, as PEM. Default: in the same file"],
        [
            "timeout",
            None,
            None,
            f"How long to wait for a connection or an answer. Default: {DEFAULT_TIMEOUT:g}",
            partial(seconds, "--timeout"),
        ],
    ]
    optFlags = [
        ["json", "j", "Print one JSON value a line on a terminal, too"],
        ["quiet", "q", "Print data and errors only"],
    ]
    metavars = {
        "timeout": "SECONDS",
        "password-file": "FILE",
        "cafile": "FILE",
        "certificate": "FILE",
        "key": "FILE",
        "user": "NAME",
    }
    files = ("password-file", "cafile", "certificate", "key")
