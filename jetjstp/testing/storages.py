"""
What every session storage has to do, whatever it keeps sessions in: for ours,
and for yours.

    from jetjstp.testing import storages

    class MineTests(storages.SessionStorageContract):
        async def open(self):
            storage = MyStorage("somewhere", inactiveSessionLifetime=self.lifetime)
            self.addCleanup(storage.close)
            return storage

        async def wait(self, seconds):
            await deferLater(reactor, seconds)

Import the module, not the class: trial runs each test case that it finds by name in a module.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.trial.unittest import SkipTest, TestCase
from zope.interface.verify import verifyObject

from jetjstp.interfaces import IFencedSessionStorage, ISessionStorage
from jetjstp.jstp.applications import checkSessionStorage
from jetjstp.jstp.errors import SessionTaken
from jetjstp.jstp.session import Acknowledged, Entry, Received, Sent, Session, Stored

__all__ = ["HOSTILE_IDS", "VALUES", "SessionStorageContract", "fullSession"]

HOSTILE_IDS = [
    "",
    "0",
    "a\0b",
    "a\r\nDEL b",
    "{a}",
    "a}:b",
    "epoch",
    "*",
    "'; DROP TABLE sessions; --",
    "%s%n",
    "../../etc/passwd",
    "\u00e9",
    "e\u0301",
    "\U0001f600",
    "\ud800",
    "x" * 60_000,
]
"""Texts that peers may send for the id of a session; all are different."""

VALUES: list[Any] = [
    None,
    True,
    0,
    -1.5,
    2**53,
    10**30,
    1e300,
    "",
    "0123",
    "a\0b\r\n",
    "zürich \U0001f600 \u2028",
    "a lone \ud800 surrogate",
    [],
    {},
    [1, [2, [3, {"four": [5]}]]],
    {"": {"connection": {"buffer": None}}, "é": 1, "\ud800": 2, "b": 1, "a": 2},
]
"""What an application may remember."""


def fullSession(id: str = "a") -> Session:
    """A session with something of everything in it."""
    session = Session(id, "üser\0", "app")
    for number in range(1, 6):
        session.keep(-number, f"{{event:[-{number},'e'],ä:[{number}]}}".encode())
    session.acknowledge(2)
    session.receive(7)
    session.update({"cart": ["apple", {"é": None}], "buffer": [1], "0": 0})
    return session


class SessionStorageContract(TestCase):
    """
    The tests, of all that L{IFencedSessionStorage} says, and of C{setInactive}, C{start} and C{close}. For subclasses
    that have L{open} and L{wait}; they may set C{lifetime} and C{timeout}.

    @cvar lifetime: Seconds for which L{open} has to make storages keep inactive sessions: short where nobody can
        advance the clock.
    """

    timeout = 60

    lifetime = 10.0

    async def open(self) -> Any:
        """
        A storage. It is called several times in a test, for several servers: what they keep is shared within a test,
        and empty at its beginning. See to it that it is closed: C{self.addCleanup(storage.close)}.
        """
        raise NotImplementedError

    async def wait(self, seconds: float) -> None:
        """Let time pass, for the storages of this test at least."""
        raise NotImplementedError

    def setUp(self) -> Any:
        """A storage."""
        return Deferred.fromCoroutine(self._setUp())

    async def _setUp(self) -> None:
        self.storage = await self.open()

    async def take(self, id: str = "a", server: str = "server") -> tuple[Session, int]:
        """Take a session that is there."""
        taken: tuple[Session, int] | None = await maybeDeferred(self.storage.take, id, server)
        assert taken is not None
        return taken

    def ask(self, name: str, *args: Any) -> Deferred[Any]:
        """Call a method of the storage, which may answer in any way."""
        return maybeDeferred(getattr(self.storage, name), *args)

    async def text(self, id: str = "a") -> str | None:
        """What is stored."""
        found: Session | None = await self.ask("get", id)
        return None if found is None else found.toString()

    async def refused(self, asked: Awaitable[Any], kind: Any = SessionTaken) -> str:
        """What the error says that has to come."""
        try:
            await asked
        except kind as error:
            return str(error)
        self.fail("it was not refused")

    # Whole sessions

    async def test_interface(self) -> None:
        """The storage provides what it says."""
        self.assertTrue(verifyObject(ISessionStorage, self.storage))
        self.assertTrue(verifyObject(IFencedSessionStorage, self.storage))
        checkSessionStorage(self.storage)

    async def test_start(self) -> None:
        """To start it gets it ready, also if it is done twice or not at all."""
        await self.ask("start")
        await self.ask("start")
        self.assertIsNone(await self.text())

    async def test_get(self) -> None:
        """What was stored is found, as often as somebody looks; what was not, is not."""
        session = fullSession()
        await self.ask("set", "a", session)
        self.assertEqual(await self.text(), session.toString())
        self.assertEqual(await self.text(), session.toString())
        self.assertIsNone(await self.text("b"))
        self.assertIsNone(await self.ask("take", "b", "server"))

    async def test_new(self) -> None:
        """A session with nothing in it is one, too."""
        session = Session("a")
        await self.ask("set", "a", session)
        self.assertEqual(await self.text(), session.toString())
        self.assertEqual((await self.take())[0].toString(), session.toString())

    async def test_replace(self) -> None:
        """A session that is stored again replaces all of the earlier one."""
        await self.ask("set", "a", fullSession())
        await self.ask("setInactive", "a")
        session = Session("a", "another")
        session["k"] = 1
        await self.ask("set", "a", session)
        self.assertEqual(await self.text(), session.toString())

    async def test_storedThen(self) -> None:
        """A session is taken as it is when it is stored, for the one who takes it at least."""
        session = fullSession()
        before = session.toString()
        storing = self.ask("set", "a", session)
        taking = self.ask("take", "a", "server")
        session.keep(-6, b"{}")
        session["cart"].append("pear")
        await storing
        self.assertEqual((await taking)[0].toString(), before)

    async def test_hostileIds(self) -> None:
        """Any text may be the id of a session, and none is taken for another."""
        for number, id in enumerate(HOSTILE_IDS):
            self.assertIsNone(await self.text(id), ascii(id[:20]))
            self.assertIsNone(await self.ask("take", id, "server"))
            await self.ask("setInactive", id)
            session = Session("a")
            session["n"] = number
            await self.ask("set", id, session)
        for number, id in enumerate(HOSTILE_IDS):
            session, epoch = await self.take(id, "\ud800")
            self.assertEqual(session["n"], number)
            await self.ask("record", id, epoch, [Stored("n", -number)])
        for number, id in enumerate(HOSTILE_IDS):
            self.assertEqual((await self.ask("get", id))["n"], -number)

    async def test_values(self) -> None:
        """Whatever is plain JSON comes back as it was, in its order, whether it was stored or recorded."""
        session = Session("a")
        for number, value in enumerate(VALUES):
            session[f"{number}\0é\ud800"] = value
        await self.ask("set", "a", session)
        taken, epoch = await self.take()
        self.assertEqual(list(taken.items()), list(session.items()))
        entries = [Stored(f"z{number}\ud800", value) for number, value in enumerate(VALUES)]
        await self.ask("record", "a", epoch, entries)
        taken, epoch = await self.take()
        self.assertEqual(list(taken.values()), VALUES * 2)
        for value, found in zip(VALUES * 2, taken.values(), strict=True):
            self.assertEqual(json.dumps(found), json.dumps(value))

    async def test_large(self) -> None:
        """A session may be as large as the limits of a server let it be."""
        session = Session("a")
        session["large"] = ["x" * 1000] * 1000
        for number in range(1, 5001):
            session.keep(-number, b"{event:[-%d,'e'],large:[]}" % number)
        await self.ask("set", "a", session)
        taken, epoch = await self.take()
        self.assertEqual(taken.toString(), session.toString())
        taken.startJournal()
        for number in range(5001, 10_001):
            taken.keep(-number, b"{event:[-%d,'e'],large:[]}" % number)
        taken.keep(-10_001, b"y" * 2_000_000)
        taken.acknowledge(4500)
        await self.ask("record", "a", epoch, taken.takeEntries())
        self.assertEqual(await self.text(), taken.toString())

    async def test_largestNumbers(self) -> None:
        """Numbers are exact, up to the greatest that there are; gaps between them are no work for anybody."""
        session = Session.fromString(
            json.dumps(
                {
                    "id": "a",
                    "username": None,
                    "guaranteedDeliveredCount": 1,
                    "buffer": [[3, "{}"], [2**53 - 3, "{}"]],
                    "receivedCount": 2**53 - 4,
                    "latestBufferedMessageId": -(2**53) + 3,
                    "storage": [],
                }
            )
        )
        await self.ask("set", "a", session)
        taken, epoch = await self.take()
        self.assertEqual(json.loads(taken.toString()), json.loads(session.toString()))
        taken.startJournal()
        taken.acknowledge(2**53 - 4)
        taken.receive(2**53 - 2)
        taken.keep(-(2**53) + 2, b"{}")
        await self.ask("record", "a", epoch, taken.takeEntries())
        again, epoch = await self.take()
        self.assertEqual(again.toString(), taken.toString())
        again.startJournal()
        again.acknowledge(2**53 - 2)
        await self.ask("record", "a", epoch, again.takeEntries())
        self.assertEqual((await self.take())[0].toString(), again.toString())

    # Step by step

    async def test_record(self) -> None:
        """What is recorded is in the session that the next one takes, in its order."""
        await self.ask("set", "a", fullSession())
        session, epoch = await self.take()
        session.startJournal()
        session.receive(9)
        session.keep(-6, "{event:[-6,'e'],é:[]}".encode())
        session["cart"] = ["pear", None, {"a": 1.5}]
        session["new"] = 1
        del session["0"]
        await self.ask("record", "a", epoch, session.takeEntries())
        self.assertEqual(await self.text(), session.toString())
        session["0"] = "again, and so behind the others"
        session["gone"] = 1
        del session["gone"]
        session.acknowledge(5)
        await self.ask("record", "a", epoch, session.takeEntries())
        await self.ask("record", "a", epoch, [])
        self.assertEqual((await self.take())[0].toString(), session.toString())

    async def test_backwards(self) -> None:
        """Less was received by the other side than it said: that counts, but what is forgotten is gone."""
        await self.ask("set", "a", fullSession())
        _, epoch = await self.take()
        entries: list[Entry] = [Acknowledged(4), Acknowledged(1), Sent(-6, "{six}"), Received(3), Sent(-7, "{seven}")]
        await self.ask("record", "a", epoch, entries)
        await self.ask("record", "a", epoch, [Acknowledged(6), Stored("never there", None, False)])
        expected = fullSession()
        expected.apply([*entries, Acknowledged(6)])
        self.assertEqual(await self.text(), expected.toString())
        self.assertEqual(expected.texts, [b"{seven}"])

    async def test_orderOfRecords(self) -> None:
        """Records that are made without waiting take effect one after the other."""
        await self.ask("set", "a", Session("a"))
        session, epoch = await self.take()
        session.startJournal()
        recording = []
        for number in range(1, 101):
            session.keep(-number, b"{%d}" % number)
            session[f"{number % 7}"] = number
            session.acknowledge(number - number % 10)
            recording.append(self.ask("record", "a", epoch, session.takeEntries()))
        await gatherResults(recording)
        self.assertEqual(await self.text(), session.toString())

    async def test_copies(self) -> None:
        """What an application does later to a value that was recorded does not change the record."""
        await self.ask("set", "a", fullSession())
        _, epoch = await self.take()
        value: list[Any] = ["pear"]
        recording = self.ask("record", "a", epoch, [Stored("cart", value)])
        value.append(object())
        await recording
        self.assertEqual((await self.take())[0]["cart"], ["pear"])

    async def test_allOrNothing(self) -> None:
        """If one value cannot be recorded, nothing is; and the session is still had."""
        await self.ask("set", "a", fullSession())
        session, epoch = await self.take()
        before = session.toString()
        for value in [object(), float("nan"), b"", [{"a": {1}}]]:
            entries = [Received(9), Sent(-6, "{}"), Stored("cart", 1), Stored("cart", value)]
            await self.refused(self.ask("record", "a", epoch, entries), (TypeError, ValueError))
        self.assertEqual(await self.text(), before)
        await self.ask("record", "a", epoch, [Received(8)])

    async def test_notPlain(self) -> None:
        """A session with something that is not plain JSON cannot be stored and taken."""
        session = fullSession()
        session["thing"] = object()

        async def both() -> None:
            await self.ask("set", "a", session)
            await self.take()

        await self.refused(both(), TypeError)

    async def test_fenced(self) -> None:
        """Who had a session before cannot record or release anything more, and learns who has it."""
        other: Any = await self.open()
        await self.ask("set", "a", fullSession())
        _, stale = await self.take(server="first server")
        session, epoch = await maybeDeferred(other.take, "a", "second server")
        self.assertGreater(epoch, stale)
        for name, *more in [("record", [Received(99)]), ("record", []), ("release",)]:
            self.assertIn("second server", await self.refused(self.ask(str(name), "a", stale, *more)))
        self.assertEqual(await self.text(), session.toString())
        await maybeDeferred(other.record, "a", epoch, [Received(9)])
        self.assertEqual((await self.take())[0].receivedCount, 9)
        await self.refused(maybeDeferred(other.record, "a", epoch, []))

    async def test_delete(self) -> None:
        """A session can be deleted by who has it, and by nobody else; then it is as if it had never been there."""
        if not hasattr(self.storage, "delete"):
            raise SkipTest("the storage need not have a method delete")
        other: Any = await self.open()
        for id in "ab":
            await self.ask("set", id, fullSession(id))
        _, stale = await self.take()
        _, epoch = await maybeDeferred(other.take, "a", "second server")
        self.assertIn("second server", await self.refused(self.ask("delete", "a", stale)))
        self.assertIsNotNone(await self.text())
        await maybeDeferred(other.delete, "a", epoch)
        self.assertIsNone(await self.text())
        self.assertIsNone(await self.ask("take", "a", "server"))
        await self.refused(self.ask("record", "a", epoch, []))
        for name in ("release", "delete"):
            await self.refused(self.ask(name, "a", epoch))
        await self.refused(self.ask("delete", "b", epoch))
        self.assertEqual(await self.text("b"), fullSession("b").toString())
        await self.ask("set", "a", Session("a"))
        again, later = await self.take()
        self.assertEqual(again.toString(), Session("a").toString())
        self.assertGreater(later, epoch)

    async def test_notTaken(self) -> None:
        """Nobody can record what he has not taken, whatever epoch he thinks of."""
        await self.ask("set", "a", fullSession())
        for epoch in [0, 1, -1, 2**60]:
            for id in ["a", "b"]:
                await self.refused(self.ask("record", id, epoch, [Received(9)]))
                await self.refused(self.ask("release", id, epoch))
        self.assertEqual(await self.text(), fullSession().toString())
        self.assertIsNone(await self.text("b"))

    async def test_setFences(self) -> None:
        """A session that is given as a whole is another one: who had the former is told."""
        await self.ask("set", "a", fullSession())
        _, epoch = await self.take()
        await self.ask("set", "a", Session("a"))
        await self.refused(self.ask("record", "a", epoch, [Received(9)]))
        _, later = await self.take()
        self.assertGreater(later, epoch)
        await self.refused(self.ask("record", "a", epoch, [Received(9)]))

    async def test_race(self) -> None:
        """However many servers take a session at once, one has it in the end: who got the greatest epoch."""
        servers = [self.storage, await self.open()]
        await self.ask("set", "a", Session("a"))
        taking = [maybeDeferred(servers[turn % 2].take, "a", f"server {turn}") for turn in range(20)]
        epochs = [epoch for _, epoch in await gatherResults(taking)]
        self.assertEqual(len(set(epochs)), 20)
        had = []
        for turn, epoch in enumerate(epochs):
            try:
                await maybeDeferred(servers[turn % 2].record, "a", epoch, [Received(1)])
            except SessionTaken:
                continue
            had.append(epoch)
        self.assertEqual(had, [max(epochs)])

    async def test_twoServers(self) -> None:
        """Two servers that take a session from one another again and again lose nothing, and make nothing twice."""
        servers = [self.storage, await self.open()]
        await self.ask("set", "a", Session("a"))
        count = 0
        for turn in range(30):
            storage = servers[turn % 2]
            session, epoch = await maybeDeferred(storage.take, "a", f"server {turn % 2}")
            self.assertEqual((len(session), session.buffered), (turn, count))
            session.startJournal()
            session[str(turn)] = turn
            for _ in range(2):
                count += 1
                session.keep(count, b"{%d}" % count)
            await maybeDeferred(storage.record, "a", epoch, session.takeEntries())
        self.assertEqual((await self.take())[0].texts, [b"{%d}" % number for number in range(1, count + 1)])

    # Time

    async def test_release(self) -> None:
        """A session that was released is not had any more; it is there for its lifetime, then it is over."""
        await self.ask("set", "a", fullSession())
        session, epoch = await self.take()
        await self.ask("release", "a", epoch)
        await self.refused(self.ask("record", "a", epoch, []))
        await self.refused(self.ask("release", "a", epoch))
        again, later = await self.take()
        self.assertEqual(again.toString(), session.toString())
        self.assertGreater(later, epoch)
        await self.ask("release", "a", later)
        await self.wait(self.lifetime + 0.1)
        self.assertIsNone(await self.ask("take", "a", "server"))
        self.assertIsNone(await self.text())
        await self.refused(self.ask("record", "a", later, []))

    async def test_expires(self) -> None:
        """An inactive session is there until its lifetime is over, which begins again each time."""
        await self.ask("set", "a", fullSession())
        await self.ask("setInactive", "a")
        await self.wait(self.lifetime * 0.6)
        await self.ask("setInactive", "a")
        await self.wait(self.lifetime * 0.6)
        self.assertIsNotNone(await self.text())
        await self.ask("setInactive", "a")
        await self.wait(self.lifetime + 0.1)
        self.assertIsNone(await self.text())
        await self.ask("setInactive", "a")
        self.assertIsNone(await self.text())

    async def test_active(self) -> None:
        """A session that is active stays, whether it is new, was found or is taken."""
        for id in "abcd":
            await self.ask("set", id, Session(id))
        for id in "bc":
            await self.ask("setInactive", id)
        await self.ask("get", "b")
        for id in "cd":
            await self.take(id)
        await self.wait(self.lifetime * 1.5)
        for id in "abcd":
            self.assertIsNotNone(await self.text(id), id)

    async def test_inactiveThoughTaken(self) -> None:
        """To record something does not make a session active that was set inactive."""
        await self.ask("set", "a", Session("a"))
        _, epoch = await self.take()
        await self.ask("setInactive", "a")
        await self.ask("record", "a", epoch, [Received(1)])
        await self.wait(self.lifetime + 0.1)
        self.assertIsNone(await self.text())

    async def test_close(self) -> None:
        """What was asked before it was closed is done; to close it twice is no error."""
        await self.ask("set", "a", Session("a"))
        _, epoch = await self.take()
        recording = self.ask("record", "a", epoch, [Received(5)])
        closing = [self.ask("close"), self.ask("close")]
        await recording
        await gatherResults(closing)
        await self.ask("close")
