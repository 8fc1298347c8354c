"""
Commands of C{twistd} that do not start: they end with one line that names the
thing and the remedy, and with status 1.
"""

from __future__ import annotations

import difflib
import getopt
import sys
from collections.abc import Sequence
from typing import ClassVar, NoReturn

from twisted.python.usage import Options, UsageError

from jetjstp import __version__

__all__ = ["CommandOptions", "StartFailed", "sayLast"]


class StartFailed(SystemExit, Exception):
    """
    The service does not start, for the reason that the message tells.

    As a C{SystemExit} it ends the process with status 1 and no traceback; as an C{Exception} it lets C{twistd} tidy up
    before (the PID file, and the process in the foreground that waits for a daemonized one).
    """

    def __init__(self, message: str) -> None:
        super().__init__(1)
        self.message = message

    def __str__(self) -> str:
        return self.message


def sayLast(command: str, message: str) -> None:
    """Write the last line to the standard error output."""
    # Not sys.stderr: twistd redirects it into the log.
    if sys.__stderr__ is not None:
        sys.__stderr__.write(f"{command}: {message}\n")
        sys.__stderr__.flush()


class CommandOptions(Options):
    """
    Options of a command of C{twistd}.

    What is wrong is a C{UsageError}. Below C{twistd}, which answers such an error with all of its help on the standard
    output, it is a L{StartFailed}, and the message stands alone on the standard error output.

    @cvar command: The word behind C{twistd}.
    """

    command: ClassVar[str]

    @property
    def help(self) -> str:
        """Where to look."""
        return f"'twistd {self.command} --help' lists the options"

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """See L{Options.parseOptions}."""
        try:
            super().parseOptions(options)
        except UsageError as error:
            message = f"{error}{self._suggest(error.__context__)}"
            if self.parent is None:
                raise UsageError(message) from None
            sayLast(self.command, message)
            raise StartFailed(message) from None

    def _suggest(self, error: BaseException | None) -> str:
        if not isinstance(error, getopt.GetoptError):
            return ""
        close = difflib.get_close_matches(error.opt, [option.rstrip("=") for option in self.longOpt], 1)
        return f"; did you mean --{close[0]}?" if close and close[0] != error.opt else f"; {self.help}"

    def opt_version(self) -> NoReturn:
        """
        Print the version of jetjstp, and exit.
        """
        sys.stdout.write(f"jetjstp {__version__.public()}\n")
        sys.exit(0)
