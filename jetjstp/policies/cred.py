"""
Users of Twisted's own kind: C{--auth-policy cred:CHECKER}, where CHECKER is what
C{--auth} is given elsewhere in Twisted, such as C{file:/etc/jet/passwords}.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import IUsernamePassword, UsernamePassword
from twisted.cred.error import LoginFailed as Denied
from twisted.cred.error import Unauthorized
from twisted.cred.strcred import InvalidAuthType, findCheckerFactories, findCheckerFactory
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IReactorTime
from twisted.plugin import IPlugin
from twisted.python.failure import Failure
from zope.interface import implementer

from jetjstp.interfaces import IAuthPolicy, IAuthPolicyFactory, Identity, WrongPassword

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["CredFactory", "CredPolicy"]

EVERY_USER = "users"
"""The group that all users are in."""

TEXT_CHECKERS = ("memory", "unix")
"""Those of Twisted that take names and passwords as text, and know nobody by bytes. All others take bytes."""


@implementer(IAuthPolicy)
class CredPolicy:
    """
    Lets in whom a credentials checker of Twisted lets in. Every user is in the groups C{users} and the one of his own
    name, for everything.

    @param checker: It has to take names and passwords. The name that it answers with is that of the user.
    @param asText: Whether it wants both as C{str}; otherwise they are given as UTF-8.
    @raise ValueError: It takes something else.
    """

    def __init__(self, checker: ICredentialsChecker, asText: bool = False) -> None:
        self._asText = asText
        if not _takesPasswords(checker):
            raise ValueError("the checker does not take a user name and a password (IUsernamePassword)")
        self._checker = checker

    def login(self, user: str, password: str, address: str) -> Deferred[Identity | None]:
        """
        See L{IAuthPolicy.login}. A checker does not say what was wrong, so it fails with L{WrongPassword} for a user
        who does not exist, too.
        """
        given: tuple[Any, Any] = (user, password)
        if not self._asText:
            # Lone surrogates are legal in JSON strings; no checker knows such a name.
            given = (user.encode("utf-8", "surrogatepass"), password.encode("utf-8", "surrogatepass"))
        credentials = UsernamePassword(*given)
        checked: Deferred[Any] = maybeDeferred(self._checker.requestAvatarId, credentials)
        return checked.addCallbacks(_identityOf, _refused)

    def certificate(self, x509: Certificate, address: str) -> Deferred[Identity | None]:
        """Nobody is known by a certificate."""
        return succeed(None)

    def identify(self, user: str) -> Deferred[Identity | None]:
        """See L{IAuthPolicy.identify}. Checkers cannot be asked who exists: whoever once logged in does."""
        return succeed(_identityNamed(user))


def _takesPasswords(checker: Any) -> bool:
    return any(each.isOrExtends(IUsernamePassword) for each in checker.credentialInterfaces)


def _identityOf(avatarId: bytes | str | tuple[()]) -> Identity:
    # It is empty for the anonymous; and text from checkers that were not written for bytes.
    name = avatarId.decode("utf-8") if isinstance(avatarId, bytes) else avatarId
    if not name or not isinstance(name, str):
        raise WrongPassword("the user name or the password is wrong")
    return _identityNamed(name)


def _identityNamed(name: str) -> Identity:
    groups = [EVERY_USER] if name == EVERY_USER else [EVERY_USER, name]
    known = frozenset(groups)
    auth = {"fetchGroups": groups, "setGroups": groups, "callGroups": groups}
    return Identity(name, known, known, known, auth)


def _refused(failure: Failure) -> Identity:
    failure.trap(Denied, Unauthorized)
    raise WrongPassword("the user name or the password is wrong") from None


@implementer(IPlugin, IAuthPolicyFactory)
class CredFactory:
    """Makes a L{CredPolicy} of C{cred:CHECKER}."""

    name = "cred"
    help = (
        "cred:CHECKER  a credentials checker of Twisted that takes names and passwords, or of its plugins, such as\n"
        "cred:file:/etc/jet/passwords (lines NAME:PASSWORD). Users are in the groups users and that of their own name."
    )

    def make(self, argument: str, reactor: IReactorTime) -> IAuthPolicy:
        """See L{IAuthPolicyFactory.make}."""
        kind, _, rest = argument.partition(":")
        if not kind:
            raise ValueError("no checker is named: write cred:CHECKER, such as cred:file:/etc/jet/passwords")
        try:
            factory = findCheckerFactory(kind)
        except InvalidAuthType:
            known = ", ".join(sorted(each.authType for each in findCheckerFactories() if _takesPasswords(each)))
            raise ValueError(f"cred: there is no checker {kind!r}; known are: {known}") from None
        if not _takesPasswords(factory):
            raise ValueError(f"cred: checker {kind!r} does not take a user name and a password; take another one")
        return CredPolicy(_made(factory, kind, rest), kind in TEXT_CHECKERS)


def _made(factory: Any, kind: str, argument: str) -> ICredentialsChecker:
    if kind == "file" and not os.path.isfile(argument):
        # Twisted's checker would let in nobody, and say so at each login.
        raise ValueError(f"cred: checker 'file': {argument!r} is no file; name one of lines NAME:PASSWORD")
    try:
        checker: ICredentialsChecker = factory.generateChecker(argument)
    except Exception as error:
        # Not what it says: the argument may hold passwords, and checkers quote what they do not like.
        raise ValueError(
            f"cred: checker {kind!r} does not take what it was given ({type(error).__name__}); "
            f"it wants: {factory.argStringFormat}"
        ) from None
    return checker
