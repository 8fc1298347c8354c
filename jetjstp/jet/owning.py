"""
What a peer has added: adding it again after a reconnect, its changes, and the
requests that other peers send to it (protocol page, sections 7 and 12.3 to 12.5).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from jetjstp.jet.asking import Asking, Fail, Finish, Invoke, Trouble
from jetjstp.jet.incoming import Incoming, readSet
from jetjstp.jet.jsontext import membersOf, quote, valueOf
from jetjstp.jet.peererrors import (
    BaseError,
    ConnectionClosed,
    DaemonError,
    FetchOnly,
    MalformedRequest,
    NotFound,
    Occupied,
    WrongKind,
)

__all__ = ["Owned", "Owning"]

FIRST_RETRY = 1.0
"""
Seconds until what could not be added again is tried once more; doubled each time. The daemon may not have noticed yet
that our former connection is gone, so that the path seems to be taken.
"""

LONGEST_RETRY = 30.0

MOST_RUNNING = 10_000
"""Requests of one connection to our content that are not answered yet; as many as a daemon lets one peer have."""


class Owned:
    """
    A state or a method of ours.

    @ivar content: What the application added.
    @ivar value: The newest value as JSON text, L{None} for a method.
    @ivar members: What else C{add} says of it, as JSON text of members that begin with a comma.
    @ivar isSent: Whether this connection's C{add} is sent; C{wasAdded}: whether one ever succeeded.
    @ivar isWanted: Whether it has not been removed.
    """

    __slots__ = (
        "confirms",
        "content",
        "isFetchOnly",
        "isSent",
        "isWanted",
        "members",
        "path",
        "ticket",
        "value",
        "wasAdded",
    )

    def __init__(
        self, path: str, content: Any, value: bytes | None, members: bytes, isFetchOnly: bool, ticket: int
    ) -> None:
        self.path = path
        self.content = content
        self.value = value
        self.members = members
        self.isFetchOnly = isFetchOnly
        self.ticket: int | None = ticket
        self.isSent = False
        self.isWanted = True
        self.wasAdded = False
        # Who waits for a change to arrive that was made while there was no connection.
        self.confirms: list[int] = []


class Owning:
    """
    The content of a peer.

    @ivar retryAt: When L{retry} is to be called, if ever.
    """

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._effects = asking.effects
        self._owned: dict[str, Owned] = {}
        # Changes that wait until the daemon reads again: only the newest value of each state.
        self._dirty: dict[Owned, None] = {}
        self._refused: dict[Owned, None] = {}
        self._retryWait = FIRST_RETRY
        self._running = 0
        self.retryAt: float | None = None

    def add(self, owned: Owned) -> None:
        """Add content, at the next connection if there is none."""
        if owned.path in self._owned:
            assert owned.ticket is not None
            self._effects.append(Fail(owned.ticket, Occupied(path=owned.path)))
            owned.ticket, owned.isWanted = None, False
            return
        self._owned[owned.path] = owned
        if self._asking.isReady:
            self.sendAdd(owned)

    def opened(self) -> list[Owned]:
        """A new connection: everything is to be added anew. Returns it all."""
        self._retryWait = FIRST_RETRY
        self.retryAt = None
        self._refused.clear()
        return list(self._owned.values())

    def sendAdd(self, owned: Owned) -> None:
        """Tell the daemon of content, unless it knows already or need not."""
        if owned.isSent or not owned.isWanted:
            return
        owned.isSent = True
        value = b"" if owned.value is None else b',"value":' + owned.value
        self._asking.request(
            "add", b'{"path":%b%b%b}' % (quote(owned.path), value, owned.members), partial(self._added, owned)
        )

    def _added(self, owned: Owned, result: bytes | None, error: BaseError | None) -> None:
        ticket, owned.ticket = owned.ticket, None
        if error is None:
            if ticket is not None:
                self._effects.append(Finish(ticket, None))
            owned.wasAdded = True
            confirms, owned.confirms = owned.confirms, []
            self._effects.extend(Finish(confirm, None) for confirm in confirms)
            return
        if ticket is not None:
            self._effects.append(Fail(ticket, error))
        if not owned.wasAdded:
            self._forget(owned, error)
        elif owned.isWanted and not isinstance(error, ConnectionClosed):
            if not self._refused:
                self._effects.append(Trouble(f"{owned.path!r} cannot be added again for now", error))
            owned.isSent = False
            self._refused[owned] = None

    def needsRetry(self, now: float) -> None:
        """See to it that what was refused is tried again."""
        if self._refused and self.retryAt is None:
            self.retryAt = now + self._retryWait
            self._retryWait = min(2 * self._retryWait, LONGEST_RETRY)

    def retry(self) -> None:
        """Try again."""
        self.retryAt = None
        refused, self._refused = self._refused, {}
        for owned in refused:
            self.sendAdd(owned)

    def remove(self, owned: Owned, ticket: int | None) -> None:
        """Remove content; without a connection the daemon has done so already."""
        if not owned.isWanted:
            if ticket is not None:
                self._effects.append(Fail(ticket, NotFound(path=owned.path)))
            return
        wasSent = owned.isSent
        self._forget(owned, NotFound("removed meanwhile", path=owned.path))
        if wasSent and self._asking.isReady:
            self._asking.request("remove", b'{"path":%b}' % quote(owned.path), partial(self._done, ticket))
        elif ticket is not None:
            self._effects.append(Finish(ticket, None))

    def _forget(self, owned: Owned, error: BaseError) -> None:
        owned.isWanted = False
        if self._owned.get(owned.path) is owned:
            del self._owned[owned.path]
        self._dirty.pop(owned, None)
        self._refused.pop(owned, None)
        # The answer to an add that is under way still counts.
        if not owned.isSent and owned.ticket is not None:
            self._effects.append(Fail(owned.ticket, error))
            owned.ticket = None
        confirms, owned.confirms = owned.confirms, []
        self._effects.extend(Fail(confirm, error) for confirm in confirms)

    def _done(self, ticket: int | None, result: bytes | None, error: BaseError | None) -> None:
        if ticket is not None:
            self._effects.append(Finish(ticket, None) if error is None else Fail(ticket, error))

    def change(self, owned: Owned, value: bytes, ticket: int | None = None) -> None:
        """A state of ours has a new value."""
        owned.value = value
        asking = self._asking
        if not (owned.isWanted and asking.isReady and owned.isSent):
            # The next add carries it.
            if ticket is not None:
                if owned.isWanted:
                    owned.confirms.append(ticket)
                else:
                    self._effects.append(Fail(ticket, NotFound(path=owned.path)))
            return
        if ticket is not None:
            self._dirty.pop(owned, None)
            asking.request("change", self._changeOf(owned), partial(self._done, ticket))
        elif asking.isBlocked:
            self._dirty.pop(owned, None)
            self._dirty[owned] = None
        else:
            asking.notify("change", self._changeOf(owned))

    def _changeOf(self, owned: Owned) -> bytes:
        assert owned.value is not None
        return b'{"path":%b,"value":%b}' % (quote(owned.path), owned.value)

    def drained(self) -> None:
        """The daemon reads again: it gets the newest values, in the order of the last changes."""
        dirty, self._dirty = self._dirty, {}
        for owned in dirty:
            if owned.isSent:
                self._asking.notify("change", self._changeOf(owned))

    def lost(self) -> None:
        """The connection is gone, and with it, at the daemon, all that was added."""
        self._dirty.clear()
        self._refused.clear()
        self.retryAt = None
        self._running = 0
        for owned in self._owned.values():
            owned.isSent = False

    def end(self, error: BaseError) -> None:
        """There will be no connection any more."""
        for owned in list(self._owned.values()):
            owned.isSent = False
            self._forget(owned, error)

    # --- requests of others

    def requested(self, request: Incoming) -> None:
        """A request has come; what is of no use is answered with an error."""
        method = request.method or ""
        owned = self._owned.get(method)
        params = request.params
        if owned is None or (self._asking.kind.routesByName and method in ("set", "call")):
            named = self._named(method, params)
            if named is not None:
                owned, params = named
        if owned is None:
            self._refuse(request.id, method, NotFound(path=method))
        elif self._running >= MOST_RUNNING:
            self._refuse(request.id, owned.path, DaemonError(-32603, "Internal error", {"message": "too much to do"}))
        elif owned.value is None:
            self._invoke(request.id, owned, params or b"[]", False)
        else:
            self._requestedSet(request.id, owned, params)

    def _named(self, method: str, params: bytes | None) -> tuple[Owned | None, bytes | None] | None:
        """node-jet 3 sends on what the requester sent: the path is a member of the params."""
        if method not in ("set", "call") or params is None:
            return None
        members = membersOf(params) or {}
        path = valueOf(members.get("path", b"null"))
        owned = self._owned.get(path) if isinstance(path, str) else None
        if owned is None:
            return None
        if (owned.value is None) != (method == "call"):
            return owned, b"null"
        return owned, members.get("args", b"[]") if method == "call" else params

    def _requestedSet(self, id: bytes | None, owned: Owned, params: bytes | None) -> None:
        wanted = None if params is None else readSet(params)
        if wanted is None:
            self._refuse(id, owned.path, WrongKind(path=owned.path))
        elif owned.isFetchOnly:
            self._refuse(id, owned.path, FetchOnly(path=owned.path))
        elif wanted[0] is None:
            data = {"missingParam": "value", "got": valueOf(params or b"{}")}
            self._refuse(id, owned.path, MalformedRequest(-32602, "Invalid params", data))
        else:
            self._invoke(id, owned, wanted[0], wanted[1])

    def _invoke(self, id: bytes | None, owned: Owned, argument: bytes, valueAsResult: bool) -> None:
        self._running += 1
        id = None if id == b"null" else id
        self._effects.append(Invoke(self._asking.session, id, owned.path, owned, argument, valueAsResult))

    def _refuse(self, id: bytes | None, path: str, error: BaseError) -> None:
        if id is not None and id != b"null":
            self._asking.respond(id, b"error", error.body(path))

    def _respond(self, request: Invoke, member: bytes, text: bytes) -> None:
        if request.session != self._asking.session or not self._asking.isOpen:
            return  # Its connection is gone, and nobody waits any more.
        self._running -= 1
        if request.id is not None:
            self._asking.respond(request.id, member, text)

    def accepted(self, request: Invoke, value: bytes | None, isTold: bool) -> None:
        """
        Answer a set. First the answer goes out, then the change.

        @param value: What the state has now; L{None} for what it has already.
        @param isTold: Whether the change is to be published.
        """
        owned: Owned = request.content
        if value is None:
            value = owned.value or b"null"
        self._respond(request, b"result", value if request.valueAsResult else b"true")
        if isTold:
            self.change(owned, value)
        else:
            owned.value = value

    def returned(self, request: Invoke, result: bytes) -> None:
        """Answer a call."""
        self._respond(request, b"result", result)

    def failed(self, request: Invoke, body: bytes) -> None:
        """Answer with an error object, given as JSON text."""
        self._respond(request, b"error", body)
