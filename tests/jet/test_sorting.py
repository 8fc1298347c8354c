"""
Tests for L{jetjstp.jet.sorting}: an order is what repeated stable sorts give.
"""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import example, given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet import sorting
from jetjstp.jet.sorting import Order
from tests.jet.conversations import deterministic

Operation = tuple[str, int, int]

keys = st.integers(0, 3)
"""Few, so that there are many ties."""

operations = st.lists(
    st.tuples(st.sampled_from(["insert", "insert", "remove", "move", "move", "move"]), st.integers(0, 20), keys),
    min_size=8,
    max_size=30,
)


class Sorted:
    """
    Section 9.1 word by word: after each change the list as it was is sorted anew, a newcomer having been appended.
    """

    def __init__(self, descending: bool) -> None:
        self.descending = descending
        self.things: list[int] = []
        self.keys: dict[int, int] = {}

    def insert(self, thing: int, key: int) -> int:
        """Take up a newcomer; returns its position."""
        self.things.append(thing)
        return self.move(thing, key)[1]

    def remove(self, thing: int) -> int:
        """Take out a thing; returns the position that it had."""
        position = self.things.index(thing)
        del self.things[position]
        return position

    def move(self, thing: int, key: int) -> tuple[int, int]:
        """Give a thing another key; returns the positions before and after."""
        before = self.things.index(thing)
        self.keys[thing] = key
        self.things.sort(key=self.keys.__getitem__, reverse=self.descending)
        return before, self.things.index(thing)


def built(things: list[tuple[int, int]], descending: bool) -> Order[int]:
    """An order that was built from things and keys."""
    order: Order[int] = Order(descending)
    for _ in order.build(things):
        pass
    return order


class OrderTests(SynchronousTestCase):
    """Tests for L{Order}."""

    def assertSame(self, order: Order[int], plain: Sorted) -> None:
        self.assertEqual(list(order.slice(0, len(plain.things) + 1)), plain.things)
        self.assertEqual(len(order), len(plain.things))

    @given(st.lists(keys, max_size=12), operations, st.booleans())
    @example([1, 1, 1], [("move", 0, 2), ("move", 1, 2), ("move", 0, 1)], False)
    @example([1, 1, 1], [("move", 0, 2), ("move", 1, 2), ("move", 0, 1)], True)
    @deterministic
    def test_stable(self, start: list[int], changes: list[Operation], descending: bool) -> None:
        """Things lie, and positions are, as repeated stable sorts have them, whatever happens."""
        plain = Sorted(descending)
        for thing, key in enumerate(start):
            plain.insert(thing, key)
        with patch.object(sorting, "RUN", 4):
            order = built(list(enumerate(start)), descending)
        self.assertSame(order, plain)
        for newcomer, (change, place, key) in enumerate(changes, len(start)):
            if change == "insert":
                self.assertEqual(order.insert(newcomer, key), plain.insert(newcomer, key))
            elif plain.things:
                thing = plain.things[place % len(plain.things)]
                if change == "remove":
                    self.assertEqual(order.remove(thing), plain.remove(thing))
                    self.assertNotIn(thing, order)
                else:
                    self.assertEqual(order.move(thing, key), plain.move(thing, key))
                    self.assertIn(thing, order)
            self.assertSame(order, plain)

    @given(st.lists(keys, max_size=8), st.integers(0, 10), st.integers(0, 10), st.booleans())
    @deterministic
    def test_slices(self, start: list[int], first: int, end: int, descending: bool) -> None:
        """A slice is what a list of all would have there, also beyond the last."""
        order = built(list(enumerate(start)), descending)
        everything = list(order.slice(0, len(start)))
        self.assertEqual(list(order.slice(first, end)), everything[first:end])
        self.assertEqual(list(order.slice(first, 10**30)), everything[first:])

    def test_ties(self) -> None:
        """Of equals, the newcomer is the last, ascending and descending."""
        for descending in (False, True):
            order = built([(1, 5), (2, 5), (3, 5)], descending)
            self.assertEqual(order.insert(4, 5), 3)
            self.assertEqual(list(order.slice(0, 4)), [1, 2, 3, 4])

    def test_comingBack(self) -> None:
        """What leaves its equals and comes back lies on the side from which it comes."""
        order = built([(1, 5), (2, 5), (3, 5)], False)
        self.assertEqual(order.move(1, 9), (0, 2))
        self.assertEqual(order.move(1, 5), (2, 2))
        self.assertEqual(order.move(3, 0), (1, 0))
        self.assertEqual(order.move(3, 5), (0, 0))
        self.assertEqual(list(order.slice(0, 3)), [3, 2, 1])

    def test_unmoved(self) -> None:
        """What gets the key that it had stays among its equals."""
        for descending in (False, True):
            order = built([(1, 5), (2, 5), (3, 5)], descending)
            self.assertEqual(order.move(2, 5), (1, 1))
            self.assertEqual(list(order.slice(0, 3)), [1, 2, 3])

    def test_building(self) -> None:
        """Many things are sorted in several steps; in between there are pauses."""
        things = [(number, number * 7 % 100) for number in range(100)]
        expected = [number for number, _ in sorted(things, key=lambda thing: thing[1])]
        with patch.object(sorting, "RUN", 10):
            order: Order[int] = Order()
            pauses = len(list(order.build(iter(things))))
        self.assertGreaterEqual(pauses, 10)
        self.assertEqual(list(order.slice(0, 100)), expected)

    def test_smallBuilding(self) -> None:
        """Few things are sorted without a pause, none at all as well."""
        self.assertEqual(list(Order[int]().build([(1, 1), (2, 0)])), [])
        self.assertEqual(list(Order[int]().build([])), [])

    def test_unorderedThings(self) -> None:
        """Things themselves are never compared."""
        order: Order[object] = Order()
        things = [object() for _ in range(10)]
        with patch.object(sorting, "RUN", 3):
            for _ in order.build((thing, 1) for thing in things):
                pass
        self.assertEqual(list(order.slice(0, 10)), things)
        order.move(things[3], 2)
        order.move(things[3], 1)
        self.assertEqual(order.remove(things[3]), 9)
