"""
Tests for L{jetjstp.jstp.mdsf.parser}, L{jetjstp.jstp.mdsf.fastpath} and what
joins them.
"""

from __future__ import annotations

import contextlib
import copy
import math
import pickle
import re
import sys
from types import FrameType
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.errors import RemoteProtocolError
from jetjstp.jstp.mdsf import (
    UNDEFINED,
    MDSFSyntaxError,
    Undefined,
    decodeMessage,
    encodeValue,
    parse,
    stringify,
)
from jetjstp.jstp.mdsf.fastpath import UNREAD, parseQuickly
from jetjstp.jstp.mdsf.parser import parseExactly
from tests.jstp.mdsf.texts import anyValue, deterministic, deterministicAndMany, plainValue, soup, spelled
from tests.jstp.mdsf.vectors import same

COMMON = [
    "{call:[3,'auth'],newAccount:['Marcus','AE127095']}",
    '{"call":[3,"auth"],"newAccount":["Marcus","AE127095"]}',
    "{callback:[-17],ok:[15703]}",
    "{ping:[12]}",
    "{}",
    "{handshake:[0,'example'],session:['9b1deb4d-3b7d-4bad',2]}",
    "{event:[-12,'chat'],message:['it\\'s \\\"he\\\" \\\\ \\n\\t\\u0007',null,true,false,[],{}]}",
    "{a:[0.5,-1.25,1e3,1.5e-7,123456789012345,8999999999999999,-0.0,0]}",
    '{ "a" : [ 1, 2 ],\n\t"é𝄞" : "é𝄞\u2028\\u00e9\\/" }\r\n',
]
"""What peers send all day."""

READ_DIFFERENTLY = [
    *("-0", "[-0]", "{a:-0}", "9007199254740992", "99999999999999999999", "9999999999999999", "0xffffffffffffffff"),
    *("'\\\n'", "'\\\r\n'", "'\\\u2028'", "'\\ud800'", "'\\uDFFF'", "'\\ud83d\\ud83d\\udc9a'", "1_000", "'\\x41'"),
    *("1e400", "'\\1'", "'\\0'", "'\\v'", "'a\tb'", "0x10", "+1", ".5", "5.", "// \n1", "/**/1", "\ufeff1", "\xa01"),
    *("{é:1}", "{\\u0061:1}", "0b1", "\0", "'\0'", "- 1", "-Infinity", "1e", "1.5.5", "1a", "0777", "-0e0"),
]
"""Texts that JSON5 has another value for, or that C{pyjson5} might read in some version or other."""


HOSTILE = [
    *(
        ("", "[", ""),
        ("", "{a:", ""),
        ("", "[{a:", ""),
        ("[0x1,", "[", "]"),
        ("", "[", "1"),
        ("", "/*", "1"),
        ("{a:", "/*", ""),
    ),
    *(
        ("", "'", ""),
        ("", "[1", ""),
        ("", "['a'", ""),
        ("'\\u{", "0", ""),
        ("'\\u{", "0", "41}'"),
        ("0x", "f", ""),
        ("", "-", ""),
    ),
    *(("", "1", ""), ("0.", "1", ""), ("", "1", "e"), ("1e", "9", ""), ("'", "\\ud800", ""), ("'", "\\ud800", "'")),
    *(
        ("[", ",", ""),
        ("[", ",", "]"),
        ("{", "é", ""),
        ("{", "é", ":1}"),
        ("{", "\\u0061", ""),
        ("{'", "a", ""),
        ("{", "a", ""),
    ),
    *(
        ("", "a", ""),
        ("", " ", ""),
        ("", "//", ""),
        ("[", "/**/", ""),
        ("{a", "/* */", ""),
        ("1", " ", "2"),
        ("{", "\\", ""),
    ),
    *(("[", "1,", ""), ("{", "a:1,", ""), ("{a:1", " ", "b"), ("'", "a\\", ""), ("{0x", "1", ":1"), ("'", "\\\n", "'")),
]
"""
Texts that take long if the parser goes back, or exhaust the stack if it recurses: a beginning, what is repeated, and an
end.
"""


