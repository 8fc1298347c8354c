"""
Tests for connections of clients that are lost and come back.
"""

from __future__ import annotations

import secrets
from typing import Any

from twisted.internet.endpoints import TCP4ClientEndpoint
from twisted.internet.error import ConnectionRefusedError

from jetjstp.jstp import (
    BufferFull,
    CallbackLost,
    Client,
    Connection,
    ConnectionNotOpen,
    Limits,
    net,
)
from jetjstp.jstp.dialing import Dialing
from tests.jstp.playedserver import ADDRESS, SessionTestCase
from tests.sockets.certificates import makeCertificate

URL = f"ws://{ADDRESS}:4000/"


class AutomaticTests(SessionTestCase):
    """What a client does by itself."""

    def test_waits(self) -> None:
        """
        The first attempt is made after one to two seconds, the next after two to three, and so on up to 33; after a
        success it begins anew.
        """
        # One that does not look for more addresses, which takes time, too.
        self.address = (TCP4ClientEndpoint(self.reactor, ADDRESS, 3000),)
        connection, played = self.established()
        self.lose(played, connection)
        attempts, gone = 1, 0.0
        for seconds in (1, 2, 4, 8, 16, 32, 32):
            self.turn(seconds + 0.4 - gone)
            self.assertEqual(self.attempts, attempts, f"before {seconds}.5 s")
            self.turn(0.2)
            attempts += 1
            self.assertEqual(self.attempts, attempts, f"after {seconds}.5 s")
            self.refuse()
            gone = 0.3
        self.turn(32.5)
        played = self.accept()
        self.restore(played)
        self.lose(played, connection)
        self.turn(1.4)
        self.assertEqual(self.attempts, attempts + 1)
        self.turn(0.1)
        self.assertEqual(self.attempts, attempts + 2)
        self.restore(self.accept())

    def test_range(self) -> None:
        """The random part is a number of milliseconds from 0 to 1000, from a source that nobody can foresee."""
        ends: list[int] = []

        def largest(end: int) -> int:
            ends.append(end)
            return end - 1

        self.patch(secrets, "randbelow", largest)
        connection, played = self.established()
        self.lose(played, connection)
        self.assertEqual(ends, [1001])
        self.turn(1.999)
        self.assertEqual(self.attempts, 1)
        self.turn(0.001)
        self.assertEqual(self.attempts, 2)
        self.restore(self.accept())

    def test_events(self) -> None:
        """The program is told of the end, of each attempt, and of what becomes of it."""
        connection, played = self.established()
        told = self.recorded(connection, "close", "reconnectAttempt", "reconnect", "sessionLost")
        self.lose(played, connection)
        self.assertEqual(told, [("close",)])
        self.turn(1.5)
        self.assertEqual(told[1:], [("reconnectAttempt", "net", ADDRESS, 3000)])
        self.refuse()
        name, error = told[2]
        self.assertEqual(name, "reconnect")
        self.assertIsInstance(error, ConnectionRefusedError)
        self.turn(2.5)
        played = self.accept()
        played.say("{handshake:[0],error:[10]}")
        self.assertEqual([name for name, *_ in told[3:]], ["reconnectAttempt", "close", "reconnect"])
        self.assertEqual(told[-1][1].code, 10)
        self.turn(4.5)
        self.restore(self.accept())
        self.assertEqual(told[6:], [("reconnectAttempt", "net", ADDRESS, 3000), ("reconnect", None)])

    def test_meanwhile(self) -> None:
        """What is called and emitted meanwhile is sent when the session is restored, and answered."""
        connection, played = self.established()
        before = connection.callMethod("a", "before")
        played.take()
        self.lose(played, connection)
        meanwhile = connection.callMethod("a", "meanwhile")
        connection.emitRemoteEvent("a", "e", [1])
        self.turn(1.5)
        played = self.accept()
        self.restore(played, 1)
        self.assertEqual(played.take(), ['{call:[2,"a"],meanwhile:[]}', '{event:[3,"a"],e:[1]}'])
        played.say("{callback:[2],ok:[2]}")
        self.assertEqual(self.successResultOf(meanwhile), [2])
        self.turn()
        self.failureResultOf(before, CallbackLost)
        self.assertUsable(connection, played)

    def test_timeout(self) -> None:
        """Attempts have the time that the first connection had."""
        connection, played = self.established(timeout=3)
        told = self.recorded(connection, "reconnect")
        self.lose(played, connection)
        self.turn(1.5)
        self.accept()
        self.turn(3)
        self.assertIsInstance(told[0][1], TimeoutError)
        self.turn(2.5)
        self.restore(self.accept())

    def test_full(self) -> None:
        """Away from its server, a client takes no more messages than its limits allow."""
        connection, played = self.established(limits=Limits(bufferMessages=3))
        self.lose(played, connection)
        for i in range(3):
            connection.emitRemoteEvent("a", "e", [i])
        self.assertRaises(BufferFull, connection.emitRemoteEvent, "a", "e", [3])
        self.failureResultOf(connection.callMethod("a", "b"), BufferFull)
        self.turn(1.5)
        played = self.accept()
        self.restore(played)
        # With them goes the question whether they have arrived.
        self.assertEqual(len(played.take()), 4)
        played.say("{pong:[4]}")
        self.assertUsable(connection, played)

    def test_heartbeat(self) -> None:
        """Heartbeats go on after a restore, once each time; those that were stopped do not."""
        connection, played = self.established(Client(heartbeatInterval=1))
        self.lose(played, connection)
        self.turn(1.5)
        played = self.accept()
        self.restore(played)
        self.assertEqual(played.take(), [])
        self.turn(1)
        self.assertEqual(played.take(), ["{ping:[1]}"])
        connection.stopHeartbeat()
        self.lose(played, connection)
        self.turn(1.5)
        played = self.accept()
        self.restore(played, 1)
        self.turn(10)
        self.assertEqual(played.take(), [])
        self.assertTrue(played.isOpen)


