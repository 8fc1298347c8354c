"""
Where a node's log lines go.
"""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.smokesignal.buckets import Bucket

__all__ = ["NodeLog"]

METHODS = ("trace", "debug", "info", "warn", "error", "fatal")


class NodeLog:
    """
    The log of one node: L{twisted.logger}, or what its user gave. There is no line for each packet.

    @param logger: Has any of C{trace}, C{debug}, C{info}, C{warn}, C{error}, C{fatal}, which take a text; what is
        missing is not logged. L{None}: C{twisted.logger}.
    @raise TypeError: It has none of them.
    """

    _log = Logger()

    def __init__(self, logger: Any) -> None:
        if logger is not None and not any(callable(getattr(logger, name, None)) for name in METHODS):
            raise TypeError(f"logger must have methods such as info, warn and error, {logger!r} has none of them")
        self._logger = logger
        self._lines = Bucket(1.0, 10.0)
        self._leftOut = 0

    def debug(self, text: str) -> None:
        """What is of interest to who looks for a fault."""
        self._write("debug", text)

    def info(self, text: str) -> None:
        """What happens in the life of a node."""
        self._write("info", text)

    def often(self, text: str, now: float) -> None:
        """
        What others can make happen as often as they like: ten lines at once, then one a second, which tells how many
        were left out.
        """
        if not self._lines.take(now):
            self._leftOut += 1
            return
        if self._leftOut:
            text += f" ({self._leftOut} lines like it were left out)"
            self._leftOut = 0
        self.info(text)

    def warn(self, text: str) -> None:
        """What may need somebody's attention."""
        self._write("warn", text)

    def failure(self, text: str, failure: Failure) -> None:
        """What went wrong here."""
        if self._logger is None:
            self._log.failure("{text}", failure, text=text)
        else:
            self._write("error", f"{text}: {failure.getErrorMessage()}")

    def _write(self, level: str, text: str) -> None:
        if self._logger is None:
            getattr(self._log, level)("{text}", text=text)
            return
        method = getattr(self._logger, level, None)
        if method is not None:
            try:
                method(text)
            except Exception:
                self._log.failure("the logger of a node failed")
