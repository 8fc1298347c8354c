"""
Tests for L{jetjstp.jet.rules}: what is refused, with exactly which data, and
what the members of a rule mean together.
"""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet.errors import JetError
from jetjstp.jet.fields import UNDEFINED
from jetjstp.jet.jsontext import membersOf
from jetjstp.jet.rules import EVERYTHING, Rule, SortRule, compileRule
from tests.jet.conversations import anyJson, deterministic

LIMIT = 64 * 1024


def compiled(params: dict[str, Any] | str) -> Rule:
    """The rule in these params."""
    text = (params if isinstance(params, str) else json.dumps(params)).encode("utf-8")
    return compileRule(membersOf(text) or {}, text, LIMIT)


def fits(params: dict[str, Any], value: Any) -> bool:
    """Whether a value fits the rule in these params."""
    test = compiled(params).value
    return test is None or test(value)


class RefusalTests(SynchronousTestCase):
    """Rules that are refused."""

    def check(self, params: dict[str, Any] | str, data: object) -> None:
        """Check that a rule is refused with this data."""
        error = self.assertRaises(JetError, compiled, params)
        body = json.loads(error.body)
        self.assertEqual(body, {"message": "Invalid params", "code": -32602, "data": data}, params)

    def test_members(self) -> None:
        """A rule that is neither an object nor null is of the wrong type."""
        odds: list[Any] = [5, "a", True, False, [], ["a"]]
        for name in ("path", "value", "valueField"):
            for odd in odds:
                params = {"id": 1, name: odd}
                self.check(params, {"wrongType": name, "got": params})

    def test_pathOperands(self) -> None:
        """An operand of the wrong type is refused with the rule that holds it."""
        cases: list[dict[str, Any]] = [
            {"equals": 5},
            {"contains": ["a"]},
            {"equalsOneOf": "a"},
            {"containsAllOf": [5]},
            {"startsWith": {}, "caseInsensitive": True},
        ]
        for rule in cases:
            self.check({"id": 1, "path": rule}, {"wrongType": next(iter(rule)), "got": rule})

    def test_operators(self) -> None:
        """A value operator that is not known is named in a text, whatever its operand, in fields too."""
        self.check({"value": {"between": [1, 2]}}, "unknown generator between")
        self.check({"value": {"equals": 1, "caseInsensitive": True}}, "unknown generator caseInsensitive")
        self.check({"value": {"": {"operator": "equals"}}}, "unknown generator ")
        self.check({"valueField": {"a": {'q"\ud800': 1}}}, 'unknown generator q"\ud800')

    def test_fieldRules(self) -> None:
        """The rule of a field that is no object is refused with what holds it."""
        odds: list[Any] = [5, "a", [], True, None]
        for odd in odds:
            self.check({"valueField": {"a.b": odd}}, {"wrongType": "a.b", "got": {"a.b": odd}})

    def test_fieldPaths(self) -> None:
        """A text that is no field path is given back, never evaluated."""
        for text in ("", "a..b", "a[", "a.", "process.exit(1)[", "[-1]", 'x"['):
            self.check({"valueField": {text: {"equals": 1}}}, {"wrongType": "valueField", "got": text})
            self.check({"sort": {"byValueField": {text: "number"}}}, {"wrongType": "byValueField", "got": text})

    def test_sort(self) -> None:
        """A sort that is neither an object nor true nor null is of the wrong type."""
        odds: list[Any] = [5, "a", False, [], ["byPath"], 0, ""]
        for odd in odds:
            self.check({"id": 1, "sort": odd}, {"wrongType": "sort", "got": {"id": 1, "sort": odd}})

    def test_byValueField(self) -> None:
        """What to sort by is an object with at least one field."""
        self.check({"sort": {"byValueField": {}}}, {"missingParam": "byValueField", "got": {"byValueField": {}}})
        odds: list[Any] = [5, "age", True, False, ["age"], []]
        for odd in odds:
            sort = {"byValueField": odd, "from": 1}
            self.check({"sort": sort}, {"wrongType": "byValueField", "got": sort})

    def test_positions(self) -> None:
        """A position has to be a whole number from 1."""
        odds: list[Any] = [-1, 1.5, 0.5, -0.5, "1", "", True, False, [], {}, -(10**30)]
        for name in ("from", "to"):
            for odd in odds:
                sort = {"byPath": True, name: odd}
                self.check({"sort": sort}, {"wrongType": name, "got": sort})
            for text in ("1e400", "-1e400", "9" * 5_000):
                error = self.assertRaises(JetError, compiled, '{"sort":{"' + name + '":' + text + "}}")
                self.assertIn(
                    b'"wrongType":"%b","got":{"%b":%b}' % (name.encode(), name.encode(), text.encode()), error.body
                )

    def test_order(self) -> None:
        """Several errors are found in the order of path, value, valueField, sort; operators last."""
        params: dict[str, Any] = {"sort": 5, "valueField": 5, "value": 5, "path": {"equals": 5}}
        self.check(params, {"wrongType": "equals", "got": {"equals": 5}})
        del params["path"]
        for name in ("value", "valueField", "sort"):
            self.check(params, {"wrongType": name, "got": params})
            del params[name]
        self.check({"value": {"x": 1}, "sort": {"from": -1}}, {"wrongType": "from", "got": {"from": -1}})

    def test_limit(self) -> None:
        """A rule may be as long as the limit, and no longer; the id and all else count."""
        text = json.dumps({"id": "a", "path": {"contains": "x"}}).encode()
        members = membersOf(text) or {}
        compileRule(members, text, len(text))
        error = self.assertRaises(JetError, compileRule, members, text, len(text) - 1)
        data = {"limitExceeded": "rule", "limit": len(text) - 1}
        self.assertEqual(json.loads(error.body), {"message": "Invalid params", "code": -32602, "data": data})

    @given(
        st.fixed_dictionaries(
            {},
            optional={
                "path": st.dictionaries(st.sampled_from(["equals", "equalsOneOf", "caseInsensitive"]), anyJson)
                | anyJson,
                "value": st.dictionaries(st.sampled_from(["equals", "isType", "x"]), anyJson) | anyJson,
                "valueField": st.dictionaries(st.sampled_from(["a", "[0].b", "]"]), st.just({}) | anyJson) | anyJson,
                "sort": st.dictionaries(
                    st.sampled_from(["byPath", "byValue", "byValueField", "descending", "from", "to"]),
                    st.sampled_from([True, "number", {"a": "string"}, 1, 7, 0]) | anyJson,
                )
                | anyJson,
                "coalesce": anyJson,
            },
        )
    )
    @deterministic
    def test_anything(self, params: dict[str, Any]) -> None:
        """Any rule is compiled, and can be asked about any value, or is refused with an error of params."""
        try:
            rule = compiled(params)
        except JetError as error:
            body = json.loads(error.body)
            self.assertEqual(body["code"], -32602)
            self.assertIsNotNone(body["data"])
            return
        if rule.path.matches is not None:
            self.assertIn(rule.path.matches("a"), (True, False))
        if rule.value is not None:
            for value in (UNDEFINED, None, 1, "a", True, [1], {"a": 1}):
                self.assertIn(rule.value(value), (True, False))
        if rule.sort is not None:
            self.assertGreaterEqual(rule.sort.first, 1)
            self.assertGreaterEqual(rule.sort.last, 1)


