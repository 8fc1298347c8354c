"""
The commands that C{twistd} gets from us.
"""

from twisted.application.service import ServiceMaker

jet = ServiceMaker(
    "Jet daemon",
    "jetjstp.jet.service",
    "A Jet daemon: a realtime bus of states and methods, over TCP and WebSocket.",
    "jet",
)
