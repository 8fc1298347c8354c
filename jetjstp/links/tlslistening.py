"""
TLS of listeners that are named by a description: certificates that may be
renewed, and clients that are asked for one.
"""

from __future__ import annotations

import os
from typing import Any

from OpenSSL.crypto import X509
from OpenSSL.SSL import TLS_METHOD, Connection, Error
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort, IOpenSSLServerConnectionCreator, IProtocolFactory
from twisted.internet.protocol import Factory
from twisted.internet.ssl import CertificateOptions
from zope.interface import implementer

from jetjstp.links.certificates import loadClientCa

__all__ = ["TlsReactor"]


class TlsReactor:
    """
    A reactor for one C{ssl:} description, which listens as that says, and in addition:

    Each connection gets the certificate that there is when it begins, see L{renew}.

    With C{clientCa}, clients are asked for a certificate. Who has none is served all the same; one that was not signed
    by whom we trust, or is not valid now, fails the handshake.

    Endpoints of descriptions have no way to say so. Everything else is that of the reactor.
    """

    def __init__(self, reactor: Any, clientCa: str | os.PathLike[str] | None = None) -> None:
        """
        @param clientCa: A PEM file, as for L{loadClientCa}.
        @raise ValueError: It is of no use.
        """
        self._reactor = reactor
        self._clientCa = clientCa
        self._trusted = None if clientCa is None else loadClientCa(clientCa)
        self._context: _CurrentContext | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenSSL(
        self,
        port: int,
        factory: IProtocolFactory,
        contextFactory: CertificateOptions,
        backlog: int = 50,
        interface: str = "",
    ) -> IListeningPort:
        """See L{twisted.internet.interfaces.IReactorSSL.listenSSL}."""
        self._context = _CurrentContext(_asking(contextFactory, self._trusted))
        listening: IListeningPort = self._reactor.listenSSL(
            port, factory, self._context, backlog=backlog, interface=interface
        )
        return listening

    def renew(self, description: str) -> None:
        """
        Read key, certificate and the authorities of clients again, for the connections that come from now on.

        @param description: That of the listener.
        @raise ValueError: One is of no use, and all stay as they were.
        """
        if self._context is None:
            return
        trusted = None if self._clientCa is None else loadClientCa(self._clientCa)
        reading = _Reading()
        serverFromString(reading, description).listen(Factory())
        assert reading.options is not None
        options = _asking(reading.options, trusted)
        try:
            options.getContext()
        except Error as error:
            reasons = ", ".join(str(detail[-1]) for detail in error.args[0]) if error.args else str(error)
            raise ValueError(f"key and certificate cannot be used: {reasons}") from None
        self._trusted, self._context.options = trusted, options


@implementer(IOpenSSLServerConnectionCreator)
class _CurrentContext:
    """The TLS of the next connection."""

    def __init__(self, options: CertificateOptions) -> None:
        self.options = options
        options.getContext()  # fails now, if it does

    def serverConnectionForTLS(self, tlsProtocol: object) -> Connection:
        """See L{IOpenSSLServerConnectionCreator}."""
        return Connection(self.options.getContext(), None)


class _Reading:
    """A reactor that only takes what was read for it."""

    options: CertificateOptions | None = None

    def listenSSL(self, port: int, factory: object, contextFactory: CertificateOptions, **more: object) -> None:
        """Take it."""
        self.options = contextFactory


def _asking(options: CertificateOptions, trusted: list[X509] | None) -> CertificateOptions:
    """The same options, and clients are asked."""
    if trusted is None:
        return options
    method: dict[str, Any] = {} if options.method == TLS_METHOD else {"method": options.method}
    return CertificateOptions(
        privateKey=options.privateKey,
        certificate=options.certificate,
        extraCertChain=options.extraCertChain or None,
        dhParameters=options.dhParameters,
        verify=True,
        caCerts=trusted,
        requireCertificate=False,
        **method,
    )
