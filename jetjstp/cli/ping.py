"""
C{jetctl ping}: round-trip times.
"""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import Any

from twisted.internet.task import deferLater

from jetjstp.cli.command import Command
from jetjstp.cli.connecting import answerTo, connection
from jetjstp.cli.options import positive, seconds
from jetjstp.cli.output import Output

__all__ = ["Ping"]


class Ping(Command):
    """Measures how long the daemon takes to answer."""

    longdesc = (
        "Asks the daemon for its info, again and again, and prints how long each answer took. Times are milliseconds "
        "for people, and seconds for programs."
    )
    optParameters = [
        ["count", "n", 5, "How often. Default: 5", partial(positive, "--count")],
        ["interval", None, 1.0, "How long to wait between. Default: 1", partial(seconds, "--interval")],
    ]
    metavars = {"interval": "SECONDS", "count": "N"}
    examples = (
        ("jetctl ping", "Asks five times, a second between."),
        ("jetctl ping --count 1 --quiet --timeout 1 >/dev/null || echo down", "Tests whether a daemon answers."),
        ("jetctl ping -n 100 --interval 0.01 --json | jq -s 'map(.seconds)|max'", "Finds the slowest of many answers."),
    )

    async def run(self, reactor: Any, output: Output) -> None:
        """See L{Command.run}."""
        times: list[float] = []
        async with connection(self, reactor) as peer:
            for number in range(1, self["count"] + 1):
                if times:
                    await deferLater(reactor, self["interval"])
                began = perf_counter()
                await answerTo(peer.request("info"), self, reactor, self["url"])
                times.append(perf_counter() - began)
                if output.forPeople:
                    output.line(f"{number:>4}  {times[-1] * 1000:8.3f} ms")
                else:
                    output.value({"number": number, "seconds": round(times[-1], 6)})
        shown = " / ".join(f"{each * 1000:.3f}" for each in (min(times), sum(times) / len(times), max(times)))
        output.say(f"{self['url']}: least / mean / most {shown} ms")
