"""
The rule of a fetch or a get: which elements it is about, and in what order
(protocol page, sections 8.3 to 8.6 and 9.1).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from jetjstp.jet.errors import InvalidParams, LimitExceeded, MissingParam, WrongType
from jetjstp.jet.fields import Field, parseField
from jetjstp.jet.jsontext import membersOf, quote, valueOf
from jetjstp.jet.paths import PathRule, WrongOperand, compilePath
from jetjstp.jet.values import UnknownOperator, ValueTest, compileField, compileValue

__all__ = ["EVERYTHING", "Rule", "SortRule", "compileRule"]

DEFAULT_FIRST = 1
DEFAULT_LAST = 10


class SortRule(NamedTuple):
    """
    What a sorted fetch sorts by, and its window.

    @ivar field: The field of the value to sort by; empty for the value itself; L{None} to sort by path.
    @ivar descending: Whether the greatest comes first.
    @ivar first: The first position of the window, from 1; C{last} the last one, itself included.
    """

    field: Field | None
    descending: bool
    first: int
    last: int


class Rule(NamedTuple):
    """
    A compiled rule.

    @ivar path: Which paths fit.
    @ivar value: Which values fit, L{None} if all do; methods have the value L{jetjstp.jet.fields.UNDEFINED}.
    @ivar sort: L{None} unless sorted.
    @ivar coalesce: What a fetch says of slow connections: L{True} coalesces early, L{False} never.
    @ivar methods: Whether methods fit at all.
    @ivar operands: With how many operands, and fields, an element may have to be compared.
    @ivar size: Bytes of the text of a rule that is kept.
    """

    path: PathRule
    value: ValueTest | None
    sort: SortRule | None
    coalesce: bool | None
    methods: bool = True
    operands: int = 0
    size: int = 0


EVERYTHING = Rule(PathRule(None), None, None, None)
_NULL = b"null"


def compileRule(members: dict[str, bytes], params: bytes, limit: int, operands: int | None = None) -> Rule:
    """
    Compile the rule in the params of C{fetch} or C{get}. Everything is checked before anything is done.

    @param members: The members of the params, as text.
    @param params: The params as text.
    @param limit: The longest rule, in bytes.
    @param operands: With how many operands it may have elements compared; L{None} for any number.
    @raise InvalidParams: With the data that the protocol names.
    """
    if len(params) > limit:
        raise LimitExceeded("rule", limit)
    path = _pathRule(members, params)
    tests: list[ValueTest] = []
    operators = _object(members, "value", params)
    fields = _object(members, "valueField", params) or {}
    sort, kind = _sort(members, params)
    count = path.operands + _count(operators, fields)
    if operands is not None and count > operands:
        raise LimitExceeded("operands", operands)
    try:
        if operators:
            tests.append(compileValue(operators))
        for text, rule in fields.items():
            if not isinstance(rule, dict):
                raise WrongType(text, members["valueField"])
            tests.append(compileField(_field(text, "valueField"), rule))
    except UnknownOperator as error:
        raise InvalidParams(f"unknown generator {error}") from None
    if kind is not None:
        tests.append(compileField(kind.field, kind.rule) if kind.field else compileValue(kind.rule))
    coalesce = {b"true": True, b"false": False}.get(members.get("coalesce", _NULL))
    return Rule(path, _all(tests), sort, coalesce, operands=count)


def _count(operators: dict[str, Any] | None, fields: dict[str, Any]) -> int:
    """How many operands, and fields that have to be looked for, there are in rules about values."""
    rules = [rule for rule in fields.values() if isinstance(rule, dict)]
    return len(operators or ()) + len(fields) + sum(map(len, rules))


def _pathRule(members: dict[str, bytes], params: bytes) -> PathRule:
    rule = _object(members, "path", params)
    if not rule:
        return EVERYTHING.path
    try:
        return compilePath(rule)
    except WrongOperand as error:
        raise WrongType(str(error), members["path"]) from None


def _object(members: dict[str, bytes], name: str, params: bytes) -> dict[str, Any] | None:
    text = members.get(name, _NULL)
    if text == _NULL:
        return None
    value = valueOf(text)
    if not isinstance(value, dict):
        raise WrongType(name, params)
    return value


def _field(text: str, member: str) -> Field:
    try:
        return parseField(text)
    except ValueError:
        raise WrongType(member, quote(text)) from None


def _all(tests: list[ValueTest]) -> ValueTest | None:
    if len(tests) < 2:
        return tests[0] if tests else None
    return lambda value: all(test(value) for test in tests)


class _Kind(NamedTuple):
    """The type that sorting by value demands, of the value or of a field."""

    field: Field
    rule: dict[str, Any]


def _sort(members: dict[str, bytes], params: bytes) -> tuple[SortRule | None, _Kind | None]:
    text = members.get("sort", _NULL)
    if text == _NULL:
        return None, None
    if text == b"true":
        text = b"{}"
    sort = membersOf(text)
    if sort is None:
        raise WrongType("sort", params)
    rule = {name: valueOf(value) for name, value in sort.items()}
    field, kind = _sortKey(rule, sort, text)
    return (
        SortRule(
            None if rule.get("byPath") else field,
            bool(rule.get("descending")),
            _position("from", rule, text, DEFAULT_FIRST),
            _position("to", rule, text, DEFAULT_LAST),
        ),
        kind,
    )


def _sortKey(rule: dict[str, Any], sort: dict[str, bytes], text: bytes) -> tuple[Field | None, _Kind | None]:
    byValue, byField = rule.get("byValue"), rule.get("byValueField")
    if byValue:
        return (), _Kind((), {"isType": byValue})
    if byField is None:
        return None, None
    if not isinstance(byField, dict):
        raise WrongType("byValueField", text)
    if not byField:
        raise MissingParam("byValueField", text)
    name, kind = next(iter(byField.items()))
    field = _field(name, "byValueField")
    return field, _Kind(field, {"isType": kind})


def _position(name: str, rule: dict[str, Any], text: bytes, default: int) -> int:
    value = rule.get(name)
    if value is None or (value == 0 and value is not False):
        return default
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise WrongType(name, text)
    return value
