"""
The client's side of a handshake (sections 6.3 and 7.2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.defer import Deferred

from jetjstp.jstp.errors import ERR_NOT_A_SERVER, NoHandshakeResponse, RemoteError
from jetjstp.jstp.messages import SECRET, Message, Rejected, handshakeFailure, handshakeRequest, numberOf
from jetjstp.jstp.session import LARGEST, Session

if TYPE_CHECKING:
    from jetjstp.jstp.connection import Connection

__all__ = ["App", "Offering"]


class App(NamedTuple):
    """
    What a client asks for.

    @ivar version: An exact version or a range; L{None} for the latest.
    """

    name: str
    version: str | None = None


class Offering:
    """
    Waits for the answer to one handshake.

    @ivar isWaiting: Whether it has not come yet.
    """

    def __init__(self, connection: Connection, session: Session | None) -> None:
        """
        @param session: What is to be restored; L{None} to begin a new one.
        """
        self._connection = connection
        self._session = session
        self._answer: Deferred[Session] = Deferred(lambda _: connection.hangUp())
        self.isWaiting = True

    def ask(self, app: App, strategy: str | None, credentials: Any) -> Deferred[Session]:
        """Send the request; fires with the session, or fails with the L{RemoteError} of the answer."""
        if self._session is not None:
            strategy, credentials = "session", [self._session.id, self._session.receivedCount]
            self._connection.prepare(self._session)
        text = handshakeRequest(app.name, app.version, strategy, credentials)
        self._strategy, self._credentials, self._application = strategy, credentials, app.name
        self._connection.send(text)
        return self._answer

    def greeted(self, message: Message) -> None:
        """
        The server says something.

        @raise Rejected: It is no answer.
        """
        kind, header = next(iter(message.items()))
        if kind != "handshake":
            raise Rejected("a message before the handshake", True)
        numberOf(header)
        if len(header) > 1 and header[1]:
            self._connection.send(handshakeFailure(1, [ERR_NOT_A_SERVER]))
            self._end(NoHandshakeResponse("The server sent a handshake of its own"))
        elif "ok" in message:
            self._accepted(message["ok"])
        elif "error" in message:
            self._refused(message["error"])
        else:
            raise Rejected("a handshake answer with neither ok nor error", True)

    def _accepted(self, ok: Any) -> None:
        connection = self._connection
        if self._session is not None:
            if isinstance(ok, bool) or not isinstance(ok, (int, float)) or ok != ok // 1 or not 0 <= ok <= LARGEST:
                raise Rejected("the answer to a restore is not the number of messages received", True)
            connection.observe("handshake", None, ok)
            connection.resume(int(ok))
            session = self._session
        else:
            if not isinstance(ok, str) or not ok:
                raise Rejected("the answer to a handshake is not the id of a session", True)
            connection.observe("handshake", None, SECRET)
            session = Session(ok, self._username(), self._application)
            connection.begin(session)
        self.isWaiting = False
        self._answer.callback(session)

    def _username(self) -> str | None:
        if self._strategy == "login" and isinstance(self._credentials, (list, tuple)) and self._credentials:
            login = self._credentials[0]
            return login if isinstance(login, str) else None
        return None

    def _refused(self, error: Any) -> None:
        if not isinstance(error, list):
            raise Rejected("the error of a handshake is not a list", True)
        failure = RemoteError.fromList(error)
        self._connection.observe("handshake", failure, None)
        self._end(failure)

    def _end(self, error: Exception) -> None:
        connection = self._connection
        line = connection.line
        self._fail(error)
        if connection.line is line:  # whoever waited may have done more than that
            connection.hangUp()

    def lost(self) -> None:
        """The transport is gone."""
        self._fail(NoHandshakeResponse())

    def failed(self, error: Exception) -> None:
        """The server broke a rule."""
        self._fail(NoHandshakeResponse(f"No answer to the handshake: {error}"))

    def _fail(self, error: Exception) -> None:
        if self.isWaiting:
            self.isWaiting = False
            self._answer.errback(error)
