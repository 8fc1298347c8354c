"""
One transport of a connection, until another takes its place.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from jetjstp.interfaces import MessageLink

if TYPE_CHECKING:
    from jetjstp.jstp.carrier import Carrier

__all__ = ["Line"]


class Line:
    """
    What receives the messages of a link, for the connection that it belongs to now.

    A session that is restored is found when the handshake is read, so the link moves to the connection of that session
    with all that came behind the handshake. What a link without a connection says is not heard.

    @ivar inbox: Messages that were received and wait for their turn.
    @ivar recorded: How many of them, at least, are recorded as received.
    """

    __slots__ = ("connection", "inbox", "link", "recorded")

    link: MessageLink

    def __init__(self, connection: Carrier) -> None:
        self.connection: Carrier | None = connection
        self.inbox: deque[bytes] = deque()
        self.recorded = 0

    def linkOpened(self, link: MessageLink) -> None:
        self.link = link
        if self.connection is None:
            link.abort()
        else:
            self.connection.lineOpened(self)

    def messagesReceived(self, messages: list[bytes]) -> None:
        if self.connection is not None:
            self.inbox.extend(messages)
            self.connection.lineReceived(self)

    def linkBlocked(self) -> None:
        """The connection looks at C{link.blocked}."""

    def linkDrained(self) -> None:
        if self.connection is not None:
            self.connection.lineDrained(self)

    def linkLost(self, reason: str) -> None:
        connection = self.detach()
        if connection is not None:
            connection.lineLost(reason)

    def detach(self) -> Carrier | None:
        """Belong to nobody any more; whoever calls this ends the link, or has another connection for it."""
        connection, self.connection = self.connection, None
        return connection
