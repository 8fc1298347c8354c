"""Tests of L{jetjstp.jstp.logins}."""

from __future__ import annotations

from typing import Any, cast

from OpenSSL.crypto import X509
from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.interfaces import Identity, LoginFailed, UnknownUser, WrongPassword
from jetjstp.jstp.accepting import recognizer
from jetjstp.jstp.logins import JstpLogins
from jetjstp.logins import LoginAttempts
from jetjstp.policies.users import UsersPolicy
from jetjstp.storage.memory import SimpleSessionStorageProvider
from jetjstp.testing import MemoryDaemon
from tests.jet.asking import ask, exceeded
from tests.jstp.clientends import StreamClient
from tests.jstp.servers import ServerTestCase
from tests.sockets.certificates import Authority

REFUSED = "{handshake:[0],error:[11]}"

USERS: dict[str, Any] = {
    "joe": {"password": "s3cret", "auth": {"fetchGroups": ["staff"]}},
    "plain": {"password": "s3cret"},
    "pump": {"certificate": "pump-1", "auth": {}},
    "valve": {"certificate": "valve-1", "auth": {}},
}


class Policy:
    """A policy with nothing but C{login}, that answers as the test wants."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[str, str, str]] = []

    def login(self, user: str, password: str, address: str) -> Deferred[Identity | None]:
        """See L{IAuthPolicy}."""
        self.asked.append((user, password, address))
        return fail(self.answer) if isinstance(self.answer, Exception) else succeed(self.answer)


class JstpLoginsTestCase(ServerTestCase):
    """A server whose clients log in by a policy."""

    def serve(self, policy: Any, limit: int = 20, **options: Any) -> None:
        """Begin with a policy."""
        self.attempts = LoginAttempts(limit, self.clock)
        self.restart(authPolicy=JstpLogins(policy, attempts=self.attempts), **options)

    def come(self, credentials: str, strategy: str = "login") -> StreamClient:
        """A client that wants to come in."""
        client = self.memory.connect()
        client.say(f"{{handshake:[0,'app'],{strategy}:{credentials}}}")
        return client

    def assertIn_(self, client: StreamClient, user: str | None) -> None:
        """A client is in, as that user."""
        (answer,) = client.rest()
        self.assertTrue(answer.startswith("{handshake:[0],ok:"), answer)
        self.assertEqual(self.memory.last.username, user)

    def assertRefused(self, client: StreamClient, answer: str = REFUSED) -> None:
        """A client is not let in."""
        self.assertEqual([text.replace('"', "'") for text in client.rest()], [answer])
        self.assertFalse(client.connected)


class LoginTests(JstpLoginsTestCase):
    """By user and password."""

    def test_success(self) -> None:
        """Who comes with the right password is that user, also one without rights of his own."""
        self.serve(UsersPolicy(USERS))
        for user in ("joe", "plain"):
            self.assertIn_(self.come(f"['{user}','s3cret']"), user)

    def test_identity(self) -> None:
        """The name is the one that the policy gives."""
        self.serve(Policy(Identity("JOE")))
        self.assertIn_(self.come("['joe','s3cret']"), "JOE")

    def test_wrong(self) -> None:
        """A wrong password and an unknown user are refused alike."""
        self.serve(UsersPolicy(USERS))
        for credentials in ("['joe','?']", "['ann','s3cret']", "['pump','']"):
            self.assertRefused(self.come(credentials))

    def test_malformed(self) -> None:
        """What is no user and password, or another strategy, is refused without asking anybody."""
        policy = Policy(Identity("joe"))
        self.serve(policy)
        for credentials in (
            "'joe'",
            "[]",
            "['joe']",
            "['joe',5]",
            "[null,'x']",
            "['joe','x','y']",
            "{user:'joe'}",
            "null",
        ):
            self.assertRefused(self.come(credentials))
        self.assertRefused(self.come("['joe','s3cret']", "sesame"))
        self.assertEqual(policy.asked, [])

    def test_anonymous(self) -> None:
        """Who asks for nothing in particular is let in as nobody."""
        self.serve(UsersPolicy(USERS))
        client = self.memory.connect()
        client.open()
        self.assertIsNone(self.memory.last.username)

    def test_asked(self) -> None:
        """The policy gets user, password and address."""
        policy = Policy(None)
        self.serve(policy)
        self.come("['joe','s3cret']")
        self.assertEqual(policy.asked, [("joe", "s3cret", "192.0.2.2")])

    def test_reasons(self) -> None:
        """A refusal for another reason is told as the policy words it."""
        self.serve(Policy(LoginFailed("locked out")))
        self.assertRefused(self.come("['joe','s3cret']"), "{handshake:[0],error:[11,'locked out']}")

    def test_fault(self) -> None:
        """A policy that fails is logged; the client is refused, and hears nothing of it. It counts for nobody."""
        self.serve(Policy(RuntimeError("away")), 1)
        for _ in range(3):
            self.assertRefused(self.come("['joe','s3cret']"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 3)

    def test_attempts(self) -> None:
        """After so many wrong logins of an address further ones are refused unseen, for a minute."""
        policy = Policy(WrongPassword("?"))
        self.serve(policy, 2)
        for _ in range(2):
            self.assertRefused(self.come("['joe','?']"))
        policy.answer = Identity("joe")
        client = self.come("['joe','s3cret']")
        (answer,) = client.rest()
        self.assertIn("[11,", answer)
        self.assertIn("too many failed logins", answer)
        self.assertEqual(len(policy.asked), 2)
        self.clock.advance(60)
        self.assertIn_(self.come("['joe','s3cret']"), "joe")

    def test_sharedAttempts(self) -> None:
        """What fails over JSTP counts over Jet, and the other way round."""
        memory = MemoryDaemon(users=USERS)
        self.attempts = memory.daemon.attempts
        self.restart(authPolicy=JstpLogins(UsersPolicy(USERS), attempts=self.attempts))
        for _ in range(self.attempts.limit - 1):
            self.assertRefused(self.come("['joe','?']"))
        self.assertIn("result", ask(memory.connect(), "authenticate", user="joe", password="s3cret"))
        self.assertIn("error", ask(memory.connect(), "authenticate", user="joe", password="?"))
        answer = ask(memory.connect(), "authenticate", user="joe", password="s3cret")
        self.assertEqual(answer, exceeded("failedLoginsPerMinute", self.attempts.limit))
        self.assertIn("too many", self.come("['joe','s3cret']").rest()[0])

    def test_secrets(self) -> None:
        """No log line has the password, whatever happens."""
        with capturedLogs() as logs:
            for answer in (
                UnknownUser("?"),
                WrongPassword("?"),
                LoginFailed("locked"),
                RuntimeError("away"),
                None,
                "odd",
            ):
                self.serve(Policy(answer))
                self.come("['joe','s3cret']")
        self.flushLoggedErrors()
        self.assertNotIn("s3cret", " ".join(formatEvent(event) + repr(event) for event in logs))


class CertificateTests(JstpLoginsTestCase):
    """By certificate."""

    def setUp(self) -> None:
        super().setUp()
        self.authority = Authority()

    def present(self, name: str, text: str = "{handshake:[0,'app']}") -> StreamClient:
        """A client with a certificate."""
        certificate = X509.from_cryptography(self.authority.issue(name).certificate)
        client = self.memory.connect()
        client.transport.getPeerCertificate = lambda: certificate  # type: ignore[attr-defined]
        client.say(text)
        return client

    def test_known(self) -> None:
        """Who asks for nothing in particular is the user of the certificate."""
        self.serve(UsersPolicy(USERS))
        self.assertIn_(self.present("pump-1"), "pump")

    def test_unknown(self) -> None:
        """Nobody's certificate is as none, and so is any certificate for a policy that knows none, or no policy."""
        for policy in (UsersPolicy(USERS), Policy(None)):
            self.serve(policy)
            self.assertIn_(self.present("eve"), None)
        self.restart(authPolicy=None)
        self.assertIn_(self.present("pump-1"), None)

    def test_login(self) -> None:
        """Who logs in by password is who that is."""
        self.serve(UsersPolicy(USERS))
        self.assertIn_(self.present("pump-1", "{handshake:[0,'app'],login:['joe','s3cret']}"), "joe")
        self.assertRefused(self.present("pump-1", "{handshake:[0,'app'],login:['pump','']}"))

    def test_refused(self) -> None:
        """A certificate that the policy refuses ends it; the reason is logged, and not told."""

        class Refusing(Policy):
            def certificate(self, x509: Any, address: str) -> Deferred[Identity | None]:
                return fail(self.answer)

        self.serve(Refusing(LoginFailed("names of joe and ann")))
        with capturedLogs() as logs:
            self.assertRefused(self.present("pump-1"), "{handshake:[0],error:[11]}")
        self.assertEqual(
            [formatEvent(event) for event in logs],
            ['refused: address=192.0.2.2 reason="its certificate is refused: names of joe and ann"'],
        )
        self.serve(Refusing(RuntimeError("away")))
        self.assertRefused(self.present("pump-1"))
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)

    def test_manyRefused(self) -> None:
        """Who comes with such a certificate again and again does not fill the log."""

        class Refusing(Policy):
            def certificate(self, x509: Any, address: str) -> Deferred[Identity | None]:
                return fail(self.answer)

        self.serve(Refusing(LoginFailed("locked")))
        with capturedLogs() as logs:
            for _ in range(20):
                self.present("pump-1")
        self.assertEqual(len(logs), 1)

    def test_restored(self) -> None:
        """A session is restored as it was, whoever presents which certificate."""
        self.serve(UsersPolicy(USERS))
        client = self.present("pump-1")
        id = client.next()["ok"]
        client.disconnect()
        again = self.present("valve-1", f"{{handshake:[0,'app'],session:['{id}',0]}}")
        self.assertNotIn("error", again.next())
        self.assertEqual(self.memory.last.username, "pump")


