"""
The policy of a fixed table of users, in the shape of the Jet daemon's C{users}.
"""

from __future__ import annotations

import hmac
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.defer import Deferred, fail, succeed
from zope.interface import implementer

from jetjstp.interfaces import IAuthPolicy, Identity, LoginFailed, UnknownUser, WrongPassword
from jetjstp.jet.pathrules import PathRules
from jetjstp.policies.hashing import HashingQueue
from jetjstp.policies.passwords import ScryptHash, isHash

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["User", "UsersPolicy", "checkAuth", "checkUsers"]

GROUP_LISTS = ("fetchGroups", "setGroups", "callGroups")

USER_MEMBERS = ("password", "auth", "certificate")

IGNORED_MEMBERS = ("admin", "readonly")
"""What the files of C{cjet} have besides: rights to change passwords over the wire, which nobody has here."""

MAX_AUTH_DEPTH = 20
"""How deep an C{auth} object may nest; it is sent to peers, who have limits of their own."""


@dataclass(frozen=True)
class User:
    """
    One user of the table.

    @ivar password: As given, or its hash; L{None} for a user who cannot log in by password.
    @ivar identity: Who the user is after logging in; L{None} for a user without C{auth}.
    @ivar certificate: A name in the certificate of the user, if he has one.
    """

    password: str | ScryptHash | None = field(repr=False)
    identity: Identity | None
    certificate: str | None = None


def checkUsers(users: object) -> dict[str, User]:
    """
    Read a table of users, C{{name: {"password": ..., "auth": {"fetchGroups": [...], ...}, "certificate": ...}}}.
    Nothing of it is kept, all is copied.

    @raise ValueError: Something is wrong; the message names the user and the member, and holds no password.
    """
    if not isinstance(users, Mapping):
        raise ValueError(f"users must be an object of name: user, not {_kind(users)}")
    table = {}
    owners: dict[str, str] = {}
    for name, user in users.items():
        if not isinstance(name, str):
            raise ValueError(f"the name of a user must be a string, not {_kind(name)}")
        try:
            table[name] = _checkUser(name, user)
        except ValueError as error:
            raise ValueError(f"user {name!r}: {error}") from None
        certificate = table[name].certificate
        if certificate is not None:
            other = owners.setdefault(certificate, name)
            if other != name:
                raise ValueError(f"user {name!r}: member 'certificate': {certificate!r} is user {other!r} already")
    return table


def _checkUser(name: str, user: object) -> User:
    if not isinstance(user, Mapping):
        raise ValueError(f"must be an object with a password, not {_kind(user)}")
    for member in user:
        if member not in USER_MEMBERS and member not in IGNORED_MEMBERS:
            raise ValueError(f"unknown member {member!r}, a user has {' and '.join(USER_MEMBERS)}")
    certificate = user.get("certificate")
    if certificate is not None and (not isinstance(certificate, str) or not certificate):
        raise ValueError("member 'certificate' must be a name in the certificate of the user")
    if "password" not in user and certificate is None:
        raise ValueError("member 'password' is missing")
    password = user.get("password")
    if "password" in user and not isinstance(password, str):
        raise ValueError(f"member 'password' must be a string, not {_kind(password)}")
    auth = user.get("auth")
    if auth is None and certificate is not None:
        auth = {}  # somebody without an identity could not be told from a stranger
    return User(
        None if password is None else _checkPassword(password),
        None if auth is None else checkAuth(name, auth),
        certificate,
    )


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


class Table(NamedTuple):
    """
    Users and rules that belong together; they are exchanged as a whole.

    @ivar owners: The users by the names in their certificates.
    """

    users: dict[str, User]
    owners: dict[str, str]
    rules: PathRules | None


def makeTable(users: object, groups: object = None) -> Table:
    """
    @raise ValueError: Something is wrong; the message names the user or the group, and the member.
    """
    checked = checkUsers(users)
    owners = {user.certificate: name for name, user in checked.items() if user.certificate is not None}
    return Table(checked, owners, None if groups is None else PathRules(groups))  # type: ignore[arg-type]


@implementer(IAuthPolicy)
class UsersPolicy:
    """
    Knows its users and their passwords, plain or hashed (see L{jetjstp.policies.passwords}), and where the members of
    its groups may do something.

    @param users: As of the Jet daemon, C{{name: {"password": ..., "auth": {"fetchGroups": [...], "setGroups": [...],
        "callGroups": [...]}, "certificate": ...}}}. A user without C{auth} may log in but gains nothing by it; a list
        that is absent has no groups. C{certificate} is a name in the certificate of the user, who then need not have a
        password, and without C{auth} is as with an empty one. A copy is kept.
    @param reactor: Whose threads check hashed passwords; see L{HashingQueue}.
    @param groups: As for L{PathRules}. Users may be in groups that are not there.
    @raise ValueError: The table is wrong; the message names the user or the group, and the member.
    """

    def __init__(
        self, users: Mapping[str, Any], reactor: object = None, *, groups: Mapping[str, Any] | None = None
    ) -> None:
        self._table = makeTable(users, groups)
        self._hashing = HashingQueue(reactor)

    @property
    def pathRules(self) -> PathRules | None:
        """See L{IAuthPolicy}."""
        return self._table.rules

    def replace(self, users: Mapping[str, Any], groups: Mapping[str, Any] | None = None) -> None:
        """
        Have other users from now on; C{Daemon.recheck} is to follow. A login that is being checked counts only if it is
        right by the new ones, too.

        @raise ValueError: As when the policy was made; the old users are kept.
        """
        self._table = makeTable(users, groups)

    def login(self, user: str, password: str, address: str) -> Deferred[Identity | None]:
        """See L{IAuthPolicy.login}. Fails with L{LoginFailed} alone if too many hashed passwords are being checked."""
        known = self._table.users.get(user)
        if known is None:
            return fail(UnknownUser("there is no user of that name"))
        return self._check(known, password).addCallback(self._checked, known, user, password, address)

    def _check(self, user: User, password: str) -> Deferred[bool]:
        stored = user.password
        if stored is None:
            return succeed(False)
        if isinstance(stored, str):
            return succeed(hmac.compare_digest(_encode(stored), _encode(password)))
        return self._hashing.verify(stored, password)

    def _checked(
        self, isRight: bool, known: User, user: str, password: str, address: str
    ) -> Identity | Deferred[Identity | None] | None:
        now = self._table.users.get(user)
        if now is None or now.password != known.password:  # the users were exchanged meanwhile
            return self.login(user, password, address)
        if not isRight:
            raise WrongPassword("the password is another one")
        return now.identity

    def certificate(self, x509: Certificate, address: str) -> Deferred[Identity | None]:
        """See L{IAuthPolicy.certificate}. Fails with L{LoginFailed} if it has the names of several users."""
        from jetjstp.policies.certificates import namesOf  # only those who use TLS need its packages

        table = self._table
        users = {table.owners[name] for name in namesOf(x509) if name in table.owners} if table.owners else set()
        if len(users) > 1:
            return fail(LoginFailed(f"the certificate has the names of several users: {', '.join(sorted(users))}"))
        return succeed(table.users[users.pop()].identity if users else None)

    def identify(self, user: str) -> Deferred[Identity | None]:
        """See L{IAuthPolicy.identify}."""
        known = self._table.users.get(user)
        return fail(UnknownUser("there is no user of that name")) if known is None else succeed(known.identity)


def _encode(password: str) -> bytes:
    # Lone surrogates are legal in JSON strings, hence in passwords.
    return password.encode("utf-8", "surrogatepass")
