"""
Tests for L{jetjstp.tcpnet.mesh}: one node, input by input.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.tcpnet.limits import Limits
from jetjstp.tcpnet.mesh import (
    Appeared,
    Cancel,
    Dial,
    Drop,
    Effect,
    Link,
    Mesh,
    Overflow,
    Place,
    Trouble,
    Vanished,
)

HERE = Place(("192.0.2.1",), 1000)
THERE = Place(("192.0.2.1",), 2000)


class MeshTests(SynchronousTestCase):
    """A node AA, which dials BB and does not dial 01."""

    def setUp(self) -> None:
        self.mesh = Mesh("AA", Limits(), lambda: 1.0)

    def take(self) -> list[Effect]:
        """The effects since the last time."""
        effects = list(self.mesh.effects)
        self.mesh.effects.clear()
        return effects

    def connect(self, now: float = 0.0) -> int:
        """Let BB appear and be connected; returns the attempt."""
        self.mesh.seen("BB", HERE, now)
        dial = self.take()[-1]
        assert isinstance(dial, Dial)
        self.assertTrue(self.mesh.connected("BB", dial.attempt, now))
        return dial.attempt

    def test_dials(self) -> None:
        """Who sorts behind us is dialled, once, however often it is reported."""
        self.mesh.seen("BB", HERE, 0)
        self.mesh.seen("BB", HERE, 0)
        self.assertEqual(self.take(), [Appeared("BB"), Dial("BB", 1, HERE)])

    def test_waitsForOthers(self) -> None:
        """Who sorts before us dials us: it is only known."""
        self.mesh.seen("01", HERE, 0)
        self.assertEqual(self.take(), [Appeared("01")])
        self.assertEqual(self.mesh.places(), {"01": HERE})

    def test_ownAndForeignNames(self) -> None:
        """Our own announcement is no other node, and what has no name of a node is counted and no node."""
        for name in ("AA", "My Printer", "bb", "", "G0", "B" * 64):
            self.mesh.seen(name, HERE, 0)
        self.assertEqual(self.take(), [])
        self.assertEqual(self.mesh.ignored, 5)

    def test_failuresAreRepeated(self) -> None:
        """A dial that fails is repeated after 0.5 s, doubling to 30 s; the first failure of a row is told."""
        self.mesh.seen("BB", HERE, 0)
        now, waits = 0.0, []
        for attempt in range(1, 10):
            self.assertIn(Dial("BB", attempt, HERE), self.take())
            self.mesh.failed("BB", attempt, "refused", now)
            self.assertEqual(self.take(), [Trouble("BB", "refused")] if attempt == 1 else [])
            deadline = self.mesh.deadline()
            assert deadline is not None
            waits.append(deadline - now)
            self.mesh.expire(deadline - 0.001)
            self.assertEqual(self.take(), [])
            self.mesh.expire(deadline)
            now = deadline
        self.assertEqual(waits, [0.5, 1, 2, 4, 8, 16, 30, 30, 30])

    def test_jitter(self) -> None:
        """Waits are between a half and the whole of what they may be."""
        mesh = Mesh("AA", Limits(), lambda: 0.0)
        mesh.seen("BB", HERE, 0)
        mesh.failed("BB", 1, "refused", 0)
        self.assertEqual(mesh.deadline(), 0.25)

    def test_lostIsDialledAgain(self) -> None:
        """A connection that drops is made again; the waits grow unless it has lasted."""
        attempt = self.connect()
        self.mesh.ended("BB", attempt, 1)
        self.assertEqual(self.mesh.deadline(), 1.5)
        self.mesh.expire(1.5)
        self.assertEqual(self.take(), [Dial("BB", 2, HERE)])
        self.mesh.connected("BB", 2, 1.5)
        self.mesh.ended("BB", 2, 2)
        self.assertEqual(self.mesh.deadline(), 3)
        self.mesh.expire(3)
        self.mesh.connected("BB", 3, 3)
        self.mesh.ended("BB", 3, 100)
        self.assertEqual(self.mesh.deadline(), 100.5)

    def test_newTroubleAfterSuccess(self) -> None:
        """After a connection, the next failure is told again."""
        attempt = self.connect()
        self.mesh.ended("BB", attempt, 1)
        self.mesh.expire(2)
        self.mesh.failed("BB", 2, "refused", 2)
        self.assertEqual(self.take(), [Dial("BB", 2, HERE), Trouble("BB", "refused")])

    def test_changedWhileWaiting(self) -> None:
        """Who is announced with a new port is dialled there at once, and the waits begin anew."""
        self.mesh.seen("BB", HERE, 0)
        self.mesh.failed("BB", 1, "refused", 0)
        self.take()
        self.mesh.seen("BB", THERE, 0.1)
        self.assertEqual(self.take(), [Dial("BB", 2, THERE)])
        self.assertIsNone(self.mesh.deadline())
        self.mesh.failed("BB", 2, "refused", 1)
        self.assertEqual(self.mesh.deadline(), 1.5)

    def test_changedWhileDialling(self) -> None:
        """A dial to where a node is not any more is given up for the new place; its outcome counts no more."""
        self.mesh.seen("BB", HERE, 0)
        self.mesh.seen("BB", THERE, 0)
        self.assertEqual(self.take(), [Appeared("BB"), Dial("BB", 1, HERE), Cancel("BB", 1), Dial("BB", 2, THERE)])
        self.mesh.failed("BB", 1, "cancelled", 0)
        self.assertFalse(self.mesh.connected("BB", 1, 0))
        self.assertEqual(self.mesh.linkTo("BB"), Link.DIALLING)
        self.assertTrue(self.mesh.connected("BB", 2, 0))

    def test_changedWhileConnected(self) -> None:
        """A living connection stays when the announcement changes; after its end the new place is dialled at once."""
        attempt = self.connect()
        self.mesh.seen("BB", THERE, 1)
        self.assertEqual(self.take(), [])
        self.mesh.ended("BB", attempt, 2)
        self.assertEqual(self.take(), [Dial("BB", 2, THERE)])

    def test_goneWhileWaiting(self) -> None:
        """Who says goodbye is not dialled any more."""
        self.mesh.seen("BB", HERE, 0)
        self.mesh.failed("BB", 1, "refused", 0)
        self.mesh.gone("BB", 0)
        self.assertIsNone(self.mesh.deadline())
        self.assertEqual(self.take()[-1], Vanished("BB"))
        self.mesh.expire(100)
        self.assertEqual(self.take(), [])

    def test_goneWhileDialling(self) -> None:
        """A dial to who says goodbye is given up."""
        self.mesh.seen("BB", HERE, 0)
        self.mesh.gone("BB", 0)
        self.mesh.gone("BB", 0)
        self.assertEqual(self.take(), [Appeared("BB"), Dial("BB", 1, HERE), Vanished("BB"), Cancel("BB", 1)])
        self.assertFalse(self.mesh.connected("BB", 1, 0))

    def test_goneWhileConnected(self) -> None:
        """A connection outlasts its announcement; after its end nobody is dialled until there is a new one."""
        attempt = self.connect()
        self.mesh.gone("BB", 1)
        self.assertEqual(self.mesh.linkTo("BB"), Link.CONNECTED)
        self.assertEqual(self.mesh.places(), {})
        self.mesh.ended("BB", attempt, 2)
        self.assertEqual(self.take(), [Vanished("BB")])
        self.assertIsNone(self.mesh.deadline())
        self.mesh.seen("BB", HERE, 3)
        self.assertEqual(self.take(), [Appeared("BB"), Dial("BB", 2, HERE)])

    def test_flapping(self) -> None:
        """Goodbye and hello while connected change nothing, in either order of the end of the connection."""
        attempt = self.connect()
        self.mesh.gone("BB", 1)
        self.mesh.seen("BB", HERE, 1)
        self.assertEqual(self.take(), [Vanished("BB"), Appeared("BB")])
        self.mesh.ended("BB", attempt, 2)
        self.assertEqual(self.mesh.deadline(), 2.5)
        self.mesh.gone("BB", 2)
        self.mesh.seen("BB", HERE, 2)
        self.assertEqual(self.take(), [Vanished("BB"), Appeared("BB"), Dial("BB", 2, HERE)])

    def test_dialsAtATime(self) -> None:
        """Not more nodes are dialled at a time than the limit allows; the others get their turn."""
        mesh = self.mesh = Mesh("00", Limits(dials=2), lambda: 1.0)
        for port, name in enumerate(("A1", "A2", "A3", "A4", "A5")):
            mesh.seen(name, Place(HERE.addresses, port), 0)
        dials = [effect for effect in self.take() if isinstance(effect, Dial)]
        self.assertEqual([dial.uuid for dial in dials], ["A1", "A2"])
        mesh.gone("A3", 0)
        mesh.connected("A1", 1, 0)
        mesh.failed("A2", 2, "refused", 0)
        dials = [effect for effect in self.take() if isinstance(effect, Dial)]
        self.assertEqual([dial.uuid for dial in dials], ["A4", "A5"])
        mesh.gone("A4", 0)
        mesh.expire(1)
        self.assertEqual(self.take()[-1], Dial("A2", 5, Place(HERE.addresses, 1)))

    def test_tooManyNodes(self) -> None:
        """Announcements beyond the limit are ignored and counted, which is told once."""
        mesh = self.mesh = Mesh("FF", Limits(services=2), lambda: 1.0)
        for port, name in enumerate(("A1", "A2", "A3", "A4")):
            mesh.seen(name, Place(HERE.addresses, port), 0)
        self.assertEqual(self.take(), [Appeared("A1"), Appeared("A2"), Overflow()])
        self.assertEqual((sorted(mesh.places()), mesh.ignored), (["A1", "A2"], 2))
        mesh.gone("A1", 0)
        mesh.seen("A3", HERE, 0)
        self.assertEqual(sorted(mesh.places()), ["A2", "A3"])

    def test_stop(self) -> None:
        """At the end dials are given up and nothing is waited for; what comes later counts no more."""
        self.connect()
        self.mesh.seen("CC", THERE, 0)
        self.mesh.seen("DD", Place((), 1), 0)
        self.mesh.failed("DD", 3, "refused", 0)
        self.take()
        self.mesh.stop()
        self.assertEqual(self.take(), [Cancel("CC", 2)])
        self.assertIsNone(self.mesh.deadline())
        self.mesh.ended("BB", 1, 1)
        self.assertFalse(self.mesh.connected("CC", 2, 1))
        self.mesh.failed("CC", 2, "refused", 1)
        self.assertEqual(self.take(), [])

    def test_killedAndStartedAnew(self) -> None:
        """Who is announced where another one was replaces it: that one was killed, and has started anew."""
        attempt = self.connect()
        self.mesh.seen("01", HERE, 50)
        self.assertEqual(self.take(), [Vanished("BB"), Appeared("01")])
        self.mesh.ended("BB", attempt, 51)
        self.assertIsNone(self.mesh.deadline())
        self.mesh.seen("CC", HERE, 52)
        self.assertEqual(self.take(), [Vanished("01"), Appeared("CC"), Dial("CC", 2, HERE)])
        self.mesh.gone("01", 53)
        self.mesh.gone("BB", 53)
        self.assertEqual(self.mesh.places(), {"CC": HERE})
        self.assertEqual(self.take(), [])

    def test_dialledBeforeItsAnnouncement(self) -> None:
        """Who is dialled in the name of the one that was there before is not connected twice."""
        attempt = self.connect(100.0)
        self.mesh.seen("CC", HERE, 101)
        self.assertEqual(self.take(), [Vanished("BB"), Drop("BB", attempt), Appeared("CC"), Dial("CC", 2, HERE)])
        self.mesh.ended("BB", attempt, 102)
        self.assertEqual((self.take(), self.mesh.deadline()), ([], None))

    def test_placeGivenUp(self) -> None:
        """A place that was left may be taken by another one; one that only shares an address is another place."""
        self.mesh.seen("BB", HERE, 0)
        self.mesh.seen("BB", THERE, 1)
        self.mesh.seen("CC", HERE, 2)
        self.mesh.seen("DD", Place((*HERE.addresses, "192.0.2.9"), HERE.port), 3)
        for uuid in ("E1", "E2"):
            self.mesh.seen(uuid, Place((), HERE.port), 4)
        self.assertEqual(sorted(self.mesh.places()), ["BB", "CC", "DD", "E1", "E2"])
