"""Tests of L{jetjstp.jstp.calling}."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, fail, inlineCallbacks, succeed
from twisted.logger import ILogObserver, LogEvent, eventAsText, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import provider

from jetjstp.jstp.calling import Failed, Outcome, callEventHandler, invoke
from jetjstp.jstp.errors import (
    ERR_AUTH_FAILED,
    ERR_INTERNAL_API_ERROR,
    ERR_INVALID_SIGNATURE,
    CallbackLost,
    InvalidAnswer,
    RemoteError,
)
from jetjstp.jstp.mdsf.undefined import UNDEFINED
from jetjstp.jstp.results import EncodedResults, Results
from jetjstp.rarefailures import FULL

Answer = tuple[list[Any] | None, list[Any] | None]

SECRET = "correct horse"

RAISED: list[tuple[RemoteError, list[Any]]] = [
    (RemoteError(77), [77]),
    (RemoteError(50, "custom message"), [50, "custom message"]),
    (RemoteError(50, "with info", [{"a": 1}, 2]), [50, "with info", {"a": 1}, 2]),
    (RemoteError(ERR_AUTH_FAILED), [11]),
    (RemoteError(ERR_AUTH_FAILED, "Account locked"), [11, "Account locked"]),
    (RemoteError(ERR_INVALID_SIGNATURE, "Bad field", ["name"]), [17, "Bad field", "name"]),
    (InvalidAnswer("the other side is confused"), [16, "the other side is confused"]),
]


class LogMixin:
    """Reads what is logged."""

    logged: list[str]

    def watchLog(self: Any) -> None:
        """Collect what is logged from now on, as it would be printed."""
        self.logged = []

        @provider(ILogObserver)
        def observe(event: LogEvent) -> None:
            self.logged.append(eventAsText(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)


class InvokeTests(LogMixin, SynchronousTestCase):
    """L{invoke}."""

    def setUp(self) -> None:
        """Collect the answers."""
        self.answers: list[Answer] = []
        self.watchLog()

    def invoke(self, method: Callable[..., Any], *args: Any) -> list[Answer]:
        """Call a method for a connection that is called C{connection}; the answers until now."""
        outcome = invoke(method, "connection", list(args), "calc", "divide")
        if isinstance(outcome, Deferred):
            outcome.addCallback(self.answered)
        else:
            self.answered(outcome)
        return self.answers

    def answered(self, outcome: Outcome) -> None:
        """Note an answer: the results, or the error."""
        self.answers.append((None, list(outcome)) if isinstance(outcome, Failed) else (outcome, None))

    def assertFailedInternally(self, kind: type[BaseException]) -> None:
        """There is one answer, error 16, and the log says which method it was, but not what it was given."""
        self.assertEqual(self.answers, [(None, [ERR_INTERNAL_API_ERROR])])
        self.assertEqual(len(self.flushLoggedErrors(kind)), 1)
        self.assertEqual(len(self.logged), 1)
        self.assertIn("calc.divide", self.logged[0])
        self.assertNotIn(SECRET, self.logged[0])

    def test_encoded(self) -> None:
        """Results that are encoded already stay so, now and later."""
        results = EncodedResults(b"[1]")
        self.assertIs(invoke(lambda connection: results, "connection", [], "i", "m"), results)
        later = invoke(lambda connection: succeed(results), "connection", [], "i", "m")
        assert isinstance(later, Deferred)
        self.assertIs(self.successResultOf(later), results)

    def test_arguments(self) -> None:
        """A method gets the connection, then the arguments."""
        self.assertEqual(self.invoke(lambda *given: Results(*given), 1, None), [(["connection", 1, None], None)])

    def test_values(self) -> None:
        """A value is the only result, whatever it is."""
        for value in [42, 1.5, "text", "", 0, False, True, [], [1, 2], {}, {"a": None}, (), (1, 2), b"b", object()]:
            self.answers.clear()
            [(results, error)] = self.invoke(lambda connection, value=value: value)
            assert results is not None
            self.assertIsNone(error)
            self.assertEqual(len(results), 1)
            self.assertIs(results[0], value)

    def test_nothing(self) -> None:
        """None and undefined are no result."""
        self.assertEqual(self.invoke(lambda connection: None), [([], None)])
        self.assertEqual(self.invoke(lambda connection: UNDEFINED)[1:], [([], None)])

    def test_results(self) -> None:
        """Results are the results, in a list of their own."""
        self.assertEqual(self.invoke(lambda connection: Results(1, "two", [3])), [([1, "two", [3]], None)])
        self.assertEqual(self.invoke(lambda connection: Results())[1:], [([], None)])
        self.assertEqual(self.invoke(lambda connection: Results(None))[2:], [([None], None)])
        self.assertEqual([type(results) for results, _ in self.answers], [list, list, list])

    def test_remoteErrors(self) -> None:
        """A RemoteError is the answer, and nothing is logged."""
        for error, sent in RAISED:
            self.answers.clear()
            self.assertEqual(self.invoke(self.raising(error)), [(None, sent)])
            self.assertEqual(self.invoke(lambda connection, error=error: fail(error))[1:], [(None, sent)])
        self.assertEqual(self.logged, [])

    def raising(self, error: BaseException) -> Callable[..., Any]:
        """A method that fails at once."""

        def method(connection: Any, *args: Any) -> Any:
            raise error

        return method

    def test_exception(self) -> None:
        """Any other exception is logged; the peer is only told that there was one."""
        self.invoke(self.raising(ZeroDivisionError("division by zero")), SECRET)
        self.assertFailedInternally(ZeroDivisionError)

    def test_manyExceptions(self) -> None:
        """A peer that calls a failing method again and again gets its answers, and does not fill the log."""
        method = self.raising(ZeroDivisionError("x"))
        for _ in range(10 * FULL):
            self.invoke(method, SECRET)
            self.invoke(lambda connection, *args: fail(ZeroDivisionError("x")))  # another function each time
        self.assertEqual(self.answers, [(None, [ERR_INTERNAL_API_ERROR])] * (20 * FULL))
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 11 * FULL)

    def test_exceptionsThatAreNone(self) -> None:
        """A method ends neither the connection nor the process."""
        for kind in [SystemExit, GeneratorExit, asyncio.CancelledError]:
            self.answers.clear()
            self.logged.clear()
            self.invoke(self.raising(kind()), SECRET)
            self.assertFailedInternally(kind)

    def test_keyboard(self) -> None:
        """Whoever stops the program from the keyboard stops it."""
        self.assertRaises(KeyboardInterrupt, self.invoke, self.raising(KeyboardInterrupt()))

    def test_deferred(self) -> None:
        """A Deferred is waited for, its result is treated like any other."""
        for value, results in [(5, [5]), (None, []), (UNDEFINED, []), (Results(1, 2), [1, 2]), ([1], [[1]])]:
            self.answers.clear()
            waiting: Deferred[Any] = Deferred()
            self.assertEqual(self.invoke(lambda connection, waiting=waiting: waiting), [])
            waiting.callback(value)
            self.assertEqual(self.answers, [(results, None)])

    def test_deferredThatHasFired(self) -> None:
        """A Deferred that has a result already is answered at once."""
        self.assertEqual(self.invoke(lambda connection: succeed(5)), [([5], None)])

    def test_deferredFails(self) -> None:
        """A Deferred that fails is logged and answered with error 16."""
        waiting: Deferred[Any] = Deferred()
        self.invoke(lambda connection, password: waiting, SECRET)
        waiting.errback(ZeroDivisionError("division by zero"))
        self.assertFailedInternally(ZeroDivisionError)

    def test_cancelled(self) -> None:
        """A Deferred that is cancelled is answered, too."""
        waiting: Deferred[Any] = Deferred()
        self.invoke(lambda connection, password: waiting, SECRET)
        waiting.cancel()
        self.assertFailedInternally(CancelledError)

    def test_coroutine(self) -> None:
        """A coroutine is run, and may wait for Deferreds."""
        waiting: Deferred[int] = Deferred()

        async def method(connection: Any, summand: int) -> int:
            return await waiting + summand

        self.assertEqual(self.invoke(method, 2), [])
        waiting.callback(3)
        self.assertEqual(self.answers, [([5], None)])

    def test_coroutineWithoutResult(self) -> None:
        """A coroutine that returns nothing has no results, even if it never waits."""

        async def method(connection: Any) -> None: ...

        self.assertEqual(self.invoke(method), [([], None)])

    def test_coroutineFails(self) -> None:
        """A coroutine that raises something is logged and answered with error 16."""

        async def method(connection: Any, password: str) -> None:
            raise ZeroDivisionError("division by zero")

        self.invoke(method, SECRET)
        self.assertFailedInternally(ZeroDivisionError)

    def test_coroutineRemoteError(self) -> None:
        """A RemoteError of a coroutine is the answer."""

        async def method(connection: Any) -> None:
            await succeed(None)
            raise RemoteError(51, "async remote")

        self.assertEqual(self.invoke(method), [(None, [51, "async remote"])])

    def test_otherCoroutines(self) -> None:
        """Coroutines are known by what they can do, as those of compiled modules have types of their own."""

        class Other(Coroutine[Any, Any, int]):
            def send(self, value: Any) -> Any:
                raise StopIteration(5)

            def throw(self, *error: Any) -> Any:
                raise error[0]

            def close(self) -> None: ...

            def __await__(self) -> Any:
                return iter([])

        self.assertEqual(self.invoke(lambda connection: Other()), [([5], None)])

    def test_inlineCallbacks(self) -> None:
        """Methods in the older style work, too."""

        @inlineCallbacks
        def method(connection: Any) -> Any:
            value = yield succeed(5)
            return value + 1

        self.assertEqual(self.invoke(method), [([6], None)])

    def test_lost(self) -> None:
        """What was lost on the way to somebody else is no answer of ours: these codes are never sent."""
        self.assertEqual(self.invoke(self.raising(CallbackLost())), [(None, [ERR_INTERNAL_API_ERROR])])
        self.assertEqual(len(self.logged), 1)


class EventTests(LogMixin, SynchronousTestCase):
    """L{callEventHandler}."""

    def setUp(self) -> None:
        """Collect what is logged."""
        self.watchLog()

    def call(self, handler: Callable[..., Any], *args: Any) -> None:
        """Tell a handler."""
        callEventHandler(handler, "connection", list(args), "calc", "note")

    def assertLogged(self, kind: type[BaseException]) -> None:
        """The failure is in the log, with the name of the event and without its arguments."""
        self.assertEqual(len(self.flushLoggedErrors(kind)), 1)
        self.assertEqual(len(self.logged), 1)
        self.assertIn("calc.note", self.logged[0])
        self.assertNotIn(SECRET, self.logged[0])

    def test_arguments(self) -> None:
        """A handler gets the connection, then the arguments; what it returns does not matter."""
        told: list[Any] = []

        def handler(*given: Any) -> Any:
            told.append(given)
            return given

        self.call(handler, 1, None)
        self.assertEqual(told, [("connection", 1, None)])

    def test_raises(self) -> None:
        """What a handler raises is logged, be it a RemoteError: nobody waits for an answer."""
        for error in [ZeroDivisionError("x"), RemoteError(50), SystemExit()]:

            def handler(connection: Any, password: str, error: BaseException = error) -> None:
                raise error

            self.logged.clear()
            self.call(handler, SECRET)
            self.assertLogged(type(error))

    def test_manyFailures(self) -> None:
        """A peer that sends an event again and again whose handler fails does not fill the log."""

        def handler(connection: Any) -> None:
            raise ZeroDivisionError

        async def coroutine(connection: Any) -> None:
            raise ZeroDivisionError

        for _ in range(10 * FULL):
            self.call(handler)
            self.call(coroutine)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 2 * FULL)

    def test_keyboard(self) -> None:
        """Whoever stops the program from the keyboard stops it."""

        def handler(connection: Any) -> None:
            raise KeyboardInterrupt

        self.assertRaises(KeyboardInterrupt, self.call, handler)

    def test_deferred(self) -> None:
        """A Deferred that fails is logged."""
        waiting: Deferred[Any] = Deferred()
        self.call(lambda connection, password: waiting, SECRET)
        waiting.errback(ZeroDivisionError("x"))
        self.assertLogged(ZeroDivisionError)

    def test_coroutine(self) -> None:
        """A coroutine is run, and logged if it fails."""
        told: list[Any] = []
        waiting: Deferred[Any] = Deferred()

        async def handler(connection: Any, password: str) -> None:
            told.append(await waiting)
            raise ZeroDivisionError("x")

        self.call(handler, SECRET)
        waiting.callback(5)
        self.assertEqual(told, [5])
        self.assertLogged(ZeroDivisionError)

    def test_quiet(self) -> None:
        """A handler that does its work is not worth a line in the log."""

        async def handler(connection: Any) -> None: ...

        self.call(handler)
        self.call(lambda connection: succeed(5))
        self.assertEqual(self.logged, [])
