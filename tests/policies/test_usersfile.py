"""Tests of L{jetjstp.policies.usersfile}."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import LogLevel, globalLogPublisher
from twisted.plugin import IPlugin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from jetjstp.interfaces import IAuthPolicy, IAuthPolicyFactory, Identity, UnknownUser
from jetjstp.jet.access import Right
from jetjstp.policies.usersfile import (
    EXAMPLE,
    GROUPS_EXAMPLE,
    UsersFileFactory,
    UsersFilePolicy,
    loadUsers,
    loadUsersFile,
)
from jetjstp.testing import MemoryDaemon
from tests.jet.asking import ask
from tests.policies.test_passwords import cheapHash

USERS = {"joe": {"password": "s3cret", "auth": {"fetchGroups": ["users"]}}}

TOML = """
[joe]
password = "s3cret"
auth.fetchGroups = ["users"]
"""


class LoadUsersTestCase(SynchronousTestCase):
    """Users files."""

    def write(self, text: str | bytes, name: str = "users.json") -> str:
        """Write a file; its path."""
        folder = Path(self.mktemp())
        folder.mkdir(parents=True)
        path = folder / name
        path.write_bytes(text.encode("utf-8") if isinstance(text, str) else text)
        return str(path)

    def logged(self) -> EventLoggingObserver:
        """What is logged from now on."""
        observer = EventLoggingObserver()
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        return observer

    def assertRefused(self, path: str, *words: str) -> None:
        """The error names the file and has all of the words, in one line, and no password."""
        error = str(self.assertRaises(ValueError, loadUsers, path))
        for word in (repr(path), *words):
            self.assertIn(word, error)
        self.assertNotIn("s3cret", error)
        self.assertNotIn("\n", error)


class LoadUsersTests(LoadUsersTestCase):
    """L{loadUsers}."""

    def test_json(self) -> None:
        """A file is JSON, whatever it is called, with or without a byte order mark."""
        for name in ("users.json", "users", "users.conf"):
            self.assertEqual(loadUsers(self.write(json.dumps(USERS), name)), USERS)
        self.assertEqual(loadUsers(self.write("\ufeff" + json.dumps(USERS))), USERS)

    def test_toml(self) -> None:
        """A file whose name ends in .toml is TOML."""
        for name in ("users.toml", "USERS.TOML"):
            self.assertEqual(loadUsers(self.write(TOML, name)), USERS)

    def test_wrapped(self) -> None:
        """The table may be the value of a member users."""
        self.assertEqual(loadUsers(self.write(json.dumps({"users": USERS}))), USERS)
        self.assertEqual(loadUsers(self.write(TOML.replace("[joe]", "[users.joe]"), "u.toml")), USERS)
        self.assertEqual(loadUsers(self.write('{"users": {}}')), {})

    def test_userCalledUsers(self) -> None:
        """A user may be called users, and one in a wrapped table password."""
        for users in ({"users": {"password": "p"}, "joe": {"password": "p"}}, {"users": {"password": "p"}}):
            self.assertEqual(loadUsers(self.write(json.dumps(users))), users)
        users = {"password": {"password": "p"}}
        self.assertEqual(loadUsers(self.write(json.dumps({"users": users}))), users)

    def test_unreadable(self) -> None:
        """A file that is not there, a folder, and a file that is not text are named with the remedy."""
        self.assertRefused("no-such-file.json", "does not exist", EXAMPLE)
        self.assertRefused(str(Path(self.write("{}")).parent), "folder")
        self.assertRefused(self.write(b'{"joe": "\xff"}'), "UTF-8")
        self.assertRefused(self.write("{}") + "/users.json", "Not a directory")
        self.assertRefused("\0", "null byte")

    def test_notPermitted(self) -> None:
        """A file that may not be read is named with the remedy."""

        def readText(path: Path, encoding: str) -> str:
            raise PermissionError(13, "Permission denied", str(path))

        self.patch(Path, "read_text", readText)
        self.assertRefused("users.json", "may not be read", "permit")

    def test_notJson(self) -> None:
        """A mistake in JSON is told with its place."""
        self.assertRefused(self.write('{"joe": {\n  "password": "s3cret",,\n}}'), "not JSON", "line 2", ".toml")
        self.assertRefused(self.write(""), "not JSON", "line 1")
        self.assertRefused(self.write(TOML), "not JSON", "line 2")
        self.assertRefused(self.write('{"joe": NaN}'), "NaN")
        self.assertRefused(self.write("[" * 100_000), "nests too deep")

    def test_notToml(self) -> None:
        """A mistake in TOML is told with its place."""
        self.assertRefused(self.write('[joe]\npassword = s3cret"\n', "u.toml"), "not TOML", "line 2")
        self.assertRefused(self.write("[joe]\n[joe]\n", "u.toml"), "not TOML", "line 2")
        self.assertRefused(self.write(f"a={'[' * 100_000}", "u.toml"), "nests too deep")

    def test_wrongShape(self) -> None:
        """What is no table of users is told with the user, the member, and how it should look."""
        self.assertRefused(self.write('["joe"]'), "object of users", EXAMPLE)
        self.assertRefused(self.write('{"joe": {"pasword": "s3cret"}}'), "'joe'", "'pasword'", EXAMPLE)
        self.assertRefused(self.write('{"users": {"joe": {"password": 1}}}'), "'joe'", "'password'", EXAMPLE)
        self.assertRefused(self.write('{"users": {}, "gruops": {}}'), "'gruops'", "beside")

    def test_twice(self) -> None:
        """A user who stands there twice is no matter of luck."""
        path = self.write('{"joe": {"password": "a"}, "joe": {"password": "s3cret"}}')
        self.assertRefused(path, "'joe'", "twice")

    def test_home(self) -> None:
        """A tilde is the home folder, which no shell has put in behind the colon."""
        error = self.assertRaises(ValueError, loadUsers, "~/no-such-users.json")
        self.assertIn(str(Path.home() / "no-such-users.json"), str(error))

    def test_plainPasswords(self) -> None:
        """Plain passwords are accepted with one warning, which counts them."""
        events = self.logged()
        users = {
            "a": {"password": "s3cret"},
            "b": {"password": "s3cret"},
            "c": {"password": cheapHash("s3cret")},
        }
        path = self.write(json.dumps(users))
        loadUsers(path)
        [event] = [event for event in events if event["log_level"] == LogLevel.warn]
        text = event["log_format"].format(**event)
        self.assertIn(path, text)
        self.assertIn("2 of 3 passwords", text)
        self.assertNotIn("s3cret", text)

    def test_hashedPasswords(self) -> None:
        """Nothing is said where all passwords are hashed."""
        events = self.logged()
        loadUsers(self.write(json.dumps({"c": {"password": cheapHash("s3cret")}})))
        self.assertEqual(list(events), [])


GROUPS = {"staff": {"add": ["home/{user}/*"], "fetch": ["*"]}, "*": {"fetch": ["public/*"]}}

GROUPS_TOML = """
[users.joe]
certificate = "joe@example.org"
auth.fetchGroups = ["staff"]

