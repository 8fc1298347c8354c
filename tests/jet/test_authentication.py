"""
Tests for logins: what a daemon does while a policy decides, and with what it
decides (protocol page, section 10.2).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, cast

import txaio
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import ILogObserver, LogEvent, formatEvent, formatEventAsClassicLogText, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.interfaces import Identity, LoginFailed, UnknownUser, WrongPassword
from jetjstp.jet.daemon import Daemon
from jetjstp.jet.limits import Limits
from jetjstp.testing import MemoryDaemon, MemoryEndpoint, MemoryPeer
from tests.jet.asking import add, ask, exceeded
from tests.links.frames import clientFrame, serverFrames
from tests.links.upgrading import upgradeRequest

STAFF = ["staff"]

AUTH = {"fetchGroups": STAFF, "setGroups": STAFF, "callGroups": [], "rank": 7}

USERS: dict[str, Any] = {
    "joe": {"password": "s3cret", "auth": AUTH},
    "bob": {"password": "s3cret", "auth": {"fetchGroups": []}},
    "plain": {"password": "s3cret"},
}


def failure(code: int, message: str, data: Any) -> dict[str, Any]:
    """An error answer as L{ask} gives it."""
    return {"error": {"code": code, "message": message, "data": data}}


INVALID_USER = failure(-32602, "Invalid params", {"invalidUser": True})
INVALID_PASSWORD = failure(-32602, "Invalid params", {"invalidPassword": True})
ALREADY_FETCHING = failure(-32602, "Invalid params", {"alreadyFetching": True})
NOT_CHECKED = failure(-32603, "Internal error", {"message": "the login could not be checked"})


class Policy:
    """
    Decides when and how the test wants. It has nothing but C{login}, which is enough.

    @ivar asked: Who was to be checked: user, password and address.
    @ivar deciding: What it gave.
    """

    def __init__(self, decide: Callable[[], Any] | None = None) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.deciding: list[Deferred[Identity | None]] = []
        self._decide = decide

    def login(self, user: str, password: str, address: str) -> Deferred[Identity | None]:
        """See L{jetjstp.interfaces.IAuthPolicy}."""
        self.asked.append((user, password, address))
        if self._decide is not None:
            return cast(Deferred[Identity | None], self._decide())
        self.deciding.append(Deferred())
        return self.deciding[-1]


JOE = Identity("joe", frozenset(STAFF), frozenset(STAFF), frozenset(), AUTH)


def _give(result: Any, request: Any) -> Any:
    return result


def login(peer: MemoryPeer, user: str = "joe", password: str = "s3cret") -> Any:
    """Log in, or try to."""
    return ask(peer, "authenticate", user=user, password=password)


class UsersTests(SynchronousTestCase):
    """A table of users."""

    def setUp(self) -> None:
        self.memory = MemoryDaemon(users=USERS)
        self.peer = self.memory.connect()

    def test_success(self) -> None:
        """The answer is the auth object as it was given; the peer has a user from then on."""
        self.assertIsNone(self.memory.daemon.peers[0].user)
        self.assertEqual(login(self.peer), {"result": AUTH})
        self.assertEqual(self.memory.daemon.peers[0].user, "joe")

    def test_withoutAuth(self) -> None:
        """A user without an auth object may log in, and has gained nothing by it."""
        owner = self.memory.connect()
        ask(owner, "add", path="a", value=1, access={})
        self.assertEqual(login(self.peer, "plain"), {"result": True})
        self.assertEqual(ask(self.peer, "get"), {"result": []})
        self.assertIsNone(self.memory.daemon.peers[0].user)

    def test_failures(self) -> None:
        """Who is not known, and whose password is wrong, is told so."""
        self.assertEqual(login(self.peer, "ann"), INVALID_USER)
        self.assertEqual(login(self.peer, password="guess"), INVALID_PASSWORD)
        for name in ("__class__", "constructor", "", "\ud800"):
            self.assertEqual(login(self.memory.connect(), name), INVALID_USER)
        self.assertEqual(login(self.memory.connect(), password="\ud800"), INVALID_PASSWORD)

    def test_checks(self) -> None:
        """What is missing or of a wrong type is said first, then that the peer is fetching already."""
        self.peer.send({"id": "x", "method": "fetch", "params": {"id": "f"}})
        self.peer.take()
        given: dict[str, Any] = {"user": "joe"}
        error = failure(-32602, "Invalid params", {"missingParam": "password", "got": given})
        self.assertEqual(ask(self.peer, "authenticate", **given), error)
        self.assertEqual(login(self.peer), ALREADY_FETCHING)
        self.assertEqual(login(self.peer, "nobody"), ALREADY_FETCHING)
        ask(self.peer, "unfetch", id="f")
        self.assertEqual(login(self.peer), {"result": AUTH})

    def test_again(self) -> None:
        """The last success counts; a failure changes nothing."""
        login(self.peer)
        login(self.peer, password="guess")
        self.assertEqual(self.memory.daemon.peers[0].user, "joe")
        login(self.peer, "bob")
        self.assertEqual(self.memory.daemon.peers[0].user, "bob")

    def test_notification(self) -> None:
        """A login without an id works, and is not answered."""
        self.peer.send({"method": "authenticate", "params": {"user": "joe", "password": "s3cret"}})
        self.assertEqual(self.peer.take(), [])
        self.assertEqual(self.memory.daemon.peers[0].user, "joe")

    def test_rights(self) -> None:
        """After logging in a peer sees, sets and calls what its groups may, and knows what it may not set."""
        owner = self.memory.connect()
        ask(owner, "add", path="seen", value=1, access={"fetchGroups": STAFF, "setGroups": ["boss"]})
        ask(owner, "add", path="hidden", value=1, access={"fetchGroups": ["boss"]})
        ask(owner, "add", path="method", access={"callGroups": STAFF})
        self.assertEqual(ask(self.peer, "get"), {"result": []})
        login(self.peer)
        self.assertEqual(
            ask(self.peer, "get")["result"],
            [
                {"path": "seen", "event": "add", "value": 1, "fetchOnly": True},
                {"path": "method", "event": "add", "fetchOnly": True},
            ],
        )
        for method, path in (("set", "seen"), ("set", "hidden"), ("call", "method")):
            error = failure(-32602, "Invalid params", {"noAccess": path})
            if path == "hidden":  # every user may set it, though not see it
                self.assertIsNone(ask(self.peer, method, path=path))
            else:
                self.assertEqual(ask(self.peer, method, path=path), error)

    def test_usersAreCopied(self) -> None:
        """What happens later to the table that was given changes nothing."""
        users = {"joe": {"password": "s3cret", "auth": {"fetchGroups": list(STAFF)}}}
        memory = MemoryDaemon(users=users)
        users["joe"]["password"] = "other"
        cast(Any, users["joe"]["auth"])["fetchGroups"].clear()
        self.assertEqual(login(memory.connect()), {"result": {"fetchGroups": STAFF}})

    def test_openDaemon(self) -> None:
        """A daemon without users knows nobody."""
        self.assertEqual(login(MemoryDaemon().connect()), INVALID_USER)


class PolicyTests(SynchronousTestCase):
    """A policy of the application."""

    def start(self, decide: Callable[[], Any] | None = None, **limits: int) -> MemoryPeer:
        """Start a daemon with such a policy, and connect."""
        self.policy = Policy(decide)
        self.memory = MemoryDaemon(policy=self.policy, limits=Limits(**limits))
        return self.memory.connect()

    def test_asked(self) -> None:
        """It is asked for user, password and address."""
        peer = self.start(lambda: succeed(JOE))
        self.assertEqual(login(peer), {"result": AUTH})
        self.assertEqual(self.policy.asked, [("joe", "s3cret", "192.0.2.2")])
        self.assertEqual(self.memory.daemon.peers[0].user, "joe")

    def test_later(self) -> None:
        """While it decides, what the peer sends waits, in order; others are served, and their logins decided."""
        peer = self.start()
        other = self.memory.connect()
        request = {"id": 1, "method": "authenticate", "params": {"user": "joe", "password": "s3cret"}}
        peer.send(request, {"id": 2, "method": "echo"})
        peer.send({"id": 3, "method": "fetch", "params": {"id": "f"}})
        self.assertEqual(peer.take(), [])
        self.assertTrue(peer.transport.paused)
        self.assertEqual(ask(other, "echo"), {"result": {}})
        other.send({**request, "id": 9})
        self.policy.deciding[1].callback(None)
        self.assertEqual(other.take(), [{"id": 9, "result": True}])
        self.policy.deciding[0].callback(JOE)
        self.assertEqual([message["id"] for message in peer.take()], [1, 2, 3])
        self.assertFalse(peer.transport.paused)
        self.assertEqual(ask(peer, "echo"), {"result": {}})

    def test_toldMeanwhile(self) -> None:
        """While it decides, a peer that owns something gets the requests for it, but its answers wait, too."""
        peer = self.start()
        setter = self.memory.connect()
        add(peer, "a")
        peer.send({"id": 1, "method": "authenticate", "params": {"user": "joe", "password": "s3cret"}})
        setter.send({"id": 1, "method": "set", "params": {"path": "a", "value": 1}})
        (routed,) = peer.take()
        peer.send({"id": routed["id"], "result": True})
        self.assertEqual(setter.take(), [])
        self.policy.deciding[0].callback(JOE)
        self.assertEqual(setter.take(), [{"id": 1, "result": True}])

    def test_never(self) -> None:
        """A policy that never decides holds up this peer alone, and nothing is left of it when the peer leaves."""
        peer = self.start()
        peer.send({"id": 1, "method": "authenticate", "params": {"user": "joe", "password": "s3cret"}})
        self.memory.clock.advance(10_000)
        self.assertEqual(ask(self.memory.connect(), "echo"), {"result": {}})
        peer.disconnect()
        self.assertEqual(len(self.memory.daemon.peers), 1)
        self.assertEqual(self.memory.clock.getDelayedCalls(), [])

    def test_leavesMeanwhile(self) -> None:
        """Whatever the policy decides about a peer that has left, nothing happens."""
        decisions: list[Callable[[Deferred[Any]], None]] = [
            lambda deciding: deciding.callback(JOE),
            lambda deciding: deciding.errback(WrongPassword()),
            lambda deciding: deciding.errback(LoginFailed("too many")),
        ]
        for number, decide in enumerate(decisions):
            peer = self.start() if number == 0 else self.memory.connect()
            peer.send({"id": 1, "method": "authenticate", "params": {"user": "joe", "password": "s3cret"}})
            peer.disconnect()
            decide(self.policy.deciding[-1])
            self.assertEqual(peer.take(), [])
        self.assertEqual(ask(self.memory.connect(), "echo"), {"result": {}})
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_leavesAndFails(self) -> None:
        """A wrong login counts for its address also if the peer did not wait for the answer."""
        peer = self.start(failedLoginsPerMinute=1)
        peer.send({"id": 1, "method": "authenticate", "params": {"user": "joe", "password": "guess"}})
        peer.disconnect()
        self.policy.deciding[0].errback(WrongPassword())
        self.assertEqual(login(self.memory.connect()), exceeded("failedLoginsPerMinute", 1))

    def test_refusals(self) -> None:
        """Its refusals become the errors of the protocol; one that says no more is passed on with its message."""
        other = failure(-32602, "Invalid params", {"loginFailed": "come back tomorrow"})
        for error, answer in (
            (UnknownUser("x"), INVALID_USER),
            (WrongPassword("x"), INVALID_PASSWORD),
            (LoginFailed("come back tomorrow"), other),
        ):
            peer = self.start(partial(fail, error))
            self.assertEqual(login(peer), answer)
            self.assertIsNone(self.memory.daemon.peers[0].user)
            self.assertEqual(ask(peer, "echo"), {"result": {}})

    def raises(self) -> Any:
        """A policy with a fault."""
        raise RuntimeError("the database is away")

    def test_failing(self) -> None:
        """A fault of the policy is logged and no fault of the peer: it is told so, and may try again and again."""
        decisions: list[Callable[[], Any]] = [
            self.raises,
            lambda: fail(RuntimeError("the database is away")),
            lambda: succeed(cast(Any, "no identity")),
            lambda: cast(Any, object()),
        ]
        for decide in decisions:
            peer = self.start(decide, failedLogins=1, failedLoginsPerMinute=1)
            for _ in range(3):
                self.assertEqual(login(peer), NOT_CHECKED)
            self.assertTrue(peer.connected)
            self.assertEqual(ask(peer, "echo"), {"result": {}})
            self.assertEqual(len(self.flushLoggedErrors()), 3)

    def test_oddIdentity(self) -> None:
        """An identity that cannot be told to the peer is a fault of the policy; the peer is not logged in by half."""
        for auth in ({"x": object()}, {"x": "\ud800"}, {1.5j: 1}):
            peer = self.start(partial(succeed, Identity("joe", auth=cast(Any, auth))))
            self.assertEqual(login(peer), NOT_CHECKED)
            self.assertIsNone(self.memory.daemon.peers[0].user)
            self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_exclusive(self) -> None:
        """A policy knows its own users: giving both is refused."""
        error = self.assertRaises(ValueError, Daemon, users={}, policy=cast(Any, Policy()), reactor=Clock())
        self.assertIn("users and policy exclude each other", str(error))


class HandshakeTests(SynchronousTestCase):
    """C{wsGetAuthentication}: who a peer is by its upgrade."""

    def setUp(self) -> None:
        self.clock = Clock()
        # Autobahn's own timers do not run on the reactor that it is given.
        self.patch(txaio.config, "loop", self.clock)  # type: ignore[attr-defined]

    def upgrade(self, hook: Callable[[Any], Any]) -> None:
        """Upgrade a connection to a daemon with this hook."""
        endpoint = MemoryEndpoint()
        self.daemon = Daemon(reactor=self.clock)
        self.daemon.listen(wsEndpoints=[endpoint], wsGetAuthentication=hook, wsPingInterval=0)
        assert endpoint.factory is not None
        self.link = cast(Any, endpoint.factory.buildProtocol(cast(Any, None)))
        self.transport = StringTransport()
        self.link.makeConnection(self.transport)
        self.addCleanup(self.lose)
        self.link.dataReceived(upgradeRequest())

    def lose(self) -> None:
        """Lose the connection."""
        if not self.link._isGone:
            self.link.connectionLost()

    def status(self) -> str:
        """What the upgrade was answered with."""
        line: bytes = self.transport.value().partition(b"\r\n")[0]
        return line.decode("ascii")

    def ask(self, text: bytes) -> bytes:
        """What a message is answered with."""
        self.transport.clear()
        self.link.dataReceived(clientFrame(text))
        return serverFrames(self.transport.value())[0][1]

    def test_accepted(self) -> None:
        """An auth object admits the peer, with these rights, under the name that it has in it, if any."""
        seen = []

        def hook(request: Any) -> Any:
            seen.append(request)
            return {"name": "joe", "fetchGroups": STAFF}

        self.upgrade(hook)
        self.assertIn("101", self.status())
        self.assertEqual(self.daemon.peers[0].user, "joe")
        self.assertEqual(seen[0].path, "/")
        self.ask(b'{"id":1,"method":"add","params":{"path":"a","value":1,"access":{"fetchGroups":["staff"]}}}')
        self.assertEqual(
            self.ask(b'{"id":1,"method":"get","params":{}}'),
            b'{"id":1,"result":[{"path":"a","event":"add","value":1}]}',
        )

    def test_withoutGroups(self) -> None:
        """An empty object admits the peer, who is then an authenticated one, though nobody's."""
        self.upgrade(lambda request: {})
        self.assertIn("101", self.status())
        self.assertEqual(self.daemon.peers[0].user, "")

    def test_later(self) -> None:
        """It may take its time, as a Deferred or a coroutine; what the peer sends meanwhile waits."""
        deciding: Deferred[Any] = Deferred()

        async def hook(request: Any) -> Any:
            return await deciding

        self.upgrade(hook)
        self.link.dataReceived(clientFrame(b'{"id":1,"method":"echo"}'))
        self.assertEqual((self.status(), self.daemon.peers), ("", []))
        deciding.callback({"fetchGroups": STAFF})
        self.clock.advance(0)
        self.assertIn("101", self.status())
        answers = self.transport.value().partition(b"\r\n\r\n")[2]
        self.assertEqual(serverFrames(answers), [(1, b'{"id":1,"result":true}')])

    def test_refused(self) -> None:
        """Anything that is no object refuses the peer, null and false included."""
        for result in (None, False, True, 1, "joe", [], ["staff"], succeed(None)):
            self.upgrade(partial(_give, result))
            self.assertIn("401", self.status())
            self.assertEqual(self.daemon.peers, [])

    def test_failing(self) -> None:
        """A hook that raises, fails or gives a malformed object refuses the peer, and is logged."""

        def hook(request: Any) -> Any:
            raise RuntimeError("no such table")

        hooks: list[Callable[[Any], Any]] = [
            hook,
            lambda request: fail(RuntimeError("no such table")),
            lambda request: {"fetchGroups": "staff"},
            lambda request: {"fetchGroups": [1]},
            lambda request: {"x": object()},
        ]
        for each in hooks:
            self.upgrade(each)
            self.assertIn("401", self.status())
            self.assertEqual(len(self.flushLoggedErrors()), 1)

    def test_leavesMeanwhile(self) -> None:
        """A peer that leaves before it was decided is none, and what decides is cancelled."""
        deciding: Deferred[Any] = Deferred()
        self.upgrade(lambda request: deciding)
        self.link.connectionLost()
        self.assertTrue(deciding.called)
        self.assertEqual(self.daemon.peers, [])
        self.assertEqual(self.clock.getDelayedCalls(), [])
        self.assertEqual(self.flushLoggedErrors(), [])


