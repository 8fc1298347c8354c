"""
How nodes reach each other: over TCP, or over TLS between those who have
certificates of one authority.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Any, Protocol, cast

from OpenSSL.crypto import FILETYPE_PEM
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import (
    HostnameEndpoint,
    TCP4ClientEndpoint,
    TCP4ServerEndpoint,
    TCP6ClientEndpoint,
    TCP6ServerEndpoint,
)
from twisted.internet.interfaces import IListeningPort, IProtocol, IProtocolFactory, IStreamClientEndpoint
from twisted.internet.ssl import Certificate, CertificateOptions, KeyPair, trustRootFromCertificates
from twisted.protocols.tls import TLSMemoryBIOFactory

__all__ = ["Network", "TCPNetwork", "TLSNetwork", "tlsContext"]

BACKLOG = 128
"""Connections that the system keeps while we are busy: a whole overlay may come back to its seed at once."""


class Network(Protocol):
    """
    What a node listens and dials with, instead of TCP: L{jetjstp.testing.MemoryNetwork} is one for tests.
    """

    def listen(self, factory: IProtocolFactory, interface: str, port: int) -> Deferred[IListeningPort]:
        """
        Take connections.

        @param interface: An IP address of this machine; C{""} for all.
        @param port: 0 for any free one.
        """

    def connect(self, factory: IProtocolFactory, address: str, port: int, source: str | None) -> Deferred[IProtocol]:
        """
        Make a connection.

        @param address: An IP address, or what an application gave to C{addPeer}, a host name perhaps.
        @param source: The address of this machine that it is to come from; L{None} if that does not matter.
        """


class TCPNetwork:
    """Plain TCP, as all real nodes speak it."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor

    def listen(self, factory: IProtocolFactory, interface: str, port: int) -> Deferred[IListeningPort]:
        """See L{Network.listen}."""
        kind = TCP6ServerEndpoint if _isSix(interface) else TCP4ServerEndpoint
        return maybeDeferred(kind(self._reactor, port, BACKLOG, interface).listen, factory)

    def connect(self, factory: IProtocolFactory, address: str, port: int, source: str | None) -> Deferred[IProtocol]:
        """See L{Network.connect}."""
        return maybeDeferred(self._endpoint(address, port, source).connect, factory)

    def _endpoint(self, address: str, port: int, source: str | None) -> IStreamClientEndpoint:
        bindAddress = None if source is None else (source, 0)
        try:
            isSix = isinstance(ip_address(address), IPv6Address)
        except ValueError:
            # Also for addresses this would work, by way of a thread.
            return cast(IStreamClientEndpoint, HostnameEndpoint(self._reactor, address, port, bindAddress=bindAddress))
        if source is not None and _isSix(source) != isSix:
            bindAddress = None
        kind = TCP6ClientEndpoint if isSix else TCP4ClientEndpoint
        return cast(IStreamClientEndpoint, kind(self._reactor, address, port, bindAddress=bindAddress))


class TLSNetwork:
    """
    TLS over another network. Both sides show certificates; who has one of the authority is one of us, at whatever
    address: names are not checked, since a node that is one of us could be told of any address anyway.

    @param below: What carries it.
    """

    def __init__(self, context: CertificateOptions, below: Network) -> None:
        self._context = context
        self._below = below

    def listen(self, factory: IProtocolFactory, interface: str, port: int) -> Deferred[IListeningPort]:
        """See L{Network.listen}."""
        return self._below.listen(TLSMemoryBIOFactory(self._context, False, factory), interface, port)

    def connect(self, factory: IProtocolFactory, address: str, port: int, source: str | None) -> Deferred[IProtocol]:
        """See L{Network.connect}."""
        return self._below.connect(TLSMemoryBIOFactory(self._context, True, factory), address, port, source)


def _isSix(address: str) -> bool:
    return ":" in address


_keys = ("certificate", "key", "trustRoot")


def tlsContext(options: Any) -> CertificateOptions:
    """
    What TLS between nodes needs, for both roles.

    @param options: A dict of file names: C{certificate} and C{trustRoot} (the certificates of the authorities, one or
        more in one file), and C{key} unless it is in the file of the certificate. Or a L{CertificateOptions}, which is
        taken as it is.
    @raise TypeError: It is neither.
    @raise ValueError: Something is missing or unknown, or a file does not hold what it should; the message names it.
    @raise OSError: A file cannot be read.
    """
    if isinstance(options, CertificateOptions):
        return options
    if not isinstance(options, Mapping):
        raise TypeError("tlsOptions are a dict of certificate, key, trustRoot (file names), or CertificateOptions")
    unknown = [str(key) for key in options if key not in _keys]
    if unknown:
        raise ValueError(f"tlsOptions has no {', '.join(unknown)}; it has {', '.join(_keys)}")
    for key in ("certificate", "trustRoot"):
        if key not in options:
            raise ValueError(f"tlsOptions needs {key}: between nodes both sides show a certificate and check the other")
    certificate = _load("certificate", options["certificate"], Certificate.loadPEM)
    key = _load("key", options.get("key", options["certificate"]), lambda data: KeyPair.load(data, FILETYPE_PEM))
    authorities = _load("trustRoot", options["trustRoot"], _certificates)
    return CertificateOptions(
        privateKey=key.original,
        certificate=certificate.original,
        trustRoot=trustRootFromCertificates(authorities),
    )


def _load(what: str, name: Any, read: Any) -> Any:
    with open(name, "rb") as file:
        data = file.read()
    try:
        return read(data)
    except Exception as error:
        # OpenSSL's errors are lists of numbers, and which classes they have depends on its version.
        raise ValueError(f"tlsOptions: {name} holds no usable {what} in PEM form") from error


def _certificates(data: bytes) -> list[Certificate]:
    end = b"-----END CERTIFICATE-----"
    found = [Certificate.loadPEM(piece + end + b"\n") for piece in data.split(end)[:-1]]
    if not found:
        raise ValueError("no certificates")
    return found
