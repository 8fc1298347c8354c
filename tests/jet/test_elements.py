"""
Tests for L{jetjstp.jet.elements}.
"""

from __future__ import annotations

import json
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet.access import mayAccess
from jetjstp.jet.clients import Client
from jetjstp.jet.dialects import NODE_JET_2, Channel, Dialect
from jetjstp.jet.elements import Added, Changed, Element, Elements, Removed
from jetjstp.jet.fetching import Fetch
from jetjstp.jet.fields import UNDEFINED
from jetjstp.jet.rules import EVERYTHING, Rule, compileRule
from tests.jet.conversations import newClient, taken


class ElementTests(SynchronousTestCase):
    """Tests for L{Element}."""

    def test_state(self) -> None:
        """A state has a value, null as well; a method has none."""
        for text, value in (
            (b"5", 5),
            (b"null", None),
            (b'{"a": [1e400, "\\ud800"]}', {"a": [float("inf"), "\ud800"]}),
        ):
            element = Element("a", text, newClient())
            self.assertFalse(element.isMethod)
            self.assertEqual(element.read(), value)
        method = Element("a", None, newClient())
        self.assertTrue(method.isMethod)
        self.assertIs(method.read(), UNDEFINED)

    def test_readOnce(self) -> None:
        """A value is decoded once, until there is a new one."""
        element = Element("a", b"[1]", newClient())
        first = element.read()
        self.assertIs(element.read(), first)
        Elements().apply(Changed(element, b"[2]"))
        self.assertEqual(element.read(), [2])
        self.assertEqual(element.value, b"[2]")

    def test_distinct(self) -> None:
        """Two elements are never the same, even if all that they hold is."""
        owner = newClient()
        one, other = Element("a", b"1", owner), Element("a", b"1", owner)
        self.assertNotEqual(one, other)
        self.assertEqual(len({one, other}), 2)

    def test_gone(self) -> None:
        """An element is gone when it is removed, and when its owner has left."""
        owner = newClient()
        one, other = Element("a", b"1", owner), Element("b", b"1", newClient())
        self.assertFalse(one.gone or other.gone)
        owner.gone = True
        other.removed = True
        self.assertTrue(one.gone and other.gone)


class CountingChannel(Channel):
    """A channel that counts the frames that it makes."""

    made = 0

    def frameOf(self, body: bytes) -> bytes:
        """See L{Channel}."""
        self.made += 1
        return super().frameOf(body)


class CountingDialect:
    """The dialect of node-jet 2, with a count of what is encoded."""

    def __init__(self) -> None:
        self.encoded: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.encoded.append(name)
        return getattr(NODE_JET_2, name)


