"""
C{createNode}: the options of a node, checked, and the node made of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from jetjstp.bounds import checkSeconds
from jetjstp.smokesignal.checking import checkAddress, checkDialect, checkNumbers, checkPort, checkSeeds
from jetjstp.smokesignal.dialling import DialPolicy
from jetjstp.smokesignal.flooding import Dialect
from jetjstp.smokesignal.limits import Limits
from jetjstp.smokesignal.logs import NodeLog
from jetjstp.smokesignal.network import Network, TCPNetwork, TLSNetwork, tlsContext
from jetjstp.smokesignal.publicnode import Node

__all__ = ["createNode"]

LONGEST_TICK = 600.0
"""Seconds; a node that looks around less often does not come back when it is alone."""


def createNode(
    *args: object,
    address: str | None = None,
    port: int = 0,
    seeds: Iterable[Mapping[str, Any] | tuple[str, int]] = (),
    minPeerNo: int = 3,
    maxPeerNo: float = 5,
    pingTimeout: float = 3.0,
    logger: Any = None,
    dialect: Dialect = "both",
    interface: str | None = None,
    dialPolicy: DialPolicy | None = None,
    limits: Limits | None = None,
    tlsOptions: Any = None,
    network: Network | None = None,
    tickInterval: float = 10.0,
    reactor: Any = None,
) -> Node:
    """
    Make a node; C{start} starts it. All options are keywords. B{All times are seconds}, where the npm package has
    milliseconds.

    @param address: The IP address at which other nodes reach this one, see L{localIp}. It has no default.
    @param port: Where it listens; with 0 the system chooses a free one. Others are told the real one.
    @param seeds: Known nodes, C{{"address": ..., "port": ...}} or C{(address, port)} each, written B{as they call
        themselves}: C{127.0.0.1} is another seed than C{192.168.2.100}, though it may be the same node. Names of hosts
        are looked up when the node starts, and again until they are found.
    @param minPeerNo: How many peers the node strives for.
    @param maxPeerNo: How many it takes; C{math.inf} for any number.
    @param pingTimeout: B{Seconds} in which a seed has to answer through the overlay, or it counts as split off.
    @param logger: Has C{debug}, C{info}, C{warn}, C{error}, or some of them, which take a text; L{twisted.logger} if it
        is L{None}.
    @param dialect: Which real nodes are about: C{"0.1"} (npm 0.1: events) or C{"0.2"} (npm 0.2: bytes), which cannot
        share an overlay; with C{"both"} there are only ours, which speak both.
    @param interface: The IP address to listen on: C{address} if it is L{None}, all of this machine's if it is C{""},
        C{"0.0.0.0"} or C{"::"}.
    @param dialPolicy: Called with an address, a port and C{"peer request"} or C{"pong"} before the node connects
        because somebody wants it to; false prevents it. If it is L{None}: no multicast, link-local and reserved
        addresses, and no loopback for nodes that are not there themselves.
    @param limits: What others may ask of the node.
    @param tlsOptions: TLS between nodes, with certificates on both sides: a dict of C{certificate}, C{key},
        C{trustRoot} (names of PEM files), or L{twisted.internet.ssl.CertificateOptions} that check the other side. All
        nodes of the overlay need it; npm's cannot.
    @param network: What to listen and dial with instead of TCP, see L{jetjstp.smokesignal.network.Network}.
    @param tickInterval: B{Seconds} between two looks around: for peers while there are too few, for seeds.
    @param reactor: The global reactor if it is L{None}.
    @raise TypeError: An option is missing or of another type; the message names it.
    @raise ValueError: One is of no use; the message names it.
    """
    if args:
        raise TypeError(
            "createNode takes keywords: createNode(address=..., port=..., seeds=[...]), not an options object"
        )
    address = checkAddress("address", address)
    checkPort("port", port)
    checkNumbers(minPeerNo, maxPeerNo, pingTimeout)
    checkDialect(dialect)
    checkSeconds("tickInterval", tickInterval, LONGEST_TICK)
    if dialPolicy is not None and not callable(dialPolicy):
        raise TypeError(f"dialPolicy must be a function of address, port and reason, not {dialPolicy!r}")
    if limits is not None and not isinstance(limits, Limits):
        raise TypeError(f"limits must be smokesignal.Limits, not {limits!r}")
    if network is not None and not all(callable(getattr(network, name, None)) for name in ("listen", "connect")):
        raise TypeError(f"network must have listen and connect, not {network!r}")
    if reactor is None:
        from twisted.internet import reactor as globalReactor

        reactor = globalReactor
    carried = network or TCPNetwork(reactor)
    if tlsOptions is not None:
        carried = TLSNetwork(tlsContext(tlsOptions), carried)
    return Node(
        address=address,
        port=port,
        seeds=checkSeeds(seeds),
        minPeerNo=minPeerNo,
        maxPeerNo=maxPeerNo,
        pingTimeout=pingTimeout,
        log=NodeLog(logger),
        dialect=dialect,
        interface=_interface(address, interface),
        dialPolicy=dialPolicy,
        limits=limits or Limits(),
        tickInterval=tickInterval,
        network=carried,
        reactor=reactor,
    )


def _interface(address: str, interface: object) -> str:
    """The interface to listen on; one that says all of IPv4 or of IPv6 unless it is one address."""
    if interface is None:
        return address
    if not isinstance(interface, str):
        raise TypeError(f'interface must be an IP address, or "" for all, not {interface!r}')
    if not interface:
        return "::" if ip_address(address).version == 6 else "0.0.0.0"
    try:
        return str(ip_address(interface))
    except ValueError:
        raise ValueError(f'interface: {interface!r} is no IP address; write one, or "" for all') from None
