"""
Tests for L{jetjstp.jet.gate}: certificates, users that change while peers are connected, many logins at a time.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.interfaces import Identity, LoginFailed, UnknownUser, WrongPassword
from jetjstp.jet.access import mayAccess
from jetjstp.jet.limits import Limits
from jetjstp.jet.pathrules import PathRules
from jetjstp.logins import LoginAttempts
from jetjstp.policies.users import UsersPolicy
from jetjstp.rarefailures import FULL
from jetjstp.testing import MemoryDaemon, MemoryPeer
from tests.jet.asking import add, ask, events, exceeded
from tests.jet.test_authentication import NOT_CHECKED

JOE = Identity("joe", frozenset({"staff"}), auth={"fetchGroups": ["staff"]})
ANN = Identity("ann", frozenset({"boss"}), auth={"fetchGroups": ["boss"]})


def userOf(*groups: str) -> dict[str, Any]:
    """A user of a table, with the same groups for everything."""
    return {"password": "1", "auth": {name: list(groups) for name in ("fetchGroups", "setGroups", "callGroups")}}


class FakeLink:
    """
    A L{jetjstp.interfaces.MessageLink} that remembers.

    @ivar written: The messages.
    @ivar closed: Whether it was closed.
    """

    kind = "fake"
    address = "192.0.2.9"
    blocked = False

    def __init__(self, **attributes: Any) -> None:
        self.written: list[bytes] = []
        self.closed = False
        self.__dict__.update(attributes)

    def pack(self, message: bytes) -> bytes:
        """The message itself."""
        return message

    def write(self, frames: list[bytes]) -> None:
        """Remember."""
        self.written += frames

    def setMaxMessage(self, size: int) -> None:
        """Any size will do."""

    def pauseReading(self) -> None:
        """Nothing is read here."""

    def resumeReading(self) -> None:
        """Nothing is read here."""

    def close(self) -> None:
        """Remember."""
        self.closed = True

    def abort(self) -> None:
        """Remember."""
        self.closed = True


class LaterPolicy:
    """
    Decides when the test wants.

    @ivar asked: What it was asked, by method, each with the Deferred that it gave.
    """

    pathRules: PathRules | None = None

    def __init__(self) -> None:
        self.asked: list[tuple[str, Any, Deferred[Any]]] = []

    def _ask(self, method: str, argument: Any) -> Deferred[Any]:
        self.asked.append((method, argument, Deferred()))
        return self.asked[-1][2]

    def login(self, user: str, password: str, address: str) -> Deferred[Identity | None]:
        """See L{IAuthPolicy}."""
        return self._ask("login", user)

    def certificate(self, x509: Any, address: str) -> Deferred[Identity | None]:
        """See L{IAuthPolicy}."""
        return self._ask("certificate", x509)

    def identify(self, user: str) -> Deferred[Identity | None]:
        """See L{IAuthPolicy}."""
        return self._ask("identify", user)

    def answer(self, result: Any, index: int = -1) -> None:
        """Decide what was asked last."""
        deciding = self.asked[index][2]
        deciding.errback(result) if isinstance(result, Exception) else deciding.callback(result)


class GateTestCase(SynchronousTestCase):
    """A daemon with a policy."""

    def start(self, policy: Any, **options: Any) -> None:
        """Start it."""
        self.policy = policy
        self.memory = MemoryDaemon(policy=policy, **options)

    def connect(self, user: str | None = None) -> MemoryPeer:
        """A peer; with a user, one who has logged in."""
        peer = self.memory.connect()
        if user is not None:
            self.assertIn("result", ask(peer, "authenticate", user=user, password="1"))
        return peer

    def recheck(self) -> int:
        """Look who is still who he was; how many were dropped."""
        return self.successResultOf(self.memory.daemon.recheck())

    def users(self) -> list[str | None]:
        """Who is connected."""
        return [peer.user for peer in self.memory.daemon.peers]


class RecheckTests(GateTestCase):
    """What becomes of peers when users and rules change."""

    def setUp(self) -> None:
        self.start(
            UsersPolicy(
                {"joe": userOf("staff"), "ann": userOf("boss"), "bare": {"password": "1"}},
                groups={"staff": {"add": ["s/*"]}, "boss": {"add": ["*"]}, "*": {"fetch": ["*"]}},
            )
        )
        self.table = {"joe": userOf("staff"), "ann": userOf("boss"), "bare": {"password": "1"}}
        self.groups: dict[str, Any] = {"staff": {"add": ["s/*"]}, "boss": {"add": ["*"]}, "*": {"fetch": ["*"]}}
        self.joe, self.ann, self.bare, self.nobody = map(self.connect, ("joe", "ann", "bare", None))

    def change(self, groups: Any = None, **users: Any) -> None:
        """Have others users; C{None} removes one."""
        self.table = {name: user for name, user in {**self.table, **users}.items() if user is not None}
        self.policy.replace(self.table, self.groups if groups is None else groups)

    def assertConnected(self, joe: bool, ann: bool, bare: bool = True, nobody: bool = True) -> None:
        """These are there, the others are not."""
        there = [peer.connected for peer in (self.joe, self.ann, self.bare, self.nobody)]
        self.assertEqual(there, [joe, ann, bare, nobody])

    def test_nothing(self) -> None:
        """Whoever has the same rights as before stays, though everything was read anew."""
        self.change()
        self.assertEqual(self.recheck(), 0)
        self.assertConnected(True, True)

    def test_other(self) -> None:
        """Another password, another auth object and other users are nobody else's rights."""
        auth = {**userOf("staff")["auth"], "rank": 8}
        self.change(joe={"password": "2", "auth": auth}, eve=userOf("boss"))
        self.assertEqual(self.recheck(), 0)
        self.assertConnected(True, True)

    def test_groups(self) -> None:
        """Whose groups are others is dropped, and comes back with the new ones; the log says why."""
        self.change(joe=userOf("staff", "boss"))
        with capturedLogs() as logs:
            self.assertEqual(self.recheck(), 1)
        self.assertConnected(False, True)
        (line,) = [formatEvent(event) or "" for event in logs]
        self.assertIn("groups", line)
        self.assertIn("192.0.2.2", line)
        back = self.connect("joe")
        self.assertEqual(ask(back, "add", path="x", value=1), {"result": True})

    def test_gone(self) -> None:
        """Whose user is gone is dropped, with all that it owned, and does not come back."""
        add(self.joe, "s/1")
        self.change(joe=None)
        self.assertEqual(self.recheck(), 1)
        self.assertConnected(False, True)
        self.assertEqual(ask(self.ann, "get"), {"result": []})
        error = ask(self.memory.connect(), "authenticate", user="joe", password="1")["error"]
        self.assertEqual(error["data"], {"invalidUser": True})

    def test_rules(self) -> None:
        """Whose path rules are others is dropped, also if its groups are the same; the others go by their rules."""
        self.change({**self.groups, "staff": {"add": ["t/*"]}})
        with capturedLogs() as logs:
            self.assertEqual(self.recheck(), 1)
        self.assertConnected(False, True)
        self.assertIn("path rules", " ".join(formatEvent(event) or "" for event in logs))
        back = self.connect("joe")
        self.assertIn("error", ask(back, "add", path="s/1", value=1))
        self.assertIn("result", ask(back, "add", path="t/1", value=1))

    def test_everybodysRules(self) -> None:
        """Rules of everybody concern everybody, whether logged in or not."""
        self.change({**self.groups, "*": {"fetch": ["public/*"]}})
        self.assertEqual(self.recheck(), 4)
        self.assertConnected(False, False, False, False)

    def test_newRight(self) -> None:
        """A right that is mentioned for the first time is lost by those who are not given it."""
        self.change({**self.groups, "boss": {"add": ["*"], "set": ["*"]}})
        self.assertEqual(self.recheck(), 4)

    def test_sameRulesOtherwise(self) -> None:
        """Rules that give everybody who is there the same, from other groups, drop nobody."""
        self.change({**self.groups, "new": {"add": ["n"]}, "staff": {"add": ["s/*", "s/*"]}})
        self.assertEqual(self.recheck(), 0)
        self.assertConnected(True, True)

    def test_noMoreRules(self) -> None:
        """Without rules access is decided as if there never had been any."""
        self.policy.replace(self.table)
        self.assertEqual(self.recheck(), 4)
        self.assertIs(self.memory.daemon._server.bus.may, mayAccess)
        self.assertIn("result", ask(self.connect(), "add", path="x", value=1))

    def test_authGained(self) -> None:
        """Who logged in without gaining anything comes back when there is something to gain."""
        self.change(bare=userOf("staff"))
        self.assertEqual(self.recheck(), 1)
        self.assertConnected(True, True, False)

    def test_bareUserGone(self) -> None:
        """Who logged in without gaining anything is dropped when the user is gone, as everybody is."""
        self.change(bare=None)
        self.assertEqual(self.recheck(), 1)
        self.assertConnected(True, True, False)

    def test_stay(self) -> None:
        """Those who stay see everything as before: fetches, changes, what comes and what the dropped ones owned."""
        add(self.ann, "a", "s/1")
        add(self.joe, "s/2")
        for peer in (self.ann, self.nobody):
            ask(peer, "fetch", id="f")
            peer.take()
        self.change(joe=None)
        self.recheck()
        for peer in (self.ann, self.nobody):
            self.assertEqual(events(peer), [("remove", "s/2", 0)])
        ask(self.ann, "change", path="a", value=1)
        add(self.ann, "b")
        for peer in (self.ann, self.nobody):
            self.assertEqual(events(peer), [("change", "a", 1), ("add", "b", 0)])

    def test_fetchesOfThoseWhoStay(self) -> None:
        """A fetch that was there before follows a later login by the new rules (node-jet 3)."""
        self.change({"staff": {"fetch": ["s/*"]}, "*": {"fetch": ["public/*"]}})
        self.recheck()
        owner, peer = self.connect(), self.connect()
        add(owner, "public/1", "s/1", "t/1")
        peer.send({"id": "1", "method": "info", "params": {}})
        ask(peer, "fetch", id="f", path={})
        self.assertEqual([path for _, path, _ in events(peer)], ["public/1"])
        self.change({"staff": {"fetch": ["t/*"]}, "*": {"fetch": ["public/*"]}})
        self.assertEqual(self.recheck(), 0)
        ask(peer, "authenticate", user="joe", password="1")
        self.assertEqual([path for _, path, _ in events(peer)], ["t/1"])
        add(owner, "s/2", "t/2")
        self.assertEqual([path for _, path, _ in events(peer)], ["t/2"])

    def test_nothingMoreIsHeard(self) -> None:
        """Nothing that a dropped peer sent before it was dropped is worked on any more, and nothing more is told."""
        ask(self.joe, "fetch", id="f")
        self.joe.take()
        self.change(joe=None)
        self.recheck()
        add(self.ann, "x")
        self.joe.send({"method": "add", "params": {"path": "s/1", "value": 1}})
        self.assertEqual(self.joe.take(), [])
        self.assertEqual(len(ask(self.ann, "get")["result"]), 1)

    def test_lastUserCounts(self) -> None:
        """Who has logged in twice is who he was the last time."""
        ask(self.joe, "authenticate", user="ann", password="1")
        self.change(joe=None)
        self.assertEqual(self.recheck(), 0)
        self.change(ann=None)
        self.assertEqual(self.recheck(), 2)

    def test_hook(self) -> None:
        """Who a handshake hook knows is not asked for in the table of users, but is subject to the rules."""
        server = self.memory.daemon._server
        link = FakeLink(handshakeAuth={"name": "eve", "setGroups": ["staff"]})
        receiver = server.receiverOf(None)()
        receiver.linkOpened(link)
        self.change(joe=None)
        self.assertEqual(self.recheck(), 1)
        self.assertFalse(link.closed)
        self.change({**self.groups, "staff": {"add": []}})
        self.assertEqual(self.recheck(), 1)
        self.assertTrue(link.closed)

    def test_closed(self) -> None:
        """Without peers there is nothing to do."""
        self.memory.cut()
        for peer in (self.joe, self.ann, self.bare, self.nobody):
            peer.disconnect()
        self.change(joe=None)
        self.assertEqual(self.recheck(), 0)


