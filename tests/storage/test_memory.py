"""Tests of L{jetjstp.storage.memory}."""

from __future__ import annotations

import gc
import json
import weakref
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from jetjstp.interfaces import IFencedSessionStorage, ISessionStorage
from jetjstp.jstp.applications import checkSessionStorage
from jetjstp.jstp.errors import SessionTaken
from jetjstp.jstp.session import Entry, Received, Sent, Session, Stored
from jetjstp.storage.memory import SLICE, SimpleSessionStorageProvider

LIFETIME = 100.0
INTERVAL = 30.0


class StorageTestCase(SynchronousTestCase):
    """Has a storage on a clock."""

    def setUp(self) -> None:
        """A storage for three sessions."""
        self.clock = Clock()
        self.storage = self.makeStorage(3)

    def makeStorage(self, maxSessions: int) -> SimpleSessionStorageProvider:
        """A storage on the same clock."""
        return SimpleSessionStorageProvider(LIFETIME, INTERVAL, maxSessions, self.clock)

    def putAway(self, id: str) -> Session:
        """Store a session as a server does when a connection is closed."""
        session = Session(id)
        self.storage.set(id, session)
        self.storage.setInactive(id)
        return session

    def take(self, id: str, server: str = "server") -> tuple[Session, int]:
        """Take a session that is there."""
        taken = self.storage.take(id, server)
        assert taken is not None
        return taken


