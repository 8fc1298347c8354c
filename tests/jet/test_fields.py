"""
Tests for L{jetjstp.jet.fields}.
"""

from __future__ import annotations

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet.fields import BROKEN, UNDEFINED, lookUp, parseField
from tests.jet.conversations import anyJson, anyText, deterministic

names = anyText.filter(lambda text: re.fullmatch(r"[^.\[\]]+", text) is not None)
keys = anyText.filter(lambda text: "'" not in text)

steps = st.one_of(
    names.map(lambda name: ("." + name, name)),
    st.integers(0, 20).map(lambda index: (f"[{index}]", str(index))),
    keys.map(lambda key: (f"['{key}']", key)),
    keys.filter(lambda key: '"' not in key).map(lambda key: (f'["{key}"]', key)),
)
"""Steps of a field path: how they are written, and the member that they mean."""

fieldPaths = st.lists(steps, min_size=1, max_size=4).map(
    lambda chosen: ("".join(step[0] for step in chosen).removeprefix("."), tuple(step[1] for step in chosen))
)


def plainLookUp(field: tuple[str, ...], value: Any) -> Any:
    """Follow a field in a tree of objects alone, step by step."""
    if not isinstance(value, dict):
        return BROKEN
    for step in field:
        if value is UNDEFINED or value is None:
            return BROKEN
        value = value.get(step, UNDEFINED) if isinstance(value, dict) else UNDEFINED
    return value


class ParseTests(SynchronousTestCase):
    """Tests for L{parseField}."""

    def test_forms(self) -> None:
        """Members are named plainly or in brackets; digits in brackets may be an index."""
        cases = {
            "age": ("age",),
            "name.first": ("name", "first"),
            "[0]": ("0",),
            "tags[1].k": ("tags", "1", "k"),
            "['my-key']": ("my-key",),
            '["my-key"]': ("my-key",),
            "a['b']": ("a", "b"),
            "[0][1][2]": ("0", "1", "2"),
            "my-key": ("my-key",),
            "a b": ("a b",),
            "['a.b']": ("a.b",),
            "['a]b'].c": ("a]b", "c"),
            '["it\'s"]': ("it's",),
            "['']": ("",),
            "a\n.b": ("a\n", "b"),
            "length": ("length",),
            "__proto__": ("__proto__",),
            "é.𝄞": ("é", "𝄞"),
            "0.1": ("0", "1"),
            "it's": ("it's",),
        }
        for text, field in cases.items():
            self.assertEqual(parseField(text), field)

    def test_refused(self) -> None:
        """Everything else is no field path; nothing is ever evaluated."""
        for text in (
            *("", ".", ".a", "a.", "a..b", "[", "]", "a[", "a]", "[]", "a[b]", "[-1]", "[ 0]", "[0", "0]", "[0]a"),
            *("a.[0]", "['a", "['a'", "['a\"]", "['it's']", "a['b']c", "[0].", "['a'].['b']", "[0x1]", "[٣]"),
            *("(process.exit())[", "a;[b", "x[this]"),
        ):
            self.assertRaises(ValueError, parseField, text)

    @given(fieldPaths)
    @deterministic
    def test_built(self, example: tuple[str, tuple[str, ...]]) -> None:
        """What was put together by the grammar is taken apart again."""
        text, field = example
        self.assertEqual(parseField(text), field)

    @given(st.text("ab.[]'\"0 \n", max_size=12) | anyText)
    @deterministic
    def test_anything(self, text: str) -> None:
        """Any text is a field path, with at least one step, or a C{ValueError}."""
        try:
            field = parseField(text)
        except ValueError:
            return
        self.assertTrue(field)
        self.assertTrue(all(isinstance(name, str) and name in text for name in field))

    def test_long(self) -> None:
        """
        Texts of very many steps are read or refused; trying all ways to cut them would take till the end
        of time.
        """
        count = 40_000
        for piece, field in ((".a", "a"), ("['a']", "a"), ("[0]", "0"), ('["]"]', "]")):
            self.assertEqual(parseField((piece * count).removeprefix(".")), (field,) * count)
            for end in (".", "[", "]", "['", "['a", "[0", "..a"):
                self.assertRaises(ValueError, parseField, (piece * count).removeprefix(".") + end)
        self.assertEqual(parseField("a" * count), ("a" * count,))
        for text in (
            "a" * count + "]",
            "['" * count,
            "[" * count,
            "'" * count + "[",
            "['" + "a" * count,
            "[" + "0" * count,
        ):
            self.assertRaises(ValueError, parseField, text)