class LaterTests(GateTestCase):
    """A policy that takes its time, or has less to say."""

    def setUp(self) -> None:
        self.start(LaterPolicy())

    def login(self, user: str = "joe") -> MemoryPeer:
        """A peer that wants to log in."""
        peer = self.memory.connect()
        peer.send({"id": 1, "method": "authenticate", "params": {"user": user, "password": "1"}})
        return peer

    def logins(self, *users: str) -> list[MemoryPeer]:
        """Peers who have logged in."""
        peers = []
        for user in users:
            peers.append(self.login(user))
            self.policy.answer(JOE if user == "joe" else ANN)
            peers[-1].take()
        self.policy.asked.clear()
        return peers

    def test_identify(self) -> None:
        """Each user is asked for once; those who are others, or gone, are dropped when the answer is there."""
        one, two, three = self.logins("joe", "joe", "ann")
        rechecking = self.memory.daemon.recheck()
        self.assertEqual(
            [(method, user) for method, user, _ in self.policy.asked], [("identify", "joe"), ("identify", "ann")]
        )
        self.assertNoResult(rechecking)
        self.policy.answer(Identity("joe", frozenset({"boss"})), 0)
        self.assertEqual([one.connected, two.connected, three.connected], [False, False, True])
        self.policy.answer(UnknownUser("gone"), 1)
        self.assertEqual(self.successResultOf(rechecking), 3)
        self.assertFalse(three.connected)

    def test_leavesMeanwhile(self) -> None:
        """Who has left, or is somebody else by then, is not concerned by the answer."""
        one, two = self.logins("joe", "joe")
        rechecking = self.memory.daemon.recheck()
        one.disconnect()
        two.send({"id": 1, "method": "authenticate", "params": {"user": "ann", "password": "1"}})
        self.policy.answer(ANN)
        self.policy.answer(UnknownUser("gone"), 0)
        self.assertEqual(self.successResultOf(rechecking), 0)
        self.assertTrue(two.connected)

    def test_away(self) -> None:
        """If the policy fails, that is logged, and nobody loses a connection by it."""
        (peer,) = self.logins("joe")
        rechecking = self.memory.daemon.recheck()
        self.policy.answer(RuntimeError("the database is away"))
        self.assertEqual(self.successResultOf(rechecking), 0)
        self.assertTrue(peer.connected)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_loginMeanwhile(self) -> None:
        """A login that is being checked while users change is checked once more: old rights are not given."""
        peer = self.login()
        self.successResultOf(self.memory.daemon.recheck())
        self.policy.answer(JOE)
        self.assertEqual(peer.take(), [])
        self.assertEqual(self.users(), [None])
        self.policy.answer(ANN)
        self.assertEqual(peer.take(), [{"id": 1, "result": ANN.auth}])
        self.assertEqual(self.users(), ["ann"])
        peer = self.login()
        self.memory.daemon.recheck()
        self.policy.answer(JOE, -2)  # the last question is who ann is
        self.policy.answer(UnknownUser("gone"))
        (answer,) = peer.take()
        self.assertEqual(answer["error"]["data"], {"invalidUser": True})

    def test_hashedMeanwhile(self) -> None:
        """A password whose hash is being checked while the table is exchanged counts only by the new one."""
        old = {"joe": userOf("staff"), "ann": userOf("staff")}
        policy = UsersPolicy(old)
        checking: list[Deferred[bool]] = []

        def check(user: Any, password: str) -> Deferred[bool]:
            checking.append(Deferred())
            return checking[-1]

        self.patch(policy, "_check", check)
        logins = [policy.login(user, "1", "") for user in ("joe", "joe", "ann")]
        policy.replace({"joe": userOf("boss")})
        checking[0].callback(True)
        self.assertEqual(cast(Identity, self.successResultOf(logins[0])).fetchGroups, {"boss"})
        policy.replace({"joe": {**userOf("boss"), "password": "2"}})
        checking[1].callback(True)
        self.assertNoResult(logins[1])
        checking[3].callback(False)
        self.failureResultOf(logins[1], WrongPassword)
        checking[2].callback(True)
        self.failureResultOf(logins[2], UnknownUser)

    def test_loginAlone(self) -> None:
        """A policy with nothing but C{login} serves; its users stay who they are, and certificates are nobody's."""

        class Policy:
            def login(self, user: str, password: str, address: str) -> Deferred[Identity | None]:
                return succeed(JOE)

        self.start(Policy())
        peer = self.connect("joe")
        link = FakeLink(peerCertificate=object())
        self.memory.daemon._server.receiverOf(None)().linkOpened(link)
        self.assertEqual(self.recheck(), 0)
        self.assertTrue(peer.connected)
        self.assertEqual(self.users(), ["joe", None])

    def test_rulesOfAnother(self) -> None:
        """Path rules may come from any policy, and be others later."""
        (joe,) = self.logins("joe")
        self.policy.pathRules = PathRules({"staff": {"add": ["a"]}})
        nobody = self.memory.connect()
        self.assertIn("result", ask(nobody, "add", path="b", value=1))
        self.memory.daemon.recheck()
        self.assertFalse(joe.connected)
        self.assertFalse(nobody.connected)
        self.assertIn("error", ask(self.memory.connect(), "add", path="b", value=1))


