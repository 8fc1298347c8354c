"""
Tests for L{jetjstp.jet.paths}.
"""

from __future__ import annotations

from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet.paths import WrongOperand, compilePath
from tests.jet.conversations import anyJson, deterministic

PREDICATES: dict[str, Any] = {
    "equals": lambda path, operand: path == operand,
    "equalsNot": lambda path, operand: path != operand,
    "startsWith": lambda path, operand: path[: len(operand)] == operand,
    "startsNotWith": lambda path, operand: path[: len(operand)] != operand,
    "endsWith": lambda path, operand: path[max(0, len(path) - len(operand)) :] == operand,
    "endsNotWith": lambda path, operand: path[max(0, len(path) - len(operand)) :] != operand,
    "contains": lambda path, operand: path.find(operand) >= 0,
    "containsNot": lambda path, operand: path.find(operand) < 0,
    "containsAllOf": lambda path, operands: [each for each in operands if path.find(each) < 0] == [],
    "containsOneOf": lambda path, operands: [each for each in operands if path.find(each) >= 0] != [],
    "equalsOneOf": lambda path, operands: operands.count(path) > 0,
    "equalsNotOneOf": lambda path, operands: operands.count(path) == 0,
}
"""Section 8.3, as its table reads."""

LISTS = ("containsAllOf", "containsOneOf", "equalsOneOf", "equalsNotOneOf")

words = st.text("aAbBßİΣ/", max_size=4)
"""Few characters, so that something matches; some whose lower case is another length or depends on the place."""


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    """A valid path rule."""
    rule: dict[str, Any] = {}
    for name in draw(st.lists(st.sampled_from(list(PREDICATES)), max_size=3)):
        rule[name] = draw(st.none() | (st.lists(words, max_size=3) if name in LISTS else words))
    if draw(st.booleans()):
        rule["caseInsensitive"] = draw(st.sampled_from([True, False, None, 1, 0, "", "no", [], {}]))
    if draw(st.booleans()):
        rule["unknown"] = draw(anyJson)
    return rule


def isFolded(rule: dict[str, Any]) -> bool:
    """Whether case does not matter: by what JavaScript takes for true."""
    value = rule.get("caseInsensitive")
    return isinstance(value, list | dict) or bool(value)


def lower(operand: Any) -> Any:
    """An operand in lower case."""
    return [item.lower() for item in operand] if isinstance(operand, list) else operand.lower()


def holds(rule: dict[str, Any], path: str) -> bool:
    """Whether a path fits, read off the table."""
    folded = isFolded(rule)
    path = path.lower() if folded else path
    return all(
        test(path, lower(rule[name]) if folded else rule[name])
        for name, test in PREDICATES.items()
        if rule.get(name) is not None
    )


def matches(rule: dict[str, Any], path: str) -> bool:
    """Whether a path fits, by the module."""
    test = compilePath(rule).matches
    return test is None or test(path)


