"""Tests of L{jetjstp.jstp.errors}, L{jetjstp.jstp.results} and L{jetjstp.jstp.limits}."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, fields
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.errors import LocalProtocolError
from jetjstp.jstp import errors
from jetjstp.jstp.errors import (
    DEFAULT_MESSAGES,
    BufferFull,
    CallbackLost,
    ConnectionNotOpen,
    HandshakeTimeout,
    InspectError,
    InvalidAnswer,
    NoHandshakeResponse,
    RemoteError,
    SessionTaken,
)
from jetjstp.jstp.limits import DEEPEST, LONGEST, Limits
from jetjstp.jstp.mdsf.undefined import UNDEFINED
from jetjstp.jstp.results import Results

values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.just(UNDEFINED),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


class RemoteErrorTests(SynchronousTestCase):
    """L{RemoteError}."""

    def test_sentence(self) -> None:
        """A message in the place of the code is refused; a word may be a code."""
        self.assertIn("RemoteError(100, 'no room')", str(self.assertRaises(TypeError, RemoteError, "no room")))
        self.assertEqual(RemoteError("E_ROOM").code, "E_ROOM")

    def test_toList(self) -> None:
        """What is sent has a message and info only where they say more than the code does."""
        for error, sent in [
            (RemoteError(77), [77]),
            (RemoteError(77, "77"), [77]),
            (RemoteError(50, "custom message"), [50, "custom message"]),
            (RemoteError(50, "with info", [{"a": 1}, 2]), [50, "with info", {"a": 1}, 2]),
            (RemoteError(50, None, ["only info"]), [50, "50", "only info"]),
            (RemoteError(50, "no info", []), [50, "no info"]),
            (RemoteError(11), [11]),
            (RemoteError(11, "Authentication failed"), [11]),
            (RemoteError(11, "Account locked"), [11, "Account locked"]),
            (RemoteError(17, None, ["name"]), [17, "Invalid signature", "name"]),
            (RemoteError("E_TEXT"), ["E_TEXT"]),
            (RemoteError(50, ""), [50]),
        ]:
            self.assertEqual(error.toList(), sent)

    def test_fromList(self) -> None:
        """What was received gives code, message and info; what is missing follows from the code."""
        cases: list[tuple[list[Any], Any, Any, Any]] = [
            ([11], 11, "Authentication failed", None),
            ([11, "Account locked"], 11, "Account locked", None),
            ([50], 50, "50", None),
            ([50, "text"], 50, "text", None),
            ([50, "text", {"a": 1}, 2], 50, "text", ({"a": 1}, 2)),
            ([50, None, 5], 50, "50", (5,)),
            ([50, UNDEFINED], 50, "50", None),
            ([50, ""], 50, "50", None),
            ([], 16, "Internal API error", None),
            ([0], 0, "0", None),
            ([-1], -1, "Connection closed before receiving callback", None),
            (["E_TEXT"], "E_TEXT", "E_TEXT", None),
            ([[1], [2]], [1], [2], None),
        ]
        for received, code, message, info in cases:
            error = RemoteError.fromList(received)
            self.assertEqual((error.code, error.message, error.info), (code, message, info))
            self.assertIs(type(error), RemoteError)

    def test_defaults(self) -> None:
        """Each code of the protocol has a default message, another one has itself for a message."""
        codes = {value for name, value in vars(errors).items() if name.startswith("ERR_")}
        self.assertEqual(codes, set(DEFAULT_MESSAGES))
        self.assertEqual(codes, {-1, -2, 10, 11, 12, 13, 14, 15, 16, 17})
        for code in codes:
            self.assertEqual(RemoteError(code).message, DEFAULT_MESSAGES[code])
        self.assertEqual(RemoteError(99).message, "99")

    def test_zero(self) -> None:
        """The code that npm's peers take for no error is refused, and a remedy named."""
        for zero in [0, 0.0, -0.0]:
            self.assertIn("another number", str(self.assertRaises(ValueError, RemoteError, zero)))

    def test_infoIsCopied(self) -> None:
        """Info is a tuple of its own."""
        info = [1]
        error = RemoteError(50, "text", info)
        info.append(2)
        self.assertEqual(error.info, (1,))
        self.assertIsNone(RemoteError(50).info)

    def test_text(self) -> None:
        """As text, an error is its message and code."""
        self.assertEqual(str(RemoteError(50, "custom")), "custom (50)")
        self.assertEqual(str(RemoteError(50)), "50")
        self.assertEqual(str(RemoteError(11)), "Authentication failed (11)")
        self.assertEqual(str(RemoteError.fromList([[1], {"a": 2}])), "{'a': 2} ([1])")

    def test_copies(self) -> None:
        """Copies and pickles are the same error."""
        for error in [RemoteError(50, "text", [{"a": 1}]), RemoteError(11), CallbackLost(), InvalidAnswer("odd")]:
            for again in [copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))]:
                self.assertIs(type(again), type(error))
                self.assertEqual((again.code, again.message, again.info), (error.code, error.message, error.info))
                self.assertEqual(str(again), str(error))

    def test_connectionIsNotCopied(self) -> None:
        """A copy of an error has the same connection as the error."""
        connection = object()
        error = InspectError(connection, {}, {"a": RemoteError(12)})
        self.assertIs(copy.copy(error).connection, connection)

    @given(st.lists(values, max_size=4))
    def test_anyList(self, received: list[Any]) -> None:
        """Whatever list a peer sends is an error that can be shown and sent on."""
        error = RemoteError.fromList(received)
        self.assertIsInstance(str(error), str)
        again = RemoteError.fromList(error.toList())
        self.assertEqual(repr((again.code, again.message, again.info)), repr((error.code, error.message, error.info)))


