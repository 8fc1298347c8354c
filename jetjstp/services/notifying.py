"""
Telling systemd how far we are: C{Type=notify}, C{Type=notify-reload} and its
watchdog, as sd_notify(3) describes them.
"""

from __future__ import annotations

import os
import socket
import time
from collections import deque
from collections.abc import Callable, MutableMapping

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

__all__ = ["Notifier", "notifierFromEnvironment"]

SOCKET_VARIABLE = "NOTIFY_SOCKET"
WATCHDOG_VARIABLE = "WATCHDOG_USEC"
WATCHDOG_PID_VARIABLE = "WATCHDOG_PID"

RETRY_SECONDS = 0.05
"""Until a manager that has not read what it was told is told more."""

MOST_UNSENT = 16
"""States that wait for it."""


class Notifier:
    """
    Sends states to a service manager. Without an address nothing is sent.

    A manager that is slow to read is told a little later, in the same order. That a state cannot be sent at all is one
    warning in the log, and no harm.
    """

    _log = Logger()

    def __init__(
        self,
        address: str | None,
        clock: IReactorTime,
        watchdog: float | None = None,
        monotonic: Callable[[], int] = time.monotonic_ns,
    ) -> None:
        """
        @param address: The path of a UNIX datagram socket; C{@} in front of it for an abstract one.
        @param watchdog: Seconds in which the manager wants to hear of us; L{None} for any. It hears twice as often.
        @param monotonic: Nanoseconds of C{CLOCK_MONOTONIC}.
        """
        self._address = address
        self._clock = clock
        self._watchdog = watchdog
        self._monotonic = monotonic
        self._call: IDelayedCall | None = None
        self._unsent: deque[bytes] = deque(maxlen=MOST_UNSENT)
        self._retry: IDelayedCall | None = None
        self._hasFailed = False

    def ready(self, status: str) -> None:
        """All of it runs. From now on the watchdog is told so, too, until L{stopping}."""
        self._send("READY=1", f"STATUS={_oneLine(status)}")
        if self._watchdog is not None and self._call is None and self._address is not None:
            self._call = self._clock.callLater(self._watchdog / 2, self._watch)

    def status(self, text: str) -> None:
        """What there is to say, for people."""
        self._send(f"STATUS={_oneLine(text)}")

    def reloading(self) -> None:
        """The configuration is being read anew; L{ready} is to follow."""
        self._send("RELOADING=1", f"MONOTONIC_USEC={self._monotonic() // 1000}")

    def stopping(self, status: str) -> None:
        """The end has begun."""
        self._send("STOPPING=1", f"STATUS={_oneLine(status)}")
        self.close()

    def close(self) -> None:
        """Tell the watchdog nothing more."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def _watch(self) -> None:
        assert self._watchdog is not None
        self._call = self._clock.callLater(self._watchdog / 2, self._watch)
        if not self._unsent:
            self._send("WATCHDOG=1")

    def _send(self, *lines: str) -> None:
        if self._address is not None:
            self._unsent.append("\n".join(lines).encode("utf-8", "replace"))
            if self._retry is None:
                self._flush(self._address)

    def _flush(self, name: str) -> None:
        self._retry = None
        address = "\0" + name[1:] if name.startswith("@") else name
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
                while self._unsent:
                    sender.sendto(self._unsent[0], address)
                    self._unsent.popleft()
        except BlockingIOError:
            # A state that is lost would be waited for, until the manager ends us.
            self._retry = self._clock.callLater(RETRY_SECONDS, self._flush, name)
        except (OSError, ValueError) as error:
            self._unsent.clear()
            if not self._hasFailed:
                self._hasFailed = True
                self._log.warn(
                    "the service manager cannot be told of us at {address}: {error}", address=name, error=error
                )


def _oneLine(text: str) -> str:
    return " ".join(text.split())


def notifierFromEnvironment(environment: MutableMapping[str, str], clock: IReactorTime) -> Notifier:
    """
    Make a notifier of what a service manager has put into the environment, and take it out: it is not for the
    processes that we may start.
    """
    address = environment.pop(SOCKET_VARIABLE, None)
    microseconds = environment.pop(WATCHDOG_VARIABLE, "")
    process = environment.pop(WATCHDOG_PID_VARIABLE, "")
    watchdog = None
    if microseconds.isdecimal() and int(microseconds) > 0 and process in ("", str(os.getpid())):
        watchdog = int(microseconds) / 1_000_000
    return Notifier(address or None, clock, watchdog)
