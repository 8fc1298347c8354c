"""
A JSTP client that accounts for all that it and its servers say: each call, and
each event, in both directions.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple
from unittest import TestCase

from twisted.internet.interfaces import IDelayedCall

from jetjstp import jstp

__all__ = ["Caller", "Logged", "readLog"]

MOST = 1_000_000
"""Numbers of one client."""


class Logged(NamedTuple):
    """A line of the log that servers share: what ran where."""

    what: str
    number: int
    server: str


def readLog(path: Path) -> list[Logged]:
    """All that servers have logged, see C{takingserver.py}."""
    lines = [line.split() for line in path.read_text().splitlines()]
    return [Logged(what, int(number), server) for what, number, server in lines]


class Caller:
    """
    One client.

    @ivar outcomes: By its number, what became of a call: the result, or the exception.
    @ivar times: By its number, when it was sent.
    @ivar echoes: The events that came, one for each that was sent.
    @ivar asked: The numbers of the calls that servers have made here.
    @ivar lost: What C{sessionLost} has told.
    """

    def __init__(self, reactor: Any, index: int, where: Callable[[], str]) -> None:
        """
        @param where: Tells the address to reconnect to.
        """
        self._reactor = reactor
        self._first = index * MOST
        self._where = where
        self._attempt: IDelayedCall | None = None
        self.sent = 0
        self.outcomes: dict[int, Any] = {}
        self.times: dict[int, float] = {}
        self.echoes: list[int] = []
        self.asked: list[int] = []
        self.lost: list[Any] = []
        self.connection: jstp.Connection = None  # type: ignore[assignment]

    async def connect(self) -> None:
        """Connect; from now on, whenever the connection is lost, it is made again."""

        def reconnector(connection: jstp.Connection, reconnect: Any) -> None:
            self._attempt = self._reactor.callLater(0.02, lambda: reconnect(self._where()))

        def ask(connection: jstp.Connection, number: int) -> int:
            self.asked.append(number)
            return number

        mine = jstp.Application(
            "client", {"i": {"ask": ask}}, {"i": {"echo": lambda connection, number: self.echoes.append(number)}}
        )
        self.connection = await jstp.net.connect("app", jstp.Client(mine, reconnector=reconnector), self._where())
        self.connection.on("sessionLost", self.lost.append)

    async def close(self) -> None:
        """End it."""
        if self.connection is not None:
            await self.connection.close()
        if self._attempt is not None and self._attempt.active():
            self._attempt.cancel()

    def send(self) -> None:
        """Send a call and an event."""
        number = self._first + self.sent
        self.sent += 1
        self.times[number] = self._reactor.seconds()
        calling = self.connection.callMethod("i", "double", [number])
        calling.addCallbacks(lambda results: results[0], lambda failure: failure.value)
        calling.addCallback(lambda outcome: self.outcomes.__setitem__(number, outcome))
        self.connection.emitRemoteEvent("i", "say", [number])

    @property
    def last(self) -> int:
        """The number of what was sent last."""
        return self._first + self.sent - 1

    @property
    def isIdle(self) -> bool:
        """Whether it is known what became of each call."""
        return len(self.outcomes) == self.sent

    @property
    def answered(self) -> int:
        """How many calls have their result."""
        return sum(not isinstance(outcome, Exception) for outcome in self.outcomes.values())

    def mine(self, log: list[Logged], what: str) -> list[tuple[int, str]]:
        """What ran of mine, and where, in order."""
        return [(number, server) for kind, number, server in log if kind == what and number // MOST == self.index]

    @property
    def index(self) -> int:
        """Which of the clients it is."""
        return self._first // MOST

    def numbers(self) -> list[int]:
        """All that was sent."""
        return list(range(self._first, self._first + self.sent))

    def checkCalls(self, test: TestCase, log: list[Logged]) -> None:
        """Each call has an end, and ran once if it was answered; none ran twice, here neither."""
        calls = [number for number, _ in self.mine(log, "call")]
        test.assertEqual(sorted(self.outcomes), self.numbers())
        test.assertEqual(len(calls), len(set(calls)), "a call has run twice")
        for number, outcome in self.outcomes.items():
            if isinstance(outcome, Exception):
                test.assertIsInstance(outcome, jstp.CallbackLost)
            else:
                test.assertEqual(outcome, 2 * number)
                test.assertIn(number, calls)
        test.assertEqual(len(self.asked), len(set(self.asked)), "a call of a server has run twice")
        answered = [number for number, _ in self.mine(log, "answered")]
        test.assertEqual(len(answered), len(set(answered)))
        test.assertLessEqual(set(answered), set(self.asked))

    def check(self, test: TestCase, log: list[Logged]) -> None:
        """
        The promise of C{"always"}. Beside L{checkCalls}: events arrive once and in order; some may be missing only
        where one server took over from another, of what came back to us only the last that a server has said.
        """
        test.assertEqual(self.lost, [])
        self.checkCalls(test, log)
        events = self.mine(log, "event")
        numbers = [number for number, _ in events]
        test.assertEqual(numbers, sorted(set(numbers)), "events came twice, or out of order")
        test.assertEqual(self.echoes, sorted(set(self.echoes)), "echoes came twice, or out of order")
        test.assertLessEqual(set(self.echoes), set(numbers))
        echoes = set(self.echoes)
        servers = []
        for server, group in groupby(events, lambda event: event[1]):
            run = [number for number, _ in group]
            servers.append(server)
            test.assertEqual(run, list(range(run[0], run[-1] + 1)), f"{server} has skipped events")
            came = [number for number in run if number in echoes]
            test.assertEqual(came, run[: len(came)], f"of {server}, echoes are missing in between")
            asked = {number for number in came if number % 7 == 0}
            test.assertLessEqual(asked - {came[-1]} if came else set(), set(self.asked))
        test.assertEqual(len(servers), len(set(servers)), "a server went on after another had taken over")
        # Nothing has happened to the last server.
        test.assertEqual((numbers[-1:], self.echoes[-1:]), ([self.last], [self.last]))
        test.assertEqual(self.outcomes[self.last], 2 * self.last)

    def checkComplete(self, test: TestCase, log: list[Logged]) -> None:
        """Beside L{check}: no event is missing, in either direction."""
        self.check(test, log)
        test.assertEqual([number for number, _ in self.mine(log, "event")], self.numbers())
        test.assertEqual(self.echoes, self.numbers())
        test.assertEqual(self.asked, [number for number in self.numbers() if number % 7 == 0])
