"""
JSTP clients log in as Jet's peers do: the C{authPolicy} of a JSTP server, made of
an authentication policy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.interfaces import IAuthPolicy, Identity, LoginFailed, UnknownUser, WrongPassword
from jetjstp.jstp.errors import ERR_AUTH_FAILED, RemoteError
from jetjstp.logins import LoginAttempts

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from jetjstp.jstp.applications import Application
    from jetjstp.jstp.connection import Connection
    from jetjstp.jstp.server import Server

__all__ = ["JstpLogins"]

LOGIN = "login"
"""The strategy that is served, with the user and the password as credentials."""


class JstpLogins:
    """
    Lets the users of a policy log in to JSTP servers: C{createServer(..., authPolicy=JstpLogins(policy))}.

    A client that comes with a user and a password is that user. One that asks for nothing in particular and has a
    certificate is the user whom the policy knows by it; without a certificate it is nobody, as on any server. All else
    is refused. An unknown user and a wrong password are refused alike. Who comes back to a session gets it if there is
    such a user still, with a policy that has C{identify}.

    @param policy: Of which C{login} is enough.
    @param attempts: What counts wrong logins; give that of a daemon, C{Daemon.attempts}, to count with it. By default
        the same limit is kept alone.
    """

    _log = Logger()

    def __init__(self, policy: IAuthPolicy, attempts: LoginAttempts | None = None) -> None:
        self._policy = policy
        self._attempts = LoginAttempts() if attempts is None else attempts

    def authenticate(
        self, connection: Connection, application: Application, strategy: str, credentials: Any
    ) -> Deferred[str | None]:
        """
        See C{authPolicy} of L{jetjstp.jstp.net.createServer}.

        @return: Fires with the name of the user; with L{None}, or fails with L{RemoteError}, for a refusal.
        """
        match credentials:
            case [str() as user, str() as password] if strategy == LOGIN:
                address = connection.remoteAddress
                asked: Deferred[Identity | None] = self._attempts.run(
                    address, self._policy.login, user, password, address
                )
                return asked.addCallbacks(_nameOf, _refused, callbackArgs=(user,))
        return succeed(None)

    def authenticateCertificate(
        self, connection: Connection, application: Application, certificate: Certificate
    ) -> Deferred[str | None]:
        """
        Say who a client is by its certificate.

        @return: Fires with the name of the user, with L{None} if it is nobody's; fails with L{RemoteError} if the
            client is not to be served.
        """
        recognize = getattr(self._policy, "certificate", None)
        if recognize is None:
            return succeed(None)
        asked = maybeDeferred(recognize, certificate, connection.remoteAddress)
        return asked.addCallbacks(_nameOf, _certificateRefused, callbackArgs=(None,))

    def authenticateAgain(self, username: str) -> Deferred[bool]:
        """
        Say whether somebody gets his session back.

        @return: Fires with whether there is such a user still, as far as the policy can tell.
        """
        identify = getattr(self._policy, "identify", None)
        if identify is None:
            return succeed(True)
        return maybeDeferred(identify, username).addCallbacks(lambda _: True, _isGone)

    def recheck(self, server: Server) -> Deferred[int]:
        """
        Close the connections of users who are gone, after the users of the policy have changed. Their sessions are not
        given back. What the others may do is the business of the applications.

        @return: Fires with the number of connections; at once, unless the policy takes its time. A policy that fails
            meanwhile is logged, and its users stay.
        """
        users: dict[str, list[Connection]] = {}
        for connection in server.getClients():
            if connection.username is not None:
                users.setdefault(connection.username, []).append(connection)
        asking = [
            self.authenticateAgain(user).addCallback(_drop, server, connections).addErrback(self._unknown)
            for user, connections in users.items()
        ]
        return gatherResults(asking).addCallback(sum)

    def _unknown(self, failure: Failure) -> int:
        self._log.failure("whether users have changed could not be found out; they stay as they are", failure=failure)
        return 0


def _nameOf(identity: Identity | None, user: str | None) -> str | None:
    """The policy knows a user without rights of his own by L{None}; he has logged in all the same."""
    return user if identity is None else identity.name


def _drop(isThere: bool, server: Server, connections: list[Connection]) -> int:
    """Those that the application C{jet} has dropped before are neither told of nor counted twice."""
    return 0 if isThere else sum(server.dropClient(connection, "its user is gone") for connection in connections)


def _isGone(failure: Failure) -> bool:
    failure.trap(LoginFailed)
    return False


def _certificateRefused(failure: Failure) -> None:
    failure.trap(LoginFailed)
    # As the cause, which is for the log: it may name others, so it is not for the client.
    raise RemoteError(ERR_AUTH_FAILED) from failure.value


def _refused(failure: Failure) -> None:
    failure.trap(LoginFailed)
    error = failure.value
    if isinstance(error, UnknownUser | WrongPassword):
        return
    # Something that passes: too many at a time, a user who is locked out. The message is written to be told.
    raise RemoteError(ERR_AUTH_FAILED, str(error)) from None