class FilterTests(SynchronousTestCase):
    """What the members of a rule mean."""

    def test_everything(self) -> None:
        """Without rules, with null or empty ones, everything fits."""
        self.assertEqual(compiled({}), EVERYTHING)
        self.assertEqual(compiled({"id": 1, "path": None, "value": None, "valueField": None, "sort": None}), EVERYTHING)
        self.assertEqual(compiled({"path": {}, "value": {}, "valueField": {}}), EVERYTHING)
        self.assertEqual(compiled({"path": {"unknown": 5, "equals": None}, "caseInsensitive": True}), EVERYTHING)

    def test_path(self) -> None:
        """The path rule is compiled with its hints."""
        rule = compiled({"path": {"equals": "A", "caseInsensitive": True}})
        self.assertEqual(rule.path.exact, {"a"})
        assert rule.path.matches is not None
        self.assertTrue(rule.path.matches("A"))
        self.assertIsNone(rule.value)

    def test_together(self) -> None:
        """Value and field rules must hold together, all operators of all fields."""
        rule = {"value": {"isType": "object"}, "valueField": {"a": {"greaterThan": 1, "lessThan": 5}, "b": {}}}
        self.assertTrue(fits(rule, {"a": 2, "b": 1}))
        self.assertTrue(fits(rule, {"a": 2}))
        self.assertFalse(fits(rule, {"a": 5}))
        self.assertFalse(fits(rule, {}))
        self.assertFalse(fits(rule, 2))
        self.assertFalse(fits({"value": {"equals": 1}, "valueField": {"a": {}}}, {"a": 1}))

    def test_emptyFieldRule(self) -> None:
        """A field without operators asks for an object or array whose chain is not broken."""
        self.assertTrue(fits({"valueField": {"a": {}}}, {}))
        self.assertTrue(fits({"valueField": {"a": {}}}, []))
        self.assertFalse(fits({"valueField": {"a": {}}}, None))
        self.assertFalse(fits({"valueField": {"a.b": {}}}, {}))

    def test_coalesce(self) -> None:
        """Only true and false say something of slow connections."""
        self.assertIs(compiled({"coalesce": True}).coalesce, True)
        self.assertIs(compiled({"coalesce": False}).coalesce, False)
        others: list[Any] = [None, 0, 1, "true", {}]
        for other in others:
            self.assertIsNone(compiled({"coalesce": other}).coalesce)


