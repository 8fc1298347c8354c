"""
Tests for L{jetjstp.jstp.waiting}: clients that do not finish their handshake.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp import Limits
from tests.jstp.clientends import StreamClient
from tests.jstp.servers import MemoryServer


class WaitingTests(SynchronousTestCase):
    """How many, and for how long."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.memory = MemoryServer(self.clock)

    def restart(self, **options: Any) -> None:
        """Begin with other options."""
        self.memory = MemoryServer(self.clock, **options)

    def tearDown(self) -> None:
        self.successResultOf(self.memory.close())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_timeout(self) -> None:
        """Each client has three seconds from when it came; those who are in stay."""
        silent = self.memory.connect()
        self.clock.advance(2)
        late, quick = self.memory.connect(), self.memory.connect()
        quick.open()
        self.clock.advance(0.99)
        self.assertTrue(silent.connected)
        self.clock.advance(0.01)
        self.assertFalse(silent.connected)
        self.clock.advance(1.99)
        self.assertTrue(late.connected)
        self.clock.advance(0.01)
        self.assertFalse(late.connected)
        self.clock.advance(100)
        self.assertTrue(quick.connected)
        self.assertEqual(self.memory.events.count("handshakeTimeout"), 2)
        self.assertEqual(silent.rest() + late.rest(), [])

    def test_otherTimeout(self) -> None:
        """The time is a limit like the others."""
        self.restart(limits=Limits(handshakeTimeout=0.5))
        client = self.memory.connect()
        self.clock.advance(0.5)
        self.assertFalse(client.connected)

    def test_noTimer(self) -> None:
        """When nobody waits any more, no timer is left."""
        client = self.memory.connect()
        client.open()
        self.assertEqual(self.clock.getDelayedCalls(), [])
        other = self.memory.connect()
        other.disconnect()
        self.assertNotIn("_look", repr(self.clock.getDelayedCalls()))

    def test_policyThatTakesTooLong(self) -> None:
        """The time in the policy counts; what it says afterwards is of no interest, whatever it is."""
        for outcome in ("late", ValueError("late")):
            asked: Deferred[Any] = Deferred()
            self.restart(authPolicy=lambda *args, asked=asked: asked)
            client = self.memory.connect()
            client.say("{handshake:[0,'app'],login:['a','b']}")
            self.clock.advance(3)
            self.assertFalse(client.connected)
            if isinstance(outcome, str):
                asked.callback(outcome)
            else:
                asked.errback(outcome)
                self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
            self.assertEqual(client.rest(), [])
            self.assertEqual(self.memory.events[1:], ["handshakeTimeout", "disconnect"])
            self.assertEqual(self.memory.server.getClientsArray(), [])

    def test_slowReader(self) -> None:
        """Who does not take the end of a connection is cut off after a while."""
        client = self.memory.connect()
        client.stopReading()
        client.say("{handshake:[0,'nope']}")
        self.assertTrue(client.connected)
        self.clock.advance(5)
        self.assertFalse(client.connected)

    def test_tooMany(self) -> None:
        """When too many wait, the one that has waited longest has to go; whoever is in is not concerned."""
        self.restart(limits=Limits(unauthenticated=2))
        inside = self.memory.connect()
        inside.open()
        clients = [self.memory.connect(f"192.0.2.{number}") for number in range(4)]
        self.assertEqual([client.connected for client in clients], [False, False, True, True])
        self.assertTrue(inside.connected)
        self.assertEqual(self.memory.events.count("disconnect"), 2)

    def test_tooManyOfOneAddress(self) -> None:
        """Likewise those from one address; others are not concerned."""
        self.restart(limits=Limits(unauthenticatedPerAddress=2))
        other = self.memory.connect("192.0.2.77")
        with capturedLogs() as events:
            clients = [self.memory.connect() for _ in range(4)]
        self.assertEqual([client.connected for client in clients], [False, False, True, True])
        self.assertTrue(other.connected)
        self.assertIn("unauthenticatedPerAddress", formatEvent(events[0]) or "")
        for client in clients[2:]:
            client.open()
        again = [self.memory.connect() for _ in range(2)]
        self.assertTrue(all(client.connected for client in [*clients[2:], *again]))

    def test_waitingForThePolicy(self) -> None:
        """One whose policy is still pending may have to go, too; its answer is of no interest then."""
        asked: list[Deferred[str]] = []

        def policy(*args: Any) -> Deferred[str]:
            asked.append(Deferred())
            return asked[-1]

        self.restart(limits=Limits(unauthenticated=1), authPolicy=policy)
        first = self.memory.connect()
        first.say("{handshake:[0,'app'],login:['a','b']}")
        second = self.memory.connect()
        self.assertEqual((first.connected, second.connected), (False, True))
        asked[0].callback("user")
        self.assertEqual(first.rest(), [])
        self.assertNotIn("connect", self.memory.events)

    def test_connections(self) -> None:
        """More connections than allowed are closed at once, the new ones."""
        self.restart(limits=Limits(connections=2))
        clients = [self.memory.connect(), self.memory.connect()]
        self.assertRaises(ConnectionRefusedError, self.memory.connect)
        clients[0].disconnect()
        self.assertTrue(self.memory.connect().connected)
        self.assertTrue(clients[1].connected)


class SizeTests(SynchronousTestCase):
    """How long messages may be."""

    def setUp(self) -> None:
        self.memory = MemoryServer(Clock(), limits=Limits(message=5000, messageBeforeHandshake=1000))
        self.client = self.memory.connect()

    def fill(self, size: int) -> str:
        """A message of this size."""
        text = "{call:[1,'calc'],echo:['']}"
        return text[:-3] + "x" * (size - len(text)) + text[-3:]

    def assertRefused(self, client: StreamClient) -> None:
        """It is cut off without an answer, and the program is told."""
        self.assertFalse(client.connected)
        self.assertEqual(client.rest(), [])
        self.assertEqual(self.memory.events[-2:], ["connectionError", "disconnect"])

    def test_before(self) -> None:
        """Before the handshake, messages may be of some length only."""
        self.client.say("{handshake:[0,'app'],login:['" + "x" * 2000 + "','']}")
        self.assertRefused(self.client)

    def test_beforeWithoutAnEnd(self) -> None:
        """What is longer is not kept until its end."""
        self.client.sendBytes(b"{" + b" " * 1000)
        self.assertRefused(self.client)

    def test_after(self) -> None:
        """Afterwards, they may be longer, up to the limit for all."""
        self.client.open()
        self.client.say(self.fill(5000))
        self.assertEqual(len(self.client.rest()), 1)
        self.client.say(self.fill(5001))
        self.assertRefused(self.client)

    def test_restored(self) -> None:
        """Likewise after a restore."""
        id = self.client.open()
        self.client.disconnect()
        client = self.memory.connect()
        client.restore(id)
        client.say(self.fill(5000))
        self.assertEqual(len(client.rest()), 1)

    def test_depth(self) -> None:
        """What is nested too deeply is a syntax error, however little there is of it."""
        self.client.open()
        self.client.say("{call:[1,'calc'],echo:" + "[" * 201 + "]" * 201 + "}")
        self.assertRefused(self.client)

    def test_tellsWhy(self) -> None:
        """The program is told what was wrong."""
        errors: list[Exception] = []
        self.memory.server.on("connectionError", lambda error, connection: errors.append(error))
        self.client.sendBytes(b"{" + b" " * 1000)
        self.assertIsInstance(errors[0], ConnectionError)
        self.assertIn("1000", str(errors[0]))
