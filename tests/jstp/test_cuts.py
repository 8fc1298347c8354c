"""
Nothing lost, nothing twice: a conversation that is cut at every point arrives
as it was sent.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp.applications import Application
from jetjstp.jstp.errors import CallbackLost
from jetjstp.jstp.session import Session
from jetjstp.storage.memory import SimpleSessionStorageProvider
from tests.jstp.pairs import DOWN, UP, Direction, Pair

BEAT = 0.05
"""Seconds between the things that are said."""


class Side:
    """
    What one side has sent, and what has reached it.

    @ivar sent: What was called once or told, in order.
    @ivar repeated: Which of them are calls that may be repeated.
    @ivar received: What came of what the other side has sent, in order; of calls that may be repeated only the first.
    @ivar runs: How often each call was run here.
    @ivar answers: What came of each call: a value, or the type of the error.
    @ivar asked: How many answers there must be.
    """

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.repeated: set[Any] = set()
        self.received: list[Any] = []
        self.runs: Counter[Any] = Counter()
        self.answers: dict[Any, Any] = {}
        self.asked = 0


class Conversation:
    """Calls and events in both directions."""

    def __init__(self, cuts: dict[Direction, list[int]] | None = None, **options: Any) -> None:
        self.client, self.server = Side(), Side()
        self.pair = Pair(self._application("app", self.server), self._application("client", self.client), **options)
        self.pair.connect()
        for direction, positions in (cuts or {}).items():
            first = len(self.pair.passed[direction])
            self.pair.cuts[direction] = [first + position for position in positions]

    def _application(self, name: str, side: Side) -> Application:
        def run(number: int) -> None:
            side.runs[number] += 1
            if side.runs[number] == 1:
                side.received.append(number)

        def now(connection: Any, number: int) -> int:
            run(number)
            return 2 * number

        def later(connection: Any, number: int) -> Deferred[int]:
            run(number)
            return deferLater(self.pair.clock, 1.5 * BEAT, lambda: 2 * number)

        def told(connection: Any, number: int) -> None:
            side.received.append(number)

        return Application(name, {"i": {"now": now, "later": later}}, {"i": {"told": told}})

    def _ask(self, side: Side, connection: Any, method: str, number: int, isRepeated: bool = False) -> None:
        ask = connection.callMethodWithResend if isRepeated else connection.callMethod
        self._await(side, number, ask("i", method, [number]))

    def _await(self, side: Side, key: Any, answer: Deferred[Any]) -> None:
        def failed(failure: Any) -> None:
            side.answers[key] = failure.type

        side.asked += 1
        answer.addCallbacks(lambda result: side.answers.__setitem__(key, result), failed)

    def talk(self) -> None:
        """Say everything, then wait until all is answered."""
        pair = self.pair
        numbers = count(1)
        for round in range(4):
            for side, name in ((self.client, "connection"), (self.server, "served")):
                if getattr(pair, name).isOver:
                    continue
                for method in ("now", "later"):
                    number = next(numbers)
                    side.sent.append(number)
                    self._ask(side, getattr(pair, name), method, number)
                for _ in range(2):
                    number = next(numbers)
                    side.sent.append(number)
                    getattr(pair, name).emitRemoteEvent("i", "told", [number])
                pair.wait(BEAT)
                if getattr(pair, name).isOver:
                    continue
                number = next(numbers)
                side.sent.append(number)
                side.repeated.add(number)
                self._ask(side, getattr(pair, name), ("now", "later")[round % 2], number, True)
                self._await(side, ("ping", round), getattr(pair, name).ping())
            self._await(self.client, ("inspect", round), pair.connection.inspectInterface("i"))
            pair.wait(BEAT)
        pair.waitUntil(self.isDone)

    def isDone(self) -> bool:
        """Whether everything has arrived, and is answered."""
        sides = (self.client, self.server), (self.server, self.client)
        return all(len(a.answers) == a.asked and len(b.received) >= len(a.sent) for a, b in sides)


class CutTestCase(SynchronousTestCase):
    """
    Compares what arrives with what was sent.

    @cvar mayForget: Whether the server may forget a client, and its own calls with it.
    """

    mayForget = False

    def check(self, conversation: Conversation) -> None:
        """Nothing is lost, nothing is there twice, and who has called knows what has come of it."""
        for a, b in ((conversation.client, conversation.server), (conversation.server, conversation.client)):
            self.assertEqual(b.received, a.sent)
            self.assertEqual(len(a.answers), a.asked)
            for key, answer in a.answers.items():
                if not isinstance(key, int):
                    continue
                isRepeated = key in a.repeated
                if isRepeated and not (self.mayForget and a is conversation.server):
                    self.assertEqual(answer, [2 * key])
                else:
                    self.assertEqual(b.runs[key], 1)
                    self.assertIn(answer, ([2 * key], CallbackLost))

    def talk(self, cuts: dict[Direction, list[int]], isServerTold: bool = True, **options: Any) -> Conversation:
        """Hold a conversation that is cut."""
        conversation = Conversation(cuts, **options)
        conversation.pair.isServerTold = isServerTold
        conversation.talk()
        self.check(conversation)
        return conversation

    def uncut(self) -> dict[Direction, bytes]:
        """What passes in each direction if nothing is cut, without the first handshake."""
        conversation = Conversation()
        first = {direction: len(conversation.pair.passed[direction]) for direction in (UP, DOWN)}
        conversation.talk()
        self.check(conversation)
        self.assertNotIn(CallbackLost, [*conversation.client.answers.values(), *conversation.server.answers.values()])
        return {direction: bytes(conversation.pair.passed[direction][first[direction] :]) for direction in (UP, DOWN)}


class SingleCutTests(CutTestCase):
    """One cut."""

    def cutEverywhere(self, direction: Direction, isServerTold: bool, step: int) -> None:
        """Cut at the end of each message, just before and behind it, and at other points."""
        stream = self.uncut()[direction]
        positions = set(range(0, len(stream), step))
        for end in (index for index, byte in enumerate(stream) if not byte):
            positions |= {end, end + 1, end + 2}
        for position in sorted(positions):
            conversation = self.talk({direction: [position]}, isServerTold)
            if position < len(stream):
                self.assertEqual(len(conversation.pair.wires), 2, position)

    def test_up(self) -> None:
        """Wherever the client's messages are cut, all that is said arrives once and in order."""
        self.cutEverywhere(UP, True, 5)

    def test_down(self) -> None:
        """Wherever the server's messages are cut, all that is said arrives once and in order."""
        self.cutEverywhere(DOWN, True, 5)

    def test_upUnnoticed(self) -> None:
        """The same, if the old socket of the server is still open when the client comes back."""
        self.cutEverywhere(UP, False, 97)

    def test_downUnnoticed(self) -> None:
        """The same, where the server's messages are cut."""
        self.cutEverywhere(DOWN, False, 97)


