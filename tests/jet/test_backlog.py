"""
Tests for L{jetjstp.jet.backlog}.
"""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet.access import mayAccess
from jetjstp.jet.backlog import ENTRY_COST, Backlog, Event, Pool
from jetjstp.jet.clients import Client
from jetjstp.jet.dialects import NODE_JET_2, Channel
from jetjstp.jet.elements import Element
from jetjstp.jet.fetching import Fetch
from jetjstp.jet.rules import EVERYTHING

ADD, CHANGE, REMOVE = Event.ADD, Event.CHANGE, Event.REMOVE


class Outlet:
    """A link whose frames are the messages."""

    kind = "test"
    address = "192.0.2.9"

    def pack(self, message: bytes) -> bytes:
        """See L{jetjstp.jet.clients.Outlet}."""
        return message


class BacklogTestCase(SynchronousTestCase):
    """A backlog, a client and its fetches."""

    def setUp(self) -> None:
        self.backlog = Backlog(100_000)
        self.client = Client("1", Outlet(), NODE_JET_2, [], self.backlog)
        self.fetch = self.makeFetch("f")

    def makeFetch(self, id: str) -> Fetch:
        """Make a fetch of everything."""
        channel = Channel(NODE_JET_2, Outlet().pack, id.encode("ascii"))
        return Fetch(self.client, EVERYTHING, channel, 1, mayAccess, 1)

    def element(self, path: str, value: bytes = b"0") -> Element:
        """Make a state."""
        return Element(path, value, self.client)

    def put(self, *news: tuple[Event, Element]) -> None:
        """Put news of one fetch."""
        for event, element in news:
            self.backlog.put(self.fetch, event, element)

    def taken(self) -> list[str]:
        """All that is in it, in a short form: what a fetch tells as event, path and value."""
        texts = []
        for frame in self.backlog.take(1_000_000):
            text = frame.decode("ascii")
            for word in ('{"method":', ',"params":{"path":"', '","event":"', '","value":', "}}"):
                text = text.replace(word, " ")
            texts.append(" ".join(text.split()))
        self.assertEqual(self.backlog.size, 0)
        self.assertFalse(self.backlog)
        return texts


class FrameTests(BacklogTestCase):
    """Frames that are kept as they are."""

    def test_order(self) -> None:
        """Frames come out in order, equal ones as often as they went in, and count with their size."""
        for frame in (b"one", b"two", b"one"):
            self.backlog.append(frame)
        self.assertEqual(self.backlog.size, 9)
        self.assertTrue(self.backlog)
        self.assertEqual(self.taken(), ["one", "two", "one"])

    def test_portions(self) -> None:
        """So many frames are taken that they just fill the limit; the rest stays, and what follows comes behind it."""
        for frame in (b"aaaa", b"bbbb", b"cccc"):
            self.backlog.append(frame)
        self.assertEqual(self.backlog.take(5), [b"aaaa", b"bbbb"])
        self.backlog.append(b"dddd")
        self.assertEqual(self.backlog.size, 8)
        self.assertEqual(self.backlog.take(1), [b"cccc"])
        self.assertEqual(self.backlog.take(4), [b"dddd"])
        self.assertEqual(self.backlog.take(4), [])

    def test_overflow(self) -> None:
        """Whoever wants to know is told once when there is more than the limit, not when the limit is reached."""
        backlog, told = Backlog(10), []
        backlog.overflowed = lambda: told.append(backlog.size)
        backlog.append(b"12345")
        backlog.append(b"12345")
        self.assertEqual(told, [])
        backlog.append(b"1")
        backlog.append(b"12345")
        self.assertEqual(told, [11])

    def test_overflowOfEntries(self) -> None:
        """Entries that hold no bytes count, too."""
        backlog, told = Backlog(2 * ENTRY_COST), []
        backlog.overflowed = lambda: told.append(backlog.size)
        for number in range(3):
            self.assertEqual(told, [])
            backlog.put(self.fetch, CHANGE, self.element(str(number)))
        self.assertEqual(told, [3 * ENTRY_COST])

    def test_clear(self) -> None:
        """After clearing nothing is left, and it can be used again."""
        self.backlog.append(b"one")
        self.put((ADD, self.element("a")))
        self.backlog.clear()
        self.assertEqual(self.taken(), [])
        self.backlog.append(b"two")
        self.assertEqual(self.taken(), ["two"])


