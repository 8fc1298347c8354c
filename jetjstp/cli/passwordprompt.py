"""
Passwords: from the environment, a file, or a person, and never from the command
line, which everybody on the machine can read.
"""

from __future__ import annotations

import getpass
import os
import stat
import sys
from collections.abc import Mapping

from twisted.python.usage import UsageError

from jetjstp.cli.output import Output

__all__ = ["PASSWORD_VARIABLE", "askForPassword", "hasTerminal", "passwordOf"]

PASSWORD_VARIABLE = "JETCTL_PASSWORD"

LONGEST = 64 * 1024
"""Bytes that are read of a password file; who names a big file by mistake must not wait for it."""


def passwordOf(user: str, url: str, file: str | None, environment: Mapping[str, str], output: Output) -> str:
    """
    The password of a user: from the file if there is one, else from the environment, else from the terminal.

    @raise UsageError: There is none; the message says how to give one.
    """
    if file is not None:
        return _firstLine(file, output)
    if PASSWORD_VARIABLE in environment:
        return environment[PASSWORD_VARIABLE]
    if not hasTerminal():
        raise UsageError(
            f"--user {user}: there is no terminal to ask for the password; "
            f"give it in {PASSWORD_VARIABLE} or with --password-file"
        )
    return askForPassword(f"Password of {user} at {url}: ")


def _firstLine(name: str, output: Output) -> str:
    try:
        with open(name, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read(LONGEST).decode("utf-8")
    except OSError as error:
        raise UsageError(f"--password-file {name}: {error.strerror}; name a file whose first line is it") from None
    except UnicodeDecodeError:
        raise UsageError(f"--password-file {name}: not UTF-8 text; save it as UTF-8") from None
    lines = text.splitlines()
    if not lines or not lines[0]:
        raise UsageError(f"--password-file {name}: its first line is empty; write the password there")
    if stat.S_ISREG(mode) and mode & 0o077:
        output.say(f"{name} can be read by others; 'chmod 600 {name}' keeps it to yourself")
    return lines[0]


def hasTerminal() -> bool:
    """Whether there is a person to be asked, even if the standard input is something else."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return sys.stdin is not None and sys.stdin.isatty()
    return True


def askForPassword(prompt: str) -> str:
    """
    Ask the person at the terminal.

    @raise UsageError: The answer is the end of the input.
    """
    try:
        return getpass.getpass(prompt, stream=sys.stderr)
    except EOFError:
        raise UsageError("no password was given") from None
