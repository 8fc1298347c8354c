"""
Tests for L{jetjstp.emitter}.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, fail
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.emitter import Emitter
from jetjstp.rarefailures import FULL


class Bell(Emitter):
    """Something that rings."""

    events = frozenset({"ring", "error"})


class Heard:
    """Remembers what it was called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def listen(self, *args: object) -> None:
        """Remember."""
        self.calls.append(args)


class EmitterTests(SynchronousTestCase):
    """Adding, removing, telling."""

    def setUp(self) -> None:
        self.bell = Bell()
        self.heard = Heard()

    def test_on(self) -> None:
        """A listener is returned by C{on}, and called with what each event carries."""
        listener = self.heard.listen
        self.assertIs(self.bell.on("ring", listener), listener)
        self.assertTrue(self.bell.emit("ring", 1, 2))
        self.assertTrue(self.bell.emit("ring"))
        self.assertEqual(self.heard.calls, [(1, 2), ()])

    def test_decorator(self) -> None:
        """Without a listener, C{on} and C{once} are decorators that leave the function as it is."""

        @self.bell.on("ring")
        def always(number: int) -> None:
            self.heard.listen("always", number)

        @self.bell.once("ring")
        def first(number: int) -> None:
            self.heard.listen("first", number)

        self.bell.emit("ring", 1)
        self.bell.emit("ring", 2)
        always(3)
        self.assertEqual(self.heard.calls, [("always", 1), ("first", 1), ("always", 2), ("always", 3)])

    def test_nobody(self) -> None:
        """An event that nobody listens to is told to nobody, and that is returned."""
        self.assertFalse(self.bell.emit("ring"))
        self.bell.off("ring", self.bell.on("ring", self.heard.listen))
        self.assertFalse(self.bell.emit("ring"))

    def test_off(self) -> None:
        """A listener that is removed hears nothing more; a bound method may be named anew."""
        self.bell.on("ring", self.heard.listen)
        self.bell.off("ring", self.heard.listen)
        self.bell.off("ring", self.heard.listen)
        self.bell.emit("ring")
        self.assertEqual(self.heard.calls, [])

    def test_twice(self) -> None:
        """A listener that was added twice is called twice, and has to be removed twice."""
        self.bell.on("ring", self.heard.listen)
        self.bell.on("ring", self.heard.listen)
        self.bell.emit("ring")
        self.bell.off("ring", self.heard.listen)
        self.bell.emit("ring")
        self.assertEqual(len(self.heard.calls), 3)

    def test_once(self) -> None:
        """A listener for one event hears one, even if it causes the next; it can be removed before."""

        def ringAgain() -> None:
            self.heard.listen("once")
            self.bell.emit("ring")

        self.bell.once("ring", ringAgain)
        self.bell.emit("ring")
        self.bell.once("ring", self.heard.listen)
        self.bell.off("ring", self.heard.listen)
        self.bell.emit("ring")
        self.assertEqual(self.heard.calls, [("once",)])

    def test_changesMeanwhile(self) -> None:
        """A listener that is added during an event waits for the next; one that is removed is not called any more."""

        def change() -> None:
            self.bell.on("ring", added.listen)
            self.bell.off("ring", removed.listen)

        added, removed = Heard(), Heard()
        self.bell.on("ring", change)
        self.bell.on("ring", removed.listen)
        self.bell.emit("ring")
        self.assertEqual((added.calls, removed.calls), ([], []))
        self.bell.emit("ring")
        self.assertEqual((added.calls, removed.calls), ([()], []))

    def test_unknownName(self) -> None:
        """An event that the class does not have is refused everywhere, and the message names those that it has."""
        for attempt in (
            lambda: self.bell.on("rign", self.heard.listen),
            lambda: self.bell.on("rign"),
            lambda: self.bell.once("rign", self.heard.listen),
            lambda: self.bell.off("rign", self.heard.listen),
            lambda: self.bell.emit("rign"),
        ):
            error = self.assertRaises(ValueError, attempt)
            self.assertEqual(str(error), "Bell has no event 'rign'; it has: error, ring")

    def test_notCallable(self) -> None:
        """What cannot be called is refused when it is added, not when it is needed."""
        self.assertRaises(TypeError, self.bell.on, "ring", 5)


class FailureTests(SynchronousTestCase):
    """Listeners that fail."""

    def setUp(self) -> None:
        self.bell = Bell()
        self.heard = Heard()

    def ring(self) -> list[BaseException]:
        """Ring, with another listener behind, which must hear it. Return what was logged."""
        self.bell.on("ring", self.heard.listen)
        self.bell.emit("ring")
        self.assertEqual(self.heard.calls, [()])
        return [failure.value for failure in self.flushLoggedErrors(ZeroDivisionError)]

    def test_raises(self) -> None:
        """What a listener raises is logged, and the others are called."""
        self.bell.on("ring", lambda: 1 // 0)
        self.assertEqual(len(self.ring()), 1)

    def test_deferredFails(self) -> None:
        """A Deferred that fails, now or later, is logged."""
        later: Deferred[None] = Deferred()
        self.bell.on("ring", lambda: fail(ZeroDivisionError()))
        self.bell.on("ring", lambda: later)
        self.assertEqual(len(self.ring()), 1)
        later.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_coroutine(self) -> None:
        """A coroutine runs without anybody waiting for it, and its failure is logged."""
        later: Deferred[int] = Deferred()

        @self.bell.on("ring")
        async def listen() -> None:
            self.heard.listen(await later)
            raise ZeroDivisionError

        self.assertEqual(self.ring(), [])
        later.callback(5)
        self.assertEqual(self.heard.calls, [(), (5,)])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_unheardError(self) -> None:
        """An error that nobody listens to is logged, as an exception or as a Failure."""
        self.assertFalse(self.bell.emit("error", ZeroDivisionError("a")))
        self.bell.emit("error", Failure(ZeroDivisionError("b")))
        self.assertEqual([str(failure.value) for failure in self.flushLoggedErrors(ZeroDivisionError)], ["a", "b"])

    def test_unheardText(self) -> None:
        """An error that is no exception is logged as it is."""
        with capturedLogs() as events:
            self.bell.emit("error", "no battery", 5)
        self.assertEqual(
            [formatEvent(event) for event in events],
            ["Bell had an error, and nobody listens: ('no battery', 5)"],
        )

    def test_heardError(self) -> None:
        """An error that somebody listens to is not logged."""
        error = ZeroDivisionError()
        self.bell.on("error", self.heard.listen)
        self.bell.emit("error", error)
        self.assertEqual(self.heard.calls, [(error,)])
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_failsAgainAndAgain(self) -> None:
        """A listener that always fails does not fill the log, and the other listeners are told each time."""

        def listener() -> None:
            raise ZeroDivisionError

        self.bell.on("ring", listener)
        self.bell.on("ring", self.heard.listen)
        for _ in range(10 * FULL):
            self.bell.emit("ring")
        self.assertEqual(len(self.heard.calls), 10 * FULL)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), FULL)
