"""
C{jetctl}: a Jet bus from the command line.
"""

from __future__ import annotations

import difflib
import os
import sys
import traceback
from collections.abc import Sequence
from functools import partial
from importlib import import_module
from typing import Any, NoReturn

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import react
from twisted.python.usage import UsageError

from jetjstp.cli.command import Command, LocalCommand
from jetjstp.cli.completion import SHELLS, completionScript
from jetjstp.cli.exitcodes import (
    DONE,
    EXIT_CODES,
    FAILED,
    INTERRUPTED,
    USAGE,
    CommandFailed,
)
from jetjstp.cli.hangup import watchForHangUp
from jetjstp.cli.manpage import manPage
from jetjstp.cli.options import SharedOptions, printAndExit
from jetjstp.cli.output import Output, OutputClosed
from jetjstp.cli.passwordprompt import passwordOf

__all__ = ["COMMANDS", "JetctlOptions", "allCommands", "codeOf", "main", "parse"]

COMMANDS = (
    ("get", "print the values of states"),
    ("ls", "list states and methods"),
    ("watch", "follow what changes"),
    ("set", "set a state"),
    ("call", "call a method"),
    ("add", "add a state, and hold it until interrupted"),
    ("serve", "add a method that a shell command answers"),
    ("info", "tell what the daemon says of itself"),
    ("ping", "measure round-trip times"),
    ("bench", "put load on a daemon and measure"),
    ("discover", "list what is announced on the local network"),
    ("passwd", "write a password into a users file"),
)
"""The commands, each in the module of its name, and what they do."""


def _load(name: str, summary: str) -> Command:
    # Each is imported only when it is used: some need half of Twisted, some nearly nothing.
    command: Command = getattr(import_module(f"jetjstp.cli.{name}"), name.capitalize())(name, summary)
    return command


def allCommands() -> list[Command]:
    """All commands, for what describes them all."""
    return [_load(name, summary) for name, summary in COMMANDS]


class JetctlOptions(SharedOptions):
    """What stands before the command."""

    commandName = "jetctl"
    summary = "a Jet bus from the command line"
    synopsis = "COMMAND [arguments]"
    longdesc = (
        "Gets, sets, follows, calls and adds what is on a Jet bus. On a terminal it prints aligned text, else one JSON "
        "value a line. 'jetctl COMMAND --help' tells what a command does; options may stand before and behind it."
    )
    subCommands = [(name, None, partial(_load, name, summary), summary) for name, summary in COMMANDS]
    choices = {"completion": SHELLS}

    examples = (
        ("jetctl ls", "Lists everything on the bus of this machine."),
        (
            "jetctl --url wss://plant.example.org/ watch --prefix pumps/ --where 'value.rpm>3000'",
            "Follows the pumps that turn fast.",
        ),
        ("export JETCTL_URL=unix:/run/jet.sock; jetctl set lamp true", "Sets a state of a bus on a UNIX socket."),
    )

    def sections(self, columns: int) -> list[str]:
        """The commands, the options, and the exit codes."""
        lines = ["", "Commands:", *(f"  {name:<8}{summary}" for name, summary in COMMANDS)]
        lines += super().sections(columns)
        lines += ["", "Environment:"]
        lines += [f"  {name:<17}{text}" for name, text in ENVIRONMENT]
        return [*lines, "", "Exit codes:", *(f"  {code:<5}{text}" for code, text in EXIT_CODES)]

    def opt_man(self) -> NoReturn:
        """
        Print the man page, and exit.
        """
        printAndExit(manPage(self, allCommands(), ENVIRONMENT, EXIT_CODES))

    def opt_completion(self, shell: str) -> NoReturn:
        """
        Print what completes command lines in this shell, and exit.
        """
        if shell not in SHELLS:
            raise UsageError(f"--completion {shell}: write one of {', '.join(SHELLS)}")
        printAndExit(completionScript(shell, self, allCommands()))


