"""
The figures as states under C{$daemon/}.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.figure import Figure
from jetjstp.jet.daemon import Daemon
from jetjstp.metrics.figures import Figures

__all__ = ["StatusStates", "statesOf"]

INTERVAL = 1.0
"""Seconds between two looks at the figures."""


class StatusStates:
    """
    Keeps a state of a daemon for each figure, for users who have a group among their C{fetchGroups}. They are looked at
    once a second, and told of if they have changed.

    C{$daemon/} is followed by the name of the figure; the first words of those of JSTP servers are a folder. A figure
    with a label is an object with a member for each word: C{$daemon/peers} is C{{"stream": 2, "websocket": 0, ...}},
    C{$daemon/jstp/sessions} is C{{"connected": 1, "away": 0}}.

    @raise ValueError: The group is no text, or empty.
    """

    _log = Logger()

    def __init__(self, daemon: Daemon, figures: Figures, group: str, reactor: IReactorTime) -> None:
        self._states = daemon.ownStates(group)
        self._figures = figures
        self._hasFailed = False
        self._loop = LoopingCall(self._update)
        self._loop.clock = reactor

    def start(self) -> None:
        """Show the figures from now on. Once more is no harm."""
        if not self._loop.running:
            self._loop.start(INTERVAL)

    def stop(self) -> None:
        """Show nothing any more. Once more is no harm."""
        if self._loop.running:
            self._loop.stop()
        self._states.clear()

    def _update(self) -> None:
        try:
            self._states.update(statesOf(self._figures.read()))
        except Exception:
            # A loop that fails would end without a word; and it is not to fill the log each second.
            if not self._hasFailed:
                self._hasFailed = True
                self._log.failure("the states of the daemon could not be updated", failure=Failure())
        else:
            self._hasFailed = False


def statesOf(figures: Sequence[Figure]) -> dict[str, Any]:
    """What is shown, by path without C{$daemon/}."""
    states: dict[str, Any] = {}
    for figure in figures:
        system, _, name = figure.name.partition("_")
        path = name if system == "jet" else f"{system}/{name}"
        if figure.labels:
            states.setdefault(path, {})[",".join(value for _, value in figure.labels)] = figure.value
        else:
            states[path] = figure.value
    return states