[groups.staff]
add = ["home/{user}/*"]
fetch = ["*"]

[groups."*"]
fetch = ["public/*"]
"""


class GroupsTests(LoadUsersTestCase):
    """Path rules in a users file."""

    def test_read(self) -> None:
        """They stand beside the users, in JSON and in TOML alike."""
        users = {"joe": {"certificate": "joe@example.org", "auth": {"fetchGroups": ["staff"]}}}
        text = json.dumps({"users": users, "groups": GROUPS})
        for path in (self.write(text), self.write(GROUPS_TOML, "u.toml")):
            content = loadUsersFile(path)
            self.assertEqual(content.users, users)
            self.assertEqual(content.groups, GROUPS)
            self.assertEqual(loadUsers(path), users)

    def test_without(self) -> None:
        """Without them a file says so."""
        for text in ("{}", '{"users": {}}'):
            self.assertIsNone(loadUsersFile(self.write(text)).groups)

    def test_usersNamedLikeThat(self) -> None:
        """Users may be called users and groups, also with a certificate instead of a password."""
        users = {"users": {"certificate": "u"}, "groups": {"password": "p"}}
        content = loadUsersFile(self.write(json.dumps(users)))
        self.assertEqual((content.users, content.groups), (users, None))

    def test_unknownGroups(self) -> None:
        """Users may be in groups without rules, for elements have groups of their own."""
        users = {"joe": {"password": cheapHash("p"), "auth": {"fetchGroups": ["elsewhere"]}}}
        loadUsersFile(self.write(json.dumps({"users": users, "groups": GROUPS})))

    def test_mistakes(self) -> None:
        """Mistakes are told with the file, the group and the member, and how it should look."""
        for groups, words in (
            ({"staff": {"ad": ["*"]}}, ("'staff'", "'ad'")),
            ({"staff": {"add": [1]}}, ("'staff'", "'add'", "string")),
            ({"staff": {"add": "*"}}, ("'staff'", "'add'", "list")),
            ([], ("groups", "list")),
            (None, ("groups", "null")),
        ):
            users = {"joe": {"password": "s3cret"}}
            path = self.write(json.dumps({"users": users, "groups": groups}))
            self.assertRefused(path, *words, GROUPS_EXAMPLE)
        self.assertRefused(self.write(GROUPS_TOML.replace("fetch =", "fetsch ="), "u.toml"), "'staff'", "'fetsch'")

    def test_certificateTwice(self) -> None:
        """A certificate is one user's."""
        users = {"joe": {"certificate": "x"}, "ann": {"certificate": "x"}}
        self.assertRefused(self.write(json.dumps(users)), "'joe'", "'ann'", "'certificate'", "'x'")


