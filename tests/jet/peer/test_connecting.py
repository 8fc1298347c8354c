"""The way to a daemon and back to it: waits, logins, ends, what waits meanwhile."""

from __future__ import annotations

from typing import Any

from twisted.application.service import IService
from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from jetjstp import jet
from jetjstp.jet.connecting import Waits
from jetjstp.jet.peering import MOST_PENDING
from jetjstp.testing import MemoryDaemon
from tests.jet.peer.scripted import INFO, ScriptedDaemon

USERS = {"ann": {"password": "open sesame", "auth": {"fetchGroups": ["g"], "setGroups": [], "callGroups": []}}}


class ConnectTests(SynchronousTestCase):
    """The first connection."""

    def setUp(self) -> None:
        """A daemon that waits."""
        self.daemon = ScriptedDaemon()

    def test_notBeforeConnect(self) -> None:
        """A peer connects when it is told to."""
        peer = self.daemon.peer()
        self.assertEqual(self.daemon.connections, 0)
        self.assertFalse(peer.isConnected())
        connecting = peer.connect()
        self.assertNoResult(connecting)
        self.daemon.welcome()
        self.successResultOf(connecting)
        self.assertTrue(peer.isConnected())
        self.assertEqual(peer.daemonInfo, INFO)
        self.successResultOf(peer.connect())

    def test_refused(self) -> None:
        """A first failure is told, not tried again."""
        self.daemon.isListening = False
        peer = self.daemon.peer()
        asked = peer.add(jet.State("a", 1))
        self.failureResultOf(peer.connect(), jet.ConnectionClosed, ConnectionError)
        self.failureResultOf(asked, jet.ConnectionClosed)
        self.assertEqual(self.daemon.clock.getDelayedCalls(), [])
        self.daemon.isListening = True
        connecting = peer.connect()
        self.daemon.welcome()
        self.successResultOf(connecting)
        self.assertEqual(self.daemon.take(), [])

    def test_retryFirst(self) -> None:
        """With retryFirst it is tried until it succeeds."""
        self.daemon.isListening = False
        peer = self.daemon.peer()
        connecting = peer.connect(retryFirst=True)
        self.daemon.clock.pump([1] * 100)
        self.assertNoResult(connecting)
        self.daemon.isListening = True
        self.daemon.clock.advance(31)
        self.daemon.welcome()
        self.successResultOf(connecting)

    def test_silence(self) -> None:
        """Something that accepts connections and says nothing is no daemon."""
        connecting = self.daemon.peer().connect()
        self.daemon.clock.advance(20)
        self.failureResultOf(connecting, jet.ConnectionClosed)
        self.assertFalse(self.daemon.isConnected)

    def test_endDuringHandshake(self) -> None:
        """A connection that ends too early is a failure."""
        connecting = self.daemon.peer().connect()
        self.daemon.cut()
        self.failureResultOf(connecting, jet.ConnectionClosed)

    def test_cancel(self) -> None:
        """Who cancels connect is not connected."""
        peer = self.daemon.peer()
        connecting = peer.connect()
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.assertFalse(self.daemon.isConnected)
        self.assertEqual(self.daemon.clock.getDelayedCalls(), [])

    def test_waitingRequests(self) -> None:
        """What is asked for while the first connection is under way is sent when it is there, content first."""
        peer = self.daemon.peer()
        self.failureResultOf(peer.set("a", 1), jet.ConnectionClosed)
        peer.connect()
        peer.set("a", 1)
        peer.fetch(jet.Fetcher())
        peer.add(jet.State("b", 1))
        cancelled = peer.set("c", 1)
        cancelled.addErrback(lambda failure: failure.trap(CancelledError))
        cancelled.cancel()
        self.daemon.welcome()
        self.assertEqual([message["method"] for message in self.daemon.take()], ["add", "fetch", "info", "set"])

    def test_boundedWaiting(self) -> None:
        """Not more than so many requests wait."""
        peer = self.daemon.peer()
        connecting = peer.connect()
        waiting = [peer.set("a", 1) for _ in range(MOST_PENDING)]
        self.failureResultOf(peer.set("a", 1), jet.LimitExceeded)
        self.daemon.cut()
        for one in [connecting, *waiting]:
            self.failureResultOf(one, jet.ConnectionClosed)

    def test_options(self) -> None:
        """What is of no use is refused at once, in words."""
        for options, words in (
            ({"password": "x"}, "user"),
            ({"settle": 2000}, "did you mean 2.0"),
            # Who gives these relies on them: they are never passed over in silence.
            ({"tlsOptions": {}}, "tlsOptions"),
            ({"headers": {"a": "b"}}, "headers"),
        ):
            with self.assertRaises(ValueError) as caught:
                self.daemon.peer(**options)
            self.assertIn(words, str(caught.exception))
        with self.assertRaises(TypeError):
            jet.Peer({"ip": "localhost"})  # type: ignore[arg-type]
        peer = self.daemon.connected()
        with self.assertRaises(ValueError) as caught:
            peer.set("a", 1, timeout=5000)
        self.assertIn("did you mean 5.0", str(caught.exception))

    def test_secrets(self) -> None:
        """The password is in no repr, and in no error."""
        memory = MemoryDaemon(users=USERS)
        peer = memory.peer(user="ann", password="hunter2")
        connecting = peer.connect()
        memory.flush()
        error = self.failureResultOf(connecting, jet.InvalidPassword).value
        for thing in (peer, error, peer.__dict__["_core"]):
            self.assertNotIn("hunter2", repr(thing) + str(thing))
        self.assertEqual(repr(jet.Peer("ws://host/a?token=x")), "<Peer of ws://host/a, not connected>")

    def test_login(self) -> None:
        """Logins that succeed say what the user may do; an unknown user has an error of its own."""
        memory = MemoryDaemon(users=USERS)
        peer = memory.peer(user="ann", password="open sesame")
        peer.connect()
        other = memory.peer(user="bob", password="x").connect()
        memory.flush()
        self.failureResultOf(other, jet.InvalidUser)
        memory.clock.pump([0.01] * 200)
        if peer.isConnected():
            self.assertEqual(peer.access, USERS["ann"]["auth"])

    def test_service(self) -> None:
        """As a service it connects when started, and its stop is the end."""
        peer = self.daemon.peer()
        service: Any = peer.asService()
        verifyObject(IService, service)
        service.startService()
        self.daemon.welcome()
        self.assertTrue(peer.isConnected())
        self.successResultOf(service.stopService())
        self.assertFalse(self.daemon.isConnected)
        self.successResultOf(peer.closed())


