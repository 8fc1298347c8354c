"""
Tests for L{jetjstp.jstp.mdsf.writer}, L{jetjstp.jstp.mdsf.numerals} and
L{jetjstp.jstp.mdsf.wire}.
"""

from __future__ import annotations

import json
import math
import sys
from collections import OrderedDict
from collections.abc import Callable
from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from types import MappingProxyType, SimpleNamespace
from typing import Any
from unittest import mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.errors import LocalProtocolError
from jetjstp.jstp.mdsf import UNDEFINED, MDSFValueError, encodeValue, parse, stringify
from jetjstp.jstp.mdsf.numerals import numeralOf
from tests.jstp.mdsf.texts import anyValue, deterministic, deterministicAndMany, plainValue
from tests.jstp.mdsf.vectors import Hooked, same

NOON = datetime(2024, 2, 29, 12, 0, 0, 999999, tzinfo=timezone(timedelta(hours=2)))


class Number(IntEnum):
    """An enumeration of integers."""

    ONE = 1


class Text(str):
    """A string with a mind of its own."""

    def __str__(self) -> str:
        return "other"


class Colour(Enum):
    """An enumeration of names."""

    RED = "red"


WITHOUT_A_MAPPING: list[Any] = [
    *({1}, frozenset(), Decimal(1), object(), len, int, ..., 1j, range(2), iter([]), SimpleNamespace(a=1), Exception()),
    *(NOON.date(), NOON.time(), timedelta(1), date(2024, 1, 1), time(1), Colour.RED),
]


def both(value: Any, **options: Any) -> list[Any]:
    """What is made of a value by both ways of writing it."""
    return [parse(stringify(value, **options)), parse(encodeValue(value, **options))]


def nested(levels: int, kind: type = list) -> Any:
    """Containers in containers."""
    value: Any = kind()
    for _ in range(levels - 1):
        value = {"a": value} if kind is dict else kind([value])
    return value


class NumeralTests(SynchronousTestCase):
    """Tests for L{numeralOf}."""

    def test_notation(self) -> None:
        """The point and the exponent stand where JavaScript puts them."""
        for number, text in (
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-10.0, "-10"),
            (123.456, "123.456"),
            (-0.25, "-0.25"),
            (0.000001, "0.000001"),
            (-0.00000123, "-0.00000123"),
            (0.000000123, "1.23e-7"),
            (-1e-7, "-1e-7"),
            (1e16, "10000000000000000"),
            (1.5e20, "150000000000000000000"),
            (123456789012345680000.0, "123456789012345680000"),
            (999999999999999900000.0, "999999999999999900000"),
            (1e21, "1e+21"),
            (-1.25e21, "-1.25e+21"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (math.nan, "NaN"),
            (math.inf, "Infinity"),
            (-math.inf, "-Infinity"),
        ):
            self.assertEqual(numeralOf(number), text)

    @given(st.floats(allow_nan=False, allow_infinity=False))
    @deterministicAndMany
    def test_reads(self, number: float) -> None:
        """A number is written with as few digits as Python needs, and reads as the same."""
        text = numeralOf(number)
        self.assertEqual(float(text), number)

        def significant(digits: str) -> str:
            return "".join(filter(str.isdigit, digits.partition("e")[0])).strip("0")

        self.assertEqual(significant(text), significant(repr(number)))
        self.assertLessEqual(len(text), 25)