class ReconnectorTests(SessionTestCase):
    """Programs that decide by themselves when to try again."""

    def setUp(self) -> None:
        super().setUp()
        self.asked: list[Any] = []
        self.client = Client(reconnector=lambda connection, reconnect: self.asked.append((connection, reconnect)))

    def test_again(self) -> None:
        """The reconnector is called when the connection is lost, and after each attempt that has failed."""
        connection, played = self.established(self.client)
        self.lose(played, connection)
        self.turn(60)
        self.assertEqual((self.attempts, [each[0] for each in self.asked]), (1, [connection]))
        told = self.asked[0][1]()
        self.turn()
        self.refuse()
        self.assertIsInstance(self.successResultOf(told), ConnectionRefusedError)
        self.assertEqual(len(self.asked), 2)
        told = self.asked[1][1]()
        self.restore(self.accept())
        self.assertIsNone(self.successResultOf(told))
        self.assertEqual(len(self.asked), 2)
        # Nothing is left to be done.
        self.assertIsNone(self.successResultOf(self.asked[1][1]()))
        self.turn()
        self.assertEqual(self.attempts, 3)

    def test_address(self) -> None:
        """It may choose another address and transport; the last that has worked is the next one."""
        connection, played = self.established(self.client)
        told = self.recorded(connection, "reconnectAttempt")
        self.lose(played, connection)
        self.asked[0][1]("ws", None, URL)
        self.assertEqual(told, [("reconnectAttempt", "ws", None, URL)])
        self.turn()
        self.refuse()
        self.asked[1][1]()
        self.assertEqual(told[1], ("reconnectAttempt", "net", ADDRESS, 3000))
        self.turn()
        self.refuse()
        self.asked[2][1]("ws", None, URL)
        played = self.acceptWeb()
        self.restore(played)
        self.assertUsable(connection, played)
        played.drop()
        self.asked[3][1](None, URL + "other")
        self.assertEqual(told[3], ("reconnectAttempt", "ws", None, URL + "other"))
        self.turn()
        self.restore(self.acceptWeb())

    def test_tlsOptions(self) -> None:
        """The TLS options of the first connection hold for addresses that use some, and for no others."""
        dialing = Dialing(
            "net", ("tls:192.0.2.1:3000",), timeout=1, tlsOptions={"trustRoot": self.trustRoot()}, reactor=self.reactor
        )
        for address in ("tcp:192.0.2.1:3001", "tls:192.0.2.1:3002"):
            self.assertEqual(dialing.makeAnother("net", (address,)).address, (address,))

    def trustRoot(self) -> str:
        """The name of a file with a certificate."""
        name: str = self.mktemp()
        with open(name, "wb") as file:
            file.write(makeCertificate().dumpPEM())
        return name

    def test_broken(self) -> None:
        """One that fails is logged, and the connection stays away until the program wants it back."""

        async def reconnector(connection: Connection, reconnect: Any) -> None:
            await reconnect("nonsense:1")

        connection, played = self.established(Client(reconnector=reconnector))
        self.lose(played, connection)
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)
        net.reconnect(connection, ADDRESS, 3000, reactor=self.reactor)
        self.restore(self.accept())

    def test_closed(self) -> None:
        """It is not called after close, and what it wants then is not done."""
        connection, played = self.established(self.client)
        self.lose(played, connection)
        connection.close()
        self.assertIsInstance(self.successResultOf(self.asked[0][1]()), ConnectionNotOpen)
        self.assertEqual((self.attempts, len(self.asked)), (1, 1))
