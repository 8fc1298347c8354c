"""
Files of keys and certificates, and what is wrong with them in one line: OpenSSL
names no file, and it asks whoever sits at the terminal for a passphrase.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from OpenSSL.SSL import Error

__all__ = ["checkPair", "loadPem", "readPem"]

T = TypeVar("T")


def readPem(path: str | os.PathLike[str], where: str, remedy: str) -> bytes:
    """
    Read a file.

    @param where: What the message begins with.
    @param remedy: What the message ends with if it is the wrong file.
    @raise ValueError: It cannot be read; the message is one line.
    """
    try:
        return Path(path).read_bytes()
    except FileNotFoundError:
        raise ValueError(f"{where} does not exist; {remedy}") from None
    except IsADirectoryError:
        raise ValueError(f"{where} is a folder; {remedy}") from None
    except PermissionError:
        raise ValueError(f"{where} may not be read; permit it to the user who starts this") from None
    except (OSError, ValueError) as error:  # a ValueError for a name with a zero in it
        raise ValueError(f"{where} cannot be read ({getattr(error, 'strerror', None) or error}); {remedy}") from None


def loadPem(what: str, path: str, option: str, load: Callable[[bytes], T]) -> T:
    """
    Read something from a file.

    @param what: What it is, for messages.
    @param option: How the file is named, for messages, such as C{--key FILE}.
    @param load: Makes it of the content.
    @raise ValueError: It is not there; the message is one line that names the file and the remedy.
    """
    where, remedy = f"the {what} {path!r}", f"name a PEM file with {option}"
    content = readPem(path, where, remedy)
    try:
        return load(content)
    except _Locked:
        raise ValueError(f"{where} has a passphrase, which nobody is asked for; store the key without one") from None
    except (ValueError, Error, UnsupportedAlgorithm):
        raise ValueError(f"{where} is something else; {remedy}") from None


def checkPair(keyPath: str, keyOption: str, certificatePath: str, certificateOption: str) -> x509.Certificate:
    """
    Look whether a private key and a certificate belong together.

    @param keyOption: How the file is named, for messages, such as C{--key FILE}; likewise C{certificateOption}.
    @raise ValueError: They do not, or one of them is of no use; the message is one line.
    """
    certificate = loadPem("certificate", certificatePath, certificateOption, _loadCertificate)
    key = loadPem("private key", keyPath, keyOption, _loadKey)
    if key.public_key() != certificate.public_key():
        raise ValueError(
            f"the certificate {certificatePath!r} is not for the private key {keyPath!r}; name files that belong "
            f"together with {certificateOption} and {keyOption}"
        )
    return certificate


class _Locked(Exception):
    """There is a key, and it cannot be had."""


def _loadKey(content: bytes) -> PrivateKeyTypes:
    try:
        return load_pem_private_key(content, None)
    except TypeError:
        raise _Locked from None


def _loadCertificate(content: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificates(content)[0]