class UndefinedTests(SynchronousTestCase):
    """Tests for L{UNDEFINED}."""

    def test_itself(self) -> None:
        """It is false, equal to nothing else, and shown as it is written."""
        self.assertFalse(UNDEFINED)
        self.assertEqual(UNDEFINED, UNDEFINED)
        for other in (None, False, 0, "", "undefined", object()):
            self.assertNotEqual(UNDEFINED, other)
        self.assertEqual(repr(UNDEFINED), "undefined")

    def test_single(self) -> None:
        """It stays the same object when it is constructed, copied or pickled."""
        self.assertIs(Undefined(), UNDEFINED)
        self.assertIs(copy.copy(UNDEFINED), UNDEFINED)
        self.assertIs(copy.deepcopy([UNDEFINED])[0], UNDEFINED)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            self.assertIs(pickle.loads(pickle.dumps(UNDEFINED, protocol)), UNDEFINED)


class ParseTests(SynchronousTestCase):
    """Tests for L{parse}, where the vectors are silent."""

    def refused(self, text: str, position: int | None = None, **options: Any) -> MDSFSyntaxError:
        """Assert that a text is refused, and where; return the error."""
        with self.assertRaises(MDSFSyntaxError, msg=ascii(text)) as caught:
            parse(text, **options)
        if position is not None:
            self.assertEqual(caught.exception.position, position, ascii(text))
        error: MDSFSyntaxError = caught.exception
        return error

    @given(spelled(anyValue))
    @deterministic
    def test_spellings(self, example: tuple[Any, str]) -> None:
        """A value is read from any text of it, numbers with the type that they were written as."""
        value, text = example
        self.assertTrue(same(parse(text), value, types=True), f"{text!r} is read as {parse(text)!r}")
        self.assertTrue(same(parse(text.encode("utf-8")), value, types=True))

    @given(soup | st.text(max_size=12))
    @deterministicAndMany
    def test_garbage(self, text: str) -> None:
        """Any text gives a value that can be written and read again, or a syntax error with a place in the text."""
        try:
            value = parse(text)
        except MDSFSyntaxError as error:
            self.assertTrue(0 <= error.position <= len(text))
        else:
            self.assertTrue(same(parse(stringify(value).replace("-0", "0")), parse(stringify(value))))
            stringify(value).encode("utf-8")

    @given(st.binary(max_size=12))
    @deterministicAndMany
    def test_garbageBytes(self, data: bytes) -> None:
        """Bytes that are not UTF-8 are read as U+FFFD, and are not an error in themselves."""
        text = data.decode("utf-8", "replace")
        try:
            want = parse(text)
        except MDSFSyntaxError:
            self.assertRaises(MDSFSyntaxError, parse, data)
        else:
            self.assertTrue(same(parse(data), want))
        self.assertEqual(parse(b"'a\xffb'"), "a\ufffdb")

    def test_error(self) -> None:
        """A syntax error is a C{ValueError} and the peer's fault, says what is wrong and where, and can be pickled."""
        error = self.refused("[1,x]", 3)
        self.assertIsInstance(error, ValueError)
        self.assertIsInstance(error, RemoteProtocolError)
        self.assertEqual(error.reason, "'x' instead of a value")
        self.assertEqual(str(error), "'x' instead of a value (at character 3)")
        again = pickle.loads(pickle.dumps(error))
        self.assertEqual((again.reason, again.position), (error.reason, error.position))

    def test_positions(self) -> None:
        """The place of an error is that of the first character that cannot be right, or of what lacks its end."""
        for text, position in (
            ("", 0),
            (" /**/ ", 6),
            ("1 2", 2),
            ("[1 2]", 3),
            ("[1}", 2),
            ("{a 1}", 3),
            ("{a:1 ]", 5),
            ("{a:1,,}", 5),
            ("{a:", 3),
            ("[ 'abc", 2),
            ("['a\\x4']", 3),
            ("[1e400]", 1),
            ("1 /* ", 2),
            ("{é\\x:1}", 2),
            ("{a\\u0020:1}", 2),
            ("{'\\u{110000}':1}", 2),
        ):
            self.refused(text, position)
        self.assertEqual(self.refused("1 /*").reason, "a comment without an end")
        self.assertEqual(self.refused("['a").reason, "a string without an end")

    def test_integers(self) -> None:
        """Integers are C{int} up to 2**53 - 1, and from there on what a double makes of them."""
        for text, value in (
            ("9007199254740991", 2**53 - 1),
            ("-9007199254740991", 1 - 2**53),
            ("0x1fffffffffffff", 2**53 - 1),
            ("[-0b1]", [-1]),
            ("0x" + "0" * 700 + "10", 16),
            ("9007199254740992", 2.0**53),
            ("-9007199254740993", -(2.0**53)),
            ("0x20000000000001", 2.0**53),
            ("1" + "0" * 308, 1e308),
            ("0b1" + "0" * 1000, 2.0**1000),
            ("+0", 0),
            ("-0", -0.0),
            ("-0x0", -0.0),
            ("1.0", 1.0),
            ("1e3", 1000.0),
            ("5.", 5.0),
            ("-0.0", -0.0),
        ):
            self.assertTrue(same(parse(text), value, types=True), text)
        for text in ("1" + "0" * 309, "-1" + "0" * 309, "1" * 5000, "0x1" + "0" * 256, "0b1" + "0" * 5000, "1e309"):
            self.assertEqual(self.refused(text).reason, "a number beyond the range of floats")

    def test_exactIntegers(self) -> None:
        """On demand integers are C{int} up to 640 digits, beyond they are refused; floats stay floats."""
        for text, value in (
            ("9007199254740993", 2**53 + 1),
            ("-0xffffffffffffffff", 1 - 2**64),
            ("[" + "9" * 640 + "]", [10**640 - 1]),
            ("0x" + "0" * 700 + "f" * 640, 16**640 - 1),
            ("5", 5),
            ("1e3", 1000.0),
            ("-0", -0.0),
        ):
            self.assertTrue(same(parse(text, exactIntegers=True), value, types=True), text)
        self.refused("9" * 641, 0, exactIntegers=True)
        self.refused("[0b" + "1" * 641 + "]", 1, exactIntegers=True)
        self.assertEqual(decodeMessage("{a:9007199254740993}", exactIntegers=True), {"a": 2**53 + 1})
        self.assertEqual(decodeMessage("{a:9007199254740993}"), {"a": 2.0**53})

    def test_numericKeys(self) -> None:
        """A bare number as a key stands for its text in JavaScript, however large it is."""
        for exact in (False, True):
            value = parse("{0:1,0x10:2,1.50:3,1e21:4,9007199254740993:5,100000000000000000000:6}", exactIntegers=exact)
            self.assertEqual(list(value), ["0", "16", "1.5", "1e+21", "9007199254740992", "100000000000000000000"])
        self.refused("{1e400:1}", 1)

    def test_surrogates(self) -> None:
        """Halves of a pair are joined, in whatever way they are written; lone ones become U+FFFD, in keys too."""
        for text, value in (
            ("'\\ud83d\\udc9a'", "💚"),
            ("'\\ud83d\\\n\\udc9a'", "💚"),
            ("'\\ud83d💚'", "\ufffd💚"),
            ("'\ud83d\udc9a'", "💚"),
            ("'a\ud83d'", "a\ufffd"),
            ("{'\\ud83d':1}", {"\ufffd": 1}),
            ("{'\udc9a':1}", {"\ufffd": 1}),
        ):
            self.assertEqual(parse(text), value)
        self.assertEqual(decodeMessage("{a:'\ud83d'}"), {"a": "\ufffd"})
        self.refused("{\\ud83d\\udc9a:1}")

    def test_identifiers(self) -> None:
        """Bare keys are the identifiers of JavaScript; blanks beyond ASCII end them."""
        for text in (
            "{é1$\u200c\u200d:1}",
            "{$é:1}",
            "{_é:1}",
            "{\\u{61}\\u0031é:1}",
            "{a\\u{00062}:1}",
            "{a\u3000:1}",
        ):
            [key] = parse(text)
            self.assertEqual(key, re.sub(r"\\u\{?0*(..)\}?", lambda m: chr(int(m[1], 16)), text)[1:-3].strip())
        for text in ("{\u200da:1}", "{a💚:1}", "{\\u0031a:1}", "{a\\u002d:1}", "{٣:1}", "{\\u{}:1}", "{-:1}", "{a\\"):
            self.refused(text)

    def test_zeroBytes(self) -> None:
        """A zero byte may stand in a string or a comment and nowhere else; but not in a message."""
        self.assertEqual(parse("{a:'\0'}/*\0*///\0"), {"a": "\0"})
        for text in ("\0", "1\0", "[\0]", "{\0a:1}", "{a\0:1}"):
            self.refused(text, text.index("\0"))
        for text in ("{a:'\0'}", "{}/*\0*/", "{}\0"):
            for message in (text, text.encode("utf-8")):
                with self.assertRaises(MDSFSyntaxError) as caught:
                    decodeMessage(message)
                self.assertEqual(caught.exception.position, text.index("\0"))

    def test_order(self) -> None:
        """Members stand in the order of their first appearance; the last value counts, unless it is undefined."""
        for text in ("{b:1,'7':2,a:3,b:4}", "{b:1,7:2,a:3,b:4,a:undefined}"):
            self.assertEqual(list(parse(text).items()), [("b", 4), ("7", 2), ("a", 3)])

    def test_depth(self) -> None:
        """Arrays and objects may nest as deep as the limit says, by both parsers, and no deeper."""
        for opening, ending in (("[", "]"), ("{a:", "}"), ("[{b:", "}]"), ("[0x1,", "]"), ("[/**/", "]")):
            levels = len(re.findall(r"[\[{]", opening))
            for limit in (2, 40, 200, 1000):
                count = limit // levels
                inner = "1" if opening != "[" else "[]" if levels == 1 and count > 1 else ""
                count -= inner == "[]"
                parse(opening * count + inner + ending * count, maxDepth=limit)
                self.refused(opening * (count + 1) + inner + ending * (count + 1), maxDepth=limit)
        self.assertEqual(parse("1", maxDepth=0), 1)
        self.refused("[]", 0, maxDepth=0)
        self.assertEqual(self.refused("[[" + "[" * 200).position, 200)
        self.assertIn("200", str(self.refused("[" * 201)))
        with self.assertRaises(MDSFSyntaxError):
            decodeMessage("{a:[]}", maxDepth=1)

    def test_hostile(self) -> None:
        """However deep, long or broken a text is, it gives a value or a syntax error, and never exhausts the stack."""
        for before, repeated, after in HOSTILE:
            text = before + repeated * 5000 + after
            for limit in (200, 100_000):
                with contextlib.suppress(MDSFSyntaxError):
                    parse(text, maxDepth=limit)

    def test_linear(self) -> None:
        """Ten times the text takes ten times as many calls, whatever is in it."""

        def callsFor(text: str) -> int:
            calls = 0

            def count(frame: FrameType, event: str, arg: Any) -> None:
                nonlocal calls
                calls += 1

            profile = sys.getprofile()
            sys.setprofile(count)
            try:
                with contextlib.suppress(MDSFSyntaxError):
                    parse(text, maxDepth=100_000)
            finally:
                sys.setprofile(profile)
            return calls

        for before, repeated, after in HOSTILE:
            few, many = (callsFor(before + repeated * times + after) for times in (100, 1000))
            self.assertLess(many, 10 * few + 100, (before, repeated))
        self.assertGreater(callsFor("[" * 1000), 1000)


