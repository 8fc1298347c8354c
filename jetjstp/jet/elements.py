"""
The states and methods of a daemon, and the one way in which they change.

Every change of the table is an event that passes L{Elements.apply}, and every
notification comes from there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, final

from msgspec import Struct

from jetjstp.jet.fields import UNDEFINED
from jetjstp.jet.index import FetchIndex
from jetjstp.jet.jsontext import valueOf
from jetjstp.jet.requests import Access

if TYPE_CHECKING:
    from jetjstp.jet.clients import Client
    from jetjstp.jet.dialects import Dialect
    from jetjstp.jet.fetching import Fetch

__all__ = ["Added", "Changed", "Element", "Elements", "Removed"]

LARGE = 64 * 1024
"""Bytes of a value that is told through the backlogs of its watchers, where it is bounded."""

WIDEST = 4
"""Bytes of a character in the memory, at most."""

_UNREAD: Final = object()


class Element(Struct, gc=False, eq=False):
    """
    A state or a method.

    There may be a million of them: they are no concern of the garbage collector, whose pauses everybody would feel. An
    element refers to its owner, which forgets it when it is removed, so nothing is kept by that.

    @ivar path: Its name.
    @ivar value: The JSON text of a state's value; L{None} for a method.
    @ivar owner: The client that added it.
    @ivar fetchOnly: Whether set and call are refused to everybody.
    @ivar access: Who may use it; L{None} for everybody.
    @ivar timeout: Seconds that the owner has for an answer, if the request does not say; L{None} for the default.
    @ivar serial: Counts elements in the order in which they were added.
    @ivar watchers: The fetches that are told of it. Elements with the same watchers share one tuple.
    @ivar removed: Whether it is in the table no more.
    """

    path: str
    value: bytes | None
    owner: Client
    fetchOnly: bool = False
    access: Access | None = None
    timeout: float | None = None
    serial: int = 0
    watchers: tuple[Fetch, ...] = ()
    removed: bool = False
    _read: Any = _UNREAD

    @property
    def gone(self) -> bool:
        """Whether it exists for nobody any more: removed, or about to be since its owner has left."""
        return self.removed or self.owner.gone

    @property
    def isMethod(self) -> bool:
        return self.value is None

    @property
    def size(self) -> int:
        """Bytes of what its owner has kept here by it."""
        path, value, access = self.path, self.value, self.access
        size = len(path) if path.isascii() else WIDEST * len(path)
        if value is not None:
            size += len(value)
        return size if access is None else size + access.size

    def read(self) -> Any:
        """The value as a Python object, decoded once; L{UNDEFINED} for a method."""
        if self._read is _UNREAD:
            self._read = UNDEFINED if self.value is None else valueOf(self.value)
        return self._read


@final
class Added(Struct, frozen=True):
    """An element appears."""

    element: Element


@final
class Changed(Struct, frozen=True):
    """A state gets a value, perhaps the one that it had."""

    element: Element
    value: bytes


@final
class Removed(Struct, frozen=True):
    """An element disappears."""

    element: Element


class Elements:
    """
    The table of elements.

    @ivar index: The fetches to ask when an element is added.
    @ivar dirty: The clients whose outbox is not empty; whoever writes the outboxes empties it.
    @ivar methods: How many elements are methods.
    @ivar size: Bytes of what is in the table, what lost owners still have there included; see C{Element.size}.
    @ivar load: Roughly how many bytes went into outboxes; for whoever has to bound what one turn produces.
    """

    def __init__(self) -> None:
        self.index: FetchIndex[Fetch] = FetchIndex()
        self.dirty: list[Client] = []
        self.size = 0
        self.load = 0
        self.methods = 0
        self._table: dict[str, Element] = {}
        self._stamp = 0
        self._serial = 0

    def __len__(self) -> int:
        return len(self._table)

    def find(self, path: str) -> Element | None:
        """The element at a path, unless its owner has left."""
        element = self._table.get(path)
        return None if element is None or element.owner.gone else element

    def snapshot(self) -> list[Element]:
        """All elements at this moment, in the order in which they were added. Some may be C{gone}."""
        return list(self._table.values())

    def apply(self, event: Added | Changed | Removed) -> None:
        """Change the table and tell those who fetch."""
        if type(event) is Changed:
            element, value = event.element, event.value
            grown = len(value) - len(element.value or b"")
            if grown:
                element.owner.elementBytes += grown
                self.size += grown
            element.value = value
            element._read = _UNREAD
            self._publish(element, True)
        elif type(event) is Added:
            self._add(event.element)
        else:
            self._remove(event.element)
            self._publish(event.element, False)

    def _add(self, element: Element) -> None:
        path = element.path
        if path in self._table:  # what a lost owner had here goes first
            self.apply(Removed(self._table[path]))
        self._table[path] = element
        if element.value is None:
            self.methods += 1
        self._serial += 1
        element.serial = self._serial
        owner, size = element.owner, element.size
        owner.elements[path] = element
        owner.elementBytes += size
        self.size += size
        for fetch in self.index.find(path):
            fetch.appeared(element)

    def _remove(self, element: Element) -> None:
        del self._table[element.path]
        if element.value is None:
            self.methods -= 1
        owner, size = element.owner, element.size
        del owner.elements[element.path]
        owner.elementBytes -= size
        self.size -= size
        element.removed = True

    def _publish(self, element: Element, changed: bool) -> None:
        """
        Tell the watchers of an element.

        This is where a daemon spends its time: a change is encoded once for each dialect, framed once for each
        channel, and costs a subscriber a few list operations.
        """
        watchers = element.watchers
        if not watchers:
            return
        self._stamp = stamp = self._stamp + 1
        dirty = self.dirty
        dialect = None
        body = b""
        bodies: dict[Dialect, bytes] | None = None  # only needed where a second dialect is met
        large = element.value is not None and len(element.value) > LARGE
        for fetch in watchers:
            if large:
                # A frame for each fetch could fill the memory: let those be made when the client takes them.
                fetch.client.fallBehind()
                dirty.append(fetch.client)
            if fetch.plain:
                channel = fetch.channel
                if channel.stamp != stamp:
                    if channel.dialect is not dialect:
                        if dialect is not None:
                            if bodies is None:
                                bodies = {}
                            bodies[dialect] = body
                        dialect = channel.dialect
                        known = None if bodies is None else bodies.get(dialect)
                        if known is None:
                            encode = dialect.changed if changed else dialect.removed
                            known = encode(element.path, element.value)
                        body = known
                    channel.stamp = stamp
                    channel.frame = channel.frameOf(body)
                frames = fetch.frames
                if not frames:
                    dirty.append(fetch.client)
                frames.append(channel.frame)
            elif changed:
                fetch.changed(element)
            else:
                fetch.disappeared(element)
        self.load += len(watchers) * (64 + len(body))
        if not changed:
            element.watchers = ()
