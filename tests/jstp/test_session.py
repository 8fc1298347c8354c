"""Tests of L{jetjstp.jstp.session}."""

from __future__ import annotations

import contextlib
import json
from time import process_time
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp.session import LARGEST, Acknowledged, Received, Sent, Session, Stored

REFERENCE = (
    '{"id":"3f0c","username":null,"guaranteedDeliveredCount":1,'
    '"buffer":[[2,"{event:[-2,\'e\'],a:[1]}"],[3,"{ping:[-3]}"]],'
    '"receivedCount":7,"latestBufferedMessageId":-3,"storage":[["key",{"a":[1,null]}]]}'
)
"""As npm's package writes it."""


def filled(step: int, count: int) -> Session:
    """A session in which messages were sent."""
    session = Session("id", "user", "app")
    for _ in range(count):
        id = session.nextId(step)
        session.keep(id, b"{ping:[%d]}" % id)
    return session


class CountingTests(SynchronousTestCase):
    """Numbers, acknowledgements, restores."""

    def test_clientCountsUp(self) -> None:
        """A client's messages are 1, 2, 3."""
        session = filled(1, 2)
        self.assertEqual(session.latestBufferedMessageId, 2)
        self.assertEqual(session.nextId(1), 3)

    def test_serverCountsDown(self) -> None:
        """A server's messages are -1, -2, -3."""
        session = filled(-1, 2)
        self.assertEqual(session.latestBufferedMessageId, -2)
        self.assertEqual(session.nextId(-1), -3)

    def test_acknowledge(self) -> None:
        """What is acknowledged is not kept any longer, and neither is what was sent before it."""
        session = filled(1, 5)
        session.acknowledge(3)
        self.assertEqual(session.texts, [b"{ping:[4]}", b"{ping:[5]}"])
        self.assertEqual((session.buffered, session.bufferBytes), (2, 20))
        self.assertEqual(session.guaranteedDeliveredCount, 3)

    def test_acknowledgeAgain(self) -> None:
        """An acknowledgement that comes late takes nothing back."""
        session = filled(1, 5)
        session.acknowledge(3)
        session.acknowledge(2)
        self.assertEqual((session.buffered, session.guaranteedDeliveredCount), (2, 3))

    def test_acknowledgeTooMuch(self) -> None:
        """An acknowledgement of what was never sent has no effect."""
        session = filled(1, 5)
        for count in (6, 10**15, LARGEST):
            session.acknowledge(count)
        self.assertEqual((session.buffered, session.guaranteedDeliveredCount), (5, 0))

    def test_receive(self) -> None:
        """The greatest number counts, not the latest."""
        session = Session("id")
        for number in (1, 5, 2):
            session.receive(number)
        self.assertEqual(session.receivedCount, 5)

    def test_restore(self) -> None:
        """What the other side has not received is to be sent again, unchanged and in order."""
        session = filled(-1, 4)
        session.acknowledge(1)
        restored = session.restore(2)
        self.assertEqual(restored.texts, [b"{ping:[-3]}", b"{ping:[-4]}"])
        self.assertEqual((restored.upTo, restored.missing, restored.excess), (2, 0, 0))
        self.assertEqual(session.nextId(-1), -5)

    def test_restoreMissing(self) -> None:
        """A peer that has forgotten what it had acknowledged is told how much cannot be sent again."""
        session = filled(1, 4)
        session.acknowledge(3)
        restored = session.restore(1)
        self.assertEqual((restored.upTo, restored.missing), (1, 2))
        self.assertEqual(restored.texts, [b"{ping:[4]}"])
        self.assertEqual((session.missing, session.guaranteedDeliveredCount), (2, 1))

    def test_restoreMissingAll(self) -> None:
        """The same, if nothing is kept any more."""
        session = filled(1, 4)
        session.acknowledge(4)
        self.assertEqual(session.restore(0)[1:], ([], 4, 0))

    def test_restoreExcess(self) -> None:
        """A count that is too great is cut down to what was sent."""
        session = filled(1, 4)
        restored = session.restore(9)
        self.assertEqual((restored.upTo, restored.texts, restored.excess), (4, [], 5))
        self.assertEqual(session.guaranteedDeliveredCount, 4)

    def test_hugeCountsCostNothing(self) -> None:
        """The work depends on what is kept, not on the numbers that a peer sends."""
        session = filled(1, 10)
        began = process_time()
        for _ in range(100):
            session.acknowledge(LARGEST)
            session.receive(LARGEST)
            session.restore(LARGEST)
        self.assertLess(process_time() - began, 1.0)


class DataTests(SynchronousTestCase):
    """What the application remembers."""

    def test_mapping(self) -> None:
        """A session is a mapping; it is true and equal to itself only, whatever is in it."""
        session = Session("id")
        self.assertTrue(session)
        session["a"] = 1
        session["b"] = 2
        del session["a"]
        self.assertEqual((dict(session), len(session), session.get("a")), ({"b": 2}, 1, None))
        self.assertNotEqual(session, Session("id"))
        self.assertEqual({session: 1}[session], 1)

    def test_repr(self) -> None:
        """The id, which is as good as a password, is not shown."""
        self.assertNotIn("secret", repr(Session("secret", "user", "app")))


