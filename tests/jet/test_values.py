"""
Tests for L{jetjstp.jet.values}.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet.fields import UNDEFINED, parseField
from jetjstp.jet.values import UnknownOperator, compileField, compileValue, orderOf, typeName
from tests.jet.conversations import anyJson, anyText, deterministic

OPERATORS = ("equals", "equalsNot", "lessThan", "greaterThan", "isType")

TYPES: dict[str, list[Any]] = {
    "number": [0, 5, -1, 1.0, 1.5, 2**70, float("inf")],
    "string": ["", "5", "a", "b", "number"],
    "boolean": [False, True],
    "object": [None, [], [1], {}, {"a": 1}],
    "undefined": [UNDEFINED],
}
"""Values of each type that JavaScript knows."""

OPERANDS = [value for values in TYPES.values() for value in values if value is not UNDEFINED]

ALL = [*OPERANDS, UNDEFINED]


operands = st.sampled_from(OPERANDS) | anyJson
values = st.sampled_from(ALL) | anyJson


def units(text: str) -> list[int]:
    """The units of a text in UTF-16."""
    found = []
    for character in text:
        code = ord(character)
        found += [code] if code < 0x10000 else [0xD800 + (code - 0x10000 >> 10), 0xDC00 + (code & 0x3FF)]
    return found


def order(value: Any) -> Any:
    """What a primitive is compared by, in the words of the protocol page."""
    return units(value) if isinstance(value, str) else value


MODEL: dict[str, Callable[[Any, Any], bool]] = {
    "equals": lambda value, operand: (
        typeName(value) == typeName(operand)
        and not isinstance(operand, list | dict)
        and not isinstance(value, list | dict)
        and value == operand
    ),
    "equalsNot": lambda value, operand: not MODEL["equals"](value, operand),
    "lessThan": lambda value, operand: (
        typeName(value) == typeName(operand)
        and typeName(value) in ("number", "string", "boolean")
        and order(value) < order(operand)
    ),
    "greaterThan": lambda value, operand: (
        typeName(value) == typeName(operand)
        and typeName(value) in ("number", "string", "boolean")
        and order(value) > order(operand)
    ),
    "isType": lambda value, operand: operand == typeName(value),
}
"""Section 8.4, as its table reads."""


def holds(name: str, operand: Any, value: Any) -> bool:
    """Whether one operator holds, by the module."""
    return compileValue({name: operand})(value)


class OrderTests(SynchronousTestCase):
    """What values are compared by."""

    @given(anyText, anyText)
    @deterministic
    def test_texts(self, one: str, other: str) -> None:
        """Texts are in the order of their UTF-16 units, lone surrogates included."""
        self.assertEqual(orderOf(one) < orderOf(other), units(one) < units(other))
        self.assertEqual(orderOf(one) == orderOf(other), one == other)

    def test_beyondTheBasicPlane(self) -> None:
        """A character beyond U+FFFF comes before those from U+E000: its units are surrogates."""
        self.assertLess(orderOf("𝄞"), orderOf("\uff21"))
        self.assertLess(orderOf("Z"), orderOf("a"))
        self.assertLess(orderOf("a"), orderOf("aa"))

    def test_others(self) -> None:
        """Numbers and booleans are compared as they are."""
        for value in (5, 1.5, True, False, 10**400):
            self.assertIs(orderOf(value), value)

    def test_types(self) -> None:
        """Types have the names that JavaScript gives them: null and arrays are objects."""
        for name, examples in TYPES.items():
            for value in examples:
                self.assertEqual(typeName(value), name, value)


class ValueTests(SynchronousTestCase):
    """Tests for L{compileValue}."""

    @given(st.dictionaries(st.sampled_from(OPERATORS), operands, max_size=3), values)
    @deterministic
    def test_model(self, rule: dict[str, Any], value: Any) -> None:
        """All operators of a rule must hold, as the protocol's table says."""
        expected = all(MODEL[name](value, operand) for name, operand in rule.items())
        self.assertIs(compileValue(rule)(value), expected)

    def test_equals(self) -> None:
        """A primitive is equal to itself, 1 to 1.0; arrays and objects are equal to nothing."""
        for value in OPERANDS:
            primitive = value is None or isinstance(value, bool | int | float | str)
            self.assertIs(holds("equals", value, value), primitive, value)
            self.assertIs(holds("equalsNot", value, value), not primitive, value)
        self.assertTrue(holds("equals", 1, 1.0))
        self.assertTrue(holds("equals", 0, -0.0))

    def test_typesDoNotMix(self) -> None:
        """Values of different types are neither equal nor less nor greater: true is not 1, "5" not less than 6."""
        for kind, examples in TYPES.items():
            for value in examples:
                for operand in OPERANDS:
                    if typeName(operand) != kind:
                        for name in ("equals", "lessThan", "greaterThan"):
                            self.assertFalse(holds(name, operand, value), f"{value} {name} {operand}")
                        self.assertTrue(holds("equalsNot", operand, value))

    def test_comparisons(self) -> None:
        """Numbers, texts and booleans compare strictly, false before true."""
        for lesser, greater in (
            (1, 1.5),
            (-1, 0),
            (2**53, 2**53 + 1),
            ("", "a"),
            ("B", "a"),
            ("10", "9"),
            (False, True),
        ):
            self.assertTrue(holds("lessThan", greater, lesser))
            self.assertTrue(holds("greaterThan", lesser, greater))
            self.assertFalse(holds("lessThan", lesser, greater))
            self.assertFalse(holds("lessThan", lesser, lesser))
            self.assertFalse(holds("greaterThan", greater, greater))
        for value in TYPES["object"]:
            self.assertFalse(holds("lessThan", value, value) or holds("greaterThan", value, value))

    def test_hugeNumbers(self) -> None:
        """Numbers beyond the range of a float compare like others."""
        self.assertTrue(holds("greaterThan", 1.5, 10**400))
        self.assertTrue(holds("lessThan", float("inf"), 10**400))
        self.assertFalse(holds("equals", 1e300, 10**400))

    def test_isType(self) -> None:
        """A value has one type; what is no name of a type is the type of nothing."""
        for kind in TYPES:
            for value in ALL:
                self.assertIs(holds("isType", kind, value), typeName(value) == kind)
        odd: list[Any] = ["array", "null", "", 5, None, True, ["number"]]
        for operand in odd:
            for value in ALL:
                self.assertFalse(holds("isType", operand, value))

    def test_methods(self) -> None:
        """What has no value passes only the rules that say so: not equal, or of no type."""
        self.assertTrue(compileValue({})(UNDEFINED))
        self.assertTrue(holds("isType", "undefined", UNDEFINED))
        for operand in OPERANDS:
            self.assertTrue(holds("equalsNot", operand, UNDEFINED))
            for name in ("equals", "lessThan", "greaterThan"):
                self.assertFalse(holds(name, operand, UNDEFINED))

    def test_unknown(self) -> None:
        """An operator that is not known is refused by its name."""
        for name in ("between", "", "Equals", "hasOneOf", "caseInsensitive", "__class__"):
            error = self.assertRaises(UnknownOperator, compileValue, {"equals": 1, name: 1})
            self.assertEqual(str(error), name)
            error = self.assertRaises(UnknownOperator, compileField, ("a",), {name: 1})
            self.assertEqual(str(error), name)


