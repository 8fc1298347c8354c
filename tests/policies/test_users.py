"""Tests of L{jetjstp.policies.users}."""

from __future__ import annotations

import copy
from datetime import date
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from jetjstp.interfaces import IAuthPolicy, Identity, UnknownUser, WrongPassword
from jetjstp.policies.users import UsersPolicy, checkUsers
from tests.policies.test_passwords import cheapHash

USERS: dict[str, Any] = {
    "joe": {
        "password": "jpw",
        "auth": {"fetchGroups": ["users", "staff"], "setGroups": ["users"], "callGroups": [], "desk": [1, {"a": None}]},
    },
    "part": {"password": "p", "auth": {"fetchGroups": ["users"], "setGroups": None}},
    "bare": {"password": "p", "auth": {}},
    "noauth": {"password": "p"},
    "hashed": {"password": cheapHash("s3cret"), "auth": {}},
    "constructor": {"password": "p", "auth": {}},
    "": {"password": "", "auth": None},
}


class LoginTests(SynchronousTestCase):
    """L{UsersPolicy.login}."""

    def setUp(self) -> None:
        """A policy with all kinds of users."""
        self.policy = UsersPolicy(USERS, Clock())

    def login(self, user: str, password: str) -> Identity | None:
        """The identity that a login gives."""
        return self.successResultOf(self.policy.login(user, password, "192.0.2.1"))

    def test_interface(self) -> None:
        """The policy provides its interface."""
        self.assertTrue(verifyObject(IAuthPolicy, self.policy))

    def test_groups(self) -> None:
        """A user has the groups of the lists, and the auth object as it was given."""
        identity = self.login("joe", "jpw")
        self.assertEqual(identity, Identity("joe", frozenset({"users", "staff"}), frozenset({"users"}), frozenset()))
        assert identity is not None
        self.assertEqual(identity.auth, USERS["joe"]["auth"])

    def test_absentLists(self) -> None:
        """A list that is absent or null has no groups."""
        self.assertEqual(self.login("part", "p"), Identity("part", frozenset({"users"})))
        self.assertEqual(self.login("bare", "p"), Identity("bare"))

    def test_withoutAuth(self) -> None:
        """A user without auth is known, but gains nothing."""
        self.assertIsNone(self.login("noauth", "p"))
        self.assertIsNone(self.login("", ""))

    def test_unknown(self) -> None:
        """A user who is not in the table is told apart, also under names that objects have by themselves."""
        for name in ("nobody", "__proto__", "toString", "JOE", "users"):
            self.failureResultOf(self.policy.login(name, "p", "192.0.2.1"), UnknownUser)
        self.assertEqual(self.login("constructor", "p"), Identity("constructor"))

    def test_wrongPassword(self) -> None:
        """Another password is refused, and not shown."""
        for password in ("", "jp", "jpw ", "JPW", "ĵpw", "\ud800"):
            failure = self.failureResultOf(self.policy.login("joe", password, "192.0.2.1"), WrongPassword)
            self.assertNotIn("jpw", failure.getErrorMessage())

    def test_hashedPassword(self) -> None:
        """A hashed password is verified; the hash itself is no password."""
        self.assertEqual(self.login("hashed", "s3cret"), Identity("hashed"))
        for password in ("s3cre", USERS["hashed"]["password"]):
            self.failureResultOf(self.policy.login("hashed", password, "192.0.2.1"), WrongPassword)

    def test_copied(self) -> None:
        """The caller's object is not changed, and changing it later changes no user."""
        users = copy.deepcopy(USERS)
        policy = UsersPolicy(users, Clock())
        self.assertEqual(users, USERS)
        users["joe"]["password"] = "other"
        users["joe"]["auth"]["fetchGroups"].append("admins")
        users["joe"]["auth"]["desk"][1]["a"] = 1
        del users["bare"]
        identity = self.successResultOf(policy.login("joe", "jpw", ""))
        assert identity is not None
        self.assertEqual((identity.fetchGroups, identity.auth), (frozenset({"users", "staff"}), USERS["joe"]["auth"]))
        self.assertEqual(self.successResultOf(policy.login("bare", "p", "")), Identity("bare"))


class CheckUsersTests(SynchronousTestCase):
    """L{checkUsers} refuses what is wrong when the policy is made, not at a login."""

    def assertRefused(self, users: object, *words: str) -> None:
        """The error has all of the words, and no password."""
        error = str(self.assertRaises(ValueError, checkUsers, users))
        for word in words:
            self.assertIn(word, error)
        self.assertNotIn("s3cret", error)

    def test_table(self) -> None:
        """The table and its users must be objects with names."""
        self.assertRefused(None, "users", "null")
        self.assertRefused(["joe"], "users", "list")
        self.assertRefused({1: {"password": "s3cret"}}, "name", "int")
        self.assertRefused({"joe": "s3cret"}, "'joe'", "object")
        self.assertRefused({"joe": None}, "'joe'", "null")

    def test_password(self) -> None:
        """Every user has a password, which is a string."""
        self.assertRefused({"joe": {}}, "'joe'", "'password'", "missing")
        self.assertRefused({"joe": {"password": 5}}, "'joe'", "'password'", "string")
        self.assertRefused({"joe": {"password": None}}, "'joe'", "'password'", "null")

    def test_otherHashes(self) -> None:
        """A hash that cannot be verified is refused, lest it becomes the password."""
        for stored in ("$6$s3cret$s3cret", "$scrypt$s3cret", f"$scrypt$ln=40,r=8,p=1$c2FsdHNhbHQ${'A' * 43}"):
            self.assertRefused({"joe": {"password": stored}}, "'joe'", "'password'", "hash")

    def test_unknownMember(self) -> None:
        """A member that is not known, such as a misspelt one, is refused, apart from cjet's."""
        self.assertRefused({"joe": {"password": "s3cret", "Auth": {}}}, "'joe'", "'Auth'", "password and auth")
        checkUsers({"joe": {"password": "s3cret", "admin": True, "readonly": False}})

    def test_auth(self) -> None:
        """The auth object is an object, its lists are lists of strings."""
        for auth in (False, "users", ["users"]):
            self.assertRefused({"joe": {"password": "s3cret", "auth": auth}}, "'joe'", "'auth'", "object")
        for member in ("fetchGroups", "setGroups", "callGroups"):
            for groups in ("users", {"users": 1}, [1], [["users"]], 1):
                self.assertRefused({"joe": {"password": "s3cret", "auth": {member: groups}}}, "'joe'", f"auth.{member}")

    def test_authIsSent(self) -> None:
        """The auth object is an answer on the wire: it can be said in JSON."""
        deep: object = None
        for _ in range(30):
            deep = [deep]
        for value in (date(2020, 1, 1), {1: 2}, float("nan"), float("inf"), b"x", {"a"}, deep):
            self.assertRefused({"joe": {"password": "s3cret", "auth": {"desk": [value]}}}, "'joe'", "auth.desk")