class SlowStorage:
    """A session storage whose answers take a while."""

    def __init__(self, clock: Clock, seconds: float) -> None:
        self._clock = clock
        self._seconds = seconds
        self._storage = SimpleSessionStorageProvider(reactor=clock)

    def _later(self, method: Callable[..., Any], *args: Any) -> Deferred[Any]:
        return deferLater(self._clock, self._seconds, method, *args)

    def get(self, id: str) -> Deferred[Any]:
        return self._later(self._storage.get, id)

    def set(self, id: str, session: Session) -> Deferred[Any]:
        return self._later(self._storage.set, id, session)

    def take(self, id: str, server: str) -> Deferred[Any]:
        return self._later(self._storage.take, id, server)

    def record(self, id: str, epoch: int, entries: Sequence[Any]) -> Deferred[Any]:
        return self._later(self._storage.record, id, epoch, entries)

    def release(self, id: str, epoch: int) -> Deferred[Any]:
        return self._later(self._storage.release, id, epoch)


positions = st.lists(st.integers(0, 1500), max_size=5).map(sorted)


class ManyCutsTests(CutTestCase):
    """Several cuts in one conversation, some of them while the session is being restored."""

    @settings(max_examples=100, deadline=None, derandomize=True)
    @given(positions, positions, st.booleans())
    def test_anywhere(self, up: list[int], down: list[int], isServerTold: bool) -> None:
        """However often and wherever the connection is cut, all that is said arrives once and in order."""
        self.talk({UP: up, DOWN: down}, isServerTold)

    def test_duringRestores(self) -> None:
        """The connection may be cut at any point while the session is restored, and what is buffered sent again."""
        for first in (150, 400, 700):
            for distance in range(0, 200, 7):
                self.talk({UP: [first, first + distance]}, bool(distance % 2))
                self.talk({DOWN: [first, first + distance]}, bool(distance % 2))

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(positions, positions, st.booleans(), st.sampled_from([0.0, 0.01, 0.12]))
    def test_recorded(self, up: list[int], down: list[int], isServerTold: bool, seconds: float) -> None:
        """The same, if the server records what it receives and sends before that has an effect, and that takes time."""
        clock = Clock()
        self.talk(
            {UP: up, DOWN: down},
            isServerTold,
            clock=clock,
            sessionDurability="always",
            sessionStorageProvider=SlowStorage(clock, seconds),
        )


class TextStorage:
    """Keeps sessions as texts."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def get(self, id: str) -> Session | None:
        return Session.fromString(self.texts[id]) if id in self.texts else None

    def set(self, id: str, session: Session) -> None:
        self.texts[id] = session.toString()


class StoredTests(CutTestCase):
    """Sessions that come from the storage."""

    mayForget = True

    @settings(max_examples=60, deadline=None, derandomize=True)
    @given(positions, positions, st.sampled_from([None, "handover", "always"]))
    def test_forgotten(self, up: list[int], down: list[int], durability: str | None) -> None:
        """A client that the server has forgotten meanwhile gets on with the session that was stored."""
        clock = Clock()
        storage = SimpleSessionStorageProvider(reactor=clock)
        options: dict[str, Any] = {
            "clientExpirationTime": 0.1,
            "sessionStorageProvider": storage,
            "sessionDurability": durability,
        }
        self.talk({UP: up, DOWN: down}, clock=clock, **options)

    @settings(max_examples=30, deadline=None, derandomize=True)
    @given(positions, positions)
    def test_text(self, up: list[int], down: list[int]) -> None:
        """The same with a storage that does not keep the sessions themselves."""
        self.talk({UP: up, DOWN: down}, clientExpirationTime=0.1, sessionStorageProvider=TextStorage())

    def test_toldWhileAway(self) -> None:
        """What a client was told between the loss of its connection and its being forgotten is stored, too."""
        told: list[Any] = []
        handlers = {"i": {"told": lambda connection, number: told.append(number)}}
        pair = Pair(
            Application("app", {}),
            Application("client", {}, handlers),
            clientExpirationTime=0.5,
            sessionStorageProvider=TextStorage(),
        )
        pair.connect()
        pair.isServerAway = True
        pair.cut()
        pair.settle()
        pair.served.emitRemoteEvent("i", "told", [1])
        pair.wait(1.0)
        self.assertTrue(pair.served.isOver)
        pair.isServerAway = False
        pair.wait(1.0)
        self.assertEqual(told, [1])