class ReconnectTests(SynchronousTestCase):
    """Coming back."""

    def setUp(self) -> None:
        """A connected peer."""
        self.daemon = ScriptedDaemon()
        self.peer = self.daemon.connected()
        self.told: list[str] = []
        self.peer.on("disconnect", lambda reason: self.told.append("disconnect"))
        self.peer.on("reconnect", lambda: self.told.append("reconnect"))

    def test_pendingFail(self) -> None:
        """What was asked fails with its connection, and is not asked again. Meanwhile asking fails, too."""
        asked = [self.peer.set("a", 1), self.peer.call("b"), self.peer.get({}), self.peer.add(jet.State("c", 1))]
        asked.append(self.peer.fetch(jet.Fetcher()))
        self.daemon.cut()
        for one in asked:
            self.failureResultOf(one, jet.ConnectionClosed)
        self.assertEqual(self.told, ["disconnect"])
        self.failureResultOf(self.peer.set("a", 1), jet.ConnectionClosed)
        self.daemon.clock.advance(1)
        self.daemon.welcome()
        self.assertEqual(self.told, ["disconnect", "reconnect"])
        self.assertEqual(self.daemon.take(), [])

    def test_declaredAgain(self) -> None:
        """Content and fetches are declared again, content with its newest value."""
        state, removed = jet.State("a", 1), jet.State("b", 1)
        self.peer.add(state)
        self.peer.add(removed)
        self.peer.fetch(jet.Fetcher().path("equals", "x"))
        self.daemon.answerAll()
        self.daemon.cut()
        state.setValue(2)
        confirmed = state.setValue(3, confirm=True)
        removing = removed.remove()
        self.successResultOf(removing)
        added = self.peer.add(jet.State("c", 1))
        self.daemon.clock.advance(1)
        self.daemon.welcome()
        again = self.daemon.answerAll()
        self.assertEqual([message["method"] for message in again], ["add", "add", "fetch", "info"])
        self.assertEqual([message["params"].get("value") for message in again[:2]], [3, 1])
        self.successResultOf(confirmed)
        self.successResultOf(added)

    def test_waits(self) -> None:
        """The waits grow, and are not those of everybody else."""
        self.assertEqual([Waits(lambda: 1.0).next(), Waits(lambda: 0.0).next()], [0.5, 0.25])
        waits = Waits(lambda: 1.0)
        self.assertEqual([waits.next() for _ in range(8)], [0.5, 1, 2, 4, 8, 16, 30, 30])
        waits.reset()
        self.assertEqual(waits.next(), 0.5)

    def test_rejectingDaemon(self) -> None:
        """A daemon that ends each connection at once is not overrun."""
        for _ in range(200):
            if self.daemon.isConnected:
                self.daemon.cut()
            self.daemon.clock.advance(0.5)
        self.assertLess(self.daemon.connections, 15)

    def test_pathTaken(self) -> None:
        """What cannot be added again, for the daemon has not noticed our end, is tried until it can."""
        errors: list[Any] = []
        self.peer.on("error", errors.append)
        self.peer.add(jet.State("a", 1))
        self.daemon.answerAll()
        self.daemon.cut()
        self.daemon.clock.advance(1)
        self.daemon.welcome()
        for _ in range(3):
            (asked,) = self.daemon.take()
            self.assertEqual(asked["method"], "add")
            error = {"code": -32602, "message": "Invalid params", "data": {"pathAlreadyExists": "a"}}
            self.daemon.send({"id": asked["id"], "error": error})
            self.daemon.clock.pump([1] * 4)
        self.daemon.answerAll()
        self.daemon.clock.pump([1] * 60)
        self.assertEqual(self.daemon.take(), [])
        self.assertIsInstance(errors[0], jet.Occupied)

    def test_switchedOff(self) -> None:
        """With reconnect=False the first loss is the end."""
        daemon = ScriptedDaemon()
        peer = daemon.connected(reconnect=False)
        closed = peer.closed()
        self.assertNoResult(closed)
        state = jet.State("a", 1)
        adding = peer.add(state)
        daemon.cut()
        self.successResultOf(closed)
        self.failureResultOf(adding, jet.ConnectionClosed)
        self.failureResultOf(peer.connect(), jet.ConnectionClosed)
        self.assertEqual(daemon.clock.getDelayedCalls(), [])

    def test_closedAnywhere(self) -> None:
        """Whatever a peer is about to do when it is closed: what is pending fails, and nothing is left behind."""

        def nothing() -> None:
            """Not even connected."""

        def ready() -> None:
            self.daemon.welcome()
            self.daemon.send({"id": self.daemon.take()[0]["id"], "result": {}})

        def added() -> None:
            ready()
            self.daemon.answerAll()

        def away() -> None:
            added()
            self.daemon.cut()

        def dialing() -> None:
            away()
            self.daemon.clock.advance(0.5)

        def back() -> None:
            dialing()
            ready()

        def settling() -> None:
            back()
            self.daemon.answerAll()

        for situation in (nothing, self.daemonWelcomes, ready, added, away, dialing, back, settling):
            self.daemon = ScriptedDaemon()
            peer = self.daemon.peer(user="ann", password="x")
            contents = [jet.State(f"s{number}", 1) for number in range(100)]
            fetcher = jet.Fetcher()
            pending = [peer.connect(), *map(peer.add, contents), peer.fetch(fetcher), peer.closed()]
            situation()
            pending += [peer.set("a", 1), contents[0].setValue(2, confirm=True), contents[1].remove()]
            pending += [peer.closed(), peer.close()]
            for one in pending:
                one.addErrback(lambda failure: failure.trap(jet.ConnectionClosed, jet.NotFound))
                self.assertTrue(one.called, situation.__name__)
            self.assertFalse(peer.isConnected())
            self.assertFalse(self.daemon.isConnected)
            self.assertFalse(fetcher.isFetching or any(content.isAdded for content in contents))
            self.assertEqual(self.daemon.clock.getDelayedCalls(), [], situation.__name__)
            self.assertEqual(peer._waiting, {})

    def daemonWelcomes(self) -> None:
        """The login is under way."""
        self.daemon.welcome()

    def test_closedAndCancelled(self) -> None:
        """Whoever hears of the end first may cancel the waiting of others."""
        peer = self.daemon.connected()
        others = [peer.closed(), peer.closed()]
        others[0].addCallback(lambda _: others[1].cancel())
        self.successResultOf(peer.close())
        self.successResultOf(others[0])
        self.failureResultOf(others[1], CancelledError)

    def test_closedWhileAway(self) -> None:
        """A peer that is closed between connections does not come back."""
        self.daemon.cut()
        self.successResultOf(self.peer.close())
        self.daemon.clock.advance(100)
        self.assertEqual(self.daemon.connections, 1)
        self.assertEqual(self.daemon.clock.getDelayedCalls(), [])

    def test_closedInHandler(self) -> None:
        """A peer can be closed by the handler of its disconnect."""
        self.peer.on("disconnect", lambda reason: self.peer.close())
        self.daemon.cut()
        self.daemon.clock.advance(100)
        self.assertEqual(self.daemon.connections, 1)

    def test_lastWords(self) -> None:
        """What was asked for right before close is sent."""
        state = jet.State("a", 1)
        self.peer.add(state)
        self.daemon.answerAll()
        state.setValue(2)
        self.successResultOf(self.peer.close())
        self.assertEqual([message["params"] for message in self.daemon.take()], [{"path": "a", "value": 2}])

    def test_lastWordsOfHandler(self) -> None:
        """Likewise when a handler does both."""
        state = jet.State("a", 1)
        self.peer.add(state)
        fetcher = jet.Fetcher()

        @fetcher.on("data")
        def told(notification: jet.Notification) -> None:
            state.setValue(2)
            self.peer.close()

        fetching = self.peer.fetch(fetcher)
        asked = self.daemon.answerAll()
        self.daemon.send({"method": asked[1]["params"]["id"], "params": {"path": "x", "event": "add", "value": 1}})
        self.successResultOf(fetching)
        self.assertEqual([message["params"] for message in self.daemon.take()], [{"path": "a", "value": 2}])
        self.successResultOf(self.peer.closed())
