"""
The server's side of a handshake (sections 6 and 7.3).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.interfaces import LoginFailed, StorageUnavailable
from jetjstp.jstp.applications import Application
from jetjstp.jstp.errors import ERR_APP_NOT_FOUND, ERR_AUTH_FAILED, RemoteError
from jetjstp.jstp.messages import Message, Rejected, handshakeFailure, handshakeSuccess, numberOf
from jetjstp.jstp.session import LARGEST, Session
from jetjstp.jstp.signatures import checkTakes
from jetjstp.rarefailures import logRarely

if TYPE_CHECKING:
    from jetjstp.jstp.connection import Connection
    from jetjstp.jstp.server import RefusalKind, Server

__all__ = ["Accepting", "authenticate", "recognizer", "rememberer"]

ANONYMOUS = "anonymous"
SESSION = "session"


def authenticate(policy: Any) -> Callable[..., Any]:
    """
    What to ask whether somebody may come in.

    @param policy: A function, or an object with C{authenticate}.
    @raise TypeError: It is neither, or does not take the connection, the application, the strategy and the credentials.
    """
    method = policy if isinstance(policy, type) else getattr(policy, "authenticate", policy)
    if not callable(method):
        # Not the policy itself: it may well be a dict of passwords.
        raise TypeError(f"authPolicy must be a function, or have a method authenticate, not {type(policy).__name__}")
    checkTakes("authPolicy", method, "connection", "application", "strategy", "credentials")
    found: Callable[..., Any] = method
    return found


def recognizer(policy: Any) -> Callable[..., Any] | None:
    """
    What to ask who has a certificate: C{authenticateCertificate(connection, application, certificate)} of an object
    that has it. It gives a user name, or L{None} for nobody in particular.

    @raise TypeError: It does not take these.
    """
    return _optional(policy, "authenticateCertificate", "connection", "application", "certificate")


def rememberer(policy: Any) -> Callable[..., Any] | None:
    """
    What to ask whether a user is to get his session back: C{authenticateAgain(username)} of an object that has it.

    @raise TypeError: It does not take that.
    """
    return _optional(policy, "authenticateAgain", "username")


def _optional(policy: Any, name: str, *args: str) -> Callable[..., Any] | None:
    method: Callable[..., Any] | None = None if isinstance(policy, type) else getattr(policy, name, None)
    if method is not None:
        checkTakes(name, method, *args)
    return method


class Unanswered(Exception):
    """Whether a user is welcome is not known, so the client is to ask again later."""


class Accepting:
    """
    Decides about one connection, whatever that takes.

    While it does, the connection takes no more messages. If the connection is lost meanwhile, the decision is void.
    """

    _log = Logger()

    def __init__(self, server: Server, connection: Connection) -> None:
        self._server = server
        self._connection = connection
        self._isOver = False

    def cancel(self) -> None:
        """The connection is gone."""
        self._isOver = True

    @property
    def _isVoid(self) -> bool:
        """Whether the decision does not matter any more."""
        return self._isOver or self._connection.isClosing

    def greeted(self, message: Message) -> None:
        """
        The client asks for something.

        @raise Rejected: It is not to be served.
        """
        kind, header = next(iter(message.items()))
        if kind != "handshake":
            raise Rejected("a message before the handshake", True)
        numberOf(header)
        name = header[1] if len(header) > 1 else None
        if not isinstance(name, str) or not name:
            raise Rejected("a handshake that asks for no application", True)
        self._connection.decide(True)
        version = header[2] if len(header) > 2 else None
        application = self._server.find(name, version)
        names = list(message)
        strategy = names[1] if len(names) > 1 else ANONYMOUS
        credentials = message[strategy] if len(names) > 1 else None
        if application is None:
            self._refuse([ERR_APP_NOT_FOUND], "application", f"there is no application {name!r}")
            return
        self._server.asked(self._connection, application, strategy)
        self._connection.application = application
        self._server.requested(self._connection, version, application)
        if strategy == SESSION:
            self._restore(application, credentials)
        elif strategy == ANONYMOUS:
            self._recognize(application)
        else:
            self._authenticate(application, strategy, credentials)

    # Somebody new

    def _recognize(self, application: Application) -> None:
        """Somebody who says no name, but may have a certificate that says it."""
        recognize, line = self._server.recognize, self._connection.line
        certificate = None if recognize is None or line is None else getattr(line.link, "peerCertificate", None)
        if recognize is None or certificate is None:
            self._admit(None)
            return
        asked = maybeDeferred(recognize, self._connection, application, certificate)
        asked.addCallbacks(self._recognized, self._unauthenticated, errbackArgs=("certificate",))
        asked.addErrback(self._broken)

    def _recognized(self, username: Any) -> None:
        if username is None:
            self._admit(None)
        else:
            self._authenticated(username)

    def _authenticate(self, application: Application, strategy: str, credentials: Any) -> None:
        policy = self._server.authenticate
        if policy is None:
            self._refuseLogin()
            return
        asked = maybeDeferred(policy, self._connection, application, strategy, credentials)
        asked.addCallbacks(self._authenticated, self._unauthenticated, errbackArgs=("login",))
        asked.addErrback(self._broken)

    def _authenticated(self, username: Any) -> None:
        if isinstance(username, str) and username:
            self._admit(username)
            return
        if username:
            self._log.error("authPolicy gave a {kind} for a user name", kind=type(username).__name__)
        self._refuseLogin()

    def _unauthenticated(self, failure: Failure, what: str) -> None:
        error = failure.value
        if isinstance(error, RemoteError):
            answer = error.toList()
            # What a policy says may be more than what the client is told.
            said = error.__cause__ if isinstance(error.__cause__, LoginFailed) else "".join(map(str, answer[1:2]))
            self._refuse(answer, "login", f"its {what} is refused: {said}" if said else f"its {what} is refused")
        else:
            logRarely(self._log, self._server.authenticate, "authPolicy failed", failure)
            self._refuse([ERR_AUTH_FAILED], "login", f"its {what} could not be checked")

    def _refuseLogin(self) -> None:
        self._refuse([ERR_AUTH_FAILED], "login", "its login is refused")

    def _admit(self, username: str | None) -> None:
        if self._isVoid:
            return
        session = Session(str(uuid4()), username, self._connection.application.name)
        recording = self._server.startRecording(self._connection, session)
        if recording is None:
            self._begin(session)
        else:
            self._server.watch(recording.addCallback(lambda _: self._begin(session)).addErrback(self._broken))

    def _begin(self, session: Session) -> None:
        if self._isVoid:
            self._server.abandonRecording(self._connection)
            return
        self._isOver = True
        connection = self._connection
        connection.send(handshakeSuccess(session.id))
        if connection.line is None:  # it was lost with that
            self._server.abandonRecording(connection)
            return
        connection.begin(session)
        self._server.admitted(connection)
        connection.decide(False)

    # Somebody who comes back

    def _restore(self, application: Application, credentials: Any) -> None:
        match credentials:
            case [str() as id, int() | float() as count] if (
                not isinstance(count, bool) and count == count // 1 and 0 <= count <= LARGEST
            ):
                received = int(count)
            case _:
                self._refuseSession()
                return
        known = self._server.known(id)
        if known is not None:
            self._verify(known, application, id, received)
        else:
            self._find(application, id, received)

    def _verify(self, known: Connection, application: Application, id: str, received: int) -> None:
        def welcomed(isWelcome: bool) -> Deferred[None] | None:
            if isWelcome:
                return self._server.isOurs(known).addCallback(self._verified, known, application, id, received)
            self._refuseSession()
            return None

        verifying = self._isWelcome(known.session).addCallback(welcomed)
        self._server.watch(verifying.addErrback(self._broken))

    def _isWelcome(self, session: Session | None) -> Deferred[bool]:
        """Whether the user of a session may have it back."""
        remember = self._server.remember
        if remember is None or session is None or session.username is None:
            return succeed(True)
        return maybeDeferred(remember, session.username).addCallbacks(bool, self._unanswered)

    def _unanswered(self, failure: Failure) -> bool:
        logRarely(self._log, self._server, "whether a user is still there could not be found out", failure)
        raise Unanswered

    def _verified(self, isOurs: bool, known: Connection, application: Application, id: str, received: int) -> None:
        if self._isVoid:
            return
        if isOurs and self._server.known(id) is known:
            self._return(known, received)
        else:
            self._find(application, id, received)

    def _find(self, application: Application, id: str, received: int) -> None:
        def found(session: Session | None) -> Deferred[None]:
            return self._isWelcome(session).addCallback(welcomed, session)

        def welcomed(isWelcome: bool, session: Session | None) -> None:
            if not isWelcome:
                self._server.abandonRecording(self._connection)
                session = None
            self._found(session, application, id, received)

        finding = self._server.findSession(self._connection, application, id, found)
        self._server.watch(finding.addErrback(self._broken))

    def _return(self, known: Connection, received: int) -> None:
        """The connection of the session is at hand."""
        session = known.session
        if session is None or session.application != self._connection.application.name:
            self._refuseSession()
            return
        connection = self._connection
        line = connection.line
        if line is None:
            return
        self._isOver = True
        connection.line = None
        self._server.replaced(connection, known)
        known.adopt(line)
        self._answer(known, session, received)

    def _found(self, session: Session | None, application: Application, id: str, received: int) -> None:
        """The storage has answered."""
        if self._isVoid:
            self._server.abandonRecording(self._connection)
            return
        known = self._server.known(id)
        if known is not None:  # it was restored while we asked
            self._verify(known, application, id, received)
        elif session is None:
            self._refuseSession()
        else:
            self._isOver = True
            self._connection.prepare(session)
            self._answer(self._connection, session, received)

    def _answer(self, connection: Connection, session: Session, received: int) -> None:
        connection.send(handshakeSuccess(session.receivedCount))
        if connection.line is None:
            if connection is self._connection:
                self._server.abandonRecording(connection)
            return
        connection.resume(received)
        self._server.returned(connection)
        connection.decide(False)

    # Nobody

    def _refuseSession(self) -> None:
        self._refuse([ERR_AUTH_FAILED], "session", "there is no such session")

    def _refuse(self, error: list[Any], kind: RefusalKind, reason: str) -> None:
        if self._isVoid:
            return
        self._isOver = True
        self._server.handshakes.noteRefusal(error[0])
        self._server.tellRefusal(self._connection, kind, reason)
        self._connection.send(handshakeFailure(0, error))
        self._connection.hangUp()

    def _broken(self, failure: Failure) -> None:
        if failure.check(Unanswered):
            self._server.abandonRecording(self._connection)
        if failure.check(StorageUnavailable, Unanswered):
            # Without an answer: the client tries again, with the session that it has.
            if not self._isVoid:
                self._isOver = True
                self._connection.hangUp()
            return
        logRarely(self._log, self._server, "a handshake could not be answered", failure)
        self._refuse([ERR_AUTH_FAILED], "fault", "its handshake could not be answered")
