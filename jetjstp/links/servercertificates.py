"""
The files of a listener with TLS, looked at before it listens: some of them are
otherwise read when the first one connects.
"""

from __future__ import annotations

import datetime

from cryptography import x509
from OpenSSL.SSL import TLS_METHOD, Context
from twisted.logger import Logger

from jetjstp.links.descriptions import splitDescription
from jetjstp.links.pemfiles import checkPair, loadPem

__all__ = ["checkServerCertificate"]

_log = Logger()

POSITIONS = ("port", "privateKey", "certKey", "sslmethod", "interface", "backlog", "extraCertChain", "dhParameters")
"""What the words of C{ssl:} are, if they have no name."""

DEFAULT_KEY = "server.pem"
"""What Twisted takes if no key is named."""


def checkServerCertificate(description: str) -> None:
    """
    Look at the files that an endpoint C{ssl:} names. A certificate that has expired is a warning in the log.

    @raise ValueError: One of them is of no use; the message names it and the remedy.
    """
    words, named = splitDescription(description)
    options = dict(zip(POSITIONS, words[1:], strict=False)) | named
    keyPath = options.get("privateKey") or DEFAULT_KEY
    path = options.get("certKey") or keyPath
    option = "certKey=" if path != keyPath else "privateKey= and certKey="
    certificate = checkPair(keyPath, "privateKey=", path, option)
    if "extraCertChain" in options:
        loadPem("chain of certificates", options["extraCertChain"], "extraCertChain=", x509.load_pem_x509_certificates)
    parameters = options.get("dhParameters")
    if parameters is not None:

        def load(_: bytes) -> None:
            Context(TLS_METHOD).load_tmp_dh(parameters)

        loadPem("Diffie-Hellman parameters", parameters, "dhParameters=", load)
    if certificate.not_valid_after_utc < datetime.datetime.now(datetime.UTC):
        _log.warn(
            "the certificate {path!r} expired on {date}: peers that check it do not connect; have it renewed",
            path=path,
            date=f"{certificate.not_valid_after_utc:%Y-%m-%d}",
        )
