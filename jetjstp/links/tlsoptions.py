"""
TLS to a server: whom to trust, and who we are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from OpenSSL.crypto import FILETYPE_PEM
from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    KeyPair,
    PrivateCertificate,
    optionsForClientTLS,
    trustRootFromCertificates,
)

__all__ = ["tlsCreator"]


def tlsCreator(options: Any, host: str) -> IOpenSSLClientConnectionCreator:
    """
    What TLS needs for a connection to a host, whose name is checked.

    @param options: L{None}; what C{optionsForClientTLS} gives; or C{trustRoot}, C{certificate}, C{key} as file names.
    """
    if options is None:
        return optionsForClientTLS(host)
    if IOpenSSLClientConnectionCreator.providedBy(options):
        return options
    if not isinstance(options, Mapping):
        raise TypeError("tlsOptions are what optionsForClientTLS gives, or a dict of trustRoot, certificate, key")
    unknown = set(options) - {"trustRoot", "certificate", "key"}
    if unknown:
        raise ValueError(
            f"tlsOptions has no {', '.join(sorted(map(str, unknown)))}; it has trustRoot, certificate, key"
        )
    trust = own = None
    if "trustRoot" in options:
        trust = trustRootFromCertificates(_certificates(options["trustRoot"]))
    if "certificate" in options:
        certificate = Certificate.loadPEM(_contents(options["certificate"]))
        key = KeyPair.load(_contents(options.get("key", options["certificate"])), FILETYPE_PEM)
        own = PrivateCertificate.fromCertificateAndKeyPair(certificate, key)
    elif "key" in options:
        raise ValueError("tlsOptions has a key and no certificate")
    return optionsForClientTLS(host, trust, own)


def _contents(name: str) -> bytes:
    with open(name, "rb") as file:
        return file.read()


def _certificates(name: str) -> list[Certificate]:
    end = b"-----END CERTIFICATE-----"
    return [Certificate.loadPEM(piece + end + b"\n") for piece in _contents(name).split(end)[:-1]]
