"""
Path rules: which paths a fetch is about (protocol page, section 8.3).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

__all__ = ["PathRule", "WrongOperand", "compilePath"]

Test = Callable[[str], bool]

_FALSY = (None, False, 0, "")
"""What JavaScript takes for false; empty lists and objects are not among it."""


class WrongOperand(ValueError):
    """An operand is of the wrong type; the argument is the name of its predicate."""


class PathRule(NamedTuple):
    """
    A compiled rule.

    @ivar matches: Whether a path fits; L{None} if every path does.
    @ivar exact: If given, only these paths can fit: a rule by which elements are looked up instead of tried.
    @ivar prefix: If given, only paths that start so can fit.
    @ivar folded: C{exact} and C{prefix} are lower-case and are about lower-cased paths.
    @ivar complete: What fits C{exact} or C{prefix} fits the rule.
    @ivar operands: With how many operands a path may have to be compared. Those of C{equalsOneOf} and its opposite,
        which are looked up, are one.
    """

    matches: Test | None
    exact: frozenset[str] | None = None
    prefix: str | None = None
    folded: bool = False
    complete: bool = False
    operands: int = 0


_TEXT: dict[str, Callable[[str], Test]] = {
    "equals": lambda operand: lambda path: path == operand,
    "equalsNot": lambda operand: lambda path: path != operand,
    "startsWith": lambda operand: lambda path: path.startswith(operand),
    "startsNotWith": lambda operand: lambda path: not path.startswith(operand),
    "endsWith": lambda operand: lambda path: path.endswith(operand),
    "endsNotWith": lambda operand: lambda path: not path.endswith(operand),
    "contains": lambda operand: lambda path: operand in path,
    "containsNot": lambda operand: lambda path: operand not in path,
}

_LIST: dict[str, Callable[[list[str]], Test]] = {
    "containsAllOf": lambda operands: lambda path: all(operand in path for operand in operands),
    "containsOneOf": lambda operands: lambda path: any(operand in path for operand in operands),
    "equalsOneOf": lambda operands: frozenset(operands).__contains__,
    "equalsNotOneOf": lambda operands: lambda path, among=frozenset(operands): path not in among,  # type: ignore[misc]
}

_ONE_BY_ONE = frozenset(("containsAllOf", "containsOneOf"))


def compilePath(rule: dict[str, Any]) -> PathRule:
    """
    Compile the C{path} member of a fetch. Predicates that are not known, and null operands, are ignored.

    @raise WrongOperand: An operand is no string, or no list of strings.
    """
    folded = rule.get("caseInsensitive") not in _FALSY
    tests: dict[str, Test] = {}
    exact: frozenset[str] | None = None
    prefix: str | None = None
    count = 0
    for name, operand in rule.items():
        if operand is None:
            continue
        if name in _TEXT:
            if not isinstance(operand, str):
                raise WrongOperand(name)
            operand = operand.lower() if folded else operand
            count += 1
            tests[name] = _TEXT[name](operand)
            if name == "equals":
                exact = frozenset((operand,))
            elif name == "startsWith":
                prefix = operand
        elif name in _LIST:
            operands = _strings(name, operand, folded)
            tests[name] = _LIST[name](operands)
            count += len(operands) if name in _ONE_BY_ONE else 1
            if name == "equalsOneOf" and exact is None:
                exact = frozenset(operands)
    if not tests:
        return PathRule(None)
    return PathRule(_conjunction(tests.values(), folded), exact, prefix, folded, len(tests) == 1, count)


def _strings(name: str, operand: object, folded: bool) -> list[str]:
    if not isinstance(operand, list) or not all(isinstance(item, str) for item in operand):
        raise WrongOperand(name)
    return [item.lower() for item in operand] if folded else operand


def _conjunction(tests: Iterable[Test], folded: bool) -> Test:
    checks = tuple(tests)
    if folded:

        def matches(path: str) -> bool:
            low = path.lower()
            return all(check(low) for check in checks)

        return matches
    if len(checks) == 1:
        return checks[0]
    return lambda path: all(check(path) for check in checks)