class StoredTests(SynchronousTestCase):
    """C{toString} and C{fromString}."""

    def test_reference(self) -> None:
        """What npm's package has stored is read, and belongs to no application yet."""
        session = Session.fromString(REFERENCE)
        self.assertEqual((session.id, session.username, session.application), ("3f0c", None, None))
        self.assertEqual((session.guaranteedDeliveredCount, session.receivedCount), (1, 7))
        self.assertEqual(session.texts, [b"{event:[-2,'e'],a:[1]}", b"{ping:[-3]}"])
        self.assertEqual((session.nextId(-1), session["key"]), (-4, {"a": [1, None]}))

    def test_sameText(self) -> None:
        """What is written is what npm's package writes, in its order, with the application behind."""
        session = Session.fromString(REFERENCE)
        self.assertEqual(session.toString(), REFERENCE[:-1] + ',"application":null}')
        session.application = "app"
        self.assertTrue(session.toString().endswith(',"application":"app"}'))

    def test_specialKeysInside(self) -> None:
        """Data may have any keys at any depth, also those that the session itself has."""
        session = Session("id")
        session["storage"] = {"buffer": [1], "connection": {"storage": None}}
        self.assertEqual(dict(Session.fromString(session.toString())), dict(session))

    def test_unstorable(self) -> None:
        """What JSON cannot say is refused when the session is to be stored."""
        for value in (object(), {1, 2}, float("nan")):
            session = Session("id")
            session["a"] = value
            with self.assertRaises((TypeError, ValueError)):
                session.toString()

    def test_hostile(self) -> None:
        """Whatever else is stored is refused, with a ValueError that says what is wrong."""
        stored = json.loads(REFERENCE)
        wrong: dict[str, list[Any]] = {
            "id": [None, 1, []],
            "username": [1, [], {}],
            "application": [1, []],
            "guaranteedDeliveredCount": [None, -1, 1.5, "1", True, 2**53],
            "receivedCount": [None, -1, "7", [], 2**60],
            "latestBufferedMessageId": [None, "3", 2**53, -(2**53), False],
            "buffer": [
                None,
                {},
                [1],
                [[1]],
                [[0, "a"]],
                [[4, "a"]],
                [["1", "a"]],
                [[1, None]],
                [[True, "a"]],
                [[-1, ""]],
            ],
            "storage": [None, {}, [1], [["a"]], [[1, 2]], [["a", 1, 2]]],
        }
        for name, values in wrong.items():
            for value in values:
                with self.assertRaises(ValueError) as caught:
                    Session.fromString(json.dumps({**stored, name: value}))
                self.assertIn(name, str(caught.exception))

    def test_noJSON(self) -> None:
        """A text that is no JSON object is refused."""
        for text in ("", "{", "null", "[]", "1", "[" * 100_000, '{"a":' + "9" * 5000 + "}"):
            with self.assertRaises(ValueError):
                Session.fromString(text)

    @given(
        st.recursive(
            st.none() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)
        )
    )
    def test_anyJSON(self, value: Any) -> None:
        """Reading any JSON gives a session or a ValueError."""
        for text in (json.dumps(value), json.dumps({**json.loads(REFERENCE), "buffer": value, "storage": value})):
            with contextlib.suppress(ValueError):
                Session.fromString(text)

    def test_surrogates(self) -> None:
        """A message with half a character can be sent again all the same."""
        session = Session.fromString(REFERENCE.replace("'e'", "'\\ud800'"))
        self.assertEqual(session.texts[0], b"{event:[-2,'?'],a:[1]}")


class JournalTests(SynchronousTestCase):
    """What is recorded step by step."""

    def test_entries(self) -> None:
        """Everything that has changed is told once."""
        session = filled(-1, 2)
        session.startJournal()
        self.assertEqual(session.takeEntries(), [])
        session.keep(-3, b"a")
        session["k"] = "v"
        del session["k"]
        session.receive(4)
        session.acknowledge(1)
        self.assertEqual(
            session.takeEntries(),
            [Sent(-3, "a"), Stored("k", "v"), Stored("k", None, False), Received(4), Acknowledged(1)],
        )
        self.assertEqual(session.takeEntries(), [])

    def test_several(self) -> None:
        """Several messages that are kept together are told one by one."""
        session = filled(-1, 2)
        session.startJournal()
        session.keepAll(-1, [b"a", b"bc"])
        self.assertEqual(session.takeEntries(), [Sent(-3, "a"), Sent(-4, "bc")])
        self.assertEqual((session.texts[2:], session.nextId(-1)), ([b"a", b"bc"], -5))

    @given(st.lists(st.tuples(st.sampled_from("sractd"), st.integers(0, 9))))
    def test_copies(self, steps: list[tuple[str, int]]) -> None:
        """A copy to which the entries are applied is the same session."""
        session = filled(-1, 3)
        copy = Session.fromString(session.toString())
        session.startJournal()
        for step, number in steps:
            if step == "s":
                session.keep(session.nextId(-1), b"%d" % number)
            elif step == "r":
                session.receive(number)
            elif step == "a":
                session.acknowledge(number)
            elif step == "c":
                session[str(number)] = number
            elif step == "d":
                session.pop(str(number), None)
            else:
                copy.apply(session.takeEntries())
        copy.apply(session.takeEntries())
        self.assertEqual(copy.toString(), session.toString())
