"""
A receiver that remembers what a link told it.
"""

from __future__ import annotations

from collections.abc import Callable

from jetjstp.interfaces import MessageLink

__all__ = ["Recorder"]


class Recorder:
    """
    A L{jetjstp.interfaces.MessageReceiver}.

    @ivar events: What was told, as tuples of the word for it and what came along.
    @ivar reactions: Called with the link when the event of that word is told, after it was remembered.
    """

    link: MessageLink

    def __init__(self) -> None:
        self.events: list[tuple[object, ...]] = []
        self.reactions: dict[str, Callable[[MessageLink], object]] = {}

    def linkOpened(self, link: MessageLink) -> None:
        """See L{jetjstp.interfaces.MessageReceiver}."""
        self.link = link
        self._tell("opened")

    def messagesReceived(self, messages: list[bytes]) -> None:
        """See L{jetjstp.interfaces.MessageReceiver}."""
        self._tell("received", messages)

    def linkBlocked(self) -> None:
        """See L{jetjstp.interfaces.MessageReceiver}."""
        self._tell("blocked")

    def linkDrained(self) -> None:
        """See L{jetjstp.interfaces.MessageReceiver}."""
        self._tell("drained")

    def linkLost(self, reason: str) -> None:
        """See L{jetjstp.interfaces.MessageReceiver}."""
        self._tell("lost", reason)

    def _tell(self, word: str, *details: object) -> None:
        self.events.append((word, *details))
        reaction = self.reactions.get(word)
        if reaction is not None:
            reaction(self.link)

    @property
    def messages(self) -> list[bytes]:
        """All messages that came, in order."""
        return [message for event in self.events if event[0] == "received" for message in event[1]]  # type: ignore[attr-defined]

    @property
    def words(self) -> list[object]:
        """What was told, without details."""
        return [event[0] for event in self.events]