ENVIRONMENT = (
    ("JETCTL_URL", "where the daemon is, if there is no --url"),
    ("JETCTL_PASSWORD", "the password of --user"),
    ("NO_COLOR", "if it is not empty, nothing is coloured"),
)


def parse(arguments: Sequence[str]) -> Command:
    """
    The command that a command line means.

    @raise UsageError: It means none.
    """
    options = JetctlOptions()
    try:
        options.parseOptions(arguments)
    except UsageError as error:
        text = str(error)
        if text.startswith("Unknown command: "):
            text = _unknown(text.removeprefix("Unknown command: "))
        raise UsageError(text) from None
    if options.subCommand is None:
        raise UsageError(f"no command; there are {', '.join(name for name, _ in COMMANDS)}: 'jetctl --help' tells more")
    command: Command = options.subOptions
    return command


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, [known for known, _ in COMMANDS], 1)
    remedy = f"did you mean {close[0]}?" if close else f"there are {', '.join(known for known, _ in COMMANDS)}"
    return f"there is no command {name!r}; {remedy}"


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """
    Run C{jetctl}, and end the process with its exit code.

    @param arguments: Those of the process, if not given.
    """
    output = Output.ofProcess()
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments, output)
    except UsageError as error:
        output.complain(str(error))
        code = USAGE
    except CommandFailed as error:
        output.complain(str(error))
        code = error.code
    except KeyboardInterrupt:
        output.complain("interrupted")
        code = INTERRUPTED
    except (OutputClosed, BrokenPipeError):
        output.abandon()
        code = DONE
    sys.exit(code)


def _run(arguments: Sequence[str], output: Output) -> int:
    command = parse(arguments)
    output = Output.ofProcess(asJson=bool(command["json"]), isQuiet=bool(command["quiet"]))
    command.readInput(None if sys.stdin is None else sys.stdin.buffer)
    if isinstance(command, LocalCommand):
        command.runHere(output)
        return DONE
    if command["user"]:
        command.password = passwordOf(command["user"], command["url"], command["password-file"], os.environ, output)
    react(_reacting, (command, output))
    raise AssertionError("react ends the process")


async def _reacting(reactor: Any, command: Command, output: Output) -> None:
    """Run a command in the reactor; fails with the C{SystemExit} that it ends with."""
    interrupted = False
    running = Deferred.fromCoroutine(command.run(reactor, output))
    ended: Deferred[None] = Deferred()

    def interrupt() -> Deferred[None]:
        nonlocal interrupted
        if not ended.called:
            interrupted = True
            running.cancel()
        return ended

    reactor.addSystemEventTrigger("before", "shutdown", interrupt)
    if command.endsWithReader:
        watchForHangUp(reactor, output.descriptor, running.cancel)
    code = DONE
    try:
        await running
    except BaseException as error:
        code = INTERRUPTED if interrupted else codeOf(error, command, output)
    finally:
        ended.callback(None)
    if interrupted:
        # Whatever it came to in the meantime.
        code = INTERRUPTED
    raise SystemExit(code)


def codeOf(error: BaseException, command: Command, output: Output) -> int:
    """The exit code of a command that failed; tells why it did."""
    if isinstance(error, OutputClosed | CancelledError):
        # Nobody reads any more: all is well. There is no other reason to cancel.
        output.abandon()
        return DONE
    if isinstance(error, UsageError):
        output.complain(str(error))
        return USAGE
    from jetjstp.cli.explaining import Circumstances, explain

    around = Circumstances(command["url"], command["user"], command["timeout"], command.subject)
    explained = explain(error, around)
    if explained is not None:
        output.complain(str(explained))
        return explained.code
    if os.environ.get("JETCTL_DEBUG"):
        traceback.print_exception(error)
    output.complain(f"{type(error).__name__}: {error}; this is a fault of jetctl, JETCTL_DEBUG=1 shows where")
    return FAILED


if __name__ == "__main__":
    main()