class KindTests(SynchronousTestCase):
    """The errors that are known by their class."""

    def test_local(self) -> None:
        """What a lost connection gives has the codes that the protocol reserves for it."""
        self.assertEqual((CallbackLost().code, NoHandshakeResponse().code), (-1, -2))
        self.assertEqual(CallbackLost().message, "Connection closed before receiving callback")
        self.assertEqual(NoHandshakeResponse().message, "Connection closed before receiving handshake")
        self.assertEqual(CallbackLost("the session expired").message, "the session expired")

    def test_invalidAnswer(self) -> None:
        """An answer that is none counts as an error of the other side."""
        self.assertEqual(InvalidAnswer("odd").toList(), [16, "odd"])

    def test_inspectError(self) -> None:
        """The error of several interfaces is that of the first, and has what did work."""
        proxies, failures = {"a": object()}, {"b": RemoteError(12, "gone", [1]), "c": RemoteError(50)}
        error = InspectError("connection", proxies, failures)
        self.assertEqual((error.code, error.message, error.info), (12, "gone", (1,)))
        self.assertEqual((error.connection, error.proxies, error.errors), ("connection", proxies, failures))

    def test_classes(self) -> None:
        """Errors can be caught as what they are."""
        self.assertTrue(issubclass(HandshakeTimeout, TimeoutError))
        for kind in [BufferFull, ConnectionNotOpen]:
            self.assertTrue(issubclass(kind, LocalProtocolError))
        self.assertFalse(issubclass(SessionTaken, RemoteError))


class ResultsTests(SynchronousTestCase):
    """L{Results}."""

    def test_isATuple(self) -> None:
        """Results are a tuple of what they were made of."""
        results = Results(1, "two", [3])
        self.assertEqual(results, (1, "two", [3]))
        self.assertEqual(list(Results()), [])
        self.assertEqual(Results(None)[0], None)
        self.assertEqual(Results([1, 2]), ([1, 2],))

    def test_repr(self) -> None:
        """Results are shown as they are made."""
        self.assertEqual(repr(Results(1, "two")), "Results(1, 'two')")
        self.assertEqual(repr(Results()), "Results()")

    def test_copies(self) -> None:
        """Copies and pickles are results, too."""
        results = Results(1, [2])
        for again in [copy.copy(results), copy.deepcopy(results), pickle.loads(pickle.dumps(results))]:
            self.assertIs(type(again), Results)
            self.assertEqual(again, results)


class LimitsTests(SynchronousTestCase):
    """L{Limits}."""

    def test_defaults(self) -> None:
        """The defaults are those of the documentation."""
        limits = Limits()
        self.assertEqual(limits.message, 8_388_608)
        self.assertEqual(limits.messageBeforeHandshake, 65_536)
        self.assertEqual((limits.depth, limits.handshakeTimeout), (200, 3.0))
        self.assertEqual((limits.unauthenticated, limits.unauthenticatedPerAddress), (1000, 100))
        self.assertEqual((limits.runningCalls, limits.unsent), (1000, 16_777_216))
        self.assertEqual((limits.bufferMessages, limits.bufferBytes), (10_000, 16_777_216))

    def test_refused(self) -> None:
        """What is not positive, or no number of the right kind, is refused by name."""
        wrong: list[Any] = [0, -1, None, "5", True, float("nan")]
        for field in fields(Limits):
            for value in wrong:
                error = self.assertRaises(ValueError, Limits, **{field.name: value})
                self.assertIn(f"limit {field.name} must be", str(error))
            if not field.name.endswith("Timeout"):
                self.assertRaises(ValueError, Limits, **{field.name: 1.5})

    def test_milliseconds(self) -> None:
        """Times that can only be milliseconds are refused, and what was meant is named."""
        error = self.assertRaises(ValueError, Limits, handshakeTimeout=3000)
        self.assertIn("handshakeTimeout", str(error))
        self.assertIn("did you mean 3.0?", str(error))
        self.assertRaises(ValueError, Limits, acknowledgeTimeout=float("inf"))
        self.assertEqual(Limits(handshakeTimeout=LONGEST).handshakeTimeout, LONGEST)
        self.assertEqual(Limits(handshakeTimeout=1).handshakeTimeout, 1)

    def test_depth(self) -> None:
        """Nesting is bounded by what the parser can do."""
        self.assertEqual(Limits(depth=DEEPEST).depth, DEEPEST)
        self.assertIn(str(DEEPEST), str(self.assertRaises(ValueError, Limits, depth=DEEPEST + 1)))

    def test_frozen(self) -> None:
        """Limits do not change."""
        limits: Any = Limits()
        with self.assertRaises(FrozenInstanceError):
            limits.depth = 5
