"""
Tests for L{jetjstp.links.servercertificates}, by the listeners that use it.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

from cryptography.hazmat.primitives import serialization
from twisted.internet.interfaces import IReactorCore
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.links.listeners import Listener
from tests.sockets.certificates import Authority, Issued


class ServerCertificateTests(SynchronousTestCase):
    """What an C{ssl:} listener says of its files before it listens."""

    authority = Authority()

    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.one = self.authority.issue("host-1")
        self.key = self.write("key.pem", self.one.keyPem)
        self.certificate = self.write("cert.pem", self.one.pem)
        self.text = self.write("users.json", b'{"joe": {"password": "s3cret"}}')

    def write(self, name: str, content: bytes) -> str:
        """A file in the folder."""
        (self.folder / name).write_bytes(content)
        return str(self.folder / name)

    def listen(self, options: str) -> Listener:
        """A listener with TLS."""
        return Listener(cast(IReactorCore, MemoryReactorClock()), "--listen", f"ssl:11122:{options}")

    def assertRefused(self, options: str, *words: str) -> None:
        """There is one line, with these words and nothing of what is in the files."""
        error = str(self.assertRaises(ValueError, self.listen, options))
        for word in ("--listen 'ssl:11122:", *words):
            self.assertIn(word, error)
        for word in ("\n", "s3cret", "interface=127.0.0.1", "[("):
            self.assertNotIn(word, error)

    def test_good(self) -> None:
        """A key and its certificate will do: in two files or in one, named by keyword or by position."""
        both = self.write("both.pem", self.one.keyPem + self.one.pem)
        for options in (
            f"privateKey={self.key}:certKey={self.certificate}",
            f"privateKey={both}",
            f"{self.key}:{self.certificate}",
            f"{both}:extraCertChain={self.certificate}",
        ):
            with capturedLogs() as logs:
                self.listen(options)
            self.assertEqual(logs, [])

    def test_missing(self) -> None:
        """A file that is not there, or is none, is named."""
        self.assertRefused("privateKey=none.pem", "'none.pem'", "does not exist", "privateKey=")
        self.assertRefused(f"privateKey=none.pem:certKey={self.certificate}", "the private key", "'none.pem'")
        self.assertRefused(f"privateKey={self.key}:certKey=none.pem", "the certificate", "'none.pem'", "does not exist")
        self.assertRefused(f"privateKey={self.folder}", "is a folder")
        self.assertRefused("interface=localhost", "'server.pem'", "privateKey=")

    def test_noPem(self) -> None:
        """A file with something else in it is named, too."""
        self.assertRefused(f"privateKey={self.text}:certKey={self.certificate}", "the private key", "users.json")
        self.assertRefused(f"privateKey={self.key}:certKey={self.text}", "the certificate", "users.json")
        self.assertRefused(f"privateKey={self.key}", "the certificate", "key.pem", "certKey=")
        for name in ("dhParameters", "extraCertChain"):
            self.assertRefused(
                f"privateKey={self.key}:certKey={self.certificate}:{name}={self.text}", name, "users.json"
            )
            self.assertRefused(f"privateKey={self.key}:certKey={self.certificate}:{name}=none.pem", name, "none.pem")

    def test_otherKey(self) -> None:
        """A certificate has to be that of the key."""
        other = self.write("other.pem", self.authority.issue("host-2").keyPem)
        self.assertRefused(f"privateKey={other}:certKey={self.certificate}", "cert.pem", "is not for", "other.pem")

    def test_passphrase(self) -> None:
        """A key with a passphrase is refused: nobody is there to be asked for it."""
        content = self.one.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"s3cret"),
        )
        locked = self.write("locked.pem", content)
        self.assertRefused(f"privateKey={locked}:certKey={self.certificate}", "locked.pem", "passphrase")

    def test_expired(self) -> None:
        """A certificate whose time is over is a warning: the clock of this machine may be the one that is wrong."""
        old: Issued = self.authority.issue("host-1", isExpired=True)
        key, certificate = self.write("old.key", old.keyPem), self.write("old.pem", old.pem)
        with capturedLogs() as logs:
            self.listen(f"privateKey={key}:certKey={certificate}")
        (line,) = [formatEvent(event) or "" for event in logs]
        self.assertIn("old.pem", line)
        self.assertIn("expired", line)

    def test_port(self) -> None:
        """A port is a number of those that there are."""
        for description, word in (
            ("tcp:99999", "99999"),
            ("tcp:port=-1", "-1"),
            ("tcp6:65536", "65536"),
            (f"ssl:70000:privateKey={self.key}:certKey={self.certificate}", "70000"),
        ):
            error = self.assertRaises(
                ValueError, Listener, cast(IReactorCore, MemoryReactorClock()), "--listen", description
            )
            self.assertIn(word, str(error))
            self.assertIn("0 to 65535", str(error))
