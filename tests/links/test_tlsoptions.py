"""Tests for L{jetjstp.links.tlsoptions}."""

from __future__ import annotations

from twisted.internet.interfaces import IOpenSSLClientConnectionCreator
from twisted.internet.ssl import optionsForClientTLS
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.links.tlsoptions import tlsCreator
from tests.sockets.certificates import makeCertificate


class TlsCreatorTests(SynchronousTestCase):
    """L{tlsCreator}."""

    def test_forms(self) -> None:
        """Nothing, what Twisted gives, or names of files make something to connect with."""
        certificate = makeCertificate()
        root, own = self.mktemp(), self.mktemp()
        with open(root, "wb") as file:
            file.write(certificate.dumpPEM())
        with open(own, "wb") as file:
            file.write(certificate.privateKey.dump(1) + certificate.dumpPEM())
        ready = optionsForClientTLS("example.org")
        self.assertIs(tlsCreator(ready, "example.org"), ready)
        for options in (None, {}, {"trustRoot": root}, {"certificate": own}, {"certificate": root, "key": own}):
            self.assertTrue(IOpenSSLClientConnectionCreator.providedBy(tlsCreator(options, "example.org")))

    def test_malformed(self) -> None:
        """Options that mean nothing are refused by name, and files that are not there by theirs."""
        self.assertIn("ca", str(self.assertRaises(ValueError, tlsCreator, {"ca": "x"}, "h")))
        self.assertIn("key", str(self.assertRaises(ValueError, tlsCreator, {"key": "x"}, "h")))
        self.assertRaises(TypeError, tlsCreator, 5, "h")
        error = self.assertRaises(OSError, tlsCreator, {"trustRoot": "/nowhere.pem"}, "h")
        self.assertIn("/nowhere.pem", str(error))
