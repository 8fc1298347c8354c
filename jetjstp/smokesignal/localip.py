"""
Which of this machine's addresses lies in a subnet.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address, ip_network

import ifaddr

__all__ = ["localIp"]


def localIp(subnet: str) -> str:
    """
    Find the address of this machine in a subnet.

    @param subnet: C{"192.168.2.0/24"} or C{"192.168.2.1/255.255.255.0"}; any address of the subnet will do in front of
        the slash. An address alone means just that one. IPv6 subnets work too.
    @return: The first address found; interfaces are looked at in the system's order.
    @raise TypeError: That is no string.
    @raise ValueError: That is no subnet.
    @raise LookupError: This machine has no address there; the message lists those that it has.
    """
    if not isinstance(subnet, str):
        raise TypeError(f'subnet must be a string such as "192.168.2.0/24", not {subnet!r}')
    try:
        network = ip_network(subnet, strict=False)
    except ValueError as error:
        raise ValueError(
            f'{subnet!r} is no subnet: {error}; write it like "192.168.2.0/24" or "192.168.2.1/255.255.255.0"'
        ) from None
    found = list(_addresses())
    for _, address in found:
        if ip_address(address) in network:
            return address
    listed = ", ".join(f"{address} ({interface})" for interface, address in found) or "none at all"
    raise LookupError(f"this machine has no address in {network}; it has: {listed}")


def _addresses() -> Iterable[tuple[str, str]]:
    """The interfaces of this machine, each with an address that it has; without those of IPv6 that need a zone."""
    for adapter in ifaddr.get_adapters():
        for ip in adapter.ips:
            # Those of IPv6 come with their flow and their zone.
            address = ip.ip if isinstance(ip.ip, str) else ip.ip[0]
            if not ip_address(address).is_link_local or isinstance(ip.ip, str):
                yield adapter.nice_name, address