class FieldTests(SynchronousTestCase):
    """Tests for L{compileField}."""

    def matches(self, text: str, rule: dict[str, Any], value: Any) -> bool:
        return compileField(parseField(text), rule)(value)

    @given(st.dictionaries(st.sampled_from(OPERATORS), operands, max_size=2), anyJson)
    @deterministic
    def test_asTheValueItself(self, rule: dict[str, Any], value: Any) -> None:
        """What is in a field is compared like a value."""
        self.assertIs(self.matches("a", rule, {"a": value}), compileValue(rule)(value))
        self.assertIs(self.matches("[1]", rule, [0, value]), compileValue(rule)(value))

    def test_missing(self) -> None:
        """A last field that is missing is undefined."""
        self.assertTrue(self.matches("a", {"equalsNot": 1}, {}))
        self.assertTrue(self.matches("a", {"isType": "undefined"}, []))
        self.assertTrue(self.matches("a", {}, {}))
        self.assertFalse(self.matches("a", {"equals": None}, {}))

    def test_broken(self) -> None:
        """A chain that is broken matches nothing, whatever is asked of it; so do values that are no objects."""
        rules: list[dict[str, Any]] = [{}, {"equalsNot": 1}, {"isType": "undefined"}]
        for rule in rules:
            self.assertFalse(self.matches("a.b", rule, {}))
            self.assertFalse(self.matches("a.b", rule, {"a": None}))
            for value in (None, 5, "text", True, UNDEFINED):
                self.assertFalse(self.matches("a", rule, value))
                self.assertFalse(self.matches("length", rule, value))