class RuleTests(SynchronousTestCase):
    """What rules mean."""

    @given(rules(), words)
    @example({"endsWith": "abc"}, "ab")
    @example({"endsWith": ""}, "")
    @deterministic
    def test_model(self, rule: dict[str, Any], path: str) -> None:
        """All predicates of a rule must hold, as the protocol's table says."""
        self.assertIs(matches(rule, path), holds(rule, path))

    @given(rules(), words)
    @example({"equals": "a", "equalsOneOf": ["b"]}, "a")
    @example({"equalsOneOf": ["b"], "equals": "a"}, "b")
    @example({"equals": "SS", "caseInsensitive": True}, "ss")
    @deterministic
    def test_hints(self, rule: dict[str, Any], path: str) -> None:
        """
        What fits is among the exact paths, if there are any, and begins with the prefix, if there is one. If the rule
        is complete, that suffices.
        """
        compiled = compilePath(rule)
        key = path.lower() if compiled.folded else path
        found = (compiled.exact is None or key in compiled.exact) and (
            compiled.prefix is None or key.startswith(compiled.prefix)
        )
        if matches(rule, path):
            self.assertTrue(found)
        if compiled.complete and (compiled.exact is not None or compiled.prefix is not None):
            self.assertIs(found, matches(rule, path))

    def test_each(self) -> None:
        """Each predicate holds where it should, and only there."""
        cases: list[tuple[str, Any, str, str]] = [
            ("equals", "a/b", "a/b", "a/bc"),
            ("equalsNot", "a/b", "A/b", "a/b"),
            ("startsWith", "a/", "a/b", "b/a/"),
            ("startsNotWith", "a/", "b/a/", "a/b"),
            ("endsWith", "bc", "abc", "bcd"),
            ("endsNotWith", "bc", "bcd", "abc"),
            ("contains", "b", "abc", "ac"),
            ("containsNot", "b", "ac", "abc"),
            ("containsAllOf", ["a", "c"], "abc", "ab"),
            ("containsOneOf", ["x", "c"], "abc", "ab"),
            ("equalsOneOf", ["a", "b"], "b", "ab"),
            ("equalsNotOneOf", ["a", "b"], "ab", "b"),
        ]
        self.assertEqual({case[0] for case in cases}, set(PREDICATES))
        for name, operand, good, bad in cases:
            self.assertTrue(matches({name: operand}, good), name)
            self.assertFalse(matches({name: operand}, bad), name)

    def test_empty(self) -> None:
        """Empty operands: every path begins and ends with nothing, contains it, and contains all of no texts."""
        always: list[dict[str, Any]] = [{"startsWith": ""}, {"endsWith": ""}, {"contains": ""}, {"containsAllOf": []}]
        for rule in always:
            self.assertTrue(matches(rule, "") and matches(rule, "a"), rule)
        for rule in ({"containsOneOf": []}, {"equalsOneOf": []}):
            self.assertFalse(matches(rule, "") or matches(rule, "a"), rule)
        self.assertTrue(matches({"equals": ""}, ""))
        self.assertTrue(matches({"equalsNotOneOf": []}, ""))

    def test_nothing(self) -> None:
        """A rule of nothing, of nulls, or of what is not known, is about every path."""
        unfiltered: list[dict[str, Any]] = [
            {},
            {"equals": None, "containsOneOf": None},
            {"matches": "^a"},
            {"caseInsensitive": True},
        ]
        for rule in unfiltered:
            self.assertIsNone(compilePath(rule).matches)

    def test_caseInsensitive(self) -> None:
        """Case is ignored by lower-casing the path and all operands, which is not case folding."""
        folded = {"caseInsensitive": True}
        self.assertTrue(matches({"equals": "A/É", **folded}, "a/é"))
        self.assertTrue(matches({"equalsOneOf": ["x", "ÀB"], **folded}, "àB"))
        self.assertTrue(matches({"containsAllOf": ["B", "c"], **folded}, "abC"))
        self.assertFalse(matches({"equalsNot": "AB", **folded}, "ab"))
        self.assertFalse(matches({"equals": "ss", **folded}, "ß"))
        self.assertFalse(matches({"equals": "ΑΣ", **folded}, "ασ"))
        self.assertTrue(matches({"equals": "ΑΣ", **folded}, "ας"))

    def test_caseSensitive(self) -> None:
        """Case matters unless C{caseInsensitive} is what JavaScript takes for true."""
        falsy: list[Any] = [False, None, 0, 0.0, ""]
        for value in falsy:
            self.assertFalse(matches({"equals": "A", "caseInsensitive": value}, "a"), value)
        truthy: list[Any] = [True, 1, "false", [], {}]
        for value in truthy:
            self.assertTrue(matches({"equals": "A", "caseInsensitive": value}, "a"), value)

    def test_wrongOperands(self) -> None:
        """An operand of the wrong type is refused by the name of its predicate, whatever else holds."""
        for name in PREDICATES:
            operands = ["a", 5, {}, True, [5], ["a", None], [["a"]]] if name in LISTS else [["a"], 5, {}, False]
            for operand in operands:
                error = self.assertRaises(WrongOperand, compilePath, {"equalsNot": "x", name: operand})
                self.assertEqual(str(error), name)

    def test_operands(self) -> None:
        """It is known with how many operands a path may be compared; those that are looked up count as one."""
        cases: list[tuple[dict[str, Any], int]] = [
            ({}, 0),
            ({"caseInsensitive": True, "unknown": ["a", "b"], "contains": None}, 0),
            ({"contains": "a"}, 1),
            ({"equalsOneOf": ["a", "b", "c"]}, 1),
            ({"equalsNotOneOf": ["a", "b", "c"], "startsNotWith": "a"}, 2),
            ({"containsOneOf": ["a", "b", "c"], "containsAllOf": ["a", "b"], "endsWith": "c"}, 6),
        ]
        for rule, count in cases:
            self.assertEqual(compilePath(rule).operands, count)


class HintTests(SynchronousTestCase):
    """By what fetches can be filed."""

    def check(self, rule: dict[str, Any], exact: set[str] | None, prefix: str | None, complete: bool) -> None:
        compiled = compilePath(rule)
        self.assertEqual((compiled.exact, compiled.prefix), (exact, prefix))
        self.assertIs(compiled.complete, complete)

    def test_exact(self) -> None:
        """Paths that are named are known beforehand."""
        self.check({"equals": "a"}, {"a"}, None, True)
        self.check({"equalsOneOf": ["a", "b"]}, {"a", "b"}, None, True)
        self.check({"equals": "a", "contains": "b"}, {"a"}, None, False)

    def test_prefix(self) -> None:
        """So is what paths must begin with."""
        self.check({"startsWith": "a"}, None, "a", True)
        self.check({"startsWith": "a", "endsWith": "b"}, None, "a", False)

    def test_folded(self) -> None:
        """Both are lower-case where case does not matter."""
        self.check({"equals": "A", "caseInsensitive": True}, {"a"}, None, True)
        self.check({"startsWith": "A", "caseInsensitive": True}, None, "a", True)
        self.assertTrue(compilePath({"startsWith": "A", "caseInsensitive": True}).folded)
        self.assertFalse(compilePath({"startsWith": "A"}).folded)

    def test_none(self) -> None:
        """Other rules give no hint."""
        for name in sorted(PREDICATES.keys() - {"equals", "equalsOneOf", "startsWith"}):
            compiled = compilePath({name: ["a"] if name in LISTS else "a"})
            self.assertEqual((compiled.exact, compiled.prefix), (None, None), name)
