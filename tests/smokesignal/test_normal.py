"""
The normal form of JSON, and the hash.
"""

from __future__ import annotations

import json
from math import inf, nan

from hypothesis import given, settings
from hypothesis import strategies as some
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.smokesignal.normal import Reader, digest, encode, numberText, write
from tests.smokesignal.recordings import VECTORS

VALUES = some.recursive(
    some.none()
    | some.booleans()
    | some.integers(-(2**53), 2**53)
    | some.floats(allow_nan=False, allow_infinity=False)
    | some.text(),
    lambda inner: (
        some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=3) | some.from_regex("[0-9]{1,11}"), inner)
    ),
    max_leaves=12,
)


class NormalFormTests(SynchronousTestCase):
    """What JavaScript writes, written by us."""

    def test_vectors(self) -> None:
        """All recorded texts are read, written and hashed as by Node.js; what was written is read as the same."""
        lines = (VECTORS / "hash.jsonl").read_text("utf-8").splitlines()
        self.assertEqual(len(lines), 99)
        reader = Reader()
        for line in lines:
            case = json.loads(line)
            value = reader.read(case["input"])
            for text in (reader.normal(value), write(value)):
                self.assertEqual(encode(text), case["json"].encode(), case["name"])
                self.assertEqual(digest(text), case["md5"], case["name"])
            again = reader.read(case["json"])
            self.assertEqual(encode(reader.normal(again)), case["json"].encode(), case["name"])

    @settings(max_examples=150, deadline=None)
    @given(VALUES)
    def test_roundTrip(self, value: object) -> None:
        """What is written is read as the same value, and both writers write that alike."""
        reader = Reader()
        text = encode(write(value)).decode()
        read = reader.read(text)
        self.assertEqual(read, value)
        self.assertEqual(encode(reader.normal(read)).decode(), text)
        self.assertEqual(encode(write(read)).decode(), text)

    @settings(max_examples=150, deadline=None)
    @given(VALUES)
    def test_fastAndExact(self, value: object) -> None:
        """Of any text of the same value, the fast writer makes what the exact one makes."""
        reader = Reader()
        read = reader.read(json.dumps(value, indent=1))
        self.assertEqual(encode(reader.normal(read)), encode(write(value)))

    def test_numbers(self) -> None:
        """Numbers are laid out as in JavaScript at each border."""
        for number, text in (
            (1e21, "1e+21"),
            (1e20, "100000000000000000000"),
            (1e-6, "0.000001"),
            (1.5e-7, "1.5e-7"),
            (-0.0, "0"),
            (2**53 + 1, "9007199254740992"),
            (10**400, "null"),
            (inf, "null"),
            (123.456, "123.456"),
            (-12.5, "-12.5"),
        ):
            self.assertEqual(numberText(number), text)

    def test_partners(self) -> None:
        """Two surrogates that belong together are one character for everybody else."""
        self.assertEqual(encode(write("\ud83d\ude00")), b'"\xf0\x9f\x98\x80"')
        self.assertEqual(encode(write("\ud83d")), b'"\\ud83d"')

    def test_refused(self) -> None:
        """What is no JSON value is refused from the application."""
        for value in (nan, inf, -inf):
            self.assertRaises(ValueError, write, [value], strict=True)
        for other in ({1: 2}, {None: 2}, b"x", {1, 2}, object()):
            self.assertRaises(TypeError, write, other)
        circular: list[object] = []
        circular.append(circular)
        self.assertRaises(RecursionError, write, circular)

    def test_notJson(self) -> None:
        """What JavaScript cannot read is not read."""
        reader = Reader()
        for text in ("NaN", "[Infinity]", "\ufeff1", "[1,]", '"\t"', "01", "", "1 2", "nul"):
            self.assertRaises(ValueError, reader.read, text)
        self.assertRaises(RecursionError, reader.read, "[" * 100_000)
        self.assertEqual(reader.read(" [1] "), [1])
        self.assertIsNone(reader.read("1" * 5000))
