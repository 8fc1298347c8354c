"""
Where the two ends of a connection are, as text.
"""

from __future__ import annotations

import os

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.interfaces import IAddress, ITransport

__all__ = ["hostOf", "localAddress", "peerAddress"]


def peerAddress(transport: ITransport) -> str:
    """
    Where the other side is.

    @return: The host, without the port. For UNIX sockets, whose clients have no name, the path of the socket.
    """
    return _text(transport.getPeer()) or _text(transport.getHost()) or "unknown"


def localAddress(transport: ITransport) -> str | None:
    """
    The address of ours that the other side connected to.

    @return: L{None} for UNIX sockets.
    """
    address = transport.getHost()
    return _text(address) if isinstance(address, (IPv4Address, IPv6Address)) else None


def hostOf(address: IAddress | None) -> str:
    """The host of an address, without the port, or the path of a UNIX socket."""
    return "unknown" if address is None else _text(address) or "unknown"


def _text(address: IAddress) -> str:
    if isinstance(address, (IPv4Address, IPv6Address)):
        # A listener on "::" shows IPv4 peers like this; one host must not have two addresses.
        return str(address.host).removeprefix("::ffff:")
    if isinstance(address, UNIXAddress) and address.name:
        # Linux's abstract sockets begin with a zero byte, which is customarily shown as an "@".
        return os.fsdecode(address.name).replace("\0", "@", 1)
    return ""
