"""
What plugs into what.

Inside the package: L{MessageLink} and L{MessageReceiver}, the seam between
connections that carry whole messages and the protocols that speak over them.
For strangers: the zope interfaces of authentication policies and of session
storages, which L{twisted.plugin} finds.

This module is imported by every C{twistd} run on a machine that has the
package (the plugin cache refers to it): it imports neither a reactor nor
Autobahn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.plugin import IPlugin
from zope.interface import Attribute, Interface

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from jetjstp.jstp.session import Entry, Session

__all__ = [
    "IAuthPolicy",
    "IAuthPolicyFactory",
    "IFencedSessionStorage",
    "ISessionStorage",
    "ISessionStorageFactory",
    "Identity",
    "LoginFailed",
    "MessageLink",
    "MessageReceiver",
    "StorageUnavailable",
    "UnknownUser",
    "WrongPassword",
]


class MessageLink(Protocol):
    """
    A connection that carries whole messages, in both directions.

    A link may have two members besides, which say who the other side is: C{handshakeAuth}, the auth object of its
    WebSocket handshake, and C{peerCertificate}, the L{cryptography.x509.Certificate} that TLS has verified; either may
    be L{None}.
    """

    kind: str
    """How a message becomes a frame: links of one kind share ready frames."""

    address: str
    """Where the other side is, for logs and for limits by address: a host, without its port, or a UNIX path."""

    blocked: bool
    """Whether the transport holds more than the other side is taking; see L{MessageReceiver.linkBlocked}."""

    def pack(self, message: bytes) -> bytes:
        """Make the frame of one message."""

    def write(self, frames: list[bytes]) -> None:
        """Send ready frames, in order, in as few system calls as possible. After the end: ignored."""

    def setMaxMessage(self, size: int) -> None:
        """Take messages of at most this many bytes from now on; what has arrived as a whole is not concerned."""

    def pauseReading(self) -> None:
        """Deliver no more messages, and let the other side feel it, until L{resumeReading}."""

    def resumeReading(self) -> None:
        """Deliver messages again."""

    def close(self) -> None:
        """Send what was written, then end the connection."""

    def abort(self) -> None:
        """End the connection at once."""


class MessageReceiver(Protocol):
    """What a link tells of."""

    def linkOpened(self, link: MessageLink) -> None:
        """The link can be written to. Called once, first."""

    def messagesReceived(self, messages: list[bytes]) -> None:
        """Messages that came in one piece of data, in order; never empty."""

    def linkBlocked(self) -> None:
        """What was written is piling up: keep back what can wait until L{linkDrained}."""

    def linkDrained(self) -> None:
        """What was written is gone, C{link.blocked} is false again."""

    def linkLost(self, reason: str) -> None:
        """The link is gone. Called once, last, and only if L{linkOpened} was."""


@dataclass(frozen=True)
class Identity:
    """
    Who a peer is and what it may do.

    @ivar name: The user's name.
    @ivar fetchGroups: Groups of the user for reading; likewise C{setGroups} and C{callGroups}.
    @ivar auth: The object that Jet's C{authenticate} answers with.
    """

    name: str
    fetchGroups: frozenset[str] = frozenset()
    setGroups: frozenset[str] = frozenset()
    callGroups: frozenset[str] = frozenset()
    auth: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def __hash__(self) -> int:
        """Of the name alone, which is quick: rights are looked up by identity all the time."""
        return hash(self.name)


class LoginFailed(Exception):
    """A login was refused. The message never holds the password."""


class UnknownUser(LoginFailed):
    """There is no user of that name."""


class WrongPassword(LoginFailed):
    """The user exists, the password is another one."""


class IAuthPolicy(Interface):
    """
    Decides who a peer is.

    Only C{login} has to be there; whether a policy has more is found out by looking for it, it need not declare the
    interface. Without C{certificate} nobody is known by a certificate, and without C{identify} a user who has logged in
    stays who he is.

    A policy may have two members besides:

      - C{reload()} reads anew what the policy has read from elsewhere. It raises C{ValueError}, with one line that
        names the thing and no password, if that is of no use; then everything is as before. Whoever calls it goes on
        with C{Daemon.recheck}, which lets go of the peers whose rights have changed.
      - C{pathRules}: L{jetjstp.jet.PathRules} or L{None}, where the members of groups may do something. It is read when
        a daemon is made, and at each C{Daemon.recheck}.
    """

    def login(user: str, password: str, address: str) -> Deferred[Identity | None]:
        """
        Check a login.

        @param address: Where the peer is, as L{MessageLink.address}.
        @return: Fires with the identity; with L{None} for a user who is known but has no rights of his own (in Jet, a
            user without C{auth}); fails with L{UnknownUser} or L{WrongPassword}.
        """

    def certificate(x509: Certificate, address: str) -> Deferred[Identity | None]:
        """
        Recognise who presents a certificate.

        @param x509: A client's certificate (C{cryptography.x509.Certificate}) that TLS has verified: it is signed by
            whom the listener trusts, has not expired, and the client has its key.
        @return: Fires with the identity; with L{None} if it is nobody's, or that of a user without rights of his own;
            fails with L{LoginFailed} if the connection is not to go on.
        """

    def identify(user: str) -> Deferred[Identity | None]:
        """
        Say who a user is who has logged in before, and need not do it again: a session that comes back, a peer that is
        connected while the users change.

        @return: As of C{login}; fails with L{UnknownUser} if there is no such user any more.
        """


class IAuthPolicyFactory(IPlugin):
    """Makes a policy from what follows the colon in C{--auth-policy NAME:ARGUMENT}."""

    name: str = Attribute("The word before the colon.")
    help: str = Attribute("One or two lines for C{--help-auth-policy}, the form of the argument included.")

    def make(argument: str, reactor: IReactorTime) -> IAuthPolicy:
        """
        @raise ValueError: The argument is of no use; the message names it and the remedy.
        """


class StorageUnavailable(Exception):
    """
    A session storage cannot do what was asked: its file is of no use, its server is away. The message is one line that
    names the storage, what is wrong and perhaps the remedy, and no password. It may or may not have been done.
    """


class ISessionStorage(Interface):
    """
    Keeps the sessions of JSTP whose connections are closed, so that clients may come back later, or to another server.

    This is all that a provider needs to have. It may also have C{setInactive(id)}, which is called right after C{set}
    when the connection is closed: from then on the session may be dropped after a while. Whether a provider has more is
    found out by looking for the methods; it need not declare the interface.

    A method may return a L{Deferred}, and may raise or fail. What fails is logged and, in C{get}, counts as not found;
    but who asks while that fails with L{StorageUnavailable} is to ask again later, and keeps its session.
    """

    def get(id: str) -> Session | Deferred[Session | None] | None:
        """
        Find a session, which is active from now on.

        @param id: What a peer has sent: a text, of any content and length.
        @return: The session, or L{None}.
        """

    def set(id: str, session: Session) -> Deferred[Any] | None:
        """
        Keep a session, which replaces what was kept under this id.

        What is kept is the session, or what C{session.toString()} gives; L{Session.fromString} reads it.
        """


class IFencedSessionStorage(ISessionStorage):
    """
    Keeps sessions while they are in use, too, so that nothing is lost with a server that is killed, and sees to it that
    only one server at a time has a session.

    A server that takes a session gets an I{epoch}, a number that is greater than that of every earlier taking of this
    session, and has the session until another server takes it. A new session is given with C{set}, then taken. C{set}
    ends the earlier taking: it is for sessions that are not there yet.

    A provider that has all three methods is used in this way. It may also have C{delete(id, epoch)}: forget a session,
    for the one who has it, with a L{SessionTaken} as of C{record}. It is called instead of C{release} when a session
    has become useless, as more waits for its client than the limits allow; without it another server may still find it.
    """

    def take(id: str, server: str) -> tuple[Session, int] | Deferred[tuple[Session, int] | None] | None:
        """
        Become the one who has a session. This succeeds whoever has it now: that one is fenced off.

        @param server: Who takes it, for logs and errors.
        @return: A session that nobody else uses, with everything that was recorded, and the epoch; L{None} if there is
            no such session. The session does not expire before it is released; a storage that outlives servers may drop
            one for which nothing was recorded for very long.
        """

    def record(id: str, epoch: int, entries: Sequence[Entry]) -> Deferred[Any] | None:
        """
        Add what has happened to a session, to be applied in order with L{Session.apply}; all of it, or nothing.

        @return: Fires when it will survive whatever the storage promises to survive.
        @raise SessionTaken: The epoch is not the current one; nothing was recorded. L{jetjstp.jstp.errors.SessionTaken}
        """

    def release(id: str, epoch: int) -> Deferred[Any] | None:
        """
        Have a session no more; it may be dropped after a while unless somebody takes it.

        @raise SessionTaken: As of C{record}.
        """


class ISessionStorageFactory(IPlugin):
    """Makes a session storage from what follows the colon in C{--session-storage NAME:ARGUMENT}."""

    name: str = Attribute("The word before the colon.")
    help: str = Attribute("One or two lines for C{--help-session-storage}, the form of the argument included.")

    def make(argument: str, reactor: IReactorTime) -> ISessionStorage:
        """
        @return: The storage, of which nothing is opened yet. It has C{start()}, which gets it ready and fails with
            L{StorageUnavailable} if that is not possible, and C{close()}, after which it needs nothing any more; each
            may return a L{Deferred}. It may have C{check()}, which fails as C{start()} would, and changes nothing, for
            C{--check}; and C{trouble}, one line that says why it cannot be used just now, or L{None}, for C{/healthz}.
        @raise ValueError: The argument is of no use; the message names it and the remedy, and no password.
        """
