"""Tests of L{jetjstp.policies.cred}."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from twisted.cred.credentials import IAnonymous, IUsernameHashedPassword, IUsernamePassword
from twisted.cred.error import LoginDenied, Unauthorized, UnauthorizedLogin
from twisted.internet.defer import fail, succeed
from twisted.internet.task import Clock
from twisted.plugin import IPlugin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from jetjstp.interfaces import IAuthPolicy, IAuthPolicyFactory, Identity, WrongPassword
from jetjstp.policies import cred
from jetjstp.policies.cred import CredFactory, CredPolicy
from jetjstp.testing import MemoryDaemon
from tests.jet.asking import ask

SECRET = "s3cret"

JOE = Identity("joe", *[frozenset({"users", "joe"})] * 3)  # type: ignore[arg-type]


class Checker:
    """A checker that answers as the test wants, and remembers what it was asked."""

    credentialInterfaces: Any = (IUsernamePassword,)

    def __init__(self, answer: Any) -> None:
        self.answer = answer
        self.asked: list[tuple[bytes, bytes]] = []

    def requestAvatarId(self, credentials: Any) -> Any:
        """See L{ICredentialsChecker}."""
        self.asked.append((credentials.username, credentials.password))
        if isinstance(self.answer, ZeroDivisionError):
            raise self.answer
        return fail(self.answer) if isinstance(self.answer, Exception) else succeed(self.answer)


class CheckerFactory:
    """A checker plugin of somebody else."""

    authType = "odd"
    argStringFormat = "something else"
    credentialInterfaces = (IUsernamePassword,)

    def __init__(self, **attributes: Any) -> None:
        self.__dict__.update(attributes)

    def generateChecker(self, argument: str) -> Any:
        """Complain about a password, or make a checker that does not take what its factory says."""
        if argument:
            raise KeyError(f"no such user: {argument}")
        checker = Checker(b"joe")
        checker.credentialInterfaces = (IAnonymous,)
        return checker


class CredPolicyTests(SynchronousTestCase):
    """L{CredPolicy}."""

    def policy(self, answer: Any) -> CredPolicy:
        """A policy whose checker gives an answer."""
        self.checker = Checker(answer)
        return CredPolicy(cast(Any, self.checker))

    def test_interface(self) -> None:
        """The policy provides its interface."""
        self.assertTrue(verifyObject(IAuthPolicy, self.policy(b"joe")))

    def test_success(self) -> None:
        """The user is who the checker says, in the groups users and that of the name; the auth object says so."""
        for answer in (b"joe", "joe"):
            identity = self.successResultOf(self.policy(answer).login("JOE", "pässword", "192.0.2.1"))
            self.assertEqual(identity, JOE)
            assert identity is not None
            groups = ["users", "joe"]
            self.assertEqual(identity.auth, {"fetchGroups": groups, "setGroups": groups, "callGroups": groups})
        self.assertEqual(self.checker.asked, [(b"JOE", "pässword".encode())])

    def test_userNamedAsTheGroup(self) -> None:
        """A user called users is in one group."""
        identity = self.successResultOf(self.policy(b"users").login("users", "p", ""))
        assert identity is not None
        self.assertEqual(identity.auth["fetchGroups"], ["users"])

    def test_refusals(self) -> None:
        """Whatever the checker does not like, it is the password; nothing of it is told."""
        for answer in (UnauthorizedLogin(SECRET), Unauthorized(SECRET), LoginDenied(SECRET), (), b""):
            failure = self.failureResultOf(self.policy(answer).login("joe", SECRET, ""), WrongPassword)
            self.assertNotIn(SECRET, failure.getErrorMessage() + failure.getTraceback())

    def test_fault(self) -> None:
        """A checker that fails in another way is no fault of the user."""
        for answer in (KeyError("away"), ZeroDivisionError("away")):
            self.failureResultOf(self.policy(answer).login("joe", "p", ""), type(answer))

    def test_surrogates(self) -> None:
        """Names and passwords that are legal JSON but no Unicode are wrong like others."""
        self.failureResultOf(self.policy(UnauthorizedLogin()).login("\ud800", "\udfff", ""), WrongPassword)

    def test_others(self) -> None:
        """Whoever once logged in is still there; nobody is known by a certificate."""
        policy = self.policy(b"joe")
        self.assertEqual(self.successResultOf(policy.identify("joe")), JOE)
        self.assertIsNone(self.successResultOf(policy.certificate(cast(Any, object()), "")))

    def test_unfit(self) -> None:
        """A checker that takes no passwords is refused."""
        checker = Checker(b"joe")
        checker.credentialInterfaces = (IUsernameHashedPassword,)
        error = self.assertRaises(ValueError, CredPolicy, cast(Any, checker))
        self.assertIn("IUsernamePassword", str(error))

    def test_onADaemon(self) -> None:
        """A peer is answered with its groups, and has their rights; a rejected one is told of the password."""
        policy = CredFactory().make(f"memory:joe:{SECRET}", Clock())
        memory = MemoryDaemon(policy=policy)
        owner, peer = memory.connect(), memory.connect()
        ask(owner, "add", path="a", value=1, access={"fetchGroups": ["joe"]})
        ask(owner, "add", path="b", value=1, access={"fetchGroups": ["ann"]})
        for user, password in (("joe", "?"), ("ann", SECRET)):
            error = ask(peer, "authenticate", user=user, password=password)["error"]
            self.assertEqual(error["data"], {"invalidPassword": True})
        answer = ask(peer, "authenticate", user="joe", password=SECRET)
        self.assertEqual(answer["result"]["setGroups"], ["users", "joe"])
        self.assertEqual([entry["path"] for entry in ask(peer, "get")["result"]], ["a"])
        self.assertEqual(self.successResultOf(memory.daemon.recheck()), 0)


class CredFactoryTests(SynchronousTestCase):
    """L{CredFactory}."""

    def refused(self, argument: str) -> str:
        """The error for an argument; it is one line without the password."""
        error = str(self.assertRaises(ValueError, CredFactory().make, argument, Clock()))
        self.assertNotIn(SECRET, error)
        self.assertNotIn("\n", error)
        return error

    def test_interfaces(self) -> None:
        """The factory is a plugin."""
        self.assertTrue(verifyObject(IAuthPolicyFactory, CredFactory()))
        self.assertTrue(verifyObject(IPlugin, CredFactory()))

    def test_memory(self) -> None:
        """Users may stand in the argument."""
        policy = CredFactory().make(f"memory:joe:{SECRET}:ann:pässword", Clock())
        self.assertEqual(self.successResultOf(policy.login("joe", SECRET, "")), JOE)
        self.assertEqual(self.successResultOf(policy.login("ann", "pässword", "")).name, "ann")  # type: ignore[union-attr]
        self.failureResultOf(policy.login("ann", SECRET, ""), WrongPassword)

    def test_file(self) -> None:
        """Users may stand in a file, which is read at each login."""
        path = Path(self.mktemp())
        path.write_text(f"joe:{SECRET}\n")
        policy = CredFactory().make(f"file:{path}", Clock())
        self.assertEqual(self.successResultOf(policy.login("joe", SECRET, "")), JOE)
        path.write_text("ann:x\n")
        self.failureResultOf(policy.login("joe", SECRET, ""), WrongPassword)

    def test_unix(self) -> None:
        """The users of the system are asked as their checker wants it; without such a user the login is wrong."""
        policy = CredFactory().make("unix", Clock())
        self.failureResultOf(policy.login("no-such-user", SECRET, ""), WrongPassword)

    def test_missingFile(self) -> None:
        """A file that is not there is told at once, and in one place."""
        self.assertIn("no-such-file", self.refused("file:no-such-file"))
        self.assertIn("no file", self.refused("file:"))

    def test_unknown(self) -> None:
        """A checker that nobody has is told with those that fit."""
        error = self.refused(f"memroy:joe:{SECRET}")
        self.assertIn("'memroy'", error)
        self.assertIn("memory", error)
        self.assertIn("file", error)
        self.assertNotIn("anonymous", error)

    def test_withoutChecker(self) -> None:
        """Naming no checker is told apart."""
        self.assertIn("cred:CHECKER", self.refused(""))

    def test_unfit(self) -> None:
        """A checker that takes no passwords is refused, by what its plugin says or by what it is itself."""
        self.assertIn("'anonymous'", self.refused("anonymous"))
        self.patch(cred, "findCheckerFactory", lambda kind: CheckerFactory())
        self.assertIn("user name and a password", self.refused("odd"))

    def test_wrongArgument(self) -> None:
        """An argument that the checker does not take is not repeated, whatever the checker says of it."""
        self.assertIn("name:password", self.refused(f"memory:{SECRET}"))
        self.patch(cred, "findCheckerFactory", lambda kind: CheckerFactory())
        error = self.refused(f"odd:{SECRET}")
        self.assertIn("something else", error)
        self.assertIn("KeyError", error)