class FastPathTests(SynchronousTestCase):
    """Tests for L{parseQuickly}."""

    def agree(self, text: str, maxDepth: int = 200) -> bool:
        """Assert that it says nothing, or the same as the exact parser; return whether it says something."""
        quick = parseQuickly(text, maxDepth)
        if quick is UNREAD:
            return False
        try:
            exact = parseExactly(text, maxDepth)
        except MDSFSyntaxError as error:
            self.fail(f"{text!r} is read as {quick!r}, but {error}")
        self.assertTrue(same(quick, exact, types=True), f"{text!r} is read as {quick!r}, but it is {exact!r}")
        return True

    def test_common(self) -> None:
        """What peers usually send is read here, and as the exact parser reads it."""
        for text in COMMON:
            self.assertTrue(self.agree(text), text)

    def test_differences(self) -> None:
        """What JSON5 has another value for is left to the exact parser, without asking C{pyjson5}."""
        with mock.patch("jetjstp.jstp.mdsf.fastpath._decode", side_effect=AssertionError):
            for text in READ_DIFFERENTLY:
                self.assertIs(parseQuickly(text, 200), UNREAD, ascii(text))
                self.assertIs(parseQuickly(f"[{text}]", 200), UNREAD, ascii(text))

    @given(soup)
    @deterministicAndMany
    def test_soup(self, text: str) -> None:
        """Of pieces in any order it makes what the exact parser makes of them, or nothing."""
        self.agree(text)
        self.agree(f"[{text}]")
        self.agree(f"{{a:{text}}}")

    @given(st.lists(st.sampled_from("{}[]:, 'a\"019-.eEx\\nu"), max_size=10).map("".join))
    @deterministicAndMany
    def test_characters(self, text: str) -> None:
        """So it does of single characters."""
        self.agree(text)
        self.agree(f"[{text}]")

    @given(spelled(anyValue))
    @deterministic
    def test_spellings(self, example: tuple[Any, str]) -> None:
        """So it does of values however they are spelled."""
        self.agree(example[1])

    @given(plainValue)
    @deterministic
    def test_written(self, value: Any) -> None:
        """So it does of what we write, in either way."""
        self.agree(stringify(value))
        self.agree(encodeValue(value).decode("utf-8"))

    @given(st.floats(allow_nan=False, allow_infinity=False) | st.decimals(-9999, 9999, places=12).map(float))
    @deterministicAndMany
    def test_floats(self, number: float) -> None:
        """So it does of numbers, to the last bit."""
        for text in (repr(number), f"{number:.17g}", f"{number:.12f}"):
            self.agree(f"[{text}]")

    def test_integers(self) -> None:
        """Integers of up to 15 digits are read here, and those of 16 that are certain to have a double of their own."""
        for text in ("0", "7", "-7", "999999999999999", "1000000000000000", "8999999999999999", "-8999999999999999"):
            self.assertTrue(self.agree(text), text)
        for text in ("9007199254740991", "9007199254740992", "10000000000000000", "-9007199254740993"):
            self.assertFalse(self.agree(text), text)

    def test_depth(self) -> None:
        """It reads no deeper than the limit, and never deeper than 200 levels."""
        for limit in (1, 2, 32, 33, 200):
            self.assertTrue(self.agree("[" * limit + "1" + "]" * limit, limit))
            self.assertTrue(self.agree("{a:" * limit + "1" + "}" * limit, limit))
            self.assertIs(parseQuickly("[" * limit + "[]" + "]" * limit, limit), UNREAD)
            self.assertIs(parseQuickly("{a:" * limit + "{}" + "}" * limit, limit), UNREAD)
        self.assertIs(parseQuickly("[" * 201 + "]" * 201, 100_000), UNREAD)
        self.assertIs(parseQuickly("{}", 0), UNREAD)

    def test_broken(self) -> None:
        """It says nothing about a text that is broken."""
        for text in ("", " ", "{a:[1}", "[1", "{a}", "{a:undefined}", "[,1]", "[1,,2]", "{,}", "'a' 'b'", "nul", "[]]"):
            self.assertIs(parseQuickly(text, 200), UNREAD)

    def test_asked(self) -> None:
        """What it can read is not read again by the exact parser."""
        with mock.patch("jetjstp.jstp.mdsf.reading.parseExactly", side_effect=AssertionError):
            for text in COMMON:
                self.assertTrue(same(decodeMessage(text.encode("utf-8")), parse(text)))


