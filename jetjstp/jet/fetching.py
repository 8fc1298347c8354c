"""
One fetch: from elements that come, change and go to what its client is told
(protocol page, sections 8.1 to 8.5).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jetjstp.jet.access import May, Right
from jetjstp.jet.backlog import Event
from jetjstp.jet.dialects import Channel
from jetjstp.jet.paths import PathRule
from jetjstp.jet.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jetjstp.jet.clients import Client
    from jetjstp.jet.elements import Element

__all__ = ["Fetch", "FetchId", "ValueFetch"]

_FETCH, _SET, _CALL = Right.FETCH, Right.SET, Right.CALL
_ADD, _CHANGE, _REMOVE = Event.ADD, Event.CHANGE, Event.REMOVE

TIDY = 1000
"""Elements that may have come and gone in a list of newcomers before it is tidied."""

LARGE = 64 * 1024
"""Bytes of a frame that is not kept for others: it would stay until the next one."""

FetchId = tuple[str, str | float]
"""The type and the value of a fetch id, so that 1 and "1" differ."""


class Fetch:
    """
    A fetch whose rule is about paths alone.

    @ivar client: Who fetches.
    @ivar serial: Counts fetches in the order in which they were set up.
    @ivar channel: How its notifications look, shared with all that look the same.
    @ivar frames: The outbox of the client.
    @ivar plain: Whether changes may go straight to the outbox; false while the client is behind.
    @ivar dead: Whether it has ended. Elements may still refer to it for a while.
    @ivar waiting: While the initial state is being announced: the elements that were added since.
    """

    __slots__ = (
        "_joined",
        "_joinedBy",
        "_tidyAt",
        "channel",
        "client",
        "coalesce",
        "dead",
        "frames",
        "highWater",
        "may",
        "pathRule",
        "plain",
        "rule",
        "serial",
        "waiting",
    )

    isPlain = True

    def __init__(self, client: Client, rule: Rule, channel: Channel, serial: int, may: May, highWater: int) -> None:
        self.client = client
        self.rule = rule
        self.pathRule: PathRule = rule.path
        self.channel = channel
        self.serial = serial
        self.may = may
        self.highWater = 0 if rule.coalesce else highWater
        self.coalesce = rule.coalesce is not False
        self.frames = client.frames
        self.plain = self.isPlain and not client.behind
        self.dead = False
        self.waiting: list[Element] | None = None
        self._tidyAt = TIDY
        self._joined: tuple[Fetch, ...] = ()
        self._joinedBy: tuple[Fetch, ...] = (self,)

    def watch(self, element: Element) -> None:
        """Be told of an element from now on."""
        # Elements that are met one after the other mostly have the same watchers so far: let them share the result.
        if element.watchers is not self._joined:
            self._joined = element.watchers
            self._joinedBy = (*element.watchers, self)
        element.watchers = self._joinedBy

    def end(self) -> None:
        """Tell nothing any more. Elements may refer to the fetch until the next sweep, so it lets go of its own."""
        self.dead = True
        self.plain = False

    def fits(self, element: Element) -> bool:
        """Whether the path rule holds and the client may see the element. Neither changes while it exists."""
        matches = self.pathRule.matches
        return (matches is None or matches(element.path)) and self.mayFetch(element)

    def mayFetch(self, element: Element) -> bool:
        if not self.rule.methods and element.isMethod:
            return False
        return self.may(self.client.identity, _FETCH, element.path, element)

    def holds(self, element: Element) -> bool:
        """Whether the value rule holds, if there is one."""
        return self.rule.value is None or self.rule.value(element.read())

    def flag(self, element: Element) -> bool:
        """The C{fetchOnly} flag: nobody may set or call the element, or this client may not."""
        if element.fetchOnly:
            return True
        right = _CALL if element.isMethod else _SET
        return not self.may(self.client.identity, right, element.path, element)

    def appeared(self, element: Element) -> None:
        """An element was added whose path fits."""
        if self.dead or not self.mayFetch(element):
            return
        if self.waiting is not None:
            self._wait(element, self.waiting)
        else:
            self.meet(element)

    def _wait(self, element: Element, waiting: list[Element]) -> None:
        if len(waiting) >= self._tidyAt:  # what came and went while the client took nothing is not to pile up
            waiting[:] = [other for other in waiting if not other.removed]
            self._tidyAt = 2 * len(waiting) + TIDY
        waiting.append(element)

    def forget(self) -> None:
        """The initial state has been announced."""
        self.waiting = None
        self._joined, self._joinedBy = (), (self,)

    def meet(self, element: Element) -> None:
        """Take up an element that L{fits}, and announce it."""
        self.watch(element)
        client = self.client
        if client.behind:
            self.tell(_ADD, element)
            return
        # As tell does, without a detour: snapshots are long.
        channel, frames = self.channel, self.frames
        if not frames:
            client.dirty.append(client)
        frames.append(channel.frameOf(channel.dialect.added(element.path, element.value, self.flag(element))))

    def changed(self, element: Element) -> None:
        """A watched element has a new value."""
        self.tell(_CHANGE, element)

    def disappeared(self, element: Element) -> None:
        """A watched element was removed."""
        self.tell(_REMOVE, element)

    def complete(self) -> Iterator[None]:
        """The initial state has been met; what is still to be done yields between steps."""
        return iter(())

    def tell(self, event: Event, element: Element) -> None:
        """Send, or keep for later, one notification."""
        if self.dead:
            return
        client = self.client
        if not client.behind:
            client.sendFrame(self.frameOf(event, element))
        elif self.coalesces(element.path):
            client.backlog.put(self, event, element)
        else:
            client.backlog.append(self.frameOf(event, element))

    def coalesces(self, path: str | None) -> bool:
        """Whether only the newest news of a path is to be kept, the client being behind."""
        if not self.coalesce:
            return False
        backlog = self.client.backlog
        return backlog.size >= self.highWater or backlog.holds(self, path)

    def frameOf(self, event: Event, element: Element) -> bytes:
        """The frame of one notification."""
        channel, value = self.channel, element.value
        dialect = channel.dialect
        if event is _ADD:  # that depends on who is told
            return channel.frameOf(dialect.added(element.path, value, self.flag(element)))
        kept = channel.kept
        if kept is not None and kept[0] is event and kept[1] is element and kept[2] is value:
            return kept[3]
        if event is _CHANGE:
            frame = channel.frameOf(dialect.changed(element.path, value))
        else:
            frame = channel.frameOf(dialect.removed(element.path, value))
        channel.kept = (event, element, value, frame) if len(frame) <= LARGE else None
        return frame

    def difference(self) -> list[bytes]:
        """What a sorted fetch has held back; others keep news by path."""
        return []


class ValueFetch(Fetch):
    """
    A fetch with value rules: it remembers what is in (section 8.4, live behaviour).
    """

    __slots__ = ("_inside",)

    isPlain = False

    def __init__(self, client: Client, rule: Rule, channel: Channel, serial: int, may: May, highWater: int) -> None:
        super().__init__(client, rule, channel, serial, may, highWater)
        self._inside: set[Element] = set()

    def end(self) -> None:
        super().end()
        self._inside.clear()

    def meet(self, element: Element) -> None:
        self.watch(element)
        if self.holds(element):
            self._inside.add(element)
            self.tell(_ADD, element)

    def changed(self, element: Element) -> None:
        if self.dead:
            return
        before = element in self._inside
        if self.holds(element):
            if before:
                self.tell(_CHANGE, element)
            else:
                self._inside.add(element)
                self.tell(_ADD, element)
        elif before:
            self._inside.remove(element)
            self.tell(_REMOVE, element)

    def disappeared(self, element: Element) -> None:
        if element in self._inside:
            self._inside.remove(element)
            self.tell(_REMOVE, element)
