"""
The policy of a fixed table of users, in the shape of the Jet daemon's C{users}.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from jetjstp.interfaces import IAuthPolicy, Identity, UnknownUser, WrongPassword
from jetjstp.policies.hashing import HashingQueue
from jetjstp.policies.passwords import ScryptHash, isHash

__all__ = ["User", "UsersPolicy", "checkAuth", "checkUsers"]

GROUP_LISTS = ("fetchGroups", "setGroups", "callGroups")

USER_MEMBERS = ("password", "auth")

IGNORED_MEMBERS = ("admin", "readonly")
"""What the files of C{cjet} have besides: rights to change passwords over the wire, which nobody has here."""

MAX_AUTH_DEPTH = 20
"""How deep an C{auth} object may nest; it is sent to peers, who have limits of their own."""


@dataclass(frozen=True)
class User:
    """
    One user of the table.

    @ivar password: As given, or its hash.
    @ivar identity: Who the user is after logging in; L{None} for a user without C{auth}.
    """

    password: str | ScryptHash
    identity: Identity | None


def checkUsers(users: object) -> dict[str, User]:
    """
    Read a table of users, C{{name: {"password": ..., "auth": {"fetchGroups": [...], ...}}}}. Nothing of it is kept, all
    is copied.

    @raise ValueError: Something is wrong; the message names the user and the member, and holds no password.
    """
    if not isinstance(users, Mapping):
        raise ValueError(f"users must be an object of name: user, not {_kind(users)}")
    table = {}
    for name, user in users.items():
        if not isinstance(name, str):
            raise ValueError(f"the name of a user must be a string, not {_kind(name)}")
        try:
            table[name] = _checkUser(name, user)
        except ValueError as error:
            raise ValueError(f"user {name!r}: {error}") from None
    return table


def _checkUser(name: str, user: object) -> User:
    if not isinstance(user, Mapping):
        raise ValueError(f"must be an object with a password, not {_kind(user)}")
    for member in user:
        if member not in USER_MEMBERS and member not in IGNORED_MEMBERS:
            raise ValueError(f"unknown member {member!r}, a user has {' and '.join(USER_MEMBERS)}")
    if "password" not in user:
        raise ValueError("member 'password' is missing")
    password = user["password"]
    if not isinstance(password, str):
        raise ValueError(f"member 'password' must be a string, not {_kind(password)}")
    auth = user.get("auth")
    return User(_checkPassword(password), None if auth is None else checkAuth(name, auth))


def _checkPassword(password: str) -> str | ScryptHash:
    if not isHash(password):
        return password
    try:
        return ScryptHash.parse(password)
    except ValueError as error:
        # Not taken as plain text: the hash would then be the password, for everybody who has read the file.
        raise ValueError(f"member 'password' looks like a hash but {error}") from None


def checkAuth(name: str, auth: object) -> Identity:
    """
    Read one auth object, C{{"fetchGroups": [...], "setGroups": [...], "callGroups": [...]}}; a list that is absent has
    no groups. A copy is kept.

    @raise ValueError: Something is wrong; the message names the member.
    """
    if not isinstance(auth, Mapping):
        raise ValueError(f"member 'auth' must be an object, not {_kind(auth)}")
    copied = _copyJson(auth, "auth", MAX_AUTH_DEPTH)
    groups = {}
    for member in GROUP_LISTS:
        names = copied.get(member)
        if names is None:
            names = []
        if not isinstance(names, list) or not all(isinstance(group, str) for group in names):
            raise ValueError(f"member 'auth.{member}' must be a list of group names")
        groups[member] = frozenset(names)
    return Identity(name, groups["fetchGroups"], groups["setGroups"], groups["callGroups"], copied)


def _copyJson(value: object, where: str, depth: int) -> Any:
    """Copy what can be sent as JSON; refuse the rest, before it fails at a login."""
    if depth == 0:
        raise ValueError(f"member {where!r} nests too deep")
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, Mapping):
        if not all(isinstance(member, str) for member in value):
            raise ValueError(f"member {where!r} has members whose names are not strings")
        return {member: _copyJson(each, f"{where}.{member}", depth - 1) for member, each in value.items()}
    if isinstance(value, list | tuple):
        return [_copyJson(each, where, depth - 1) for each in value]
    raise ValueError(f"member {where!r} must be something that JSON can say, not {_kind(value)}")


def _kind(value: object) -> str:
    return "null" if value is None else f"a {type(value).__name__}"


@implementer(IAuthPolicy)
class UsersPolicy:
    """
    Knows its users and their passwords, plain or hashed (see L{jetjstp.policies.passwords}).

    @param users: As of the Jet daemon, C{{name: {"password": ..., "auth": {"fetchGroups": [...], "setGroups": [...],
        "callGroups": [...]}}}}. A user without C{auth} may log in but gains nothing by it; a list that is absent has no
        groups. A copy is kept.
    @param reactor: Whose threads check hashed passwords; see L{HashingQueue}.
    @raise ValueError: The table is wrong; the message names the user and the member.
    """

    def __init__(self, users: Mapping[str, Any], reactor: object = None) -> None:
        self._users = checkUsers(users)
        self._hashing = HashingQueue(reactor)

    def login(self, user: str, password: str, address: str) -> Deferred[Identity | None]:
        """See L{IAuthPolicy.login}. Fails with L{LoginFailed} alone if too many hashed passwords are being checked."""
        known = self._users.get(user)
        if known is None:
            return fail(UnknownUser("there is no user of that name"))
        stored = known.password
        if isinstance(stored, str):
            checked = succeed(hmac.compare_digest(_encode(stored), _encode(password)))
        else:
            checked = self._hashing.verify(stored, password)
        return checked.addCallback(_identityOf, known)


def _identityOf(right: bool, user: User) -> Identity | None:
    if not right:
        raise WrongPassword("the password is another one")
    return user.identity


def _encode(password: str) -> bytes:
    # Lone surrogates are legal in JSON strings, hence in passwords.
    return password.encode("utf-8", "surrogatepass")
