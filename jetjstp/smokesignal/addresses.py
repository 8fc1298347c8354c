"""
Addresses and ports in what others send, and where we let them make us connect.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, ip_address

__all__ = ["DefaultDialPolicy", "isAddress", "isSameHost", "parse", "portOf", "targetOf"]

_THIS_NETWORK = IPv4Network("0.0.0.0/8")
"""Some systems take all of it for themselves."""


@lru_cache(1024)
def parse(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a literal means, v4-mapped ones as v4; L{None} if it is none."""
    # The longest literal, with a zone; anything longer is not worth a look or a place in the cache.
    if len(text) > 64:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def isAddress(value: object) -> bool:
    """Whether it is an IP literal, as all addresses on the wire have to be."""
    return isinstance(value, str) and parse(value) is not None


def portOf(value: object) -> int | None:
    """The port that a JSON number means, if it is one that can be dialled."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 1 <= value <= 65535:
        return None
    port = int(value)
    return port if port == value else None


def isSameHost(one: str, other: str) -> bool:
    """Whether two literals mean one host; all loopback addresses do."""
    first, second = parse(one), parse(other)
    if first is None or second is None:
        return False
    return first == second or (first.is_loopback and second.is_loopback)


def targetOf(address: str, port: int) -> tuple[str, int]:
    """What is the same for all spellings of an address; what is none stays as it is."""
    literal = parse(address)
    return (address if literal is None else str(literal)), port


class DefaultDialPolicy:
    """
    Which connections packets may make us open, unless the user knows better.

    Refused are addresses that are no single host's, link-local ones, and loopback if we are not on loopback ourselves:
    it would be ours, not that of who asked.
    """

    def __init__(self, ownAddress: str) -> None:
        own = parse(ownAddress)
        self._isLocal = own is not None and own.is_loopback

    def __call__(self, address: str, port: int, why: str) -> bool:
        """Whether to connect. C{why} makes no difference."""
        target = parse(address)
        if target is None or not 1 <= port <= 65535:
            return False
        if target.is_loopback:
            # ::1 is also in a reserved range.
            return self._isLocal
        return not (
            target.is_unspecified
            or target.is_multicast
            or target.is_reserved
            or target.is_link_local
            or (isinstance(target, IPv4Address) and target in _THIS_NETWORK)
        )
