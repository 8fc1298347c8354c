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

smokesignal = ServiceMaker(
    "smokesignal node",
    "jetjstp.smokesignal.service",
    "A node of a smokesignal overlay: a seed for others, which passes on what they broadcast.",
    "smokesignal",
)
