"""
From one system to another: the bus of a Jet daemon, for clients of JSTP.
"""

from jetjstp.gateway.application import BusApplication

__all__ = ["BusApplication"]