class SortTests(SynchronousTestCase):
    """The sort rule, section 9.1."""

    def check(self, sort: object, field: tuple[str, ...] | None, descending: bool, first: int, last: int) -> None:
        self.assertEqual(compiled({"sort": sort}).sort, SortRule(field, descending, first, last))

    def test_defaults(self) -> None:
        """An empty sort, or true, is by path, ascending, from 1 to 10."""
        sorts: list[Any] = [{}, True, {"byPath": True}, {"byPath": False}, {"from": None, "byValueField": None}]
        for sort in sorts:
            self.check(sort, None, False, 1, 10)
        self.check({"from": 0, "to": 0, "descending": False}, None, False, 1, 10)
        self.check({"from": 0.0, "to": -0.0}, None, False, 1, 10)
        self.check({"asArray": True, "unknown": 5}, None, False, 1, 10)
        self.assertIsNone(compiled({"sort": True}).value)

    def test_window(self) -> None:
        """Positions are whole numbers, however they are written and however great; to may be before from."""
        self.check({"from": 3, "to": 1}, None, False, 3, 1)
        self.check({"from": 2.0, "to": 1e3}, None, False, 2, 1000)
        self.check({"from": 11, "to": 10**30}, None, False, 11, 10**30)
        self.check({"from": 11}, None, False, 11, 10)

    def test_descending(self) -> None:
        """Descending is a switch."""
        self.check({"descending": True}, None, True, 1, 10)
        self.check({"descending": None}, None, False, 1, 10)

    def test_byValue(self) -> None:
        """Sorting by value is about values of one type only."""
        params = {"sort": {"byValue": "number"}}
        self.check(params["sort"], (), False, 1, 10)
        self.assertTrue(fits(params, 5))
        for value in ("5", True, None, [5], UNDEFINED):
            self.assertFalse(fits(params, value))

    def test_byValueField(self) -> None:
        """Sorting by a field is about values with something of that type there; further fields are ignored."""
        params = {"sort": {"byValueField": {"a[0].b": "string", "c": "number", "]": 5}}}
        self.check(params["sort"], ("a", "0", "b"), False, 1, 10)
        self.assertTrue(fits(params, {"a": [{"b": "x"}]}))
        values: list[Any] = [{"a": [{"b": 5}]}, {"a": []}, {"c": 5}, "x", UNDEFINED]
        for value in values:
            self.assertFalse(fits(params, value))

    def test_byPathWins(self) -> None:
        """With byPath the path is what to sort by, but the type is still asked for."""
        params = {"sort": {"byPath": True, "byValue": "number"}}
        self.check(params["sort"], None, False, 1, 10)
        self.assertTrue(fits(params, 5))
        self.assertFalse(fits(params, "5"))

    def test_withRules(self) -> None:
        """The type is asked for in addition to the rules."""
        params = {"value": {"greaterThan": 5}, "valueField": {"a": {}}, "sort": {"byValueField": {"a": "number"}}}
        self.assertFalse(fits(params, {"a": 6}))
        params = {"valueField": {"a": {"greaterThan": 5}}, "sort": {"byValueField": {"a": "number"}}}
        self.assertTrue(fits(params, {"a": 6}))
        self.assertFalse(fits(params, {"a": 5}))

    def test_typesOfNothing(self) -> None:
        """What is no name of a type lets nothing through, as in node-jet."""
        for kind in (True, 5, "array", ["number"]):
            for value in (5, "5", True, None, UNDEFINED):
                self.assertFalse(fits({"sort": {"byValue": kind}}, value))
                self.assertFalse(fits({"sort": {"byValueField": {"a": kind}}}, {"a": value}))
