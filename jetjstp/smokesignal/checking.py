"""
What can be given to C{createNode}: checked, with errors that name the remedy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from math import inf
from typing import Any, NamedTuple

from jetjstp.bounds import checkSeconds

__all__ = ["Seed", "checkAddress", "checkDialect", "checkNumbers", "checkPort", "checkSeeds"]

LONGEST_PING = 120.0
"""Seconds; nobody waits longer for a pong, unless somebody meant milliseconds."""

DIALECTS = ("both", "0.1", "0.2")


class Seed(NamedTuple):
    """Where a known node is, as it was given to C{createNode}."""

    address: str
    port: int


def checkAddress(name: str, address: object) -> str:
    """
    The IP address that others dial.

    @return: The same in its usual spelling.
    @raise TypeError: It is missing, or no string.
    @raise ValueError: It is no address that others could dial.
    """
    if address is None:
        raise TypeError(
            f"createNode needs {name}=..., the IP address at which other nodes reach this one; "
            'smokesignal.localIp("192.168.2.0/24") finds it by your subnet'
        )
    if not isinstance(address, str):
        raise TypeError(f"{name} must be a string with an IP address, not {address!r}")
    try:
        found = ip_address(address)
    except ValueError:
        hint = "; a subnet goes through smokesignal.localIp" if "/" in address else ""
        raise ValueError(f"{name}: {address!r} is no IP address, and other nodes take nothing else{hint}") from None
    if found.is_unspecified or found.is_multicast:
        raise ValueError(
            f"{name}: nobody can dial {address}; give the address that others reach, "
            f'and interface="{address}" to listen everywhere'
            if found.is_unspecified
            else f"{name}: {address} is an address of many, and nobody can dial it"
        )
    return str(found)


def checkPort(name: str, port: object, lowest: int = 0) -> int:
    """A port number."""
    if not isinstance(port, int) or isinstance(port, bool):
        hint = f"; did you mean {port}?" if isinstance(port, str) and port.isdecimal() else ""
        raise TypeError(f"{name} must be a number, not {port!r}{hint}")
    if not lowest <= port <= 65535:
        raise ValueError(f"{name}: {port} is no port, those are {lowest} to 65535")
    return port


def checkSeeds(seeds: object) -> list[Seed]:
    """
    Known nodes: C{{"address": ..., "port": ...}} or C{(address, port)} each.

    @return: Each once, in order.
    """
    if isinstance(seeds, str | bytes | Mapping) or not isinstance(seeds, Iterable):
        raise TypeError(f'seeds must be a list of {{"address": ..., "port": ...}} or (address, port), not {seeds!r}')
    return list(dict.fromkeys(_checkSeed(seed) for seed in seeds))


def _checkSeed(seed: Any) -> Seed:
    if isinstance(seed, Mapping):
        if set(seed) != {"address", "port"}:
            raise ValueError(f"seed {dict(seed)!r} must have address and port, and nothing else")
        address, port = seed["address"], seed["port"]
    elif isinstance(seed, tuple | list) and len(seed) == 2:
        address, port = seed
    else:
        raise TypeError(f'seed {seed!r} must be {{"address": ..., "port": ...}} or (address, port)')
    if not isinstance(address, str):
        raise TypeError(f"the address of seed {seed!r} must be a string")
    checkPort(f"the port of seed {seed!r}", port, 1)
    if not address or (any(character.isspace() or character in "/:@" for character in address) and not isIP(address)):
        raise ValueError(f"the address of seed {seed!r} is neither an IP address nor the name of a host")
    # In the usual spelling, for that is how nodes compare them.
    return Seed(str(ip_address(address)) if isIP(address) else address, port)


def isIP(text: str) -> bool:
    """Whether a text is an address, and not the name of a host."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def checkNumbers(minPeerNo: object, maxPeerNo: object, pingTimeout: Any) -> None:
    """How many peers a node wants and takes, and how long it waits for a pong."""
    if not isinstance(minPeerNo, int) or isinstance(minPeerNo, bool):
        raise TypeError(f"minPeerNo must be a whole number, not {minPeerNo!r}")
    if maxPeerNo != inf and (not isinstance(maxPeerNo, int) or isinstance(maxPeerNo, bool)):
        raise TypeError(f"maxPeerNo must be a whole number or math.inf, not {maxPeerNo!r}")
    if minPeerNo < 1:
        raise ValueError(f"minPeerNo: {minPeerNo} is out of range, at least 1: a node without peers hears nothing")
    if maxPeerNo < minPeerNo:
        raise ValueError(f"maxPeerNo: {maxPeerNo} is less than minPeerNo, {minPeerNo}")
    checkSeconds("pingTimeout", pingTimeout, LONGEST_PING)


def checkDialect(dialect: object) -> None:
    """Which real nodes are about."""
    if dialect not in DIALECTS:
        hint = ", with quotes" if isinstance(dialect, float) else ""
        raise ValueError(f'dialect must be "both", "0.1" or "0.2"{hint}, not {dialect!r}')
