"""
Sorted fetches: the window of an order, and what is told of it (protocol page,
sections 9.2 and 9.3).

A client is never told anything relative to an older window than the last: a
change sends exactly the positions that it moved, so that no window goes stale.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jetjstp.jet.access import May
from jetjstp.jet.backlog import Event
from jetjstp.jet.dialects import Channel
from jetjstp.jet.fetching import Fetch
from jetjstp.jet.fields import lookUp
from jetjstp.jet.rules import Rule, SortRule
from jetjstp.jet.sorting import Order
from jetjstp.jet.values import orderOf

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from jetjstp.jet.clients import Client
    from jetjstp.jet.elements import Element

__all__ = ["SortedFetch", "entriesOf", "keyOf"]

STEP = 500
"""Entries of an initial window that are encoded in one step."""

LARGE = 2000
"""Entries of a window of which changes are told together: each may move all of them."""

_Sent = list[tuple[str, bytes | None, bool]]


def keyOf(element: Element, sort: SortRule) -> Any:
    """What an element that fits the rule is sorted by."""
    if sort.field is None:
        return orderOf(element.path)
    value = element.read()
    if sort.field:
        value = lookUp(sort.field, value)
    # Objects have no order: they are all equal.
    return orderOf(value) if isinstance(value, str | int | float) else 0


def entriesOf(fetch: Fetch, elements: Sequence[Element], position: int) -> list[bytes]:
    """The entries of consecutive elements, the first of which is at C{position}, counted from 0."""
    entry = fetch.channel.dialect.entry
    return [
        entry(element.path, element.value, index, fetch.flag(element))
        for index, element in enumerate(elements, position + 1)
    ]


class SortedFetch(Fetch):
    """
    A fetch with a sort rule.

    While its initial window is being made, what changes meanwhile is put aside and told afterwards. While its client
    is far behind, the window as it was last sent is kept, and one difference is sent when the client can take it.
    """

    __slots__ = ("_late", "_ready", "_sent", "count", "first", "last", "met", "order", "sort")

    isPlain = False

    def __init__(self, client: Client, rule: Rule, channel: Channel, serial: int, may: May, highWater: int) -> None:
        super().__init__(client, rule, channel, serial, may, highWater)
        assert rule.sort is not None
        self.sort = rule.sort
        self.first = rule.sort.first - 1
        self.last = rule.sort.last - 1
        self.order: Order[Element] = Order(rule.sort.descending)
        self.count = 0
        self.met: dict[Element, Any] = {}
        self._late: dict[Element, bool] = {}
        self._ready = False
        self._sent: _Sent | None = None

    def end(self) -> None:
        super().end()
        self.order = Order()
        self.met.clear()
        self._late.clear()
        self._sent = None

    def meet(self, element: Element) -> None:
        self.watch(element)
        if self._ready:
            self.changed(element)
        elif self.holds(element):
            self.met[element] = keyOf(element, self.sort)

    def complete(self) -> Iterator[None]:
        """Sort what was met, send the window, then catch up with what changed meanwhile."""
        met, self.met = self.met, {}
        yield from self.order.build(met.items())
        self.count = self._length()
        entries: list[bytes] = []
        for _ in self._encode(entries):
            yield
        self._ready = True
        self._send(self.channel.dialect.window(entries, self.count))
        late, self._late = self._late, {}
        for element, removed in late.items():
            if removed:
                self.disappeared(element)
            else:
                self.changed(element)

    def collect(self, elements: list[Element], entries: list[bytes]) -> Iterator[int]:
        """
        Once, for a C{get}: fill C{entries} with the window of elements that fit. Yields their size between steps.

        Elements that have ceased to fit by their turn are left out.
        """
        fitting = (element for element in elements if not element.gone and self.holds(element))
        for _ in self.order.build((element, keyOf(element, self.sort)) for element in fitting):
            yield 0
        yield from self._encode(entries)

    def _encode(self, entries: list[bytes]) -> Iterator[int]:
        size = 0
        end = self.first + self._length()
        for position in range(self.first, end, STEP):
            chunk = entriesOf(self, self.order.slice(position, min(position + STEP, end)), position)
            size += sum(map(len, chunk)) + len(chunk)
            entries += chunk
            yield size

    def changed(self, element: Element) -> None:
        if self.dead:
            return
        if not self._ready:
            self._late[element] = False
            return
        order = self.order
        if self.holds(element):
            self._holdBack(element)
            if element in order:
                before, after = order.move(element, keyOf(element, self.sort))
                self._report(min(before, after), max(before, after))
            else:
                self._report(order.insert(element, keyOf(element, self.sort)), len(order) - 1)
        elif element in order:
            self._holdBack(element)
            self._report(order.remove(element), len(order) - 1)

    def disappeared(self, element: Element) -> None:
        if self.dead:
            return
        if not self._ready:
            self._late[element] = True
        elif element in self.order:
            self._holdBack(None)
            self._report(self.order.remove(element), len(self.order) - 1)

    def _length(self) -> int:
        return max(0, min(self.last + 1, len(self.order)) - self.first)

    def _holdBack(self, changed: Element | None) -> None:
        """Remember the window as the client knows it, before it changes, if nothing more is to be sent for now."""
        client = self.client
        if self._sent is not None:
            return
        if self.coalesce and self.count > LARGE:
            # One difference for all changes of a turn, not thousands of entries for each.
            client.fallBehind()
            client.dirty.append(client)
        elif not (client.behind and self.coalesces(None)):
            return
        self._sent = self._window(changed)

    def _window(self, changed: Element | None = None) -> _Sent:
        elements = self.order.slice(self.first, self.last + 1)
        # The value that the client knows of what has just changed is gone already: no text stands for it.
        return [
            (element.path, b"" if element is changed else element.value, self.flag(element)) for element in elements
        ]

    def _report(self, first: int, last: int) -> None:
        """Tell of the positions from C{first} to C{last}, as far as they are in the window."""
        if self._sent is not None:
            self.client.backlog.touch(self)
            return
        first, last = max(first, self.first), min(last, self.last)
        count = self._length()
        if first > last and count == self.count:
            return
        elements = self.order.slice(first, last + 1) if first <= last else ()
        self.count = count
        self._send(self.channel.dialect.window(entriesOf(self, elements, first), count))

    def _send(self, body: bytes) -> None:
        self.client.sendFrame(self.channel.frameOf(body))

    def difference(self) -> list[bytes]:
        """What the window has become since it was held back, as frames."""
        before, self._sent = self._sent, None
        if before is None:
            return []
        entries = []
        dialect = self.channel.dialect
        window = self._window()
        for index, now in enumerate(window):
            if index >= len(before) or before[index] != now:
                path, value, flag = now
                entries.append(dialect.entry(path, value, self.first + index + 1, flag))
        unchanged = len(window) == len(before) and not entries
        self.count = len(window)
        return [] if unchanged else [self.channel.frameOf(dialect.window(entries, self.count))]

    def frameOf(self, event: Event, element: Element) -> bytes:
        raise AssertionError("a sorted fetch tells of windows, not of elements")
