"""
Tests for L{jetjstp.jet.jsontext}: against the standard json module.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet.jsontext import (
    LOOK,
    UNREADABLE,
    Structure,
    checkJson,
    itemsOf,
    membersOf,
    quote,
    tooDeep,
    truthy,
    valueOf,
)
from tests.jet.conversations import SURROGATE, anyJson, anyText, deterministic, jsonTexts, same, scalars

NOT_JSON = [
    *(b"", b" ", b"nul", b"truex", b"True", b"'a'", b"5 5", b"12abc", b"01", b"1.", b".5", b"+1", b"-", b"1e", b"0x10"),
    *(b'"abc', b'"\\q"', b'"\\u12"', b'"\\u00zz"', b'"a\tb"', b'"\0"', b"\xef\xbb\xbf1", b"\xff"),
    *(b"[", b"[1,", b"[1,]", b"[1]]", b"[,]", b"{", b"{]", b'{"a"}', b'{"a":}', b'{"a":1,}', b"{a:1}", b'{"a":1}}'),
    *(b"NaN", b"Infinity", b"-Infinity", b"[NaN]", b'{"a":-Infinity}', b'"\\ud800" x', b'["\\ud800",NaN]'),
]

INVALID_UTF8 = [b'"\xff"', b'"\xc3"', b'"\xed\xa0\x80"', b'"\xf8\x88\x80\x80\x80"']


def dumped(value: Any) -> bytes:
    """The text of a value as a peer might write it."""
    return json.dumps(value).encode("ascii")


def refuse(constant: str) -> None:
    """For the standard module, which takes more than JSON."""
    raise ValueError(constant)


def depthOf(value: Any) -> int:
    """How deep arrays and objects nest."""
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depthOf, value), default=0) if isinstance(value, list) else 0


class QuoteTests(SynchronousTestCase):
    """Tests for L{quote}."""

    @given(anyText)
    @deterministic
    def test_reads(self, text: str) -> None:
        """What was quoted reads as the text that it was, lone surrogates and control characters included."""
        quoted = quote(text)
        self.assertEqual(json.loads(quoted), text)
        self.assertEqual(valueOf(quoted), text)

    def test_plain(self) -> None:
        """Whatever UTF-8 can say is not escaped; control characters are, with lower-case digits."""
        self.assertEqual(quote("é𝄞/"), '"é𝄞/"'.encode())
        self.assertEqual(quote('"\\\n\0'), b'"\\"\\\\\\n\\u0000"')


class ReadTests(SynchronousTestCase):
    """Tests for L{valueOf}, L{membersOf} and L{itemsOf}."""

    @given(jsonTexts)
    @deterministic
    def test_valueOf(self, example: tuple[Any, str]) -> None:
        """A value is read from any text of it, however it is spelled."""
        value, text = example
        self.assertTrue(same(valueOf(text.encode("utf-8")), value))

    @given(jsonTexts)
    @deterministic
    def test_membersOf(self, example: tuple[Any, str]) -> None:
        """The members of an object are texts that read as its values; other JSON has none."""
        value, text = example
        members = membersOf(text.encode("utf-8"))
        if isinstance(value, dict):
            assert members is not None
            self.assertTrue(same({name: json.loads(member) for name, member in members.items()}, value))
            for member in members.values():
                self.assertEqual(member, member.strip())
                member.decode("utf-8")
        else:
            self.assertIsNone(members)

    @given(st.lists(st.tuples(st.sampled_from("ab" + SURROGATE), scalars)))
    @deterministic
    def test_equalNames(self, pairs: list[tuple[str, Any]]) -> None:
        """Of members with equal names the last one counts."""
        text = b"{" + b",".join(dumped(name) + b":" + dumped(value) for name, value in pairs) + b"}"
        members = membersOf(text) or {}
        self.assertTrue(same({name: json.loads(member) for name, member in members.items()}, dict(pairs)))
        self.assertTrue(same(valueOf(text), dict(pairs)))

    @given(st.lists(anyJson, max_size=4))
    @deterministic
    def test_itemsOf(self, values: list[Any]) -> None:
        """The items of an array are texts that read as its values."""
        self.assertTrue(same([json.loads(item) for item in itemsOf(dumped(values))], values))

    @given(anyJson.filter(lambda value: not isinstance(value, list)))
    @deterministic
    def test_noArray(self, value: Any) -> None:
        """The items of something else than an array cannot be read."""
        self.assertRaises(UNREADABLE, itemsOf, dumped(value))

    def test_verbatim(self) -> None:
        """Pieces are the text that came in: digits, escapes and inner white space stay as they are."""
        text = b' { "a" : 1.50e+01 , "b" : [ "\\u0041" ,  12345678901234567890.0 ] } '
        self.assertEqual(membersOf(text), {"a": b"1.50e+01", "b": b'[ "\\u0041" ,  12345678901234567890.0 ]'})
        self.assertEqual(itemsOf(b" [ 1.0 , -0 ] "), [b"1.0", b"-0"])

    def test_surrogates(self) -> None:
        """Lone surrogates are JSON; what holds them is passed on in ASCII."""
        self.assertEqual(valueOf(b'"\\uD800"'), SURROGATE)
        self.assertEqual(membersOf(b'{"\\udc00":["\\ud800",1.0]}'), {"\udc00": b'["\\ud800",1.0]'})
        self.assertEqual(itemsOf('["é\\ud800"]'.encode()), [b'"\\u00e9\\ud800"'])
        self.assertIsNone(membersOf(b'["\\ud800"]'))

    def test_surrogatesAndInfinities(self) -> None:
        """Together with them, numbers beyond the range of a float stay such numbers, and texts what they were."""
        text = b'{"Infinity\\"Infinity":["\\ud800",1e400,-%b,"-Infinity"]}' % (b"1" * 500)
        self.assertEqual(membersOf(text), {'Infinity"Infinity': b'["\\ud800",1e999,-1e999,"-Infinity"]'})

    def test_notJson(self) -> None:
        """Text that is not JSON cannot be read, wherever the error is; NaN and Infinity are not JSON."""
        for text in NOT_JSON:
            for read in (valueOf, membersOf, itemsOf, checkJson):
                try:
                    got = read(text)
                except UNREADABLE:
                    continue
                self.fail(f"{read.__name__} made {got!r} of {text!r}")

    def test_invalidUtf8(self) -> None:
        """A text that is not UTF-8 has no value."""
        for text in INVALID_UTF8:
            self.assertRaises(UNREADABLE, valueOf, text)
            self.assertRaises(UNREADABLE, valueOf, b"[" + text + b"]")

    @given(st.binary(max_size=12) | st.text('{}[]",:\\u0d8e1.- tnf', max_size=12).map(str.encode))
    @deterministic
    def test_garbage(self, text: bytes) -> None:
        """Of any bytes, the functions make what the standard module makes of them, or refuse them as unreadable."""
        try:
            value = json.loads(text.decode("utf-8"), parse_constant=refuse)
        except ValueError:
            self.assertRaises(UNREADABLE, valueOf, text)
            return
        self.assertTrue(same(valueOf(text), value))
        self.assertEqual(membersOf(text) is None, not isinstance(value, dict))

    def test_numbers(self) -> None:
        """Integers are exact; numbers beyond the range of a float are infinite, however many digits they have."""
        self.assertEqual(valueOf(b"9007199254740993"), 2**53 + 1)
        self.assertEqual(valueOf(b"1e400"), float("inf"))
        self.assertEqual(valueOf(b"-1e400"), float("-inf"))
        for digits in (5_000, 100_000):
            self.assertEqual(valueOf(b"9" * digits), float("inf"))
            self.assertEqual(valueOf(b'["\\ud800",-' + b"9" * digits + b"]"), [SURROGATE, float("-inf")])

    def test_numbersPass(self) -> None:
        """Numbers out of range pass as text."""
        self.assertEqual(membersOf(b'{"a":1e400,"b":' + b"9" * 5_000 + b"}"), {"a": b"1e400", "b": b"9" * 5_000})

    def test_deep(self) -> None:
        """Text that nests too deeply to be read is refused like text that is not JSON."""
        for text in (b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000 + b"1" + b"}" * 100_000):
            for read in (valueOf, membersOf, itemsOf):
                self.assertRaises(UNREADABLE, read, text)


class TruthyTests(SynchronousTestCase):
    """Tests for L{truthy}."""

    def test_false(self) -> None:
        """Null, false, the empty string and zero in all its forms are false."""
        for text in (b"null", b"false", b'""', b"0", b"-0", b"0.0", b"-0.0e5", b"0E-3", b"1e-400"):
            self.assertFalse(truthy(text), text)

    def test_true(self) -> None:
        """Everything else is true: empty arrays and objects, too, and a string that says 0."""
        for text in (b"true", b"1", b"-1", b"0.5", b"1e400", b'"0"', b'" "', b'"\\ud800"', b"[]", b"{}", b"[0]"):
            self.assertTrue(truthy(text), text)


class DepthTests(SynchronousTestCase):
    """Tests for L{tooDeep}."""

    @given(jsonTexts)
    @deterministic
    def test_depth(self, example: tuple[Any, str]) -> None:
        """It counts how deep arrays and objects nest, whatever brackets and quotes are in strings."""
        value, text = example
        depth = depthOf(value)
        self.assertFalse(tooDeep(text.encode("utf-8"), depth))
        if depth:
            self.assertTrue(tooDeep(text.encode("utf-8"), depth - 1))

    @given(st.lists(st.sampled_from(["[", "]", "{", "}", '"', "\\", '\\"', "a", '["', '"]']), max_size=20))
    @deterministic
    def test_strings(self, tokens: list[str]) -> None:
        """What is in a string does not count, however it ends."""
        inside = "".join(tokens)
        text = dumped([inside, [inside], {inside: [inside]}])
        self.assertTrue(tooDeep(text, 2))
        self.assertFalse(tooDeep(text, 3))

    def test_wide(self) -> None:
        """Many arrays beside each other are not deep."""
        self.assertFalse(tooDeep(dumped([[], [{}, []]] * 1_000), 3))
        self.assertTrue(tooDeep(dumped([[], [{}, []]] * 1_000), 2))

    @given(jsonTexts, st.integers(1, 6))
    @deterministic
    def test_parts(self, example: tuple[Any, str], length: int) -> None:
        """Text that comes in parts, cut at commas, is as deep as the whole, and in the end all is closed."""
        value, text = example
        depth = depthOf(value)
        data = text.encode("utf-8")
        structures = [Structure(depth), Structure(depth - 1)]
        at = 0
        while at < len(data):
            cut = data.find(b",", at + length)
            cut = len(data) if cut < 0 else cut
            for structure in structures:
                structure.read(data[at:cut])
            at = cut
        self.assertEqual([structure.isTooDeep for structure in structures], [False, depth > 0])
        self.assertEqual({(structure.level, structure.inString) for structure in structures}, {(0, False)})

    def test_manyBrackets(self) -> None:
        """A place that is too deep is found wherever it is, and what is almost too deep is none."""
        for before in range(0, 3 * LOOK, 7):
            text = b"[" + b"[]," * before + b"[" * 20 + b"]" * 20 + b",[]" * 200 + b"]"
            self.assertFalse(tooDeep(text, 21))
            self.assertTrue(tooDeep(text, 20))

    def test_adversarial(self) -> None:
        """
        Text that is made to be slow is not: strings without an end, strings full of escapes, brackets and quotes
        in turn.
        """
        for piece in (b'\\"', b"\\\\", b'"[', b'["', b'"]"[', b"[]", b"[[[]]]", b'"a",', b'{"":', b"\\"):
            text = b"[" * 3 + b'"' + piece * (400_000 // len(piece))
            self.assertIn(tooDeep(text, 2), (True, False))
            self.assertIn(tooDeep(text[:-1], 1_000), (True, False))
