"""
What plugs into what.

Inside the package: L{MessageLink} and L{MessageReceiver}, the seam between
connections that carry whole messages and the protocols that speak over them.
For strangers: the zope interfaces of authentication policies, which
L{twisted.plugin} finds.

This module is imported by every C{twistd} run on a machine that has the
package (the plugin cache refers to it): it imports neither a reactor nor
Autobahn.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.plugin import IPlugin
from zope.interface import Attribute, Interface

__all__ = [
    "IAuthPolicy",
    "IAuthPolicyFactory",
    "Identity",
    "LoginFailed",
    "MessageLink",
    "MessageReceiver",
    "UnknownUser",
    "WrongPassword",
]


class MessageLink(Protocol):
    """A connection that carries whole messages, in both directions."""

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


class LoginFailed(Exception):
    """A login was refused. The message never holds the password."""


class UnknownUser(LoginFailed):
    """There is no user of that name."""


class WrongPassword(LoginFailed):
    """The user exists, the password is another one."""


class IAuthPolicy(Interface):
    """Decides who a peer is."""

    def login(user: str, password: str, address: str) -> Deferred[Identity | None]:
        """
        Check a login.

        @param address: Where the peer is, as L{MessageLink.address}.
        @return: Fires with the identity; with L{None} for a user who is known but has no rights of his own (in Jet, a
            user without C{auth}); fails with L{UnknownUser} or L{WrongPassword}.
        """


class IAuthPolicyFactory(IPlugin):
    """Makes a policy from what follows the colon in C{--auth-policy NAME:ARGUMENT}."""

    name: str = Attribute("The word before the colon.")
    help: str = Attribute("One or two lines for C{--help-auth-policy}, the form of the argument included.")

    def make(argument: str, reactor: IReactorTime) -> IAuthPolicy:
        """
        @raise ValueError: The argument is of no use; the message names it and the remedy.
        """
