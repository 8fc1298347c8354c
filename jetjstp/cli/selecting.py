"""
Which elements a command is about: options that become the rule of a fetch.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.python.usage import UsageError

from jetjstp.cli.jsonargument import parseValue
from jetjstp.cli.options import SharedOptions
from jetjstp.jet.fields import parseField

__all__ = ["SelectingOptions", "parseField", "parseSort", "parseWhere"]

_OPERATORS = {"=": "equals", "==": "equals", "!=": "equalsNot", "<": "lessThan", ">": "greaterThan", "is": "isType"}
_TYPES = ("number", "string", "boolean", "object")

_CONDITION = re.compile(r"\s*(value[^=!<>\s]*)(?:\s*(==|!=|<=|>=|=|<|>)|\s+(is)\s)\s*(.*?)\s*", re.DOTALL)
_SORT = re.compile(r"(path|value.*?)(?::(\w+))?")

WHERE_HELP = "write it like 'value.temp>20', 'value.name=\"pump\"' or 'value is number'"


class SelectingOptions(SharedOptions):
    """The options that say which elements are meant. All of them have to be met."""

    optParameters = [
        ["contains", None, None, "Only paths that have this in them"],
        ["suffix", None, None, "Only paths that end with this"],
    ]
    optFlags = [["ignore-case", "i", "Do not distinguish upper and lower case in paths"]]
    metavars = {"contains": "TEXT", "suffix": "TEXT", "where": "CONDITION"}

    def opt_where(self, condition: str) -> None:
        """
        Only values that meet a condition: value or value.FIELD, one of = != < >, and JSON; or "is" and a type. May be
        given several times.
        """
        field, operator, operand = parseWhere(condition)
        rules: dict[str, Any] = self.setdefault("whereRules", {})
        rule = (
            rules.setdefault("value", {}) if field is None else rules.setdefault("valueField", {}).setdefault(field, {})
        )
        if operator in rule:
            raise UsageError(f"--where {condition}: there is such a condition already; a field takes one of each kind")
        rule[operator] = operand

    def rule(self, **paths: str | None) -> dict[str, Any]:
        """
        The rule of a fetch, as the protocol has it.

        @param paths: Predicates on the path that come from elsewhere; L{None} for none.
        """
        path: dict[str, Any] = {predicate: what for predicate, what in paths.items() if what is not None}
        for option, predicate in (("contains", "contains"), ("suffix", "endsWith")):
            if self[option] is not None:
                path[predicate] = self[option]
        if self["ignore-case"] and path:
            path["caseInsensitive"] = True
        return {**({"path": path} if path else {}), **self.get("whereRules", {})}


def parseWhere(condition: str) -> tuple[str | None, str, Any]:
    """
    Read a condition.

    @return: The field, L{None} for the value itself; the operator as the protocol calls it; what it is compared with.
    @raise UsageError: It is none; the message says what one looks like.
    """
    match = _CONDITION.fullmatch(condition)
    if match is None:
        raise UsageError(f"--where {condition}: not a condition; {WHERE_HELP}")
    sign = match[2] or match[3]
    if sign in ("<=", ">="):
        raise UsageError(f"--where {condition}: Jet has no {sign}; use {sign[0]} with the next value")
    field = _fieldOf(match[1], f"--where {condition}")
    if sign == "is":
        if match[4] not in _TYPES:
            raise UsageError(f"--where {condition}: {match[4]!r} is no type; there are {', '.join(_TYPES)}")
        return field, _OPERATORS[sign], match[4]
    operand = parseValue(match[4], f"--where {condition}:")
    if sign in "<>" and (isinstance(operand, bool) or not isinstance(operand, int | float | str)):
        raise UsageError(f"--where {condition}: only numbers and strings are less or greater than others")
    return field, _OPERATORS[sign], operand


def parseSort(text: str) -> dict[str, Any]:
    """
    Read what to sort by: C{path}, C{value} or C{value.FIELD}, the latter two with a type if it is not number.

    @return: The members of the sort rule.
    @raise UsageError: It is none of these.
    """
    match = _SORT.fullmatch(text)
    kind = "number" if match is None or match[2] is None else match[2]
    if match is None or kind not in _TYPES or (match[1] == "path" and match[2]):
        raise UsageError(
            f"--sort {text}: write path, value, value.FIELD, or one with a type such as value.name:string "
            f"(types are {', '.join(_TYPES)})"
        )
    if match[1] == "path":
        return {"byPath": True}
    field = _fieldOf(match[1], f"--sort {text}")
    return {"byValue": kind} if field is None else {"byValueField": {field: kind}}


def _fieldOf(text: str, what: str) -> str | None:
    """C{value} is the value itself, C{value.a.b} and C{value[0]} are fields of it."""
    if text == "value":
        return None
    field = text.removeprefix("value").removeprefix(".")
    try:
        if text[5] not in ".[":
            raise ValueError
        parseField(field)
    except ValueError:
        raise UsageError(f"{what}: {text!r} is no field; write it like value.temp or value.tags[0]") from None
    return field
