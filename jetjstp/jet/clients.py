"""
A client of the daemon: who it is, what it owns and fetches, what waits for it.

A client is not its link. Links attach and detach; all that the core knows of
them is how a message becomes a frame.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from jetjstp.jet.access import Groups
from jetjstp.jet.backlog import Backlog
from jetjstp.jet.dialects import Dialect

if TYPE_CHECKING:
    from jetjstp.jet.batches import Batch
    from jetjstp.jet.elements import Element
    from jetjstp.jet.fetching import Fetch, FetchId
    from jetjstp.jet.routing import Route
    from jetjstp.jet.slices import Job

__all__ = ["Client", "Outlet"]


class Outlet(Protocol):
    """A link, as far as the core goes."""

    @property
    def kind(self) -> str: ...

    @property
    def address(self) -> str: ...

    def pack(self, message: bytes) -> bytes: ...


class Client:
    """
    One peer, as the core sees it.

    @ivar id: Names the client in logs and events; of no meaning on the wire.
    @ivar identity: Who logged in; L{None} before.
    @ivar name: What the peer called itself with C{config}.
    @ivar dialect: What it speaks; it may be known only when its first message is here, before anything is sent.
    @ivar unheard: Whether that is still to be seen.
    @ivar gone: Whether the client has left; what it owned is gone with it.
    @ivar dropped: Whether its connection is being ended: what it sent is not looked at any more.
    @ivar elements: What it owns, in the order of adding.
    @ivar elementBytes: How large that is; L{jetjstp.jet.elements.Elements} keeps count.
    @ivar fetches: What it fetches.
    @ivar operands: Those of the rules of its fetches.
    @ivar ruleBytes: The size of these rules.
    @ivar frames: The outbox, ready to be written. The list itself stays the same, fetches refer to it.
    @ivar backlog: What waits for as long as the link does not take more.
    @ivar behind: Whether everything has to pass the backlog.
    @ivar blocked: Whether the link takes nothing for the time being.
    @ivar inbox: Messages that wait until this client's work in progress is done.
    @ivar busy: Whether a request that takes time is being worked on.
    @ivar reading: Whether the inbox is being worked on.
    @ivar catchingUp: Whether the backlog is being sent.
    """

    __slots__ = (
        "address",
        "backlog",
        "behind",
        "blocked",
        "busy",
        "catchingUp",
        "dialect",
        "dirty",
        "dropped",
        "elementBytes",
        "elements",
        "failedLogins",
        "fetches",
        "frames",
        "gone",
        "id",
        "identity",
        "inbox",
        "kind",
        "name",
        "operands",
        "pack",
        "parked",
        "pending",
        "pendingBytes",
        "reading",
        "readingPaused",
        "routes",
        "ruleBytes",
        "unheard",
    )

    def __init__(self, id: str, outlet: Outlet, dialect: Dialect, dirty: list[Client], backlog: Backlog) -> None:
        self.id = id
        self.kind = outlet.kind
        self.address = outlet.address
        self.pack = outlet.pack
        self.dialect = dialect
        self.unheard = False
        self.dirty = dirty
        self.identity: Groups | None = None
        self.name: str | None = None
        self.failedLogins = 0
        self.gone = False
        self.dropped = False
        self.elements: dict[str, Element] = {}
        self.elementBytes = 0
        self.fetches: dict[FetchId, Fetch] = {}
        self.operands = 0
        self.ruleBytes = 0
        self.routes: dict[bytes, Route] = {}
        self.pending: set[Route] = set()
        self.pendingBytes = 0
        self.frames: list[bytes] = []
        self.backlog = backlog
        self.behind = False
        self.blocked = False
        self.inbox: deque[bytes | Batch] = deque()
        self.busy = False
        self.reading = False
        self.catchingUp = False
        self.readingPaused = False
        self.parked: list[Job] = []

    def send(self, message: bytes) -> None:
        """Put a message of its own into the outbox: an answer, a routed request."""
        self.sendFrame(self.pack(message))

    def sendFrame(self, frame: bytes) -> None:
        """Put a ready frame into the outbox."""
        if self.behind:
            self.backlog.append(frame)
        elif not self.gone:
            if not self.frames:
                self.dirty.append(self)
            self.frames.append(frame)

    def fallBehind(self) -> None:
        """From now on everything passes the backlog."""
        if not self.behind:
            self.behind = True
            for fetch in self.fetches.values():
                fetch.plain = False

    def catchUp(self) -> None:
        """The backlog is empty, and the link takes what comes."""
        self.behind = False
        for fetch in self.fetches.values():
            fetch.plain = fetch.isPlain