class WholeSessionTests(StorageTestCase):
    """C{get}, C{set} and C{setInactive}."""

    def test_interface(self) -> None:
        """The storage provides what it says."""
        self.assertTrue(verifyObject(ISessionStorage, self.storage))
        self.assertTrue(verifyObject(IFencedSessionStorage, self.storage))
        checkSessionStorage(self.storage)

    def test_get(self) -> None:
        """What was stored is found, and the very same; what was not, is not."""
        session = Session("a", "user", "app")
        self.storage.set("a", session)
        self.assertIs(self.storage.get("a"), session)
        self.assertIs(self.storage.get("a"), session)
        for id in ["b", "", "x" * 100_000]:
            self.assertIsNone(self.storage.get(id))

    def test_replace(self) -> None:
        """A session that is stored again replaces the earlier one, be it active or not."""
        self.putAway("a")
        session = Session("a")
        self.storage.set("a", session)
        self.assertIs(self.storage.get("a"), session)
        self.assertEqual(len(self.storage), 1)

    def test_anything(self) -> None:
        """A session that is only stored as a whole may hold anything."""
        session = Session("a")
        session["thing"] = thing = object()
        self.storage.set("a", session)
        found = self.storage.get("a")
        assert found is not None
        self.assertIs(found["thing"], thing)

    def test_expires(self) -> None:
        """An inactive session is there until its lifetime is over, to the point, and not any more then."""
        session = self.putAway("a")
        self.clock.advance(LIFETIME - 0.5)
        self.assertIs(self.storage.get("a"), session)
        self.storage.setInactive("a")
        self.clock.pump([LIFETIME / 4] * 4)
        self.assertIsNone(self.storage.get("a"))

    def test_exactDeadline(self) -> None:
        """A session that is over is not found, though its memory was not given back yet."""
        storage = SimpleSessionStorageProvider(10.0, 1000.0, reactor=self.clock)
        storage.set("a", Session("a"))
        storage.setInactive("a")
        self.clock.advance(10.0)
        self.assertEqual(len(storage), 1)
        self.assertIsNone(storage.get("a"))
        self.assertEqual(len(storage), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_active(self) -> None:
        """A session that is active stays, whether it was found or is new."""
        self.putAway("a")
        self.assertIsNotNone(self.storage.get("a"))
        self.storage.set("b", Session("b"))
        self.clock.pump([LIFETIME] * 10)
        self.assertIsNotNone(self.storage.get("a"))
        self.assertIsNotNone(self.storage.get("b"))

    def test_inactiveAgain(self) -> None:
        """The lifetime begins again each time a session is set inactive."""
        self.putAway("a")
        self.clock.advance(LIFETIME / 2)
        self.storage.setInactive("a")
        self.clock.advance(LIFETIME - 1)
        self.assertIsNotNone(self.storage.get("a"))

    def test_setInactiveUnknown(self) -> None:
        """To set inactive what is not there is no error, and makes nothing."""
        self.storage.setInactive("a")
        self.assertEqual(len(self.storage), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_specialNames(self) -> None:
        """Data with the names of members of sessions comes back as it was, at any depth."""
        data = {"buffer": [1], "storage": {"connection": {"buffer": None}}, "connection": "tcp", "id": 5}
        session = Session("a", "user")
        session.update(data)
        self.storage.set("a", session)
        copy, _ = self.take("a")
        self.assertEqual(dict(copy), data)
        self.assertEqual((copy.id, copy.username), ("a", "user"))


class PurgeTests(StorageTestCase):
    """When memory is given back, and what is scheduled."""

    def test_givesBack(self) -> None:
        """The memory of sessions that are over is given back after the interval at the latest."""
        thing = Clock()
        self.putAway("a")["thing"] = thing
        isThere = weakref.ref(thing)
        del thing
        self.putAway("b")
        self.storage.get("b")
        self.clock.pump([INTERVAL] * 4)
        self.assertEqual(len(self.storage), 1)
        gc.collect()
        self.assertIsNone(isThere())

    def test_nothingScheduled(self) -> None:
        """While no session can expire, nothing is scheduled."""
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.storage.set("a", Session("a"))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.storage.setInactive("a")
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.storage.get("a")
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.storage.setInactive("a")
        self.storage.set("a", Session("a"))
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.storage.setInactive("a")
        self.storage.take("a", "server")
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_endsByItself(self) -> None:
        """When the last session is over, nothing is scheduled any more."""
        self.putAway("a")
        self.clock.pump([INTERVAL] * 4)
        self.assertEqual(len(self.storage), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_oneCall(self) -> None:
        """There is one delayed call, however many sessions there are."""
        for id in "abc":
            self.putAway(id)
            self.assertEqual(len(self.clock.getDelayedCalls()), 1)
        self.clock.advance(INTERVAL)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)

    def test_slices(self) -> None:
        """Many sessions that are over are given back a slice at a time."""
        self.storage = self.makeStorage(10 * SLICE)
        for number in range(2 * SLICE + 1):
            self.putAway(str(number))
        kept: list[int] = []
        callLater = self.clock.callLater

        def noteKept(*args: Any) -> Any:
            kept.append(len(self.storage))
            return callLater(*args)

        self.clock.advance(INTERVAL * 3)
        self.patch(self.clock, "callLater", noteKept)
        self.clock.advance(INTERVAL)
        self.assertEqual(kept, [SLICE + 1, 1])
        self.assertEqual(len(self.storage), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_close(self) -> None:
        """A storage that is closed has nothing and schedules nothing."""
        self.putAway("a")
        self.storage.set("b", Session("b"))
        self.storage.close()
        self.assertEqual(len(self.storage), 0)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class RoomTests(StorageTestCase):
    """The bound on the number of sessions."""

    def test_oldestInactive(self) -> None:
        """The session is dropped that has been inactive for longest."""
        for id in "abc":
            self.putAway(id)
            self.clock.advance(1)
        self.storage.setInactive("a")
        self.storage.set("d", Session("d"))
        self.assertIsNone(self.storage.get("b"))
        for id in "acd":
            self.assertIsNotNone(self.storage.get(id), id)

    def test_inactiveFirst(self) -> None:
        """Active sessions are kept while there are inactive ones."""
        self.storage.set("a", Session("a"))
        self.putAway("b")
        self.storage.set("c", Session("c"))
        self.storage.set("d", Session("d"))
        self.assertIsNone(self.storage.get("b"))
        self.assertIsNotNone(self.storage.get("a"))
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_bytes(self) -> None:
        """When the messages in inactive sessions are too many bytes, those inactive for longest are dropped."""
        self.storage.close()
        self.storage = SimpleSessionStorageProvider(LIFETIME, INTERVAL, 100, self.clock, maxBytes=250)
        for id in "abcd":
            session = Session(id)
            session.keep(-1, b"x" * 80)
            self.storage.set(id, session)
        for id in "abc":
            self.storage.setInactive(id)
        _, epoch = self.take("a")
        self.storage.setInactive("d")
        self.storage.record("a", epoch, [Sent(-2, "y" * 200)])
        self.assertEqual([each in self.storage._inactive for each in "bcd"], [True, True, True])
        self.storage.release("a", epoch)
        self.assertIsNone(self.storage.get("b"))
        self.assertIsNone(self.storage.get("c"))
        self.assertIsNone(self.storage.get("d"))
        self.assertIsNone(self.storage.get("a"))  # too large by itself
        self.assertEqual((len(self.storage), self.storage._bytes), (0, 0))
        self.storage.set("e", Session("e"))
        self.storage.setInactive("e")
        _, epoch = self.take("e")
        self.storage.setInactive("e")
        self.storage.record("e", epoch, [Sent(-1, "z" * 251)])
        self.assertEqual(len(self.storage), 0)

    def test_allActive(self) -> None:
        """If all are active, the one that was used least recently is dropped; who has it is told."""
        for id in "abc":
            self.storage.set(id, Session(id))
        _, epochOfA = self.take("a")
        _, epochOfB = self.take("b")
        self.storage.get("c")
        self.storage.record("a", epochOfA, [Received(1)])
        self.storage.set("d", Session("d"))
        self.assertEqual(len(self.storage), 3)
        self.storage.record("a", epochOfA, [Received(2)])
        self.assertRaises(SessionTaken, self.storage.record, "b", epochOfB, [Received(1)])
        self.assertRaises(SessionTaken, self.storage.release, "b", epochOfB)

    def test_replacingNeedsNoRoom(self) -> None:
        """A session that replaces another drops no third one."""
        for id in "abc":
            self.putAway(id)
        self.storage.set("b", Session("b"))
        for id in "abc":
            self.assertIsNotNone(self.storage.get(id), id)

    def test_one(self) -> None:
        """There may be room for one only."""
        storage = self.makeStorage(1)
        for id in "ab":
            storage.set(id, Session(id))
        self.assertIsNone(storage.get("a"))
        self.assertIsNotNone(storage.get("b"))

    def test_said(self) -> None:
        """That sessions are dropped for want of room is said once, and again when there was room in between."""
        said: list[int] = []
        log: Any = type("Log", (), {"warn": lambda self, text, limit: said.append(limit)})()
        self.patch(SimpleSessionStorageProvider, "_log", log)
        for id in "abc":
            self.putAway(id)
        self.assertEqual(said, [])
        for id in "def":
            self.putAway(id)
        self.assertEqual(said, [3])
        self.clock.pump([INTERVAL] * 4)
        for id in "ghij":
            self.putAway(id)
        self.assertEqual(said, [3, 3])


class FencedTests(StorageTestCase):
    """C{take}, C{record} and C{release}."""

    def setUp(self) -> None:
        """A session with something in it."""
        super().setUp()
        self.session = Session("a", "user", "app")
        self.session["cart"] = ["apple"]
        self.session.keep(-1, b"{event:[-1,'e'],x:[]}")
        self.session.receive(2)
        self.storage.set("a", self.session)

    def stored(self) -> Any:
        """What is stored, as an object."""
        found = self.storage.get("a")
        assert found is not None
        return json.loads(found.toString())

    def test_take(self) -> None:
        """Who takes a session gets a copy of it."""
        taken, _ = self.take("a")
        self.assertIsNot(taken, self.session)
        self.assertEqual(taken.toString(), self.session.toString())

    def test_takeUnknown(self) -> None:
        """There is nothing to take where nothing is, or is any more."""
        self.assertIsNone(self.storage.take("b", "server"))
        self.storage.setInactive("a")
        self.clock.advance(LIFETIME)
        self.assertIsNone(self.storage.take("a", "server"))

    def test_nothingIsShared(self) -> None:
        """What one server does to its session is seen by nobody before it is recorded."""
        one, _ = self.take("a", "one")
        self.session["cart"].append("pear")
        self.session.receive(5)
        other, _ = self.take("a", "other")
        one["cart"].append("plum")
        one.receive(9)
        for session in [self.take("a")[0], self.storage.get("a"), other]:
            assert session is not None
            self.assertEqual((session["cart"], session.receivedCount), (["apple"], 2))

    def test_record(self) -> None:
        """What is recorded is in the session that the next one takes."""
        session, epoch = self.take("a", "one")
        session.startJournal()
        session.receive(4)
        session.keep(-2, "{event:[-2,'e'],é:[]}".encode())
        session.acknowledge(1)
        session["cart"] = ["pear", None, {"a": 1.5}]
        session["more"] = 1
        del session["more"]
        self.storage.record("a", epoch, session.takeEntries())
        self.storage.record("a", epoch, [])
        self.assertEqual(self.take("a", "other")[0].toString(), session.toString())

    def test_recordedValuesAreCopies(self) -> None:
        """What an application does later to a value that was recorded does not change the record."""
        value: list[Any] = ["pear"]
        _, epoch = self.take("a")
        self.storage.record("a", epoch, [Stored("cart", value)])
        value.append(object())
        self.assertEqual(self.take("a")[0]["cart"], ["pear"])

    def test_allOrNothing(self) -> None:
        """If one value cannot be recorded, nothing is."""
        _, epoch = self.take("a")
        before = self.stored()
        for value in [object(), float("nan")]:
            entries: list[Entry] = [Received(9), Stored("cart", value)]
            self.assertRaises((TypeError, ValueError), self.storage.record, "a", epoch, entries)
        self.assertEqual(self.stored(), before)

    def test_notPlain(self) -> None:
        """A session with something that is not plain JSON cannot be taken, and stays what it was."""
        self.session["thing"] = object()
        self.assertRaises(TypeError, self.storage.take, "a", "server")
        self.assertIs(self.storage.get("a"), self.session)

    def test_fenced(self) -> None:
        """Who had a session before cannot record or release anything more, and learns who has it."""
        _, stale = self.take("a", "first server")
        _, epoch = self.take("a", "second server")
        self.assertGreater(epoch, stale)
        for call in [lambda: self.storage.record("a", stale, [Received(9)]), lambda: self.storage.release("a", stale)]:
            self.assertIn("second server", str(self.assertRaises(SessionTaken, call)))
        self.assertRaises(SessionTaken, self.storage.record, "a", stale, [])
        self.assertEqual(self.stored()["receivedCount"], 2)
        self.storage.record("a", epoch, [Received(3)])
        self.assertEqual(self.stored()["receivedCount"], 3)

    def test_notTaken(self) -> None:
        """Nobody can record what he has not taken, whatever epoch he thinks of."""
        for epoch in [0, 1, -1, 2]:
            self.assertRaises(SessionTaken, self.storage.record, "a", epoch, [Received(9)])
            self.assertRaises(SessionTaken, self.storage.release, "a", epoch)
            self.assertRaises(SessionTaken, self.storage.record, "unknown", epoch, [])

    def test_release(self) -> None:
        """A session that was released is not had any more, and expires."""
        _, epoch = self.take("a")
        self.clock.pump([LIFETIME] * 3)
        self.storage.release("a", epoch)
        self.assertRaises(SessionTaken, self.storage.record, "a", epoch, [])
        self.assertRaises(SessionTaken, self.storage.release, "a", epoch)
        self.clock.advance(LIFETIME - 1)
        _, later = self.take("a")
        self.assertGreater(later, epoch)
        self.storage.release("a", later)
        self.clock.advance(LIFETIME)
        self.assertIsNone(self.storage.take("a", "server"))

    def test_setFences(self) -> None:
        """A session that is given as a whole is another one: who had the former is told."""
        _, epoch = self.take("a")
        self.storage.set("a", Session("a"))
        self.assertRaises(SessionTaken, self.storage.record, "a", epoch, [Received(9)])
        _, later = self.take("a")
        self.assertGreater(later, epoch)

    def test_epochsDoNotComeAgain(self) -> None:
        """Who had a session that was dropped does not have another one of the same id."""
        _, epoch = self.take("a")
        for id in "bcd":
            self.storage.set(id, Session(id))
        self.storage.set("a", Session("a"))
        self.take("a", "other")
        self.assertRaises(SessionTaken, self.storage.record, "a", epoch, [Received(9)])


class SettingsTests(SynchronousTestCase):
    """What the storage is made of."""

    def test_defaults(self) -> None:
        """By default sessions are found for a day."""
        clock = Clock()
        storage = SimpleSessionStorageProvider(reactor=clock)
        storage.set("a", Session("a"))
        storage.setInactive("a")
        clock.pump([3600.0] * 23)
        self.assertEqual(len(storage), 1)
        clock.advance(3600.0)
        self.assertEqual(len(storage), 0)

    def test_milliseconds(self) -> None:
        """Times that can only be milliseconds are refused, and what was meant is named."""
        for name, value, meant in [
            ("inactiveSessionLifetime", 86_400_000, "86400.0"),
            ("purgeInterval", 3_600_000, "3600.0"),
        ]:
            error = str(self.assertRaises(ValueError, SimpleSessionStorageProvider, **{name: value}))
            self.assertIn(name, error)
            self.assertIn(f"did you mean {meant}?", error)

    def test_refused(self) -> None:
        """Times and numbers that mean nothing are refused by name."""
        wrong: list[Any] = [0, -1, float("nan"), float("inf"), "5", None, True]
        for name in ["inactiveSessionLifetime", "purgeInterval", "maxSessions", "maxBytes"]:
            for value in wrong:
                error = self.assertRaises(
                    (TypeError, ValueError), SimpleSessionStorageProvider, reactor=Clock(), **{name: value}
                )
                self.assertIn(name, str(error))
        self.assertRaises(TypeError, SimpleSessionStorageProvider, maxSessions=1.5)

    def test_globalReactor(self) -> None:
        """Without a reactor it is the global one whose clock counts."""
        storage = SimpleSessionStorageProvider()
        self.addCleanup(storage.close)
        storage.set("a", Session("a"))
        storage.setInactive("a")
        self.assertIsNotNone(storage.get("a"))


class Holder:
    """A server's idea of a session that it has taken."""

    def __init__(self, session: Session, epoch: int) -> None:
        self.session = session
        self.epoch = epoch
        self.next = abs(session.latestBufferedMessageId) + 1
        session.startJournal()


class ModelSession:
    """
    What the storage should know of a session.

    @ivar recorded: The text of the session as its holder has recorded it.
    @ivar holder: Who has it.
    @ivar deadline: When it is over, if it is inactive.
    """

    def __init__(self, recorded: str) -> None:
        self.recorded = recorded
        self.holder: Holder | None = None
        self.deadline: float | None = None


ids = st.sampled_from("abcd")


class StorageMachine(RuleBasedStateMachine):
    """Some servers, which take sessions from one another, and a storage, which is compared with a simple model."""

    limit = 3

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.storage = SimpleSessionStorageProvider(LIFETIME, INTERVAL, self.limit, self.clock)
        # In the order of last use; those that are inactive are dropped first.
        self.model: dict[str, ModelSession] = {}
        # All holders that ever were.
        self.holders: list[tuple[str, Holder]] = []
        for id in "abc":
            self.set(id, 0)
            self.take(id)

    def living(self, id: str) -> ModelSession | None:
        """A session of the model that is not over, moved to the end."""
        known = self.model.pop(id, None)
        if known is None or (known.deadline is not None and known.deadline <= self.clock.seconds()):
            return None
        known.deadline = None
        self.model[id] = known
        return known

    def set(self, id: str, data: int) -> None:
        """Store a session."""
        session = Session(id)
        session["data"] = data
        self.model.pop(id, None)
        self.model[id] = ModelSession(session.toString())
        self.storage.set(id, session)
        if len(self.model) > self.limit:
            inactive = [each for each, known in self.model.items() if known.deadline is not None]
            del self.model[inactive[0] if inactive else next(iter(self.model))]

    @rule(id=ids, data=st.integers())
    def renew(self, id: str, data: int) -> None:
        """A session is new, or replaced."""
        self.set(id, data)

    @rule(id=ids)
    def get(self, id: str) -> None:
        """A session is looked for."""
        known = self.living(id)
        found = self.storage.get(id)
        assert (found and found.toString()) == (known and known.recorded)

    @rule(id=ids)
    def setInactive(self, id: str) -> None:
        """A whole session is not in use any more."""
        known = self.model.pop(id, None)
        if known is not None:
            known.deadline = self.clock.seconds() + LIFETIME
            self.model[id] = known
        self.storage.setInactive(id)

    @rule(id=ids)
    def takeOver(self, id: str) -> None:
        """A server takes a session."""
        self.take(id)

    def take(self, id: str) -> None:
        """Take a session."""
        known = self.living(id)
        taken = self.storage.take(id, "server")
        if known is None:
            assert taken is None
            return
        assert taken is not None
        session, epoch = taken
        assert session.toString() == known.recorded
        assert all(epoch > holder.epoch for _, holder in self.holders)
        known.holder = Holder(session, epoch)
        self.holders.append((id, known.holder))

    @rule(data=st.data(), work=st.sampled_from(["send", "receive", "acknowledge", "store", "delete"]))
    def work(self, data: Any, work: str) -> None:
        """A server works with a session that it has, or thinks that it has."""
        _, holder = data.draw(st.sampled_from(self.holders))
        session = holder.session
        match work:
            case "send":
                session.keep(-holder.next, b"{event:[%d,'e'],x:[]}" % -holder.next)
                holder.next += 1
            case "receive":
                session.receive(session.receivedCount + data.draw(st.integers(1, 3)))
            case "acknowledge":
                session.acknowledge(data.draw(st.integers(0, holder.next)))
            case "store":
                session[data.draw(st.sampled_from(["data", "buffer"]))] = data.draw(st.lists(st.integers(), max_size=2))
            case "delete":
                session.pop("data", None)

    @rule(data=st.data(), isLast=st.booleans())
    def record(self, data: Any, isLast: bool) -> None:
        """It records what it has done, and perhaps releases the session."""
        id, holder = data.draw(st.sampled_from(self.holders))
        known = self.model.get(id)
        hasIt = known is not None and known.holder is holder
        assert self.tries(self.storage.record, id, holder.epoch, holder.session.takeEntries()) == hasIt
        if known is not None and hasIt:
            known.recorded = holder.session.toString()
            if known.deadline is None:
                self.model[id] = self.model.pop(id)
        if isLast:
            assert self.tries(self.storage.release, id, holder.epoch) == hasIt
            if known is not None and hasIt:
                known.holder = None
                known.deadline = self.clock.seconds() + LIFETIME
                self.model[id] = self.model.pop(id)

    def tries(self, call: Any, *args: Any) -> bool:
        """Whether something is allowed."""
        try:
            call(*args)
        except SessionTaken:
            return False
        return True

    @rule(seconds=st.sampled_from([1.0, INTERVAL, LIFETIME / 2, LIFETIME]))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self.clock.advance(seconds)
        for id, known in list(self.model.items()):
            if (
                known.deadline is not None
                and known.deadline <= self.clock.seconds()
                and len(self.storage) < len(self.model)
            ):
                del self.model[id]

    @invariant()
    def agrees(self) -> None:
        """There are as many sessions as there should be, and a delayed call just if one may expire."""
        assert len(self.storage) == len(self.model) <= self.limit
        mayExpire = any(known.deadline is not None for known in self.model.values())
        assert len(self.clock.getDelayedCalls()) == mayExpire


class ModelTests(SynchronousTestCase):
    """The storage as a whole."""

    def test_asModel(self) -> None:
        """Whatever happens in whatever order, the storage knows what its simple model does."""
        machine: Any = StorageMachine.TestCase()
        machine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
        machine.runTest()
