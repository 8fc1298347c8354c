"""
C{jetctl watch}: what changes.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure
from twisted.python.usage import UsageError

from jetjstp import jet
from jetjstp.cli.columns import padded, widthOf
from jetjstp.cli.command import Command
from jetjstp.cli.connecting import connection
from jetjstp.cli.exitcodes import TIMEOUT, CommandFailed
from jetjstp.cli.options import positive
from jetjstp.cli.output import Output
from jetjstp.cli.selecting import SelectingOptions, parseSort

__all__ = ["Watch"]

MARKS = {"add": ("+++", "green"), "remove": ("---", "red"), "change": ("===", "yellow")}

WIDEST_PATH = 40
"""Columns of the paths; longer ones push their values to the right."""

DEFAULT_LIMIT = 10

PROGRESS_EVERY = 500
"""Elements after which the progress is shown anew."""


class Watch(SelectingOptions, Command):
    """Follows elements."""

    synopsis = ""
    longdesc = (
        "Prints what is there, and then every change, until interrupted: +++ for what comes, === for what changes, --- "
        "for what goes, or has changed so that the conditions are no longer met. For programs, objects with event, "
        'path and value; methods have no value but "method": true.\n\n'
        "With --sort it prints the first elements in that order, all of them whenever one changes: for programs, an "
        "array of objects with index, path and value.\n\n"
        "If the connection is lost it comes back by itself, and prints what has changed in the meantime."
    )
    optParameters = [
        ["prefix", "p", None, "Only paths that begin with this"],
        ["equals", None, None, "Only this path"],
        [
            "sort",
            None,
            None,
            "Sort by path, value or value.FIELD; values are numbers, or what is given as in value.name:string",
        ],
        [
            "limit",
            None,
            None,
            f"With --sort: how many to print. Default: {DEFAULT_LIMIT}",
            partial(positive, "--limit"),
        ],
        ["count", "n", None, "End after so many events, or with --sort, so many lists", partial(positive, "--count")],
        ["initial", None, "yes", "Whether to print what is there at the beginning. Default: yes"],
    ]
    optFlags = [["descending", "d", "With --sort: the greatest first"]]
    choices = {"initial": ("yes", "no")}
    metavars = {"prefix": "TEXT", "equals": "PATH", "sort": "WHAT", "limit": "N", "count": "N"}
    examples = (
        ("jetctl watch --prefix devices/", "Follows what is below devices/."),
        (
            "jetctl watch --where 'value.temp>20' --sort value.temp --descending --limit 3",
            "Keeps showing the three warmest of those above 20.",
        ),
        (
            "jetctl watch --equals door --initial no --count 1 && beep",
            "Waits until something happens to the door.",
        ),
    )

    def postOptions(self) -> None:
        """See L{Command.postOptions}."""
        super().postOptions()
        if self["initial"] not in ("yes", "no"):
            raise UsageError(f"--initial {self['initial']}: write yes or no")
        self._rule = self.rule(startsWith=self["prefix"], equals=self["equals"])
        if self["sort"] is not None:
            last = self["limit"] or DEFAULT_LIMIT
            self._rule["sort"] = {
                **parseSort(self["sort"]),
                "from": 1,
                "to": last,
                "descending": bool(self["descending"]),
            }
        elif self["limit"] or self["descending"]:
            raise UsageError(f"--{'limit' if self['limit'] else 'descending'} needs --sort: say what to sort by")
        self.subject = self["equals"] or self["prefix"]

    async def run(self, reactor: Any, output: Output) -> None:
        """See L{Command.run}."""
        async with connection(self, reactor, output, reconnect=True) as peer:
            fetcher = jet.Fetcher().expression(self._rule)
            view = _View(output, self["count"], self["initial"] == "yes")
            fetcher.on("data", view.listShown if self["sort"] else view.notified)
            waiting = peer.fetch(fetcher)
            # A big bus may take its time, but it is not silent.
            silence = reactor.callLater(self["timeout"], waiting.cancel)
            view.heard = lambda: silence.reset(self["timeout"])
            waiting.addBoth(_stopTimer, silence)
            waiting.addErrback(_explained, self["timeout"])
            waiting.addCallbacks(view.complete, view.failed)
            try:
                await view.finished
            finally:
                waiting.cancel()


def _stopTimer(result: Any, timer: IDelayedCall) -> Any:
    if timer.active():
        timer.cancel()
    return result


def _explained(failure: Failure, timeout: float) -> NoReturn:
    failure.trap(CancelledError)
    raise CommandFailed(TIMEOUT, f"nothing more came within {timeout:g} s; wait longer with --timeout")


class _View:
    """
    Prints what is told.

    @ivar finished: Fires when enough was printed; fails with what prevents more.
    @ivar heard: Called while what is there at the beginning comes.
    """

    heard: Callable[[], object]

    def __init__(self, output: Output, count: int | None, showsInitial: bool) -> None:
        self.finished: Deferred[None] = Deferred()
        self._output = output
        self._left = count
        self._isInitial = True
        self._showsInitial = showsInitial
        self._seen = 0
        self._width = 0
        self._rowsShown = 0

    def complete(self, _: object) -> None:
        """What was there at the beginning has been told."""
        self._isInitial = False
        self._output.endProgress()

    def failed(self, failure: Failure) -> None:
        """The fetch is not possible."""
        if not self.finished.called:
            self.finished.errback(failure)

    def notified(self, news: jet.Notification) -> None:
        """Print one event."""
        self._print(lambda: self._printNews(news))

    def listShown(self, entries: list[jet.Entry]) -> None:
        """Print a list."""
        self._print(lambda: self._printList(entries))

    def _print(self, show: Callable[[], None]) -> None:
        if self.finished.called:
            return
        if self._isInitial:
            self.heard()
            self._seen += 1
            if self._seen % PROGRESS_EVERY == 0 and not (self._output.forPeople and self._showsInitial):
                self._output.progress(f"{self._seen} elements so far")
            if not self._showsInitial:
                return
        try:
            show()
        except Exception:
            # What is raised here would be taken for a fault of a handler.
            self.finished.errback(Failure())
            return
        if self._left is not None:
            self._left -= 1
            if self._left == 0:
                self.finished.callback(None)

    def _printNews(self, news: jet.Notification) -> None:
        output = self._output
        if not output.forPeople:
            record: dict[str, Any] = {"event": news.event, "path": news.path}
            output.value(record | ({"method": True} if news.isMethod else {"value": news.value}))
            return
        mark, colour = MARKS[news.event]
        path = output.safe(news.path)
        value = "" if news.isMethod or news.event == "remove" else output.safe(output.textOf(news.value))
        self._width = min(max(self._width, widthOf(path)), WIDEST_PATH)
        output.line(f"{output.coloured(mark, colour)} {padded(path, self._width)}  {value}".rstrip())

    def _printList(self, entries: list[jet.Entry]) -> None:
        output = self._output
        if not output.forPeople:
            output.value([_record(entry) for entry in entries])
            return
        output.erase(self._rowsShown)
        rows = [
            (str(entry.index), entry.path, "" if entry.isMethod else output.textOf(entry.value)) for entry in entries
        ]
        output.table(rows or [("nothing",)])
        # What has scrolled away cannot be written over.
        self._rowsShown = min(len(rows) or 1, output.rows - 1)


def _record(entry: jet.Entry) -> dict[str, Any]:
    record: dict[str, Any] = {"index": entry.index, "path": entry.path}
    return record | ({"method": True} if entry.isMethod else {"value": entry.value})
