"""
Passwords as they are stored: scrypt hashes of the form
C{$scrypt$ln=15,r=8,p=1$SALT$HASH}, which other libraries read and write too.

Nothing here waits or starts a thread. Checking a password takes about a tenth
of a second: see L{jetjstp.policies.hashing} for doing it beside the reactor.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass

__all__ = ["ScryptHash", "hashPassword", "isHash"]

LOG_N, BLOCK_SIZE, PARALLEL = 15, 8, 1
"""What new hashes cost: 32 MiB and about 0.1 s a check."""

SALT_BYTES = 16
DIGEST_BYTES = 32

MAX_MEMORY = 256 * 1024 * 1024
"""
What checking one password may take. A stored hash states its own cost, and whoever can write one must not be able to
demand 100 GB. Twice of what is recommended for scrypt today.
"""

MAX_WORK = 1 << 22
"""The bound of C{N * r * p}, about two seconds: more would hold up the logins of all others."""

MIN_SALT, MAX_SALT = 8, 64
MIN_DIGEST, MAX_DIGEST = 16, 64

_FORM = re.compile(r"\$scrypt\$ln=(\d{1,2}),r=(\d{1,3}),p=(\d{1,3})\$([A-Za-z0-9+/]+)=*\$([A-Za-z0-9+/]+)=*", re.ASCII)

_ANY_HASH = re.compile(r"\$(1|2[abxy]?|5|6|7|y|gy|md5|sha1|scrypt|argon2\w*|pbkdf2[\w-]*|bcrypt[\w-]*)\$.*\$", re.ASCII)


@dataclass(frozen=True, repr=False)
class ScryptHash:
    """
    A hashed password.

    @ivar logN: The binary logarithm of scrypt's C{N}; C{r} and C{p} are its other parameters.
    """

    logN: int
    r: int
    p: int
    salt: bytes
    digest: bytes

    @classmethod
    def parse(cls, text: str) -> ScryptHash:
        """
        Read a stored hash.

        @raise ValueError: It has another form, or its parameters are out of bounds; the message holds nothing of it.
        """
        match = _FORM.fullmatch(text)
        if match is None:
            raise ValueError("is not of the form $scrypt$ln=15,r=8,p=1$SALT$HASH")
        logN, r, p = (int(number) for number in match.group(1, 2, 3))
        if not (logN >= 1 and r >= 1 and p >= 1 and 128 * r * (p + (1 << logN)) <= MAX_MEMORY):
            raise ValueError(f"asks scrypt for more than {MAX_MEMORY >> 20} MiB, or for nothing")
        if (r * p) << logN > MAX_WORK:
            raise ValueError("asks scrypt for too much work")
        salt, digest = _decode(match[4]), _decode(match[5])
        if not (MIN_SALT <= len(salt) <= MAX_SALT and MIN_DIGEST <= len(digest) <= MAX_DIGEST):
            raise ValueError("has a salt or a hash of an unusual length")
        return cls(logN, r, p, salt, digest)

    def verify(self, password: str) -> bool:
        """Whether it is the hash of that password. Takes its time, and the memory that the parameters ask for."""
        return hmac.compare_digest(self.digest, self._hash(password))

    def format(self) -> str:
        """The form in which it is stored, the reverse of L{parse}."""
        return f"$scrypt$ln={self.logN},r={self.r},p={self.p}${_encode(self.salt)}${_encode(self.digest)}"

    def _hash(self, password: str) -> bytes:
        return hashlib.scrypt(
            # Lone surrogates are legal in JSON strings, hence in passwords.
            password.encode("utf-8", "surrogatepass"),
            salt=self.salt,
            n=1 << self.logN,
            r=self.r,
            p=self.p,
            # OpenSSL counts a few blocks more than the formula of the paper.
            maxmem=2 * MAX_MEMORY,
            dklen=len(self.digest),
        )


def hashPassword(password: str) -> str:
    """Hash a password for storing it, with a salt of its own. Takes about 0.1 s and 32 MiB."""
    bare = ScryptHash(LOG_N, BLOCK_SIZE, PARALLEL, secrets.token_bytes(SALT_BYTES), bytes(DIGEST_BYTES))
    return ScryptHash(bare.logN, bare.r, bare.p, bare.salt, bare._hash(password)).format()


def isHash(stored: str) -> bool:
    """
    Whether a stored password is a hash, of whatever kind: then it is not to be taken for the password itself.
    """
    return stored.startswith("$scrypt$") or _ANY_HASH.match(stored) is not None


def _encode(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii").rstrip("=")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError("has a salt or a hash that is not base64") from None