class LaterPolicy:
    """A policy that tells later who is there."""

    def __init__(self) -> None:
        self.asked: list[Deferred[Any]] = []

    def login(self, user: str, password: str, address: str) -> Deferred[Identity | None]:
        """Everybody comes in."""
        return succeed(Identity(user))

    def identify(self, user: str) -> Deferred[Identity | None]:
        """Ask the test."""
        self.asked.append(Deferred())
        return self.asked[-1]


class AgainTests(JstpLoginsTestCase):
    """Users who come back, or are gone meanwhile."""

    def leave(self, user: str = "joe") -> str:
        """Come in, and leave a session behind; its id."""
        client = self.come(f"['{user}','s3cret']")
        id = client.next()["ok"]
        assert isinstance(id, str)
        client.disconnect()
        return id

    def test_stillThere(self) -> None:
        """Who is still there gets his session back, at hand or stored."""
        self.serve(UsersPolicy(USERS))
        for wait in (0.0, 3601.0):
            id = self.leave()
            self.clock.advance(wait)
            self.assertNotIn("error", self.memory.connect().restore(id))
            self.assertEqual(self.memory.last.username, "joe")

    def test_gone(self) -> None:
        """The session of who is gone is not given back, at hand or stored; those without a user are."""
        policy = UsersPolicy(USERS)
        self.serve(policy)
        for wait in (0.0, 3601.0):
            policy.replace(USERS)
            id = self.leave()
            nobody = self.memory.connect()
            nobodysId = nobody.open()
            nobody.disconnect()
            self.clock.advance(wait)
            policy.replace({})
            client = self.memory.connect()
            self.assertEqual(client.restore(id)["error"], [11])
            self.assertFalse(client.connected)
            self.assertNotIn("error", self.memory.connect().restore(nobodysId))

    def test_later(self) -> None:
        """While the policy decides the client waits, what it sends too; who leaves meanwhile may come back later."""
        policy = LaterPolicy()
        self.serve(policy)
        for wait in (0.0, 3601.0):
            id = self.leave()
            self.clock.advance(wait)
            client = self.memory.connect()
            client.say(f"{{handshake:[0,'app'],session:['{id}',0]}}", "{call:[1,'calc'],answer:[]}")
            self.assertEqual(client.rest(), [])
            client.disconnect()
            policy.asked.pop().callback(Identity("joe"))
            client = self.memory.connect()
            client.say(f"{{handshake:[0,'app'],session:['{id}',0]}}", "{call:[1,'calc'],answer:[]}")
            self.assertEqual(client.rest(), [])
            policy.asked.pop().callback(Identity("joe"))
            self.assertEqual(len(client.rest()), 2)

    def test_fault(self) -> None:
        """If the policy fails, the client gets no answer, keeps its session, and may ask again."""
        policy = LaterPolicy()
        self.serve(policy)
        for wait in (0.0, 3601.0):
            id = self.leave()
            self.clock.advance(wait)
            client = self.memory.connect()
            client.say(f"{{handshake:[0,'app'],session:['{id}',0]}}")
            policy.asked.pop().errback(RuntimeError("away"))
            self.assertEqual(client.rest(), [])
            self.assertFalse(client.connected)
            self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
            client = self.memory.connect()
            client.say(f"{{handshake:[0,'app'],session:['{id}',0]}}")
            policy.asked.pop().callback(None)
            self.assertNotIn("error", client.next())

    def test_recorded(self) -> None:
        """A session that is recorded is let go of when it is not given back, and can be given back later."""
        for answer in (UnknownUser("gone"), RuntimeError("away")):
            policy = LaterPolicy()
            storage = SimpleSessionStorageProvider(reactor=self.clock)
            self.serve(policy, sessionStorageProvider=storage, sessionDurability="always")
            id = self.leave()
            self.clock.advance(3601)
            client = self.memory.connect()
            client.say(f"{{handshake:[0,'app'],session:['{id}',0]}}")
            released = self.patchRelease(storage)
            policy.asked.pop().errback(answer)
            self.assertFalse(client.connected)
            self.assertEqual(released, [id])
            client = self.memory.connect()
            client.say(f"{{handshake:[0,'app'],session:['{id}',0]}}")
            policy.asked.pop().callback(None)
            self.assertNotIn("error", client.next())
            client.disconnect()
            self.successResultOf(self.memory.close())
            storage.close()
        self.flushLoggedErrors(RuntimeError)

    def patchRelease(self, storage: Any) -> list[str]:
        """The sessions that are let go of from now on."""
        released: list[str] = []
        release = storage.release

        def noting(id: str, epoch: int) -> Any:
            released.append(id)
            return release(id, epoch)

        storage.release = noting
        return released

    def test_recheck(self) -> None:
        """The connections of users who are gone are closed, with a log line; all others stay."""
        policy = UsersPolicy(USERS)
        self.serve(policy)
        clients = [self.come(f"['{user}','s3cret']") for user in ("joe", "joe", "plain")]
        nobody = self.memory.connect()
        nobody.open()
        logins = JstpLogins(policy, self.attempts)
        self.assertEqual(self.successResultOf(logins.recheck(self.server)), 0)
        policy.replace({"plain": {"password": "other"}})
        with capturedLogs() as logs:
            self.assertEqual(self.successResultOf(logins.recheck(self.server)), 2)
        self.assertEqual([client.connected for client in (*clients, nobody)], [False, False, True, True])
        ends = [(formatEvent(each) or "").partition(" user=")[2] for each in logs if each.get("event") == "dropped"]
        self.assertEqual(ends, ['joe reason="its user is gone"'] * 2)
        self.assertEqual(self.successResultOf(logins.recheck(self.server)), 0)

    def test_recheckFault(self) -> None:
        """A policy that fails meanwhile is logged, and nobody is dropped; one that cannot tell drops nobody."""
        policy = LaterPolicy()
        self.serve(policy)
        client = self.come("['joe','s3cret']")
        rechecking = JstpLogins(cast(Any, policy), self.attempts).recheck(self.server)
        policy.asked.pop().errback(RuntimeError("away"))
        self.assertEqual(self.successResultOf(rechecking), 0)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(self.successResultOf(JstpLogins(cast(Any, Policy(None))).recheck(self.server)), 0)
        self.assertTrue(client.connected)


class RecognizerTests(SynchronousTestCase):
    """What a JSTP server takes for somebody who knows certificates."""

    def test_forms(self) -> None:
        """Only a method of that name counts, and it has to take what it is given."""

        class Short:
            def authenticateCertificate(self, connection: Any) -> None:
                """Takes too little."""

        logins = JstpLogins(UsersPolicy({}))
        self.assertEqual(recognizer(logins), logins.authenticateCertificate)
        for policy in (lambda *args: None, object(), JstpLogins):
            self.assertIsNone(recognizer(policy))
        self.assertRaises(TypeError, recognizer, Short())
