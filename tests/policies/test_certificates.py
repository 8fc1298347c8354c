"""Tests of L{jetjstp.policies.certificates}, and of users who have a certificate."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from cryptography import x509
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.interfaces import Identity, LoginFailed, UnknownUser, WrongPassword
from jetjstp.policies.certificates import namesOf
from jetjstp.policies.users import UsersPolicy, checkUsers
from tests.sockets.certificates import Authority

AUTH = {"fetchGroups": ["staff"]}


class NamesTests(SynchronousTestCase):
    """L{namesOf}."""

    def setUp(self) -> None:
        self.authority = Authority()

    def test_commonName(self) -> None:
        """The common name is one, as it is written."""
        self.assertEqual(namesOf(self.authority.issue("Joe Doe").certificate), {"Joe Doe"})

    def test_alternatives(self) -> None:
        """DNS names, e-mail addresses and URIs are names, too; addresses of hosts are not."""
        issued = self.authority.issue(
            "joe",
            x509.DNSName("pump-1.example"),
            x509.DNSName("pump-2.example"),
            x509.RFC822Name("joe@example.org"),
            x509.UniformResourceIdentifier("urn:device:7"),
            x509.IPAddress(ip_address("192.0.2.1")),
        )
        expected = {"joe", "pump-1.example", "pump-2.example", "joe@example.org", "urn:device:7"}
        self.assertEqual(namesOf(issued.certificate), expected)

    def test_none(self) -> None:
        """A certificate may have none of them."""
        self.assertEqual(namesOf(self.authority.issue("").certificate), frozenset())

    def test_unreadable(self) -> None:
        """What cannot be read has no names."""

        class Broken:
            class subject:
                @staticmethod
                def get_attributes_for_oid(oid: object) -> Any:
                    raise ValueError("error parsing asn1 value")

        self.assertEqual(namesOf(Broken()), frozenset())  # type: ignore[arg-type]


class UsersTests(SynchronousTestCase):
    """Users with certificates in a table."""

    def setUp(self) -> None:
        self.authority = Authority()
        self.policy = UsersPolicy(
            {
                "joe": {"password": "p", "auth": AUTH, "certificate": "joe@example.org"},
                "pump": {"certificate": "pump-1.example", "auth": AUTH},
                "bare": {"certificate": "bare"},
                "ann": {"password": "p", "auth": AUTH},
            },
            Clock(),
        )

    def known(self, commonName: str, *alternatives: x509.GeneralName) -> Identity | None:
        """Who presents a certificate."""
        certificate = self.authority.issue(commonName, *alternatives).certificate
        return self.successResultOf(self.policy.certificate(certificate, "192.0.2.1"))

    def test_known(self) -> None:
        """One of the names is enough."""
        self.assertEqual(self.known("?", x509.RFC822Name("joe@example.org")), Identity("joe", frozenset({"staff"})))
        self.assertEqual(self.known("pump-1.example"), Identity("pump", frozenset({"staff"})))

    def test_unknown(self) -> None:
        """Other names are nobody's, also those of users without a certificate."""
        for name in ("joe", "ann", "PUMP-1.EXAMPLE", "pump-1.example.org", ""):
            self.assertIsNone(self.known(name))

    def test_withoutAuth(self) -> None:
        """A user with a certificate and no auth object is somebody without groups, however he comes."""
        self.assertEqual(self.known("bare"), Identity("bare"))
        self.assertEqual(self.successResultOf(self.policy.identify("bare")), Identity("bare"))

    def test_several(self) -> None:
        """A certificate with the names of two users is refused."""
        certificate = self.authority.issue("bare", x509.DNSName("pump-1.example")).certificate
        failure = self.failureResultOf(self.policy.certificate(certificate, ""), LoginFailed)
        self.assertIn("bare, pump", failure.getErrorMessage())

    def test_twoNamesOfOne(self) -> None:
        """Two names of one certificate may be that of the same user."""
        self.assertEqual(
            self.known("pump-1.example", x509.DNSName("pump-1.example")), Identity("pump", frozenset({"staff"}))
        )

    def test_password(self) -> None:
        """Without a password nobody logs in by one."""
        for password in ("", "None", "null"):
            self.failureResultOf(self.policy.login("pump", password, ""), WrongPassword)
        self.assertIsNotNone(self.successResultOf(self.policy.login("joe", "p", "")))

    def test_identify(self) -> None:
        """Who is in the table is known by name alone, who is not is unknown."""
        self.assertEqual(self.successResultOf(self.policy.identify("joe")), Identity("joe", frozenset({"staff"})))
        self.failureResultOf(self.policy.identify("eve"), UnknownUser)

    def test_replaced(self) -> None:
        """Another table has other certificates."""
        self.policy.replace({"eve": {"certificate": "joe@example.org", "auth": AUTH}})
        found = self.known("joe@example.org")
        self.assertEqual(found, Identity("eve", frozenset({"staff"})))

    def test_replacedByNonsense(self) -> None:
        """A table that is wrong changes nothing."""
        self.assertRaises(ValueError, self.policy.replace, {"eve": {}})
        self.assertRaises(ValueError, self.policy.replace, {"eve": {"password": "p"}}, {"g": {"x": []}})
        self.assertIsNotNone(self.known("pump-1.example"))

    def test_mistakes(self) -> None:
        """Mistakes are told with the user and the member, and without a password."""
        tables: list[tuple[dict[str, Any], list[str]]] = [
            ({"joe": {"certificate": ""}}, ["'joe'", "'certificate'"]),
            ({"joe": {"certificate": ["x"], "password": "s3cret"}}, ["'joe'", "'certificate'"]),
            ({"joe": {"certificate": "x", "password": None}}, ["'joe'", "'password'", "null"]),
            ({"joe": {"certificate": None}}, ["'joe'", "'password' is missing"]),
            (
                {"joe": {"certificate": "x", "password": "s3cret"}, "ann": {"certificate": "x"}},
                ["'ann'", "'joe'", "'certificate'", "'x'"],
            ),
        ]
        for table, words in tables:
            error = str(self.assertRaises(ValueError, checkUsers, table))
            for word in words:
                self.assertIn(word, error)
            self.assertNotIn("s3cret", error)
