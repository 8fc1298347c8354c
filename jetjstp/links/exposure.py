"""
Whom an endpoint lets in before anybody has logged in.
"""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address

from jetjstp.links.descriptions import splitDescription

__all__ = ["beyondLoopback", "isPlainNetwork"]

LOCAL_TYPES = ("unix", "systemd", "fd")
"""
Endpoints that are exempt: the permissions of a UNIX socket guard it, and a socket that was inherited was opened by
somebody who had to decide the same question.
"""

NETWORK_TYPES = ("tcp", "tcp6", "ssl", "tls")

WRAPPER_TYPES = ("haproxy",)
"""Endpoints whose description is followed by that of another one."""


def beyondLoopback(description: str) -> bool:
    """
    Whether other machines can connect to a server endpoint description such as C{tcp:11122:interface=127.0.0.1}.

    Only a keyword C{interface} with a loopback address, or C{localhost}, counts as loopback. A type that is not known
    counts as reachable.
    """
    words, named = splitDescription(description)
    kind = words[0].lower() if words else ""
    if kind in LOCAL_TYPES:
        return False
    if kind in WRAPPER_TYPES:
        return beyondLoopback(description.partition(":")[2])
    return kind not in NETWORK_TYPES or not _isLoopback(named.get("interface", ""))


def isPlainNetwork(description: str) -> bool:
    """Whether a server endpoint description is of TCP, without TLS: what needs no more than an address and a port."""
    words, _ = splitDescription(description)
    return bool(words) and words[0].lower() in ("tcp", "tcp6")


def _isLoopback(interface: str) -> bool:
    if interface.lower() == "localhost":
        return True
    try:
        address = ip_address(interface)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