class ElementsTests(SynchronousTestCase):
    """Tests for L{Elements}."""

    def setUp(self) -> None:
        self.elements = Elements()
        self.owner = newClient(self.elements.dirty)
        self.fetches = 0

    def add(self, path: str, value: bytes | None = b"1", owner: Client | None = None) -> Element:
        element = Element(path, value, owner or self.owner)
        self.elements.apply(Added(element))
        return element

    def channel(self, id: bytes = b'"f"', dialect: Dialect = NODE_JET_2) -> CountingChannel:
        return CountingChannel(dialect, lambda message: message, id)

    def fetch(self, channel: Channel, client: Client | None = None, rule: Rule = EVERYTHING) -> Client:
        """Have a client fetch, from now on."""
        client = client or newClient(self.elements.dirty)
        self.fetches += 1
        self.elements.index.add(Fetch(client, rule, channel, self.fetches, mayAccess, 2**30))
        return client

    def told(self, client: Client) -> list[tuple[Any, ...]]:
        """What a client was told: fetch, event, path, value."""
        return [
            (message["method"], message["params"]["event"], message["params"]["path"], message["params"].get("value"))
            for message in taken(client)
        ]

    def test_table(self) -> None:
        """Elements are found by their path, and counted; their owner knows them in the order of adding."""
        one, other = self.add("b"), self.add("a")
        self.assertIs(self.elements.find("a"), other)
        self.assertIs(self.elements.find("b"), one)
        self.assertIsNone(self.elements.find("A"))
        self.assertEqual(self.elements.snapshot(), [one, other])
        self.assertLess(one.serial, other.serial)
        self.assertEqual(list(self.owner.elements), ["b", "a"])
        self.assertEqual(len(self.elements), 2)
        self.elements.apply(Removed(one))
        self.assertTrue(one.removed)
        self.assertIsNone(self.elements.find("b"))
        self.assertEqual((self.elements.snapshot(), list(self.owner.elements)), ([other], ["a"]))
        again = self.add("b")
        self.assertEqual(self.elements.snapshot(), [other, again])

    def test_names(self) -> None:
        """Paths are compared exactly, and no name is special."""
        for path in ("", "a", "A", "constructor", "__proto__", "é", "e\u0301", "\ud800"):
            self.assertIsNone(self.elements.find(path))
            self.assertIs(self.add(path), self.elements.find(path))
        self.assertEqual(len(self.elements), 8)

    def test_events(self) -> None:
        """Who fetches is told of every change, also of one to the same value, and of the last value at the end."""
        reader = self.fetch(self.channel())
        state, method = self.add("s"), self.add("m", None)
        self.elements.apply(Changed(state, b"2"))
        self.elements.apply(Changed(state, b"2"))
        self.elements.apply(Removed(method))
        self.elements.apply(Removed(state))
        expected = [
            ("f", "add", "s", 1),
            ("f", "add", "m", None),
            ("f", "change", "s", 2),
            ("f", "change", "s", 2),
            ("f", "remove", "m", None),
            ("f", "remove", "s", 2),
        ]
        self.assertEqual(self.told(reader), expected)
        self.assertEqual(state.value, b"2")

    def test_order(self) -> None:
        """Several fetches are told in the order of their set-up, wherever they are filed."""
        reader = newClient(self.elements.dirty)
        rules: list[dict[str, Any]] = [{"contains": "a"}, {"equals": "ab"}, {}, {"startsWith": "a"}, {"equals": "x"}]
        for number, rule in enumerate(rules):
            text = json.dumps(rule).encode()
            self.fetch(self.channel(b"%d" % number), reader, compileRule({"path": text}, text, 1000))
        element = self.add("ab")
        self.elements.apply(Changed(element, b"2"))
        self.elements.apply(Removed(element))
        ids = [(event, id) for id, event, _, _ in self.told(reader)]
        self.assertEqual(ids, [(event, id) for event in ("add", "change", "remove") for id in range(4)])

    def test_ownerLeft(self) -> None:
        """What a lost owner had is found no more; who adds the path again has its removal told first."""
        reader = self.fetch(self.channel())
        element = self.add("a", b"1")
        self.owner.gone = True
        self.assertIsNone(self.elements.find("a"))
        self.assertEqual(self.elements.snapshot(), [element])
        other = newClient(self.elements.dirty)
        again = self.add("a", b"2", other)
        self.assertIs(self.elements.find("a"), again)
        self.assertTrue(element.removed)
        self.assertNotIn("a", self.owner.elements)
        self.assertEqual(self.told(reader), [("f", "add", "a", 1), ("f", "remove", "a", 1), ("f", "add", "a", 2)])

    def test_onceForAll(self) -> None:
        """A change is encoded once for each dialect, and framed once for each channel, whoever listens."""
        dialects = [CountingDialect(), CountingDialect()]
        channels = [
            self.channel(b'"f"', dialects[0]),
            self.channel(b'"g"', dialects[0]),
            self.channel(b'"f"', dialects[1]),
        ]
        readers = [[self.fetch(channel) for _ in range(3)] for channel in channels]
        element = self.add("a")
        for event in (Changed(element, b"2"), Changed(element, b"3"), Removed(element)):
            before = [channel.made for channel in channels]
            for dialect in dialects:
                dialect.encoded.clear()
            self.elements.apply(event)
            self.assertEqual([channel.made for channel in channels], [count + 1 for count in before])
            for dialect in dialects:
                self.assertEqual(len(dialect.encoded), 1)
            for group in readers:
                self.assertIs(group[0].frames[-1], group[1].frames[-1])
                self.assertIs(group[0].frames[-1], group[2].frames[-1])

    def test_dirty(self) -> None:
        """A client whose outbox fills is noted once, until it has been emptied."""
        reader = self.fetch(self.channel())
        element = self.add("a")
        for _ in range(3):
            self.elements.apply(Changed(element, b"2"))
        self.assertEqual(self.elements.dirty, [reader])
        self.elements.dirty.clear()
        reader.frames.clear()
        self.elements.apply(Removed(element))
        self.assertEqual(self.elements.dirty, [reader])

    def test_load(self) -> None:
        """The load grows with what goes into outboxes, by reader and by size, and not without readers."""
        element = self.add("a", b'"' + b"x" * 1_000 + b'"')
        self.elements.apply(Changed(element, b'"' + b"x" * 1_000 + b'"'))
        self.assertEqual(self.elements.load, 0)
        for _ in range(3):
            self.fetch(self.channel())
        element = self.add("b")
        before = self.elements.load
        self.elements.apply(Changed(element, b'"' + b"x" * 1_000 + b'"'))
        self.assertGreater(self.elements.load - before, 3_000)

    def test_othersElements(self) -> None:
        """Who does not fetch an element costs and hears nothing."""
        text = b'{"startsWith":"x/"}'
        reader = self.fetch(self.channel(), rule=compileRule({"path": text}, text, 1000))
        element = self.add("a")
        self.assertEqual(element.watchers, ())
        self.elements.apply(Changed(element, b"2"))
        self.elements.apply(Removed(element))
        self.assertEqual((self.told(reader), self.elements.dirty), ([], []))

    def test_sharedWatchers(self) -> None:
        """Elements that the same fetches watch share what says so: that is one tuple, not a million."""
        for _ in range(3):
            self.fetch(self.channel())
        elements = [self.add(str(number)) for number in range(5)]
        self.assertEqual(len(elements[0].watchers), 3)
        for element in elements:
            self.assertIs(element.watchers, elements[0].watchers)
        self.elements.apply(Removed(elements[0]))
        self.assertEqual(elements[0].watchers, ())