class CertificateTests(GateTestCase):
    """Peers whose link has a certificate."""

    def setUp(self) -> None:
        self.start(LaterPolicy())
        self.certificate = object()

    def open(self, **attributes: Any) -> tuple[FakeLink, Any]:
        """A link with a certificate, and its receiver."""
        link = FakeLink(**{"peerCertificate": self.certificate, **attributes})
        receiver = self.memory.daemon._server.receiverOf(None)()
        receiver.linkOpened(link)
        return link, receiver

    def test_fromTheStart(self) -> None:
        """What the peer sends waits until it is known who it is, and is worked on with the rights of that user."""
        owner = self.memory.connect()
        ask(owner, "add", path="a", value=1, access={"fetchGroups": ["staff"]})
        link, receiver = self.open()
        receiver.messagesReceived([b'{"id":1,"method":"get","params":{}}'])
        self.assertEqual(link.written, [])
        self.assertEqual(self.policy.asked[0][:2], ("certificate", self.certificate))
        self.policy.answer(JOE)
        self.assertIn(b'"path":"a"', b"".join(link.written))
        self.assertEqual(self.users(), [None, "joe"])

    def test_atOnce(self) -> None:
        """If the policy knows at once, so do those who hear of the connection."""
        self.patch(self.policy, "certificate", lambda x509, address: succeed(JOE))
        users: list[str | None] = []
        self.memory.daemon.on("connection", lambda peer: users.append(peer.user))
        self.open()
        self.assertEqual(users, ["joe"])

    def test_nobody(self) -> None:
        """A certificate of nobody whom the policy knows is as none: the peer may log in."""
        link, receiver = self.open()
        self.policy.answer(None)
        receiver.messagesReceived([b'{"id":1,"method":"authenticate","params":{"user":"joe","password":"1"}}'])
        self.policy.answer(JOE)
        self.assertEqual(self.users(), ["joe"])
        self.assertFalse(link.closed)

    def test_refused(self) -> None:
        """A policy that refuses a certificate, or fails, ends the connection, and the log says why."""
        for error, words in (
            (LoginFailed("locked"), "refused, locked"),
            (RuntimeError("away"), "could not be checked"),
        ):
            link, receiver = self.open()
            receiver.messagesReceived([b'{"id":1,"method":"echo"}'])
            with capturedLogs() as logs:
                self.policy.answer(error)
            self.assertTrue(link.closed)
            self.assertEqual(link.written, [])
            self.assertTrue(any(words in (formatEvent(event) or "") for event in logs))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_oddIdentity(self) -> None:
        """What is no identity is a fault of the policy."""
        link, _ = self.open()
        self.policy.answer("joe")
        self.assertTrue(link.closed)
        self.assertEqual(len(self.flushLoggedErrors(TypeError)), 1)

    def test_raises(self) -> None:
        """A policy that raises is one that fails."""

        def raises(x509: Any, address: str) -> Any:
            raise RuntimeError("away")

        self.patch(self.policy, "certificate", raises)
        link, _ = self.open()
        self.assertTrue(link.closed)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_hookFirst(self) -> None:
        """What a handshake hook has said holds; the certificate is not looked at."""
        self.open(handshakeAuth={"name": "eve"})
        self.assertEqual(self.policy.asked, [])
        self.assertEqual(self.users(), ["eve"])

    def test_leavesMeanwhile(self) -> None:
        """Whatever is found out about a peer that has left, nothing happens."""
        for result in (JOE, None, LoginFailed("locked"), "joe"):
            _, receiver = self.open()
            receiver.linkLost("gone")
            self.policy.answer(result)
        self.assertEqual(self.users(), [])
        self.assertEqual(self.memory.daemon._server.gate._proofs, {})

    def test_recheck(self) -> None:
        """The certificate is asked for again: who is somebody else by it, or nobody any more, is dropped."""
        for before, after, isDropped in (
            (JOE, JOE, False),
            (JOE, ANN, True),
            (JOE, None, True),
            (None, JOE, True),
            (None, None, False),
        ):
            link, _ = self.open()
            self.policy.answer(before)
            rechecking = self.memory.daemon.recheck()
            self.policy.answer(after)
            self.assertEqual(self.successResultOf(rechecking), int(isDropped))
            self.assertIs(link.closed, isDropped)
            self.setUp()

    def test_changesMeanwhile(self) -> None:
        """A certificate that is being looked up while users change is looked up once more."""
        link, _ = self.open()
        self.memory.daemon.recheck()
        self.policy.answer(JOE)
        self.assertEqual(self.users(), [None])
        self.policy.answer(ANN)
        self.assertEqual(self.users(), ["ann"])
        self.assertFalse(link.closed)