class StringifyTests(SynchronousTestCase):
    """Tests for L{stringify}, where the vectors are silent."""

    @given(anyValue)
    @deterministic
    def test_roundTrip(self, value: Any) -> None:
        """What is written reads as the same value, however it is indented; only the sign of zero is lost."""
        want = parse(stringify(value))
        for space in (None, 1, "\t", 10):
            self.assertTrue(same(parse(stringify(value, space=space)), want, types=True))
        positive = _withoutNegativeZero(value)
        self.assertTrue(same(want, positive), f"{value!r} is written {stringify(value)}")

    @given(plainValue)
    @deterministic
    def test_minimal(self, value: Any) -> None:
        """Without indentation nothing but strings has blanks in it, and whatever could harm a peer is escaped."""
        text = stringify(value)
        for character in "\0\n\r\u2028\u2029":
            self.assertNotIn(character, text)
        self.assertEqual(text, text.strip() or text)

    def test_types(self) -> None:
        """Subclasses are written as what they are: enumerations of integers and strings that say otherwise as well."""
        for value, text in (
            (Number.ONE, "1"),
            (Text("a"), "'a'"),
            ({Number.ONE: 1, Text("b"): 2, -5: 3}, "{'1':1,b:2,'-5':3}"),
            ((1, (2,)), "[1,[2]]"),
            (OrderedDict(b=1, a=2), "{b:1,a:2}"),
            (MappingProxyType({"a": 1}), "{a:1}"),
            (type("Double", (float,), {"__repr__": lambda self: "x"})(1.5), "1.5"),
            (type("Int", (int,), {"__repr__": lambda self: "x", "__str__": lambda self: "y"})(15), "15"),
            (bytearray(b"\xfb\xff"), "'+/8='"),
            (memoryview(b"a-b-c-")[::2], "'YWJj'"),
            (True, "true"),
            (10**30, "1" + "0" * 30),
        ):
            self.assertEqual(stringify(value), text)
            self.assertTrue(same(parse(encodeValue(value)), parse(text)))

    def test_datetimes(self) -> None:
        """A point in time is written in UTC with milliseconds, cut and not rounded; if it is naive, it is refused."""
        self.assertEqual(stringify(NOON), "'2024-02-29T10:00:00.999Z'")
        self.assertEqual(both({"a": NOON}), [{"a": "2024-02-29T10:00:00.999Z"}] * 2)
        for moment in (NOON.replace(tzinfo=None), datetime.min.replace(tzinfo=timezone(timedelta(hours=1)))):
            self.assertRaises(MDSFValueError, stringify, moment)
            self.assertRaises(MDSFValueError, encodeValue, [moment])

    def test_withoutMapping(self) -> None:
        """What MDSF has nothing for is a C{TypeError} that names the type, wherever it stands."""
        for value in WITHOUT_A_MAPPING:
            for place in (value, [value], {"a": (value,)}):
                for write in (stringify, encodeValue):
                    with self.assertRaises(TypeError) as caught:
                        write(place)
                    self.assertIn(type(value).__name__, str(caught.exception))

    def test_default(self) -> None:
        """C{default} is asked for what MDSF has nothing for, and for nothing else; once for each value."""
        asked = []

        def default(value: Any) -> Any:
            asked.append(value)
            return sorted(value) if isinstance(value, set) else value

        value = [{1, 2}, {"a": {3}}, "b", b"c", None, 1.5, (), UNDEFINED, NOON]
        want = [[1, 2], {"a": [3]}, "b", "Yw==", None, 1.5, [], UNDEFINED, "2024-02-29T10:00:00.999Z"]
        self.assertEqual(both(value, default=default), [want] * 2)
        self.assertEqual(asked, [{1, 2}, {3}] * 2)
        self.assertRaises(TypeError, stringify, object(), default=default)
        self.assertEqual(stringify([object()], default=lambda value: UNDEFINED), "[undefined]")

    def test_keys(self) -> None:
        """Keys are strings and integers; others are a C{TypeError}, and two that are written alike are an error too."""
        self.assertEqual(both({1: "a", -2: "b", "c": 3}), [{"1": "a", "-2": "b", "c": 3}] * 2)
        for key in (None, True, 1.5, b"a", (1,), UNDEFINED):
            for write in (stringify, encodeValue):
                self.assertRaises(TypeError, write, {"a": {key: 1}})
        for write in (stringify, encodeValue):
            self.assertRaises(MDSFValueError, write, {1: "a", "1": "b"})
            self.assertRaises(MDSFValueError, write, [{"1": UNDEFINED, 1: "b"}])

    def test_hook(self) -> None:
        """C{toMdsf} is asked with the name, the index, or nothing; its result is written and not asked again."""
        inner, first, outer = Hooked(1), Hooked("x"), Hooked(None)
        outer.result = {"a": [first, inner], 7: inner}
        for write in (stringify, encodeValue):
            self.assertEqual(parse(write(outer)), {"a": ["x", 1], "7": 1})
        self.assertEqual([outer.keys, first.keys, inner.keys], [["", ""], ["0", "0"], ["1", "7", "1", "7"]])
        self.assertRaises(TypeError, stringify, Hooked(Hooked(1)))
        self.assertRaises(TypeError, stringify, Hooked)
        self.assertEqual(stringify([Hooked(UNDEFINED), 1, {"a": Hooked(UNDEFINED)}]), "[undefined,1,{}]")

    def test_hookOfSubclass(self) -> None:
        """The hook of a subclass of something that can be written comes first."""
        for kind in (dict, list, str, int, float, tuple, bytes):
            value = type("Hooking", (kind,), {"toMdsf": lambda self, key: f"hook {key}"})()
            self.assertEqual(both([value, {"a": value}]), [["hook 0", {"a": "hook a"}]] * 2)

    def test_replacer(self) -> None:
        """A function is asked for every value after its hook, from the outside in, with its key."""
        asked = []

        def replacer(key: str, value: Any) -> Any:
            asked.append((key, value))
            return UNDEFINED if value == 2 else [5] if value == "x" else value

        value = {"a": Hooked("x"), "b": [1, 2, UNDEFINED, 3], "c": 2}
        self.assertEqual(stringify(value, replacer), "{a:[5],b:[1,undefined,,3]}")
        self.assertEqual([key for key, _ in asked], ["", "a", "0", "b", "0", "1", "3", "c"])
        self.assertEqual(asked[1:3], [("a", "x"), ("0", 5)])

    def test_replacerList(self) -> None:
        """A list of keys keeps these members at every level; a number means its text, anything else is ignored."""
        value = {"1.5": 1, "1": 1, "2": 2, "b": [{"b": 3, "c": 4}], "true": 5}
        self.assertEqual(stringify(value, ["b", 2, 1.5, None, True, ["true"]]), "{'1.5':1,'2':2,b:[{b:3}]}")
        self.assertEqual(stringify(value, ()), "{}")

    def test_space(self) -> None:
        """No more than ten characters indent, of a text or of blanks; a level further down has that much more."""
        for space in (10, 11, 1000, " " * 11):
            self.assertEqual(stringify([[1]], space=space), f"[\n{' ' * 10}[\n{' ' * 20}1\n{' ' * 10}]\n]")
        for nothing in (0, -1, "", None):
            self.assertEqual(stringify({"a": [1]}, space=nothing), "{a:[1]}")
        self.assertEqual(stringify({"a": {}, "b": [[]]}, space=1), "{\n a: {},\n b: [\n  []\n ]\n}")

    def test_nan(self) -> None:
        """NaN and the infinities are words, unless they are refused; on the wire they are, unless they are allowed."""
        for number, text in ((math.nan, "NaN"), (math.inf, "Infinity"), (-math.inf, "-Infinity")):
            for value in (number, [1, number], {"a": {"b": number}}):
                self.assertIn(text, stringify(value))
                self.assertIn(text, encodeValue(value, allowNan=True).decode())
                self.assertRaises(MDSFValueError, stringify, value, allowNan=False)
                self.assertRaises(MDSFValueError, encodeValue, value)

    def test_error(self) -> None:
        """What cannot be written is a C{ValueError}, and a mistake of this program."""
        self.assertTrue(issubclass(MDSFValueError, ValueError))
        self.assertTrue(issubclass(MDSFValueError, LocalProtocolError))

    def test_digits(self) -> None:
        """An integer of more digits than Python may write is such an error."""
        limit = sys.get_int_max_str_digits()
        self.assertEqual(stringify(10**600), "1" + "0" * 600)
        if limit:
            self.assertRaises(MDSFValueError, stringify, 10**limit)
            self.assertRaises(MDSFValueError, encodeValue, [10**limit])
            self.assertRaises(MDSFValueError, stringify, {10**limit: 1})

    def test_depth(self) -> None:
        """Containers may nest as deep as the limit says, and no deeper; it is 200 without one."""
        kinds: tuple[type, ...] = (list, tuple, dict)
        writes: tuple[Callable[..., Any], ...] = (stringify, encodeValue)
        for write in writes:
            for kind in kinds:
                for limit in (1, 2, 63, 64, 65, 200, 5000):
                    parse(write(nested(limit, kind), maxDepth=limit), maxDepth=limit)
                    self.assertRaises(MDSFValueError, write, nested(limit + 1, kind), maxDepth=limit)
                write(nested(200, kind))
                with self.assertRaises(MDSFValueError) as caught:
                    write(nested(201, kind))
                self.assertIn("200 levels", str(caught.exception))
            write(1, maxDepth=0)
            self.assertRaises(MDSFValueError, write, [], maxDepth=0)

    def test_circular(self) -> None:
        """A value that contains itself is an error, and soon, however often it does."""
        circle: list[Any] = []
        circle += [circle, circle, circle]
        ring: dict[str, Any] = {}
        ring.update(a=ring, b=ring)
        for value in (circle, ring, {"a": (circle,)}):
            for write in (stringify, encodeValue):
                self.assertRaises(MDSFValueError, write, value)


