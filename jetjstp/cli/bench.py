"""
C{jetctl bench}: load, and what a daemon makes of it.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial
from time import perf_counter
from typing import Any

from twisted.internet.defer import Deferred, gatherResults
from twisted.python.usage import UsageError

from jetjstp import jet
from jetjstp.cli.command import Command
from jetjstp.cli.connecting import connection
from jetjstp.cli.exitcodes import TIMEOUT, CommandFailed
from jetjstp.cli.options import positive
from jetjstp.cli.output import Output

__all__ = ["Bench"]

KINDS = ("fanout", "set", "call")

CHANGES_AT_ONCE = 100
"""Changes that are sent before all fetchers have to have seen the last of them: so that nobody counts as slow."""

PROGRESS_EVERY = 0.2
"""Seconds."""


class Bench(Command):
    """Measures."""

    synopsis = "fanout|set|call"
    longdesc = (
        "Puts load on a daemon, and measures what it makes of it, with states and methods of its own that are gone "
        "afterwards. What this process needs is part of the figures, so they are a lower bound of what the daemon can "
        "do.\n\n"
        "fanout: one state changes, and many peers fetch it. set and call: one peer asks, another one answers, several "
        "requests being under way at a time."
    )
    optParameters = [
        ["requests", "n", 10_000, "How many changes, sets or calls. Default: 10000", partial(positive, "--requests")],
        ["fetchers", None, 20, "fanout: how many peers fetch. Default: 20", partial(positive, "--fetchers")],
        [
            "parallel",
            None,
            50,
            "set and call: how many requests are under way at a time. Default: 50",
            partial(positive, "--parallel"),
        ],
    ]
    metavars = {"requests": "N", "fetchers": "N", "parallel": "N"}
    examples = (
        ("jetctl bench fanout --fetchers 100", "Changes one state 10,000 times, for a hundred peers."),
        ("jetctl bench set --parallel 1", "Measures how long a single set takes."),
        ("jetctl bench call -n 50000 --json >>call.jsonl", "Keeps the figures."),
    )

    def takeArguments(self, kind: str) -> None:
        """Take what to measure."""
        if kind not in KINDS:
            raise UsageError(f"bench {kind}: there are {', '.join(KINDS)}")
        self.kind = kind

    async def run(self, reactor: Any, output: Output) -> None:
        """See L{Command.run}."""
        async with AsyncExitStack() as stack:
            count = 1 + (self["fetchers"] if self.kind == "fanout" else 1)
            peers = [await stack.enter_async_context(connection(self, reactor)) for _ in range(count)]
            progress = _Progress(output, self["requests"])
            path = f"jetctl/bench/{os.urandom(4).hex()}"
            if self.kind == "fanout":
                figures = await self._fanout(peers, path, progress, reactor)
            else:
                figures = await self._ask(peers[0], peers[1], path, progress)
        progress.clear()
        figures = {"bench": self.kind, "url": self["url"], **figures}
        if output.forPeople:
            output.table((name, _shown(value)) for name, value in figures.items())
        else:
            output.value(figures)

    async def _fanout(self, peers: list[jet.Peer], path: str, progress: _Progress, reactor: Any) -> dict[str, Any]:
        owner, fetchers = peers[0], peers[1:]
        state = jet.State(path, 0)
        await owner.add(state)
        views = [_Seen() for _ in fetchers]
        fetches = []
        for peer, view in zip(fetchers, views, strict=True):
            fetcher = jet.Fetcher().path("equals", path)
            fetcher.on("data", view.notified)
            fetches.append(peer.fetch(fetcher))
        await gatherResults(fetches, consumeErrors=True)
        for view in views:
            view.received = 0
        began = perf_counter()
        value = 0
        while value < self["requests"]:
            upTo = min(value + CHANGES_AT_ONCE, self["requests"])
            waiting = gatherResults([view.waitFor(upTo) for view in views])
            while value < upTo:
                value += 1
                state.setValue(value)
            waiting.addTimeout(self["timeout"], reactor, lambda *_: _late("notifications", self["timeout"]))
            await waiting
            progress.show(value)
        seconds = perf_counter() - began
        notifications = sum(view.received for view in views)
        return {
            "fetchers": len(fetchers),
            "changes": self["requests"],
            "notifications": notifications,
            "seconds": round(seconds, 3),
            "perSecond": round(notifications / seconds),
        }

    async def _ask(self, owner: jet.Peer, asker: jet.Peer, path: str, progress: _Progress) -> dict[str, Any]:
        if self.kind == "set":
            state = jet.State(path, 0)
            state.on("set", jet.State.acceptAny)
            await owner.add(state)
        else:
            method = jet.Method(path)
            method.on("call", lambda number: number)
            await owner.add(method)
        timeout = self["timeout"]

        def ask(number: int) -> Deferred[Any]:
            if self.kind == "set":
                return asker.set(path, number, timeout=timeout)
            return asker.call(path, [number], timeout=timeout)

        times: list[float] = []
        began = perf_counter()
        await _manyTimes(ask, self["requests"], self["parallel"], times, progress)
        seconds = perf_counter() - began
        times.sort()
        return {
            "requests": len(times),
            "parallel": self["parallel"],
            "seconds": round(seconds, 3),
            "perSecond": round(len(times) / seconds),
            **{f"p{percent}": round(times[len(times) * percent // 100], 6) for percent in (50, 95, 99)},
            "most": round(times[-1], 6),
        }


async def _manyTimes(
    ask: Callable[[int], Deferred[Any]], count: int, parallel: int, times: list[float], progress: _Progress
) -> None:
    """Ask so often, so many at a time; note how long each answer took."""
    numbers = iter(range(count))

    async def oneAfterTheOther() -> None:
        for number in numbers:
            began = perf_counter()
            await ask(number)
            times.append(perf_counter() - began)
            progress.show(len(times))

    workers = [Deferred.fromCoroutine(oneAfterTheOther()) for _ in range(min(parallel, count))]
    everything = gatherResults(workers, consumeErrors=True)
    await everything


def _late(what: str, timeout: float) -> Any:
    raise CommandFailed(TIMEOUT, f"the {what} did not come within {timeout:g} s; wait longer with --timeout")


class _Seen:
    """What one fetcher has seen."""

    def __init__(self) -> None:
        self.received = 0
        self._value = 0
        self._wanted = 0
        self._waiting: Deferred[None] | None = None

    def notified(self, news: jet.Notification) -> None:
        """Take a notification."""
        self.received += 1
        self._value = news.value
        if self._waiting is not None and self._value >= self._wanted:
            waiting, self._waiting = self._waiting, None
            waiting.callback(None)

    def waitFor(self, value: int) -> Deferred[None]:
        """Fires when that value is there."""
        self._wanted = value
        self._waiting = Deferred()
        return self._waiting


class _Progress:
    """Shows how far it is, now and then."""

    def __init__(self, output: Output, total: int) -> None:
        self._output = output
        self._total = total
        self._next = 0.0

    def show(self, done: int) -> None:
        """So many are done."""
        now = perf_counter()
        if now >= self._next:
            self._next = now + PROGRESS_EVERY
            self._output.progress(f"{done} of {self._total} ({done * 100 // self._total} %)")

    def clear(self) -> None:
        """It is over."""
        self._output.endProgress()


def _shown(value: Any) -> str:
    if isinstance(value, float):
        return f"{value * 1000:.3f} ms" if value < 1 else f"{value:.3f} s"
    return f"{value:,}" if isinstance(value, int) else str(value)
