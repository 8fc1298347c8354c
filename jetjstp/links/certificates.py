"""
Certificates of clients: who is asked for one, and what it was.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from OpenSSL.crypto import X509, Error
from OpenSSL.SSL import Error as SSLError
from twisted.internet.ssl import Certificate
from twisted.python.failure import Failure

from jetjstp.links.pemfiles import readPem

if TYPE_CHECKING:
    from cryptography import x509

__all__ = ["loadClientCa", "peerCertificate", "tlsProblem"]

BEGIN, END = b"-----BEGIN CERTIFICATE-----", b"-----END CERTIFICATE-----"


def peerCertificate(transport: Any) -> x509.Certificate | None:
    """
    The certificate that the other side of a connection has presented, and TLS has verified; L{None} if there is none.

    It is verified by whatever the endpoint trusts: who makes one that lets everything through, lets everything through.
    """
    present = getattr(transport, "getPeerCertificate", None)
    found = None if present is None else present()
    return None if found is None else found.to_cryptography()


def tlsProblem(reason: Failure) -> str | None:
    """What TLS did not like about a connection that is lost, such as a certificate; L{None} if it was not TLS."""
    error = reason.value
    if not isinstance(error, SSLError):
        return None
    details = error.args[0] if error.args and isinstance(error.args[0], list) else []
    return "TLS failed" + "".join(f", {detail[-1]}" for detail in details if detail)


def loadClientCa(path: str | os.PathLike[str]) -> list[X509]:
    """
    Read the certificates of those who sign clients' certificates.

    @param path: A PEM file of one or more of them.
    @raise ValueError: It cannot be used; the message is one line that names it and the remedy.
    """
    shown = repr(os.fspath(path))
    content = readPem(os.path.expanduser(path), shown, "name a PEM file of certificates")
    found: list[X509] = []
    for piece in content.split(BEGIN)[1:]:
        try:
            found.append(Certificate.loadPEM(BEGIN + piece.partition(END)[0] + END + b"\n").original)
        except (Error, ValueError):
            raise ValueError(f"{shown}: its certificate number {len(found) + 1} is broken; make it anew") from None
    if not found:
        raise ValueError(f"{shown} has no certificate in it; name a PEM file that begins with {BEGIN.decode()}")
    return found
