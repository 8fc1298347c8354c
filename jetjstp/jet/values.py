"""
Value rules: operators on a value, or on a field of it (protocol page, sections
8.4 and 8.5).

Types never mix: C{True} is not 1, and a number is compared with numbers only.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jetjstp.jet.fields import BROKEN, UNDEFINED, Field, lookUp

__all__ = ["UnknownOperator", "ValueTest", "compileField", "compileValue", "orderOf", "typeName"]

ValueTest = Callable[[Any], bool]


class UnknownOperator(ValueError):
    """The argument is the name of the operator."""


def typeName(value: object) -> str:
    """The JavaScript type name of a value; null and arrays are objects, L{UNDEFINED} is what a method has."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "undefined" if value is UNDEFINED else "object"


def orderOf(value: Any) -> Any:
    """What a number, string or boolean is compared by: strings by UTF-16 code unit, as JavaScript does."""
    return value.encode("utf-16-be", "surrogatepass") if isinstance(value, str) else value


def _equals(operand: Any) -> ValueTest:
    kind = typeName(operand)
    if operand is None:
        return lambda value: value is None
    if kind == "object":
        return lambda value: False
    return lambda value: value == operand and typeName(value) == kind


def _equalsNot(operand: Any) -> ValueTest:
    equals = _equals(operand)
    return lambda value: not equals(value)


def _lessThan(operand: Any) -> ValueTest:
    kind, bound = typeName(operand), orderOf(operand)
    if kind == "object":
        return lambda value: False
    return lambda value: typeName(value) == kind and orderOf(value) < bound


def _greaterThan(operand: Any) -> ValueTest:
    kind, bound = typeName(operand), orderOf(operand)
    if kind == "object":
        return lambda value: False
    return lambda value: typeName(value) == kind and orderOf(value) > bound


def _isType(operand: Any) -> ValueTest:
    return lambda value: typeName(value) == operand


_OPERATORS: dict[str, Callable[[Any], ValueTest]] = {
    "equals": _equals,
    "equalsNot": _equalsNot,
    "lessThan": _lessThan,
    "greaterThan": _greaterThan,
    "isType": _isType,
}


def compileValue(rule: dict[str, Any]) -> ValueTest:
    """
    Compile operators that must all hold.

    @raise UnknownOperator: One is not known.
    """
    tests = []
    for name, operand in rule.items():
        if name not in _OPERATORS:
            raise UnknownOperator(name)
        tests.append(_OPERATORS[name](operand))
    if len(tests) == 1:
        return tests[0]
    return lambda value: all(test(value) for test in tests)


def compileField(field: Field, rule: dict[str, Any]) -> ValueTest:
    """
    Compile operators on one field. A broken chain matches nothing, not even without operators.

    @raise UnknownOperator: One is not known.
    """
    test = compileValue(rule)

    def matches(value: Any) -> bool:
        found = lookUp(field, value)
        return found is not BROKEN and test(found)

    return matches