class AttemptTests(GateTestCase):
    """Many logins at a time."""

    def test_atATime(self) -> None:
        """Many connections together can try no more passwords than one after the other."""
        self.start(LaterPolicy(), limits=Limits(failedLoginsPerMinute=3))
        peers = [self.memory.connect() for _ in range(10)]
        for peer in peers:
            peer.send({"id": "x", "method": "authenticate", "params": {"user": "joe", "password": "?"}})
        self.assertEqual(len(self.policy.asked), 3)
        for index in range(3):
            self.policy.answer(WrongPassword("?"), index)
        self.assertEqual(len(self.policy.asked), 3)
        answers = [message for peer in peers for message in peer.take()]
        refused = {"id": "x", **exceeded("failedLoginsPerMinute", 3)}
        self.assertEqual(len(answers), 10)
        self.assertEqual(answers[3:], [refused] * 7)
        for peer in peers:
            self.assertEqual(ask(peer, "echo"), {"result": {}})

    def test_inTurn(self) -> None:
        """Logins that wait for their turn are checked when there is room; those who have left are not."""
        self.start(LaterPolicy(), limits=Limits(failedLoginsPerMinute=1))
        peers = [self.memory.connect() for _ in range(4)]
        for peer in peers:
            peer.send({"id": "x", "method": "authenticate", "params": {"user": "joe", "password": "1"}})
        peers[1].disconnect()
        for _ in range(3):
            self.policy.answer(JOE)
        self.assertEqual(len(self.policy.asked), 3)
        self.assertEqual(self.users(), ["joe"] * 3)
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_shared(self) -> None:
        """Daemons may count together, and tell what they count with."""
        clock = Clock()
        attempts = LoginAttempts(2, clock)
        self.start(UsersPolicy({"joe": userOf()}), attempts=attempts)
        self.assertIs(self.memory.daemon.attempts, attempts)
        other = MemoryDaemon(users={}, attempts=self.memory.daemon.attempts)
        for peer in (self.memory.connect(), other.connect()):
            self.assertIn("invalid", str(ask(peer, "authenticate", user="joe", password="?")))
        for peer in (self.memory.connect(), other.connect()):
            answer = ask(peer, "authenticate", user="joe", password="1")
            self.assertEqual(answer, exceeded("failedLoginsPerMinute", 2))

    def test_fault(self) -> None:
        """A policy that fails counts for nobody, however often."""
        self.start(LaterPolicy(), limits=Limits(failedLoginsPerMinute=1, failedLogins=1))
        self.patch(self.policy, "login", lambda *args: fail(RuntimeError("away")))
        peer = self.memory.connect()
        for _ in range(3):
            self.assertEqual(ask(peer, "authenticate", user="joe", password="1"), NOT_CHECKED)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 3)

    def test_manyFaults(self) -> None:
        """A policy that fails again and again does not fill the log, whoever is asked about."""
        self.start(LaterPolicy())
        self.patch(self.policy, "login", lambda *args: fail(RuntimeError("away")))
        self.patch(self.policy, "certificate", lambda *args: fail(RuntimeError("away")))
        for _ in range(20):
            self.assertEqual(ask(self.memory.connect(), "authenticate", user="joe", password="1"), NOT_CHECKED)
            link = FakeLink(peerCertificate=object())
            self.memory.daemon._server.receiverOf(None)().linkOpened(link)
            self.assertTrue(link.closed)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), FULL)
