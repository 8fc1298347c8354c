"""
A logger for Autobahn, which has much to say for each connection.
"""

from __future__ import annotations

from twisted.logger import Logger

__all__ = ["QuietLog"]


class QuietLog:
    """
    Passes on errors and drops the rest.

    What Autobahn warns of is anything that a peer may do wrong, a line each time. We report that ourselves, and not
    more often than anybody wants to read it.
    """

    def __init__(self, log: Logger) -> None:
        self.error = log.error
        self.critical = log.critical
        self.failure = log.failure

    def trace(self, *args: object, **values: object) -> None:
        """Drop it."""

    debug = info = warn = trace
