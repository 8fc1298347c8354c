"""Tests of L{jetjstp.jstp.messages}."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp.mdsf import UNDEFINED, decodeMessage
from jetjstp.jstp.messages import (
    Rejected,
    callText,
    checkName,
    eventText,
    failureText,
    handshakeFailure,
    handshakeRequest,
    handshakeSuccess,
    inspectText,
    numberOf,
    pingText,
    pongText,
    successText,
    withoutSecrets,
)


class WritingTests(SynchronousTestCase):
    """What messages look like."""

    def test_texts(self) -> None:
        """The kind comes first, then the verb, which is bare where it can be."""
        for text, expected in (
            (callText(3, "auth", "newAccount", b"[1]"), b'{call:[3,"auth"],newAccount:[1]}'),
            (callText(-3, "a b", "two words", b"[]"), b'{call:[-3,"a b"],"two words":[]}'),
            (eventText(1, "i", "e", b"[]"), b'{event:[1,"i"],e:[]}'),
            (inspectText(1, "i"), b'{inspect:[1,"i"]}'),
            (pingText(-1), b"{ping:[-1]}"),
            (pongText(4), b"{pong:[4]}"),
            (successText(4, b"[]"), b"{callback:[4],ok:[]}"),
            (failureText(4, b"[16]"), b"{callback:[4],error:[16]}"),
            (handshakeSuccess("x"), b'{handshake:[0],ok:"x"}'),
            (handshakeSuccess(5), b"{handshake:[0],ok:5}"),
            (handshakeFailure(1, [15]), b"{handshake:[1],error:[15]}"),
        ):
            self.assertEqual(text, expected)

    def test_handshakeRequests(self) -> None:
        """A version and a strategy are left out if there is none; credentials are not."""
        for arguments, expected in (
            (("app", None, None, None), b'{handshake:[0,"app"]}'),
            (("app", "^1", None, None), b'{handshake:[0,"app","^1"]}'),
            (("app", None, "login", ["u", ""]), b'{handshake:[0,"app"],login:["u",""]}'),
            (("app", None, "session", ["id", 3]), b'{handshake:[0,"app"],session:["id",3]}'),
        ):
            self.assertEqual(handshakeRequest(*arguments), expected)

    @given(st.text(min_size=1), st.text(), st.integers(-99, 99))
    def test_readable(self, verb: str, target: str, id: int) -> None:
        """Whatever the names are, the message is read as it was meant, or refused before it is sent."""
        try:
            text = callText(id, target, verb, b"[1]")
        except ValueError:
            return
        self.assertEqual(list(decodeMessage(text).items()), [("call", [id, target]), (verb, [1])])

    def test_badNames(self) -> None:
        """Names that would hide the kind, or move to the front of a message, are refused; so is what is no text."""
        for name in ("call", "0", "7", "123"):
            self.assertRaises(ValueError, checkName, "call", name)
        for kind, name in (("call", "event"), ("event", "call"), ("call", "-1"), ("call", "01"), ("call", "1.5")):
            checkName(kind, name)
        bad: Any
        for bad in (5, None, b"m"):
            self.assertRaises(TypeError, checkName, "call", bad)
            self.assertRaises(TypeError, inspectText, 1, bad)
        self.assertRaises(ValueError, handshakeRequest, "app", None, "handshake", [])


class ReadingTests(SynchronousTestCase):
    """What is checked."""

    def test_numbers(self) -> None:
        """A header begins with an integer, however it is written, that peers can count up to."""
        for header, number in (([3], 3), ([-3, "i"], -3), ([2.0], 2), ([-0.0], 0), ([2**53 - 1], 2**53 - 1)):
            self.assertEqual(numberOf(header), number)

    def test_noNumbers(self) -> None:
        """Everything else is rejected, fatally."""
        headers: list[Any] = [None, [], {}, 5, "5", [None], ["1"], [True], [1.5], [float("nan")], [2**53], [1e300]]
        for header in [*headers, [float("inf")], [[1]], UNDEFINED, [UNDEFINED]]:
            with self.assertRaises(Rejected) as caught:
                numberOf(header)
            self.assertTrue(caught.exception.isFatal)

    def test_secrets(self) -> None:
        """Of a handshake neither passwords nor session ids can be logged; other messages are left alone."""
        for message in (
            {"handshake": [0, "app"], "login": ["user", "secret"]},
            {"handshake": [0], "ok": "secret"},
            {"login": "secret", "handshake": [0, "app"]},
        ):
            self.assertNotIn("secret", repr(withoutSecrets(message)))
        message = {"call": [1, "i"], "m": ["public"]}
        self.assertIs(withoutSecrets(message), message)
