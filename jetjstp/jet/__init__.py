"""
Jet, the realtime bus: peers add states and methods, others fetch, set and call
them through a daemon.
"""

from jetjstp.jet.daemon import Daemon
from jetjstp.jet.limits import Limits
from jetjstp.jet.protocol import ConnectedPeer

__all__ = ["ConnectedPeer", "Daemon", "Limits"]
