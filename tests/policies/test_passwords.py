"""Tests of L{jetjstp.policies.passwords}."""

from __future__ import annotations

import hashlib

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.policies.passwords import ScryptHash, hashPassword, isHash

CHEAP = "$scrypt$ln=4,r=1,p=1$c2FsdHNhbHQ$"
SALT = "c2FsdHNhbHQ"
DIGEST = "A" * 43
"""As much base64 as 32 bytes take."""


def cheapHash(password: str) -> str:
    """A hash that costs next to nothing."""
    bare = ScryptHash(4, 1, 1, b"saltsalt", bytes(32))
    digest = hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=b"saltsalt", n=16, r=1, p=1, dklen=32)
    return ScryptHash(bare.logN, bare.r, bare.p, bare.salt, digest).format()


class HashPasswordTests(SynchronousTestCase):
    """L{hashPassword}."""

    def test_verifies(self) -> None:
        """What was hashed verifies, and nothing else does."""
        stored = ScryptHash.parse(hashPassword("sésame"))
        self.assertTrue(stored.verify("sésame"))
        self.assertFalse(stored.verify("sesame"))

    def test_form(self) -> None:
        """The form is the documented one, without padding, and every hash has a salt of its own."""
        first, second = hashPassword("p"), hashPassword("p")
        self.assertRegex(first, r"^\$scrypt\$ln=15,r=8,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$")
        self.assertNotEqual(first, second)


class ScryptHashTests(SynchronousTestCase):
    """L{ScryptHash}."""

    def test_roundTrip(self) -> None:
        """Reading and formatting are each other's reverse."""
        text = cheapHash("p")
        self.assertEqual(ScryptHash.parse(text).format(), text)

    def test_knownAnswer(self) -> None:
        """The hash is scrypt's: a vector of RFC 7914."""
        stored = ScryptHash.parse(
            "$scrypt$ln=14,r=8,p=1$U29kaXVtQ2hsb3JpZGU$"
            "cCO9yzr9c0hGHAbNgf046/2o+7qQT44+qbVD9lRdofLVQylVYT8Pz2LUlwUkKpr55h6F3A1lHkDfzwF7RVdYhw"
        )
        self.assertTrue(stored.verify("pleaseletmein"))

    def test_padding(self) -> None:
        """Padded base64 is read too."""
        self.assertTrue(ScryptHash.parse(cheapHash("p").replace(SALT, SALT + "=") + "=").verify("p"))

    def test_surrogates(self) -> None:
        """A password may hold a lone surrogate, as JSON strings may."""
        self.assertTrue(ScryptHash.parse(cheapHash("\ud800")).verify("\ud800"))

    def test_hidden(self) -> None:
        """Neither C{repr} nor an error shows the hash."""
        self.assertNotIn(DIGEST, repr(ScryptHash.parse(f"{CHEAP}{DIGEST}")))
        error = self.assertRaises(ValueError, ScryptHash.parse, f"{CHEAP}{DIGEST}$more")
        self.assertNotIn(DIGEST, str(error))

    def test_atTheBounds(self) -> None:
        """Parameters up to 256 MiB, and up to the bound of work, are accepted."""
        for parameters in ("ln=17,r=8,p=1", "ln=17,r=15,p=1", "ln=15,r=8,p=16", "ln=1,r=1,p=1"):
            ScryptHash.parse(f"$scrypt${parameters}${SALT}${DIGEST}")

    def test_beyondTheBounds(self) -> None:
        """A stored hash cannot demand unbounded memory or work."""
        for parameters in ("ln=30,r=8,p=1", "ln=99,r=999,p=999", "ln=18,r=8,p=1", "ln=15,r=8,p=17", "ln=0,r=8,p=1"):
            with self.assertRaises(ValueError, msg=parameters):
                ScryptHash.parse(f"$scrypt${parameters}${SALT}${DIGEST}")

    def test_verifiesAtTheBound(self) -> None:
        """The most memory that is accepted is also what verifying is allowed to take."""
        self.assertFalse(ScryptHash.parse(f"$scrypt$ln=17,r=15,p=1${SALT}${DIGEST}").verify("p"))

    def test_malformed(self) -> None:
        """Anything else than the documented form is refused."""
        for text in (
            "",
            "plain",
            "$scrypt$",
            f"$scrypt$ln=4,r=1${SALT}${DIGEST}",
            f"$scrypt$ln=-4,r=1,p=1${SALT}${DIGEST}",
            f"$scrypt$ln=\u0664,r=1,p=1${SALT}${DIGEST}",
            f"$scrypt$ln=4,r=1,p=1$${DIGEST}",
            f"$scrypt$ln=4,r=1,p=1$AAAA${DIGEST}",
            f"$scrypt$ln=4,r=1,p=1${SALT}$AAAA",
            f"$scrypt$ln=4,r=1,p=1${SALT}${'A' * 45}",
            f"$scrypt$ln=4,r=1,p=1${SALT}${'A' * 1000}",
            f"{CHEAP}{DIGEST}\n",
        ):
            with self.assertRaises(ValueError, msg=text):
                ScryptHash.parse(text)


class IsHashTests(SynchronousTestCase):
    """L{isHash}."""

    def test_hashes(self) -> None:
        """Hashes of any common kind are recognised."""
        for stored in (
            cheapHash("p"),
            "$scrypt$broken",
            "$6$salt$abc",
            "$2b$12$abc",
            "$argon2id$v=19$m=1$a$b",
            "$1$a$b",
        ):
            self.assertTrue(isHash(stored), stored)

    def test_passwords(self) -> None:
        """Passwords that merely begin with a dollar sign are not."""
        for stored in ("", "secret", "$ecret", "$1", "$6$", "$money$", "5$6$7$"):
            self.assertFalse(isHash(stored), stored)
