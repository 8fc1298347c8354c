"""Tests for what the core says to clients of JSTP."""

from __future__ import annotations

import json

from msgspec import UNSET, Raw, UnsetType
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.gateway.dialect import JSTP, packed, wordOf
from jetjstp.gateway.jsontomdsf import LONGEST


def textOf(raw: Raw | UnsetType) -> bytes:
    """The text of what is there."""
    assert raw is not UNSET
    return bytes(raw)


class DialectTests(SynchronousTestCase):
    """Messages and frames."""

    def test_notification(self) -> None:
        """A notification is a list of arguments as it stands."""
        message = JSTP.prefix(b'"f"') + JSTP.changed("a", b"[1]") + JSTP.suffix
        self.assertEqual(message, b'["f",{"path":"a","event":"change","value":[1]}]')
        self.assertIs(packed(message), message)

    def test_routed(self) -> None:
        """Requests for owners say what they are."""
        word = wordOf(packed(JSTP.routedSet(b'"r1"', "a", b"2", b"true")))
        self.assertEqual((word.route, word.path, textOf(word.value), word.args), ("r1", "a", b"2", UNSET))
        word = wordOf(packed(JSTP.routedSet(None, "a", None, None)))
        self.assertEqual((word.route, word.value, word.valueAsResult), (None, UNSET, UNSET))
        word = wordOf(packed(JSTP.routedCall(b'"r2"', "m", None)))
        self.assertEqual((word.route, textOf(word.args)), ("r2", b"[]"))

    def test_answers(self) -> None:
        """Answers are those of node-jet."""
        self.assertEqual(textOf(wordOf(JSTP.result(b"5", b"[1]")).result), b"[1]")
        self.assertEqual(wordOf(JSTP.error(b"5", b"{}")).id, 5)

    def test_tooLong(self) -> None:
        """A value that is too long is left out, in windows as well."""
        long = b'"%b"' % (b"x" * LONGEST)
        self.assertEqual(
            packed(b"[1," + JSTP.added("a", long, True) + b"]"),
            b'[1,{"path":"a","event":"add","fetchOnly":true,"omitted":"too long for JSTP"}]',
        )
        window = JSTP.window([JSTP.entry("a", long, 1, False), JSTP.entry("m", None, 2, False)], 2)
        self.assertEqual(
            json.loads(packed(b'["f",' + window + b"]")),
            [
                "f",
                {
                    "n": 2,
                    "changes": [{"path": "a", "index": 1, "omitted": "too long for JSTP"}, {"path": "m", "index": 2}],
                },
            ],
        )

    def test_ended(self) -> None:
        """If that does not help, it is said that the fetch has ended."""
        entries = [JSTP.entry("x" * 4000 + str(index), b"1", index, False) for index in range(2200)]
        frame = packed(b'["f",' + JSTP.window(entries, len(entries)) + b"]")
        self.assertEqual(frame, b'!["f",[-32603,"Internal error",{"message":"too long for JSTP"}]]')