def _withoutNegativeZero(value: Any) -> Any:
    if isinstance(value, list):
        return [_withoutNegativeZero(item) for item in value]
    if isinstance(value, dict):
        return {key: _withoutNegativeZero(member) for key, member in value.items()}
    return 0.0 if value == 0 and isinstance(value, float) else value


class EncodeValueTests(SynchronousTestCase):
    """Tests for L{encodeValue}."""

    def test_message(self) -> None:
        """A message of plain values is JSON, without blanks and in the order of its members."""
        self.assertEqual(encodeValue({"callback": [3], "ok": [42, "é"]}), '{"callback":[3],"ok":[42,"é"]}'.encode())

    @given(plainValue)
    @deterministic
    def test_plain(self, value: Any) -> None:
        """What is plain JSON is written as JSON that means the same value, and without the exact writer."""
        with mock.patch("jetjstp.jstp.mdsf.wire.stringify", side_effect=AssertionError):
            data = encodeValue(value)
        self.assertTrue(same(json.loads(data), value, types=True))

    @given(anyValue)
    @deterministic
    def test_roundTrip(self, value: Any) -> None:
        """Whatever MDSF can say reads as the same value."""
        data = encodeValue(value)
        self.assertTrue(same(parse(data), value) or same(parse(data), _withoutNegativeZero(value)))
        for harmful in (b"\0", b"\n", "\u2028".encode(), "\u2029".encode()):
            self.assertNotIn(harmful, data)

    def test_separators(self) -> None:
        """U+2028 and U+2029 are escaped, in values and names, and their neighbours are not."""
        value = {"\u2028\\\u2029": ["\u2027\u2028\u2029\u202a", "\\\u2028"]}
        for write in (encodeValue, stringify):
            data = write(value)
            text = data if isinstance(data, str) else data.decode()
            self.assertEqual(text.count("\\u2028") + text.count("\\u2029"), 5)
            self.assertEqual((text.count("\u2028"), text.count("\u2027"), text.count("\u202a")), (0, 1, 1))
            self.assertEqual(parse(text), value)
        self.assertEqual(json.loads(encodeValue(value)), value)

    def test_undefined(self) -> None:
        """An undefined argument is kept, also at the end; an undefined member is not."""
        message = {"call": [1, "i"], "m": [UNDEFINED, {"a": UNDEFINED}, UNDEFINED]}
        self.assertEqual(encodeValue(message), b"{call:[1,'i'],m:[,{},undefined]}")
        self.assertEqual(encodeValue(UNDEFINED), b"undefined")

    def test_surrogates(self) -> None:
        """A lone surrogate is escaped."""
        self.assertEqual(encodeValue(["a\ud800", "\u2028é"]), "['a\\ud800','\\u2028é']".encode())

    def test_exhaustedStack(self) -> None:
        """What is written does not depend on how deep the stack of the caller is."""
        value = nested(60)
        results = set()

        def descend(levels: int) -> None:
            if levels:
                descend(levels - 1)
            else:
                results.add(encodeValue(value))

        depth = 0
        frame = sys._getframe()
        while frame.f_back is not None:
            frame = frame.f_back
            depth += 1
        for left in range(20, 80, 4):
            descend(sys.getrecursionlimit() - depth - left)
        self.assertEqual(results, {b"[" * 60 + b"]" * 60})