class SecrecyTests(SynchronousTestCase):
    """Passwords are written nowhere."""

    def setUp(self) -> None:
        self.logged: list[LogEvent] = []
        observer = cast(ILogObserver, self.logged.append)
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)

    def assertNowhere(self, secret: str) -> None:
        """No log line has it, nor anything that came along with one."""
        for event in self.logged:
            for text in (formatEvent(event), formatEventAsClassicLogText(event) or "", repr(event)):
                self.assertNotIn(secret, text)
            failed = event.get("log_failure")
            if failed is not None:
                self.assertNotIn(secret, failed.getTraceback(detail="verbose"))

    def test_logins(self) -> None:
        """Right, wrong and malformed logins, too many of them, and a policy that fails: no log line has a password."""
        secret = "correct horse battery"
        users = {"joe": {"password": secret}}
        for policy in (None, Policy(lambda: fail(RuntimeError("away"))), Policy(lambda: cast(Any, 1))):
            memory = MemoryDaemon(users=None if policy else users, policy=policy, limits=Limits(failedLogins=2))
            peer = memory.connect()
            for request in (
                {"id": 1, "method": "authenticate", "params": {"user": "joe", "password": secret}},
                {"id": 1, "method": "authenticate", "params": {"user": 1, "password": secret}},
                {"id": 1, "method": "authenticate", "params": {"user": "ann", "password": secret}},
                {"id": 1, "method": "authenticate", "params": {"user": "joe", "password": secret[:-1]}},
                {"id": 1, "method": "authenticate", "params": {"user": "joe", "password": [secret]}},
            ):
                peer.send(request)
        self.flushLoggedErrors()
        self.assertGreater(len(self.logged), 2)
        self.assertNowhere(secret[:-1])

    def test_usersTable(self) -> None:
        """A table with a mistake is refused without the password in the error."""
        for user in ({"password": "s3cret", "x": 1}, {"password": "s3cret", "auth": 1}, {"password": ["s3cret"]}):
            error = self.assertRaises(ValueError, Daemon, users={"joe": user}, reactor=Clock())
            self.assertNotIn("s3cret", str(error))
            self.assertIn("joe", str(error))

    def test_inMemory(self) -> None:
        """What is shown of daemons, peers and clients has no password either."""
        memory = MemoryDaemon(users=USERS)
        login(memory.connect())
        (peer,) = memory.daemon.peers
        for thing in (memory.daemon, peer, peer.user, cast(Any, memory.daemon)._server.bus):
            self.assertNotIn("s3cret", repr(thing))
