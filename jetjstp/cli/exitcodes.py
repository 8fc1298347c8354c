"""
How a command ends: its exit codes.
"""

from __future__ import annotations

__all__ = [
    "DONE",
    "EXIT_CODES",
    "FAILED",
    "INTERRUPTED",
    "NO_CONNECTION",
    "REFUSED",
    "TIMEOUT",
    "USAGE",
    "CommandFailed",
]

DONE = 0
FAILED = 1
USAGE = 2
NO_CONNECTION = 3
TIMEOUT = 4
REFUSED = 5
INTERRUPTED = 130

EXIT_CODES = (
    (DONE, "done"),
    (FAILED, "daemon or owner answered with an error, or the output is not writable"),
    (USAGE, "the command line is wrong"),
    (NO_CONNECTION, "no connection to the daemon"),
    (TIMEOUT, "no answer in time"),
    (REFUSED, "refused: the login, or access"),
    (INTERRUPTED, "interrupted"),
)


class CommandFailed(Exception):
    """
    A command cannot do what it is there for; the message says why, and what to do.

    @ivar code: The exit code.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
