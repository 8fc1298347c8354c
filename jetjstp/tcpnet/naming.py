"""
What nodes and services are called, and which of two nodes dials the other.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Settings", "checkUuid", "dials", "isUuid", "newUuid", "readSettings", "serviceType"]

UUID_DIGITS = 52
"""As many as those of the original have, so that neither side dials for the length of its name only."""

_NAME = re.compile(r"[a-zA-Z0-9-]{1,15}")
_HEX = re.compile(r"[0-9A-F]+")
_UUID = re.compile(r"[0-9A-F]{1,63}")


class Settings(NamedTuple):
    """
    What a service is to be called.

    @ivar uuid: Upper case; L{None} if one is to be made.
    """

    name: str
    type: str
    uuid: str | None


def readSettings(settings: Any) -> Settings:
    """
    Read the first argument of a service: its name, or a mapping with C{name} and, if wanted, C{uuid}.

    @raise TypeError: It is something else.
    @raise ValueError: DNS-SD cannot hold the name or the uuid.
    """
    if isinstance(settings, str):
        settings = {"name": settings}
    if not isinstance(settings, Mapping):
        raise TypeError("first argument must be a string or an object")
    name, uuid = settings.get("name"), settings.get("uuid")
    if not isinstance(name, str):
        raise TypeError("service name must be a string type")
    if uuid is not None:
        uuid = checkUuid(uuid)
    return Settings(name, serviceType(name), uuid)


def checkUuid(uuid: Any) -> str:
    """
    A uuid that was given, in upper case.

    @raise TypeError: It is no string of hexadecimal digits.
    @raise ValueError: It is too long.
    """
    if not isinstance(uuid, str):
        raise TypeError("service uuid must be a string type")
    upper: str = uuid.upper()
    if not _HEX.fullmatch(upper):
        raise TypeError("service uuid must be a hex string")
    if not _UUID.fullmatch(upper):
        raise ValueError(f"service uuid must have at most 63 digits, not {len(upper)}: a DNS label holds no more")
    return upper


def serviceType(name: str) -> str:
    """
    The DNS-SD type of a service, such as C{_my-cluster._tcp}.

    @raise ValueError: There can be none.
    """
    bare = name.removeprefix("_")
    if not _NAME.fullmatch(bare):
        raise ValueError(f"service name must be 1 to 15 characters of a-z, A-Z, 0-9 and '-', not {name!r}")
    if "--" in bare or bare.startswith("-") or bare.endswith("-") or bare.isdigit():
        # The original takes these.
        raise ValueError(
            f"service name {name!r} is none that DNS-SD allows (RFC 6335, section 5.1): "
            "it needs a letter, no '-' at either end and no two of them in a row"
        )
    return f"_{bare}._tcp"


def newUuid() -> str:
    """A uuid that no other node has, and that tells nothing about this one."""
    return secrets.token_hex(UUID_DIGITS // 2).upper()


def isUuid(instance: str) -> bool:
    """Whether this can be the instance name of a node; anything else of the same type is no node of ours."""
    return _UUID.fullmatch(instance) is not None


def dials(ours: str, theirs: str) -> bool:
    """
    Whether the first of two nodes dials the second: the one whose uuid sorts first does, as text.

    If one uuid is the beginning of the other, the longer one dials. Of two different uuids exactly one dials.
    """
    return ours + "~" < theirs + "~"
