"""
What goes over the links of one kind, counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from jetjstp.causes import Cause, Refusal
from jetjstp.figure import Figure

__all__ = ["Traffic", "trafficFigures"]


class Traffic:
    """
    Counts of all links of some factories. Links add to them for each piece of data, not for each message.

    @ivar opened: Links that could be used.
    @ivar messagesReceived: Whole messages that came.
    @ivar messagesSent: Messages that were written.
    @ivar bytesReceived: Bytes that came, before they were taken apart; those inside of TLS.
    @ivar bytesSent: Bytes of the frames that were written.
    @ivar refused: Connections that never became links.
    @ivar dropped: Links that were ended by themselves.
    """

    __slots__ = ("bytesReceived", "bytesSent", "dropped", "messagesReceived", "messagesSent", "opened", "refused")

    def __init__(self) -> None:
        self.opened = 0
        self.messagesReceived = 0
        self.messagesSent = 0
        self.bytesReceived = 0
        self.bytesSent = 0
        self.refused = dict.fromkeys(Refusal, 0)
        self.dropped = dict.fromkeys(Cause, 0)


def trafficFigures(system: str, traffic: Mapping[str, Traffic]) -> Iterator[Figure]:
    """
    The figures of what went over the links of a system, apart from C{dropped}.

    @param system: The first word of their names.
    @param traffic: By the kind of link.
    """
    for attribute, name, help in _COUNTED:
        for kind, each in traffic.items():
            yield Figure(f"{system}_{name}", help, "counter", getattr(each, attribute), (("link", kind),))
    for refusal in Refusal:
        yield Figure(
            f"{system}_connections_refused",
            "Connections that were not taken.",
            "counter",
            sum(each.refused[refusal] for each in traffic.values()),
            (("reason", refusal.value),),
        )


_COUNTED = (
    ("opened", "connections_opened", "Connections that were taken, handshakes of TLS and WebSocket done."),
    ("messagesReceived", "messages_received", "Messages that came in; a batch is one."),
    ("messagesSent", "messages_sent", "Messages that were written."),
    ("bytesReceived", "received_bytes", "Bytes that came in, with framing and without TLS."),
    ("bytesSent", "sent_bytes", "Bytes of the messages that were written, with framing and without TLS."),
)
