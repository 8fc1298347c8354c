"""
Tests for connections of clients that are closed, or whose session is lost.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred

from jetjstp.jstp import (
    CallbackLost,
    Client,
    Connection,
    ConnectionNotOpen,
    SimpleConnectPolicy,
    net,
)
from tests.jstp.playedserver import ADDRESS, RESTORE, Played, SessionTestCase


class CloseTests(SessionTestCase):
    """Connections that are closed do not come back."""

    def assertClosed(self, connection: Connection, closing: Deferred[None]) -> None:
        """It is over, and takes no more messages."""
        self.turn()
        self.successResultOf(closing)
        self.successResultOf(connection.closed())
        self.assertRaises(ConnectionNotOpen, connection.emitRemoteEvent, "a", "e")
        self.failureResultOf(connection.callMethod("a", "b"), ConnectionNotOpen)
        self.successResultOf(connection.close())
        attempts = self.attempts
        self.turn(100)
        self.assertEqual(self.attempts, attempts)

    def test_open(self) -> None:
        """What was sent is sent, what waits fails, and the program is told of the end."""
        connection, played = self.established()
        told = self.recorded(connection, "close")
        waiting = connection.callMethod("a", "b")
        again = connection.callMethodWithResend("a", "c")
        closing = connection.close()
        self.assertEqual(len(played.take()), 2)
        self.assertClosed(connection, closing)
        self.failureResultOf(waiting, CallbackLost)
        self.failureResultOf(again, CallbackLost)
        self.assertEqual(told, [("close",)])

    def test_waiting(self) -> None:
        """Between two attempts, there is no next one."""
        connection, played = self.established()
        self.lose(played, connection)
        waiting = connection.callMethod("a", "b")
        self.assertClosed(connection, connection.close())
        self.failureResultOf(waiting, CallbackLost)

    def test_connecting(self) -> None:
        """An attempt that is under way is given up."""
        connection, played = self.established()
        told = self.recorded(connection, "reconnect")
        self.lose(played, connection)
        self.turn(1.5)
        self.assertClosed(connection, connection.close())
        self.assertEqual(told, [])

    def test_handshaking(self) -> None:
        """So is one that waits for the answer to its handshake."""
        connection, played = self.established()
        told = self.recorded(connection, "reconnect")
        self.lose(played, connection)
        self.turn(1.5)
        played = self.accept()
        self.assertClosed(connection, connection.close())
        self.assertFalse(played.isOpen)
        self.assertEqual(told, [])

    def test_moving(self) -> None:
        """A connection that is about to move is closed all the same, wherever it has got to."""
        for isAccepted in (False, True):
            connection, old = self.established()
            moving = net.reconnect(connection, ADDRESS, 4000, reactor=self.reactor)
            self.turn()
            closing = connection.close()
            if isAccepted:  # before the old transport has ended
                new = self._accept(False, isAtOnce=True)
                self.assertFalse(new.isOpen)
            self.assertClosed(connection, closing)
            self.assertFalse(old.isOpen)
            self.failureResultOf(moving)

    def test_listener(self) -> None:
        """A listener to any of the events may close the connection."""
        for event in ("close", "reconnectAttempt", "reconnect", "sessionLost"):
            connection, played = self.established()
            connection.on(event, lambda *_, it=connection: it.close())
            self.lose(played, connection)
            self.turn(1.5)
            if event in ("reconnect", "sessionLost"):
                self.accept().say("{handshake:[0],error:[11]}" if event == "sessionLost" else "{handshake:[0],ok:0}")
            self.turn()
            self.assertClosed(connection, connection.close())


class SessionLostTests(SessionTestCase):
    """Servers that do not know the session any more."""

    def loseSession(self, connection: Connection, played: Played) -> None:
        """The connection is lost, and then the session."""
        self.lose(played, connection)
        self.turn(1.5)
        played = self.accept()
        self.assertEqual(played.take(), [RESTORE])
        played.say("{handshake:[0],error:[11]}")
        self.assertFalse(played.isOpen)

    def test_another(self) -> None:
        """What waits fails, the program is told, and a new session is begun as the first one was."""
        connection, played = self.established(Client(connectPolicy=SimpleConnectPolicy("user", "pass")))
        told = self.recorded(connection, "sessionLost", "reconnect")
        waiting = connection.callMethod("a", "b")
        connection.emitRemoteEvent("a", "gone", [])
        self.loseSession(connection, played)
        self.failureResultOf(waiting, CallbackLost)
        self.assertEqual([name for name, *_ in told], ["sessionLost"])
        self.assertEqual(told[0][1].code, 11)
        self.failureResultOf(connection.callMethod("a", "b"), ConnectionNotOpen)
        played = self.accept()
        self.assertEqual(played.take(), ['{handshake:[0,"app"],login:["user","pass"]}'])
        played.say("{handshake:[0],ok:'another'}")
        assert connection.session is not None
        self.assertEqual((connection.session.id, connection.username), ("another", "user"))
        self.assertEqual(told[1:], [("reconnect", None)])
        self.assertUsable(connection, played)
        self.assertFalse(connection.closed().called)

    def test_resend(self) -> None:
        """A call that may be repeated is repeated in the new session."""
        connection, played = self.established()
        waiting = connection.callMethodWithResend("a", "b", [1])
        cancelled = connection.callMethodWithResend("a", "c")
        self.loseSession(connection, played)
        self.assertNoResult(waiting)
        cancelled.cancel()
        self.failureResultOf(cancelled, CancelledError)
        played = self.accept()
        played.say("{handshake:[0],ok:'another'}")
        self.assertEqual(played.take()[1:], ['{call:[1,"a"],b:[1]}'])
        played.say("{callback:[1],ok:[2]}")
        self.assertEqual(self.successResultOf(waiting), [2])

    def test_none(self) -> None:
        """If a new session is not wanted, this is the end, until the program connects again."""
        connection, played = self.established(Client(newSessionOnLoss=False))
        told = self.recorded(connection, "sessionLost", "reconnect")
        waiting = connection.callMethodWithResend("a", "b")
        self.loseSession(connection, played)
        self.failureResultOf(waiting, CallbackLost)
        self.assertEqual([name for name, *_ in told], ["sessionLost", "reconnect"])
        self.successResultOf(connection.closed())
        self.turn(100)
        self.assertEqual(self.attempts, 2)
        self.failureResultOf(connection.callMethod("a", "b"), ConnectionNotOpen)
        moving = net.reconnect(connection, ADDRESS, 3000, reactor=self.reactor)
        played = self.accept()
        self.assertEqual(played.take(), ['{handshake:[0,"app"]}'])
        played.say("{handshake:[0],ok:'another'}")
        self.successResultOf(moving)
        self.assertUsable(connection, played)
        self.lose(played, connection)
        self.turn(1.5)
        self.accept().say("{handshake:[0],ok:1}")
        self.assertTrue(connection.isConnected)

    def test_notReached(self) -> None:
        """If the new session has to wait for the server, its turn is the next attempt."""
        connection, played = self.established()
        waiting = connection.callMethodWithResend("a", "b", [1])
        self.loseSession(connection, played)
        self.turn()
        self.refuse()
        self.assertNoResult(waiting)
        self.turn(2.5)
        played = self.accept()
        self.assertEqual(played.take(), ['{handshake:[0,"app"]}'])
        connection.close()
        self.turn()
        self.failureResultOf(waiting, CallbackLost)

    def test_policy(self) -> None:
        """A policy that always begins a new session loses what waits in the old one, and nobody waits for ever."""
        connection, played = self.established(
            Client(connectPolicy=lambda app, connection, session: connection.handshake(app, "token", "abc"))
        )
        waiting = connection.callMethod("a", "b")
        again = connection.callMethodWithResend("a", "c")
        self.lose(played, connection)
        meanwhile = connection.callMethod("a", "d")
        self.turn(1.5)
        played = self.accept()
        played.say("{handshake:[0],ok:'another'}")
        self.failureResultOf(waiting, CallbackLost)
        self.failureResultOf(meanwhile, CallbackLost)
        self.assertEqual(played.take()[1:], ['{call:[1,"a"],c:[]}'])
        played.say("{callback:[1],ok:[]}")
        self.successResultOf(again)
