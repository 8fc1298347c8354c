"""
Certificates for tests, made when they are needed.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from ipaddress import ip_address
from typing import NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from twisted.internet.ssl import PrivateCertificate

__all__ = ["Authority", "Issued", "makeCertificate"]

DAY = datetime.timedelta(days=1)


class Issued(NamedTuple):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def pem(self) -> bytes:
        """The certificate as PEM."""
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def keyPem(self) -> bytes:
        """The key as PEM."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        )


def _make(
    commonName: str,
    alternatives: Sequence[x509.GeneralName] = (),
    *,
    issuer: Issued | None = None,
    isAuthority: bool = False,
    isExpired: bool = False,
) -> Issued:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, commonName)] if commonName else [])
    now = datetime.datetime.now(datetime.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - 3 * DAY)
        .not_valid_after(now - DAY if isExpired else now + DAY)
    )
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    if isAuthority:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    return Issued(builder.sign(key if issuer is None else issuer.key, hashes.SHA256()), key)


class Authority:
    """
    Who signs the certificates of clients.

    @ivar pem: Its own certificate.
    """

    def __init__(self, name: str = "an authority of ours") -> None:
        self._own = _make(name, isAuthority=True)
        self.pem = self._own.pem

    def issue(self, commonName: str, *alternatives: x509.GeneralName, isExpired: bool = False) -> Issued:
        """Sign the certificate of a client."""
        return _make(commonName, alternatives, issuer=self._own, isExpired=isExpired)


def makeCertificate() -> PrivateCertificate:
    """Make a certificate for 127.0.0.1, signed by itself."""
    issued = _make("127.0.0.1", [x509.IPAddress(ip_address("127.0.0.1"))])
    result: PrivateCertificate = PrivateCertificate.loadPEM(issued.keyPem + issued.pem)
    return result
