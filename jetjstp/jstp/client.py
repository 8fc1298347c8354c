"""
What a program decides about its connections to servers (section 10).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred

from jetjstp.bounds import checkSeconds
from jetjstp.jstp.applications import Application
from jetjstp.jstp.heartbeat import LONGEST_BEAT, LONGEST_SILENCE
from jetjstp.jstp.offering import App
from jetjstp.jstp.session import Session
from jetjstp.jstp.signatures import checkTakes

if TYPE_CHECKING:
    from jetjstp.jstp.connection import Connection

__all__ = ["Client", "Reconnect", "SimpleConnectPolicy"]

Reconnect = Callable[..., Deferred[Exception | None]]
"""
Tries to connect again: with nothing, as it worked the last time; else with other arguments of C{net.connect} or
C{ws.connect}, behind C{"net"} or C{"ws"} if that changes. Fires with L{None}, or with what prevented it.
"""

Reconnector = Callable[["Connection", Reconnect], Any]


class ConnectPolicy(Protocol):
    """How a client comes in."""

    def connect(self, app: App, connection: Connection, session: Session | None) -> Any:
        """
        Do the handshake with C{connection.handshake}.

        @param session: What is to be restored, if anything.
        @return: The session, or a Deferred or coroutine of it.
        """


class SimpleConnectPolicy:
    """Restores a session if there is one; else logs in if there is a login; else comes in anonymously."""

    def __init__(self, login: str | None = None, password: str | None = None) -> None:
        """
        @param login: The name of the user; without one, nobody logs in.
        @param password: It is sent as it is: use TLS.
        @raise TypeError: There is a password and no login, or a login without a password, or one is no text.
        """
        if (login is None) != (password is None):
            raise TypeError("a login needs a password, which may be empty, and a password needs a login")
        if not isinstance(login, str | None) or not isinstance(password, str | None):
            raise TypeError("login and password are of type str")
        self._login = login
        self._password = password

    def __repr__(self) -> str:
        """Without the password."""
        return f"<SimpleConnectPolicy {self._login or 'anonymous'}>"

    def connect(self, app: App, connection: Connection, session: Session | None) -> Deferred[Session]:
        """See L{ConnectPolicy}."""
        if session is not None:
            return connection.handshake(app, session=session)
        if self._login is not None:
            return connection.handshake(app, "login", [self._login, self._password])
        return connection.handshake(app)


class Client:
    """
    What connections to servers have in common; one may be used for any number of them.

    @ivar application: What servers can call here.
    """

    def __init__(
        self,
        application: Application | None = None,
        connectPolicy: ConnectPolicy | Callable[[App, Connection, Session | None], Any] | None = None,
        heartbeatInterval: float | None = None,
        session: Session | None = None,
        logger: Any = None,
        reconnector: Reconnector | None = None,
        heartbeatTimeout: float | None = None,
        newSessionOnLoss: bool = True,
    ) -> None:
        """
        @param application: What servers can call here; nothing if there is none.
        @param connectPolicy: How to come in, see L{ConnectPolicy}: an object with C{connect}, or a function of the app,
            the connection and the session; L{SimpleConnectPolicy} if not given.
        @param heartbeatInterval: Seconds between pings, at most 900; L{None} for none.
        @param session: What the first handshake is to restore.
        @param logger: Has C{emit(name, connection, *args)}, or is called like that, with all that goes over the
            connections, see L{Connection<jetjstp.jstp.connection.Connection>}.
        @param reconnector: Called with the connection and a function, see L{Reconnect}, when a connection is lost and
            whenever an attempt has failed. Without one, attempts are made after 1 to 2 seconds, 2 to 3, 4 to 5, up to
            32 to 33, for ever.
        @param heartbeatTimeout: Seconds without any data after which a connection is lost; 2.5 intervals if not given.
            Shorter than an interval is of use only if the server says something more often.
        @param newSessionOnLoss: Whether to begin a new session when the server does not know the old one any more. If
            not, the connection ends then.
        @raise TypeError: Something is of the wrong kind; the message names it.
        @raise ValueError: An interval is out of range.
        """
        if isinstance(application, dict):
            raise TypeError("Client takes keywords, not a dict: Client(application=..., connectPolicy=...)")
        if application is not None and not isinstance(application, Application):
            raise TypeError(f"application must be an Application, not {application!r}")
        if session is not None and not isinstance(session, Session):
            raise TypeError("session must be a Session; Session.fromString reads a stored one")
        policy = connectPolicy or SimpleConnectPolicy()
        connect = policy if isinstance(policy, type) else getattr(policy, "connect", policy)
        if not callable(connect):
            raise TypeError(f"connectPolicy must be a function, or have a method connect: {connectPolicy!r}")
        checkTakes("connectPolicy", connect, "app", "connection", "session")
        if reconnector is not None and not callable(reconnector):
            raise TypeError(f"reconnector must be a function: {reconnector!r}")
        if reconnector is not None:
            checkTakes("reconnector", reconnector, "connection", "reconnect")
        log = getattr(logger, "emit", logger)
        if logger is not None and not callable(log):
            raise TypeError(f"logger must be a function, or have a method emit: {logger!r}")
        if heartbeatInterval is not None:
            checkSeconds("heartbeatInterval", heartbeatInterval, LONGEST_BEAT)
        if heartbeatTimeout is not None:
            if heartbeatInterval is None:
                raise ValueError("heartbeatTimeout needs a heartbeatInterval: who does not ask hears nothing")
            checkSeconds("heartbeatTimeout", heartbeatTimeout, LONGEST_SILENCE)
        self.application = application or NOTHING
        self.connect: Callable[[App, Connection, Session | None], Any] = connect
        self.heartbeatInterval = heartbeatInterval
        self.heartbeatTimeout = heartbeatTimeout
        self.session = session
        self.log: Callable[..., Any] | None = log
        self.reconnector = reconnector
        self.newSessionOnLoss = newSessionOnLoss


NOTHING = Application("jstp", {}, version="1.0.0")
"""What servers can call on a client that offers nothing."""
