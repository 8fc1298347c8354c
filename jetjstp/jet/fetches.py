"""
All fetches of a daemon: how they begin, announce what is there, and end.

What is there may be a lot: it is gone through in slices. Until that is done the
client is busy, and what it sends meanwhile waits, so that on its connection the
answer, the initial state and live changes keep their order.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from weakref import WeakValueDictionary

from jetjstp.jet.access import May
from jetjstp.jet.clients import Client
from jetjstp.jet.dialects import Channel, Dialect
from jetjstp.jet.elements import Element, Elements
from jetjstp.jet.errors import JetError, LimitExceeded
from jetjstp.jet.fetching import Fetch, FetchId, ValueFetch
from jetjstp.jet.limits import Limits
from jetjstp.jet.rules import Rule
from jetjstp.jet.slices import BLOCKED, STEP, STRIDE, Job, Slices
from jetjstp.jet.windows import SortedFetch

__all__ = ["Fetches"]

PORTION = 256 * 1024
"""Bytes of values after which it is looked whether the client takes more of its initial state."""


class Fetches:
    """
    Sets up, carries out and ends the fetches of all clients.
    """

    def __init__(
        self, elements: Elements, slices: Slices, may: May, limits: Limits, done: Callable[[Client], None]
    ) -> None:
        """
        @param done: Called when a fetch or get, for which its client was made busy, is done.
        """
        self._elements = elements
        self._slices = slices
        self._may = may
        self._limits = limits
        self._done = done
        self._channels: WeakValueDictionary[tuple[Dialect, str, bytes], Channel] = WeakValueDictionary()
        self._serial = 0
        self._ended = False
        self._sweeping = False

    def decideBy(self, may: May) -> None:
        """Have another function decide for the fetches that begin from now on."""
        self._may = may

    def _channel(self, client: Client, text: bytes) -> Channel:
        key = (client.dialect, client.kind, text)
        channel = self._channels.get(key)
        if channel is None:
            channel = self._channels[key] = Channel(client.dialect, client.pack, text)
        return channel

    def _make(self, client: Client, text: bytes, rule: Rule) -> Fetch:
        self._serial += 1
        kind = SortedFetch if rule.sort is not None else Fetch if rule.value is None else ValueFetch
        return kind(client, rule, self._channel(client, text), self._serial, self._may, self._limits.highWater)

    def start(
        self, client: Client, id: FetchId, text: bytes, rule: Rule, announced: Callable[[], None] | None = None
    ) -> None:
        """
        Set up a fetch, in place of the one with the same id, and announce its initial state.

        @param announced: Called when that is done.
        """
        self.end(client, id)
        fetch = self._make(client, text, rule)
        client.fetches[id] = fetch
        client.operands += rule.operands
        client.ruleBytes += rule.size
        self._elements.index.add(fetch)
        fetch.waiting = []
        client.busy = True
        self._slices.start(client, self._announce(fetch, self._candidates(rule), announced))

    def _candidates(self, rule: Rule) -> list[Element]:
        path = rule.path
        if path.exact is None or path.folded:
            return self._elements.snapshot()
        found = [element for name in path.exact if (element := self._elements.find(name)) is not None]
        return sorted(found, key=attrgetter("serial"))

    def _announce(self, fetch: Fetch, present: list[Element], announced: Callable[[], None] | None) -> Job:
        yield from self._meet(fetch, present)
        while fetch.waiting and not fetch.dead:
            newcomers, fetch.waiting = fetch.waiting, []
            yield from self._meet(fetch, newcomers)
        if not fetch.dead:
            for _ in fetch.complete():
                yield STEP
                if fetch.dead:
                    break
        while fetch.waiting and not fetch.dead:
            newcomers, fetch.waiting = fetch.waiting, []
            yield from self._meet(fetch, newcomers)
        fetch.forget()
        if announced is not None and not fetch.client.gone:
            announced()
        self._done(fetch.client)

    def _meet(self, fetch: Fetch, elements: list[Element]) -> Job:
        client = fetch.client
        size, portion = 0, min(PORTION, self._limits.highWater)
        yield from self._room(client)
        for count, element in enumerate(elements, 1):
            if count % STRIDE == 0 or size > portion:
                yield from self._pause(client, size)
                size = 0
            if fetch.dead:
                break
            if not (element.removed or element.owner.gone) and fetch.fits(element):
                fetch.meet(element)
                if element.value is not None:
                    size += len(element.value)
        self._elements.load += size

    def _pause(self, client: Client, size: int) -> Job:
        """A portion of that many bytes is done: let others have their turn, and the client take it."""
        self._elements.load += size
        yield STEP
        yield from self._room(client)

    def _room(self, client: Client) -> Job:
        """Wait while a client takes nothing, or has yet to take much."""
        while not client.gone and (client.blocked or client.backlog.size > self._limits.highWater):
            yield BLOCKED if client.blocked else STEP

    def renew(self, client: Client, renewed: Callable[[], None]) -> None:
        """
        Let the fetches of a client follow its new rights: what it may not see any more is removed, what it may see now
        is added.

        @param renewed: Called when that is done; until then the client is busy.
        """
        client.busy = True
        self._slices.start(client, self._renew(client, renewed))

    def _renew(self, client: Client, renewed: Callable[[], None]) -> Job:
        looked = 0
        for fetch in list(client.fetches.values()):
            elements = self._candidates(fetch.rule)
            yield from self._review(fetch, elements)
            fetch.forget()
            if client.gone:
                return
            looked += 1 + len(elements) % STRIDE
            if looked >= STRIDE:  # there may be thousands of fetches with little to look at
                looked = 0
                yield STEP
        if not client.gone:
            renewed()

    def _review(self, fetch: Fetch, elements: list[Element]) -> Job:
        """Let one fetch follow the rights of its client. What is added meanwhile is announced to it as ever."""
        client = fetch.client
        matches = fetch.pathRule.matches
        size, portion = 0, min(PORTION, self._limits.highWater)
        # As in watch: elements in a row mostly have the same watchers, of which there may be many.
        watchers: tuple[Fetch, ...] = ()
        without: tuple[Fetch, ...] | None = None
        told = False
        yield from self._room(client)
        for count, element in enumerate(elements, 1):
            if count % STRIDE == 0 or size > portion:
                yield from self._pause(client, size)
                size = 0
            if fetch.dead:
                break
            if element.gone or not (matches is None or matches(element.path)):
                continue
            if element.watchers is not watchers:
                watchers, without = element.watchers, None
                told = fetch in watchers
            if told == fetch.mayFetch(element):
                continue
            if told:
                if without is None:
                    without = tuple(watcher for watcher in watchers if watcher is not fetch)
                element.watchers = without
                fetch.disappeared(element)
            else:
                fetch.meet(element)
            size += len(element.value or b"")
        self._elements.load += size

    def end(self, client: Client, id: FetchId) -> None:
        """End a fetch; nothing happens if there is none."""
        fetch = client.fetches.pop(id, None)
        if fetch is not None:
            client.operands -= fetch.rule.operands
            client.ruleBytes -= fetch.rule.size
            self._end(fetch)

    def endAll(self, client: Client) -> None:
        """End all fetches of a client that has left. At once they tell nothing more."""
        ended = list(client.fetches.values())
        client.fetches.clear()
        client.operands = client.ruleBytes = 0
        for fetch in ended:
            fetch.end()
        if ended:
            self._slices.start(client, self._discard(ended))

    def _discard(self, ended: list[Fetch]) -> Job:
        """Take ended fetches out of the index, where each may be filed under thousands of paths."""
        yield STEP
        places = 0
        for fetch in ended:
            self._elements.index.discard(fetch)
            places += 1 + len(fetch.pathRule.exact or ())
            if places >= STRIDE:
                places = 0
                yield STEP
        self._sweepSoon(ended[0].client)

    def _end(self, fetch: Fetch) -> None:
        fetch.end()
        self._elements.index.discard(fetch)
        self._sweepSoon(fetch.client)

    def _sweepSoon(self, client: Client) -> None:
        self._ended = True
        if not self._sweeping:
            self._sweeping = True
            self._slices.start(client, self._sweep())

    def _sweep(self) -> Job:
        """Let elements forget ended fetches. Only one sweep goes on at a time: each looks at everything."""
        yield STEP  # many fetches may end together
        while self._ended:
            self._ended = False
            before: tuple[Fetch, ...] = ()
            after: tuple[Fetch, ...] = ()
            for count, element in enumerate(self._elements.snapshot()):
                if count % STRIDE == STRIDE - 1:
                    yield STEP
                if element.watchers is not before:  # else it shares them with the last one, and is to go on doing so
                    before = element.watchers
                    after = tuple(fetch for fetch in before if not fetch.dead)
                element.watchers = after
        self._sweeping = False

    def get(self, client: Client, rule: Rule, deliver: Callable[[bytes | JetError], None]) -> None:
        """
        Make one answer of what a fetch of the same rule would announce first.

        @param deliver: Called with the answer, or with what prevents it; never if the client leaves before.
        """
        fetch = self._make(client, b"null", rule)
        client.busy = True
        self._slices.start(client, self._collect(fetch, deliver))

    def _collect(self, fetch: Fetch, deliver: Callable[[bytes | JetError], None]) -> Job:
        client, dialect = fetch.client, fetch.client.dialect
        entries: list[bytes] = []
        found: list[Element] = []
        size = 0
        for count, element in enumerate(self._candidates(fetch.rule)):
            if count % STRIDE == STRIDE - 1:
                yield STEP
                if client.gone:
                    return
            if element.gone or not fetch.fits(element):
                continue
            if not fetch.holds(element):
                continue
            if isinstance(fetch, SortedFetch):
                found.append(element)
                continue
            entry = dialect.found(element.path, element.value, fetch.flag(element))
            entries.append(entry)
            size += len(entry) + 1
            if size > self._limits.hardLimit:
                break
        if isinstance(fetch, SortedFetch):
            for size in fetch.collect(found, entries):
                yield STEP
                if client.gone:
                    return
                if size > self._limits.hardLimit:
                    break
        if size > self._limits.hardLimit:
            deliver(LimitExceeded("hardLimit", self._limits.hardLimit))
        else:
            yield STEP  # what follows is short for most, but each of these takes milliseconds if the answer is long
            answer = b"[" + b",".join(entries) + b"]"
            yield STEP
            deliver(answer)
        self._done(client)
