"""
Where peers come in: endpoints as a command line names them, and why one cannot
be listened on.
"""

from __future__ import annotations

import errno
import os
from typing import Any, NoReturn, cast

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IReactorCore,
    IReadDescriptor,
    IStreamServerEndpoint,
)
from twisted.python.failure import Failure
from zope.interface import implementer

from jetjstp.links.descriptions import splitDescription
from jetjstp.links.tlslistening import TlsReactor

__all__ = ["ListenFailed", "Listener", "isSecure", "reasonOf"]

EXAMPLE = "tcp:11122:interface=127.0.0.1"


MOST_PORT = 65535


class ListenFailed(Exception):
    """An endpoint cannot be listened on; the message names it and the remedy."""


@implementer(IStreamServerEndpoint)
class Listener:
    """
    An endpoint that knows how it was named.

    @ivar description: The endpoint description string.
    @ivar port: What L{listen} gave; L{None} before.
    @ivar isHeld: Whether to take no connections yet, though the port is bound: they wait in the queue of the system
        until L{open}. Set it before L{listen}. Ports that cannot be told to wait take them at once.
    @param option: The option that named it.
    @param clientCa: A PEM file of those who sign certificates of clients, named by C{--client-ca}. With TLS (C{ssl:})
        clients are asked for one then; nobody has to have one, but one that does not verify fails the handshake.
    @raise ValueError: The description cannot be understood, or the file is of no use.
    """

    def __init__(
        self,
        reactor: IReactorCore,
        option: str,
        description: str,
        clientCa: str | os.PathLike[str] | None = None,
    ) -> None:
        self.option = option
        self.description = description
        self.port: IListeningPort | None = None
        self.isHeld = False
        try:
            _checkParts(description)
        except ValueError as error:
            raise ValueError(f"{option} {description!r}: {error}") from None
        self._tls = _tlsOf(reactor, option, description, clientCa)
        parsing: Any = self._tls or reactor
        try:
            self._endpoint: IStreamServerEndpoint = serverFromString(parsing, description)
        except Exception as error:
            if description.startswith("systemd:") and isinstance(error, LookupError):
                raise ValueError(
                    f"{option} {description!r}: this process was given no such socket; let systemd start it by a "
                    "socket unit, or name an address"
                ) from None
            # Twisted's parsers, and those of others, raise whatever comes: a missing certificate, a wrong keyword.
            hint = f"did you mean tcp:{description}?" if description.isdigit() else f"write it like {EXAMPLE}"
            raise ValueError(f"{option} {description!r} is no usable endpoint: {reasonOf(error)}; {hint}") from None

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See L{IStreamServerEndpoint.listen}. Fails with L{ListenFailed}."""
        listening: Deferred[IListeningPort] = maybeDeferred(self._endpoint.listen, protocolFactory)
        return listening.addCallbacks(self._bound, self._refused)

    def _bound(self, port: IListeningPort) -> IListeningPort:
        self.port = port
        if self.isHeld and IReadDescriptor.providedBy(port):
            cast(FileDescriptor, port).stopReading()
        return port

    def open(self) -> None:
        """Take connections, from now on: those that wait are the first."""
        if self.isHeld and IReadDescriptor.providedBy(self.port):
            cast(FileDescriptor, self.port).startReading()
        self.isHeld = False

    def renew(self) -> bool:
        """
        Read key and certificate again, for the connections that come from now on.

        @return: Whether there are any that can be renewed.
        @raise ValueError: They are of no use, the message names the listener; the old ones stay.
        """
        if self._tls is None:
            return False
        try:
            _checkParts(self.description)
            self._tls.renew(self.description)
        except Exception as error:
            # As for parsing.
            raise ValueError(f"{self.option} {self.description}: {reasonOf(error)}") from None
        return True

    def _refused(self, failure: Failure) -> NoReturn:
        error = failure.value
        raise ListenFailed(f"{self.option} {self.description}: {reasonOf(error)}; {_remedy(error)}") from error

    def __str__(self) -> str:
        """Where it listens, for people."""
        address = self.port.getHost() if self.port is not None else None
        secure = " with TLS" if isSecure(self.description) else ""
        if isinstance(address, IPv6Address):
            return f"[{address.host}]:{address.port}{secure}"
        if isinstance(address, IPv4Address):
            return f"{address.host}:{address.port}{secure}"
        if isinstance(address, UNIXAddress) and address.name:
            return f"unix:{os.fsdecode(address.name)}"
        return self.description


def _checkParts(description: str) -> None:
    """What Twisted would find out only when it listens, or says in words that name nothing."""
    words, named = splitDescription(description)
    if words[0] in ("tcp", "tcp6", "ssl"):
        port = named.get("port") or "".join(words[1:2])
        if port.lstrip("-").isdecimal() and not 0 <= int(port) <= MOST_PORT:
            raise ValueError(f"there is no port {port}; write one from 0 to {MOST_PORT}")
    if words[0] == "ssl":
        from jetjstp.links.servercertificates import checkServerCertificate  # not for those without TLS

        checkServerCertificate(description)


def isSecure(description: str) -> bool:
    """Whether an endpoint is one with TLS of its own."""
    return description.startswith(("ssl:", "tls:"))


def _tlsOf(
    reactor: IReactorCore, option: str, description: str, clientCa: str | os.PathLike[str] | None
) -> TlsReactor | None:
    if not description.startswith("ssl:"):
        if clientCa is not None and isSecure(description):
            kind = description.partition(":")[0]
            raise ValueError(
                f"{option} {description}: --client-ca does not reach {kind}: endpoints, which are somebody else's; "
                "use ssl:"
            )
        return None
    try:
        return TlsReactor(reactor, clientCa)
    except ValueError as error:
        raise ValueError(f"--client-ca {error}") from None


def reasonOf(error: BaseException | None) -> str:
    """Why something failed, in the words of the system where it has any."""
    if isinstance(error, CannotListenError):
        return reasonOf(error.socketError) if isinstance(error.socketError, OSError) else str(error.socketError)
    if isinstance(error, OSError) and error.strerror:
        # Of a link, which is how UNIX sockets are locked, the second name is the one that was to be made.
        name = error.filename2 or error.filename
        return f"{error.strerror}: {name}" if name else error.strerror
    if isinstance(error, ValueError | OverflowError):
        return str(error).rstrip(".")
    return f"{type(error).__name__}: {error}"


def _remedy(error: BaseException | None) -> str:
    cause = error.socketError if isinstance(error, CannotListenError) else error
    number = cause.errno if isinstance(cause, OSError) else None
    # A string is what stands there if the lock file of a UNIX socket is held.
    if number == errno.EADDRINUSE or isinstance(cause, str):
        return "stop the program that listens there, or choose another port or path"
    if number in (errno.EACCES, errno.EPERM):
        if isinstance(error, CannotListenError) and isinstance(error.port, int):
            return "choose a port above 1023, or start as root and let twistd become another user with --uid"
        return "choose a folder that may be written to"
    if number == errno.EADDRNOTAVAIL:
        return "this machine has no such address, correct interface="
    if number == errno.ENOENT:
        return "create the folder"
    return "correct the endpoint"