class ReloadTests(LoadUsersTestCase):
    """L{UsersFilePolicy.reload}."""

    def setUp(self) -> None:
        self.path = Path(self.write(json.dumps({"users": {"joe": self.user("p")}, "groups": GROUPS})))
        self.policy = UsersFilePolicy(self.path, Clock())

    def user(self, password: str) -> dict[str, Any]:
        """A user."""
        return {"password": cheapHash(password), "auth": {"fetchGroups": ["staff"]}}

    def assertOld(self) -> None:
        """Everything is as it was."""
        self.assertEqual(self.successResultOf(self.policy.login("joe", "p", "")), Identity("joe", frozenset({"staff"})))
        rules = self.policy.pathRules
        assert rules is not None
        self.assertTrue(rules.may(None, Right.FETCH, "public/x", None))

    def test_reload(self) -> None:
        """Users and rules are those that the file has now."""
        self.assertOld()
        self.path.write_text(json.dumps({"ann": self.user("q")}))
        self.assertOld()
        self.policy.reload()
        self.failureResultOf(self.policy.login("joe", "p", ""), UnknownUser)
        self.assertIsNotNone(self.successResultOf(self.policy.login("ann", "q", "")))
        self.assertIsNone(self.policy.pathRules)

    def test_broken(self) -> None:
        """A file that is of no use any more is told in one line, and nothing of it is taken."""
        users = {"ann": self.user("q")}
        for text in (
            "",
            "{",
            '{"joe": {"password": "$scrypt$s3cret$"}}',
            json.dumps({"users": users, "groups": {"staff": {"x": []}}}),
            json.dumps({"users": {**users, "joe": {}}, "groups": GROUPS}),
        ):
            self.path.write_text(text)
            error = str(self.assertRaises(ValueError, self.policy.reload))
            self.assertIn(repr(str(self.path)), error)
            self.assertNotIn("\n", error)
            self.assertNotIn("s3cret", error)
            self.assertOld()
        self.path.unlink()
        self.assertRaises(ValueError, self.policy.reload)
        self.assertOld()

    def test_onADaemon(self) -> None:
        """Reloading alone changes nobody's rights; who is rechecked has the new ones."""
        memory = MemoryDaemon(policy=self.policy)
        joe = memory.connect()
        self.assertIn("result", ask(joe, "authenticate", user="joe", password="p"))
        self.path.write_text(json.dumps({"users": {}, "groups": GROUPS}))
        self.policy.reload()
        self.assertTrue(joe.connected)
        self.assertIn("result", ask(joe, "add", path="home/joe/x", value=1))
        self.assertEqual(self.successResultOf(memory.daemon.recheck()), 1)
        self.assertFalse(joe.connected)


class UsersFileFactoryTests(SynchronousTestCase):
    """L{UsersFileFactory}."""

    def test_interfaces(self) -> None:
        """The factory is a plugin."""
        factory = UsersFileFactory()
        self.assertTrue(verifyObject(IAuthPolicyFactory, factory))
        self.assertTrue(verifyObject(IPlugin, factory))

    def test_make(self) -> None:
        """What it makes knows the users of the file."""
        path = Path(self.mktemp())
        path.write_text(json.dumps({"joe": {"password": cheapHash("p"), "auth": {}}}))
        policy = UsersFileFactory().make(str(path), Clock())
        self.assertTrue(verifyObject(IAuthPolicy, policy))
        self.assertEqual(self.successResultOf(policy.login("joe", "p", "")), Identity("joe"))

    def test_withoutFile(self) -> None:
        """Naming no file is told apart from naming a wrong one."""
        error = self.assertRaises(ValueError, UsersFileFactory().make, "", Clock())
        self.assertIn("users:FILE", str(error))