class LookUpTests(SynchronousTestCase):
    """Tests for L{lookUp}."""

    def find(self, text: str, value: Any) -> Any:
        return lookUp(parseField(text), value)

    @given(st.lists(st.sampled_from("ab"), min_size=1, max_size=3), anyJson)
    @deterministic
    def test_anything(self, field: list[str], value: Any) -> None:
        """Any field of any value is found, undefined or broken; nothing is raised."""
        found = lookUp(tuple(field), value)
        if not isinstance(value, dict | list):
            self.assertIs(found, BROKEN)

    trees = st.recursive(
        st.sampled_from([None, True, 5, 1.5]), lambda inner: st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    )

    @given(st.lists(st.sampled_from("ab"), min_size=1, max_size=4), trees)
    @deterministic
    def test_objects(self, field: list[str], tree: Any) -> None:
        """Objects are gone through member by member."""
        self.assertIs(lookUp(tuple(field), tree), plainLookUp(tuple(field), tree))

    def test_found(self) -> None:
        """What is there is found, null included."""
        value = {"age": 30, "name": {"first": "Ann"}, "tags": ["x", {"k": 1}], "my-key": False, "no": None, "0": "zero"}
        self.assertEqual(self.find("age", value), 30)
        self.assertEqual(self.find("name.first", value), "Ann")
        self.assertEqual(self.find("tags[1].k", value), 1)
        self.assertEqual(self.find("['my-key']", value), False)
        self.assertIsNone(self.find("no", value))
        self.assertEqual(self.find("[0]", value), "zero")
        self.assertEqual(self.find("tags.0", value), "x")
        self.assertEqual(self.find("[1][0]", [5, [6]]), 6)

    def test_undefined(self) -> None:
        """Only the last step may lead to nothing."""
        self.assertIs(self.find("a", {}), UNDEFINED)
        self.assertIs(self.find("[0]", []), UNDEFINED)
        self.assertIs(self.find("a.b", {"a": 5}), UNDEFINED)
        self.assertIs(self.find("a.b", {"a": False}), UNDEFINED)
        self.assertIs(self.find("a.b", {"a": "text"}), UNDEFINED)
        self.assertIs(self.find("a", []), UNDEFINED)

    def test_broken(self) -> None:
        """A chain that meets nothing or null before the last step is broken, like any in what is no object or array."""
        self.assertIs(self.find("a.b", {}), BROKEN)
        self.assertIs(self.find("a.b", {"a": None}), BROKEN)
        self.assertIs(self.find("a.b.c", {"a": 5}), BROKEN)
        self.assertIs(self.find("a.b.c", {"a": {"b": None}}), BROKEN)
        self.assertIs(self.find("[5].a", [1]), BROKEN)
        for value in (None, 5, True, "text", UNDEFINED):
            self.assertIs(self.find("length", value), BROKEN)

    def test_length(self) -> None:
        """Arrays and texts have a length, that of texts counted in units of UTF-16 as JavaScript does."""
        self.assertEqual(self.find("length", [1, 2]), 2)
        self.assertEqual(self.find("a.length", {"a": "text"}), 4)
        self.assertEqual(self.find("a.length", {"a": "𝄞é"}), 3)
        self.assertEqual(self.find("a.length", {"a": "\ud834"}), 1)
        self.assertEqual(self.find("a['length']", {"a": ""}), 0)
        self.assertEqual(self.find("length", {"length": "mine"}), "mine")
        self.assertIs(self.find("length", {}), UNDEFINED)

    def test_ownMembers(self) -> None:
        """Names that objects of a language may have by themselves mean members, and nothing else."""
        for name in ("__proto__", "constructor", "toString", "__class__", "keys", "append", "hasOwnProperty"):
            values: list[Any] = [{}, [], {"a": 1}]
            for value in values:
                self.assertIs(self.find(name, value), UNDEFINED)
            self.assertIs(self.find(f"a.{name}", {"a": "text"}), UNDEFINED)
            self.assertEqual(self.find(name, {name: 1}), 1)

    def test_indexes(self) -> None:
        """An index is written as JavaScript writes it: no sign, no leading zeros, ASCII digits; and is in the array."""
        for text in ("[2]", "[00]", "[01]", "['-1']", "['1.0']", "[' 1']", "['٠']", "['²']", "[" + "9" * 5_000 + "]"):
            self.assertIs(self.find(text, [5, 6]), UNDEFINED, text)
        self.assertEqual(self.find("['1']", [5, 6]), 6)
