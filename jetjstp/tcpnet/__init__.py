"""
tcpnet: every process of a service is connected with every other on the local
network, without any configuration.
"""

from jetjstp.tcpnet.connection import Connection
from jetjstp.tcpnet.errors import ConnectionLost, DialFailed, ServiceStateError, TcpnetError, UuidInUse
from jetjstp.tcpnet.limits import Limits
from jetjstp.tcpnet.service import Address, Service

__all__ = [
    "Address",
    "Connection",
    "ConnectionLost",
    "DialFailed",
    "Limits",
    "Service",
    "ServiceStateError",
    "TcpnetError",
    "UuidInUse",
    "tcpnet",
]

tcpnet = Service
"""What the npm package calls it."""
