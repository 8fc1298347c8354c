"""
The commands that C{twistd} gets from us.
"""

from twisted.application.service import ServiceMaker

jet = ServiceMaker(
    "Jet daemon",
    "jetjstp.services.jetcommand",
    "A Jet daemon: a realtime bus of states and methods, over TCP and WebSocket.",
    "jet",
)

jstp = ServiceMaker(
    "JSTP server",
    "jetjstp.services.jstpcommand",
    "A JSTP server: calls and events of applications, and the bus of a Jet daemon.",
    "jstp",
)

smokesignal = ServiceMaker(
    "smokesignal node",
    "jetjstp.smokesignal.service",
    "A node of a smokesignal overlay: a seed for others, which passes on what they broadcast.",
    "smokesignal",
)
