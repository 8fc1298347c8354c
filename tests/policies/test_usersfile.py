"""Tests of L{jetjstp.policies.usersfile}."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.internet.task import Clock
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import LogLevel, globalLogPublisher
from twisted.plugin import IPlugin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from jetjstp.interfaces import IAuthPolicy, IAuthPolicyFactory, Identity
from jetjstp.policies.usersfile import EXAMPLE, UsersFileFactory, loadUsers
from tests.policies.test_passwords import cheapHash

USERS = {"joe": {"password": "s3cret", "auth": {"fetchGroups": ["users"]}}}

TOML = """
[joe]
password = "s3cret"
auth.fetchGroups = ["users"]
"""


class LoadUsersTests(SynchronousTestCase):
    """L{loadUsers}."""

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