class NewsTests(BacklogTestCase):
    """News of which only the newest is kept."""

    def test_newestValue(self) -> None:
        """A path has one entry, at the place of its last change, with the value that it has when it is taken."""
        a, b = self.element("a", b"1"), self.element("b", b"1")
        self.put((CHANGE, a), (CHANGE, b), (CHANGE, a))
        self.assertEqual(self.backlog.size, 2 * ENTRY_COST)
        a.value = b"7"
        b.value = b"8"
        self.assertEqual(self.taken(), ["f b change 8", "f a change 7"])

    def test_addedAndChanged(self) -> None:
        """What the client does not know yet is still added, with the newest value."""
        a = self.element("a", b"1")
        self.put((ADD, a))
        a.value = b"2"
        self.put((CHANGE, a))
        self.assertEqual(self.taken(), ["f a add 2"])

    def test_cameAndWent(self) -> None:
        """What was added and removed unseen leaves nothing behind."""
        a = self.element("a")
        self.put((ADD, a), (CHANGE, a), (REMOVE, a))
        self.assertEqual(self.backlog.size, 0)
        self.assertEqual(self.taken(), [])

    def test_removed(self) -> None:
        """What the client knows is removed, whether or not changes were waiting."""
        a, b = self.element("a", b"1"), self.element("b", b"2")
        self.put((CHANGE, a), (REMOVE, a), (REMOVE, b))
        self.assertEqual(self.taken(), ["f a remove 1", "f b remove 2"])

    def test_removedAndAdded(self) -> None:
        """A removal and a later addition are both told, at the place of the later, with a value of each."""
        old, new, other = self.element("a", b"1"), self.element("a", b"2"), self.element("b", b"3")
        self.put((REMOVE, old), (CHANGE, other), (ADD, new))
        new.value = b"4"
        self.put((CHANGE, new))
        self.assertEqual(self.backlog.size, 2 * ENTRY_COST)
        self.assertEqual(self.taken(), ["f b change 3", "f a remove 1", "f a add 4"])

    def test_replacedAndRemoved(self) -> None:
        """Of a removal, an addition and another removal only the first removal is told."""
        old, new = self.element("a", b"1"), self.element("a", b"2")
        self.put((REMOVE, old), (ADD, new), (CHANGE, new), (REMOVE, new))
        self.assertEqual(self.taken(), ["f a remove 1"])
        third = self.element("a", b"3")
        self.put((REMOVE, old), (ADD, new), (REMOVE, new), (ADD, third))
        self.assertEqual(self.taken(), ["f a remove 1", "f a add 3"])

    def test_fetchesApart(self) -> None:
        """Two fetches have entries of their own for the same path; frames keep their place between them."""
        other, a = self.makeFetch("g"), self.element("a", b"1")
        self.backlog.put(self.fetch, CHANGE, a)
        self.backlog.append(b"answer")
        self.backlog.put(other, CHANGE, a)
        self.assertTrue(self.backlog.holds(other, "a"))
        self.assertFalse(self.backlog.holds(other, "b"))
        self.assertEqual(self.taken(), ["f a change 1", "answer", "g a change 1"])
        self.assertFalse(self.backlog.holds(other, "a"))

    def test_deadFetch(self) -> None:
        """Of a fetch that has ended nothing is told, though its entries are only dropped when their turn comes."""
        a = self.element("a")
        self.put((CHANGE, a), (REMOVE, self.element("b")))
        self.fetch.end()
        self.backlog.append(b"answer")
        self.assertEqual(self.taken(), ["answer"])

    def test_touched(self) -> None:
        """A sorted fetch has one entry, at the place where it was touched last, and is asked when it is taken."""
        asked: list[Any] = []

        class Sorted(Fetch):
            __slots__ = ()

            def difference(self) -> list[bytes]:
                asked.append(self)
                return [b"difference"]

        channel = Channel(NODE_JET_2, Outlet().pack, b"s")
        fetch = Sorted(self.client, EVERYTHING, channel, 1, mayAccess, 1)
        self.backlog.touch(fetch)
        self.backlog.append(b"answer")
        self.backlog.touch(fetch)
        self.assertTrue(self.backlog.holds(fetch, None))
        self.assertEqual(self.backlog.size, 6 + ENTRY_COST)
        self.assertEqual(asked, [])
        self.assertEqual(self.taken(), ["answer", "difference"])
        self.assertEqual(asked, [fetch])


class PoolTests(BacklogTestCase):
    """Several backlogs whose clients take nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.pool = Pool(1000)
        self.other = Backlog(100_000)
        self.overflowed: list[str] = []
        self.backlog.overflowed = lambda: self.overflowed.append("backlog")
        self.other.overflowed = lambda: self.overflowed.append("other")

    def test_counts(self) -> None:
        """A pool knows what is in them, and what is held besides, as long as they belong to it."""
        self.backlog.append(b"x" * 10)
        self.backlog.join(self.pool, 5)
        self.other.join(self.pool, 0)
        self.put((ADD, self.element("a")), (REMOVE, self.element("a")))
        self.put((ADD, self.element("b")))
        self.assertEqual(self.pool.size, 15 + ENTRY_COST)
        self.backlog.join(self.pool, 7)
        self.assertEqual(self.pool.size, 17 + ENTRY_COST)
        self.backlog.take(1)
        self.assertEqual(self.pool.size, 7 + ENTRY_COST)
        self.backlog.clear()
        self.assertEqual(self.pool.size, 7)
        self.backlog.leave()
        self.backlog.leave()
        self.backlog.append(b"x")
        self.assertEqual(self.pool.size, 0)

    def test_overflow(self) -> None:
        """When it is too much, the one that holds most overflows, once, and counts no more."""
        self.backlog.join(self.pool, 300)
        self.other.join(self.pool, 0)
        self.other.append(b"x" * 400)
        self.backlog.append(b"x" * 250)
        self.assertEqual(self.overflowed, [])
        self.other.append(b"x" * 100)
        self.assertEqual((self.overflowed, self.pool.size), (["backlog"], 500))
        self.backlog.append(b"x" * 5000)
        self.assertEqual((self.overflowed, self.pool.size), (["backlog"], 500))
        self.other.append(b"x" * 600)
        self.assertEqual((self.overflowed, self.pool.size), (["backlog", "other"], 0))
