"""Conditions and sorts on the command line."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis.strategies import text
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.cli.jetctl import JetctlOptions
from jetjstp.cli.selecting import parseSort, parseWhere


class WhereTests(SynchronousTestCase):
    """C{--where}."""

    def test_conditions(self) -> None:
        """A condition is a field of the value, an operator and JSON."""
        for condition, expected in (
            ("value>25", (None, "greaterThan", 25)),
            ("value.temp < -1.5", ("temp", "lessThan", -1.5)),
            ('value.a.b="x=y"', ("a.b", "equals", "x=y")),
            ("value.tags[0] == null", ("tags[0]", "equals", None)),
            ("value['my-key']!=true", ("['my-key']", "equalsNot", True)),
            ("value[3]=[1, 2]", ("[3]", "equals", [1, 2])),
            ("value is number", (None, "isType", "number")),
            ("value.x  is  string", ("x", "isType", "string")),
        ):
            self.assertEqual(parseWhere(condition), expected)

    def test_mistakes(self) -> None:
        """What is no condition is refused with an example or the remedy."""
        for condition, words in (
            ("temp>20", "value.temp>20"),
            ("value", "value.temp>20"),
            ("valuetemp>20", "value.temp"),
            ("value.>20", "value.temp"),
            ("value..a>20", "value.temp"),
            ("value.a>=20", "use >"),
            ("value<=20", "use <"),
            ("value=pump", "quotation marks"),
            ("value>", "is empty"),
            ("value>[1]", "only numbers and strings"),
            ("value>true", "only numbers and strings"),
            ("value is integer", "number, string, boolean, object"),
        ):
            error = self.assertRaises(UsageError, parseWhere, condition)
            self.assertIn(f"--where {condition}", str(error))
            self.assertIn(words, str(error))

    @given(text())
    def test_anything(self, condition: str) -> None:
        """Whatever is given, it is a condition or a mistake that is explained."""
        for prefix in ("", "value", "value.", "value>"):
            try:
                parseWhere(prefix + condition)
            except UsageError:
                continue


class SortTests(SynchronousTestCase):
    """C{--sort}."""

    def test_sorts(self) -> None:
        """It sorts by path, by value, or by a field; values are numbers unless a type is given."""
        for written, rule in (
            ("path", {"byPath": True}),
            ("value", {"byValue": "number"}),
            ("value:string", {"byValue": "string"}),
            ("value.temp", {"byValueField": {"temp": "number"}}),
            ("value.a[0]:boolean", {"byValueField": {"a[0]": "boolean"}}),
        ):
            self.assertEqual(parseSort(written), rule)

    def test_mistakes(self) -> None:
        """Anything else is refused with what there is."""
        for written in ("key", "temp", "value:integer", "path:string", "values", "value.", ""):
            self.assertIn(f"--sort {written}", str(self.assertRaises(UsageError, parseSort, written)))


class RuleTests(SynchronousTestCase):
    """The options together."""

    def ruleOf(self, *arguments: str) -> Any:
        """The rule that a watch asks for."""
        options = JetctlOptions()
        options.parseOptions(["watch", *arguments])
        return options.subOptions._rule

    def test_rule(self) -> None:
        """Everything that is asked for is in the rule."""
        self.assertEqual(self.ruleOf(), {})
        self.assertEqual(
            self.ruleOf(
                "-p", "a/", "--contains", "b", "--suffix", "c", "-i", "--where", "value>1", "--where", "value<9"
            ),
            {
                "path": {"startsWith": "a/", "contains": "b", "endsWith": "c", "caseInsensitive": True},
                "value": {"greaterThan": 1, "lessThan": 9},
            },
        )
        self.assertEqual(
            self.ruleOf("--equals", "a", "--where", "value.x>1", "--where", "value.x<9", "--sort", "value.x", "-d"),
            {
                "path": {"equals": "a"},
                "valueField": {"x": {"greaterThan": 1, "lessThan": 9}},
                "sort": {"byValueField": {"x": "number"}, "from": 1, "to": 10, "descending": True},
            },
        )

    def test_twice(self) -> None:
        """The same kind of condition on the same field can be given once only."""
        error = self.assertRaises(UsageError, self.ruleOf, "--where", "value=1", "--where", "value=2")
        self.assertIn("--where value=2", str(error))