class DecodeMessageTests(SynchronousTestCase):
    """Tests for L{decodeMessage}."""

    def test_object(self) -> None:
        """A message is an object, with blanks and comments around it, and keeps the order of its members."""
        for text in ("{call:[1,'i'],m:[1]}", " \ufeff/**/ {call:[0x1,'i'],m:[1]} //"):
            for message in (text, text.encode("utf-8")):
                self.assertEqual(list(decodeMessage(message).items()), [("call", [1, "i"]), ("m", [1])])

    def test_noObject(self) -> None:
        """Everything else is a syntax error, empty messages too."""
        for text in ("", " ", "[]", "[{}]", "1", "0x1", "null", "'{}'", "undefined", "{}{}", "{} {}", "{", "{a:1"):
            self.assertRaises(MDSFSyntaxError, decodeMessage, text)
            self.assertRaises(MDSFSyntaxError, decodeMessage, text.encode("utf-8"))

    def test_invalidUtf8(self) -> None:
        """Bytes that are not UTF-8 are read as U+FFFD."""
        self.assertEqual(decodeMessage(b"{a:'\xc3',b:'\xe2\x82'}"), {"a": "\ufffd", "b": "\ufffd"})

    @given(st.binary(max_size=10) | soup.map(str.encode))
    @deterministicAndMany
    def test_garbage(self, data: bytes) -> None:
        """Any bytes give a message or a syntax error."""
        try:
            message = decodeMessage(data)
        except MDSFSyntaxError:
            return
        self.assertIs(type(message), dict)

    def test_nan(self) -> None:
        """NaN and the infinities are read."""
        message = decodeMessage("{a:NaN,b:-Infinity,c:Infinity}")
        self.assertTrue(same(message, {"a": math.nan, "b": -math.inf, "c": math.inf}))
