"""
The core of a Jet daemon: messages and the time go in, outboxes fill.

No reactor, no clock, no sockets. What takes time elsewhere leaves as an effect
and comes back as an input; what takes time here is done in slices. Whoever
drives the bus performs the effects, writes the outboxes of the dirty clients,
calls L{Bus.work} while there is any, and L{Bus.expire} when its deadline has come.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from msgspec import UNSET, DecodeError, Raw, UnsetType
from twisted.logger import Logger

from jetjstp.causes import Cause
from jetjstp.jet.access import Groups, May, mayAccess
from jetjstp.jet.admission import Admission
from jetjstp.jet.backlog import Backlog
from jetjstp.jet.batches import PIECE, Batch, objectsOf
from jetjstp.jet.clients import Client, Outlet
from jetjstp.jet.dialects import NODE_JET_2, Dialect
from jetjstp.jet.effects import Drop, Effect, PauseReading, ResumeReading
from jetjstp.jet.elements import Elements, Removed
from jetjstp.jet.errors import PARSE_ERROR, JetError, internalError
from jetjstp.jet.fetches import Fetches
from jetjstp.jet.jsontext import UNREADABLE, quote, tooDeep
from jetjstp.jet.limits import Limits
from jetjstp.jet.nodejet3 import NODE_JET_3, speaksNodeJet3
from jetjstp.jet.requests import Call, Response, Set, decode, explain, idOf
from jetjstp.jet.routing import Routes
from jetjstp.jet.services import SERVICES
from jetjstp.jet.slices import BLOCKED, STEP, STRIDE, Job, Slices, Waiting

__all__ = ["Bus"]

PROTOCOL_VERSION = "1.1.0"

LOAD = 16 * 1024 * 1024
"""Bytes that may go into outboxes before they are written, however many messages are waiting."""

UNPACKING = 256
"""What a byte of a batch adds to that: to take thousands of batches apart takes time, even if nothing is in them."""

SPILL = 256 * 1024
"""Bytes that a client which is catching up is sent at a time."""


class Bus:
    """
    All states, methods, fetches and requests of one daemon.

    @ivar now: The time of the last input, in seconds.
    @ivar effects: What is to be done outside, in order; whoever does it takes it out.
    @ivar dirty: The clients whose outbox is to be written; whoever writes takes them out.
    @ivar owners: Clients without a peer: the daemon itself, as the owner of what it shows.
    @ivar admission: Who the clients are.
    @ivar dropped: How many clients were dropped, by why.
    """

    log = Logger()

    def __init__(
        self,
        name: str,
        version: str,
        *,
        simple: bool = False,
        limits: Limits | None = None,
        may: May = mayAccess,
    ) -> None:
        self.limits = limits or Limits()
        self.simple = simple
        self.may = may
        self.now = 0.0
        self.effects: deque[Effect] = deque()
        self.elements = Elements()
        self.dirty = self.elements.dirty
        self.routes = Routes(self.limits)
        self._name = name
        self._version = version
        self._slices = Slices(self._faulty)
        self.fetches = Fetches(self.elements, self._slices, may, self.limits, self.done)
        self.admission = Admission(self)
        self.owners: list[Client] = []
        self.dropped = dict.fromkeys(Cause, 0)
        self._clients = 0
        self._shallow = 2 * self.limits.depth  # bytes in which text cannot nest too deeply

    def describe(self, dialect: Dialect) -> bytes:
        """What C{info} answers."""
        names = quote(self._name), quote(self._version), PROTOCOL_VERSION.encode()
        head = b'{"name":%b,"version":%b,"protocolVersion":"%b","features":' % names
        return head + dialect.features(self.simple) + b"}"

    # Inputs

    def connected(self, outlet: Outlet, identity: Groups | None = None, dialect: Dialect | None = None) -> Client:
        """
        A peer is there; it may have been authenticated by its handshake.

        @param dialect: What it speaks; L{None} to find that out.
        """
        self._clients += 1
        backlog = Backlog(self.limits.hardLimit)
        client = Client(str(self._clients), outlet, dialect or NODE_JET_2, self.dirty, backlog)
        client.unheard = dialect is None
        backlog.overflowed = lambda: self.drop(client, Cause.SLOW, "it does not read what it asked for")
        client.identity = identity
        return client

    def receive(self, client: Client, messages: list[bytes], now: float) -> None:
        """Work on what a client sent, or keep it until its work in progress is done."""
        self.now = now
        if client.gone or client.dropped:
            return
        if client.unheard and messages:
            client.unheard = False
            if speaksNodeJet3(messages[0]):
                client.dialect = NODE_JET_3
        if client.busy or client.reading:
            client.inbox.extend(messages)
            self._hold(client)
            return
        for count, message in enumerate(messages, 1):
            self._handle(client, message)
            if count >= STRIDE or client.busy or client.inbox or self.elements.load > LOAD or client.gone:
                if not client.dropped:
                    client.inbox.extend(messages[count:])
                break
        if client.inbox:
            self._hold(client)
            self._readOn(client)

    def blocked(self, client: Client) -> None:
        """The link of a client takes no more for the time being."""
        client.blocked = True
        client.fallBehind()

    def drained(self, client: Client) -> None:
        """The link of a client takes more."""
        client.blocked = False
        self.catchUp(client)
        self._slices.resume(client)

    def catchUp(self, client: Client) -> None:
        """Go on with what waits for a client that is behind, if its link takes something."""
        if client.behind and not (client.catchingUp or client.blocked or client.gone):
            client.catchingUp = True
            self._slices.start(client, self._catchUp(client))

    def lost(self, client: Client, now: float) -> None:
        """
        A client has left. What it owned is gone at once for every request; who waits for its answers, and who fetches
        it, is told in slices.
        """
        if client.gone:
            return
        self.now = now
        client.gone = True
        self.routes.lost(client)
        client.inbox.clear()
        client.backlog.clear()
        client.frames.clear()
        self._slices.resume(client)  # to let its jobs end
        self.fetches.endAll(client)
        if client.routes or client.elements:
            self._slices.start(client, self._leave(client))

    def withdraw(self, client: Client, isWanted: Callable[[], bool]) -> None:
        """
        Remove what a client owns, which itself stays: it cannot be reached for the time being.

        @param isWanted: Asked between slices whether to go on.
        """
        self._slices.start(client, self._removeAll(client, isWanted))

    def deadline(self) -> float | None:
        """When L{expire} is to be called."""
        return self.routes.deadline()

    def expire(self, now: float) -> None:
        """The deadline has come. If much expires, the next one has come, too, when this is done."""
        self.now = now
        self.routes.expire(now)

    @property
    def working(self) -> bool:
        """Whether L{work} has something to do."""
        return bool(self._slices)

    def work(self) -> None:
        """Do one step of what is in progress."""
        self._slices.step()

    def _faulty(self, client: Waiting) -> None:
        """Work for a client has failed in the middle: it cannot be served on by half."""
        assert isinstance(client, Client)
        self.log.failure("work for peer {id} could not be done", id=client.id)
        self.drop(client, Cause.FAULT, "work for it could not be done")

    # Answers

    def answer(self, client: Client, id: Raw | UnsetType, result: bytes) -> None:
        """Answer a request; nothing is sent to a notification."""
        text = idOf(id)
        if text is not None:
            client.send(client.dialect.result(text, result))

    def succeed(self, client: Client, id: Raw | UnsetType) -> None:
        """Answer a request that has no result of its own."""
        self.answer(client, id, client.dialect.success)

    def deliver(self, client: Client, id: Raw | UnsetType, outcome: bytes | JetError) -> None:
        """Answer a request with a result, or with what prevents it."""
        if isinstance(outcome, JetError):
            self.error(client, idOf(id), outcome.body)
        else:
            self.answer(client, id, outcome)

    def error(self, client: Client, id: bytes | None, error: bytes) -> None:
        """Answer a request with an error object, given as JSON text; nothing is sent if there is no id."""
        if id is not None:
            client.send(client.dialect.error(id, error))

    def drop(self, client: Client, cause: Cause, reason: str, atOnce: bool = True) -> None:
        """End the connection of a client. What it has sent already is not looked at any more."""
        if not (client.dropped or client.gone):
            client.dropped = True
            self.dropped[cause] += 1
            client.inbox.clear()
            self.effects.append(Drop(client, reason, atOnce))

    # Messages

    def _handle(self, client: Client, message: bytes) -> None:
        """Work on one message. Nothing that it holds may raise, or harm more than its own request."""
        id: Raw | UnsetType = UNSET
        try:
            if not message.isascii():
                message.decode("utf-8")
            if len(message) > self._shallow:
                if len(message) > PIECE and message.lstrip()[:1] == b"[":
                    client.busy = True
                    self._slices.start(client, self._survey(client, Batch(message, self.limits.depth)))
                    return
                if tooDeep(message, self.limits.depth):
                    raise ValueError("nested too deeply")
            try:
                request = decode(message)
            except DecodeError:
                if message.lstrip()[:1] == b"[":
                    self._unpack(client, message)
                    return
                found, id, error = explain(message)
                if error is not None:
                    raise error from None
                if found is None:
                    return
                request = found
        except JetError as error:
            self.error(client, idOf(id), error.body)
            return
        except UNREADABLE:
            client.send(client.dialect.error(None, PARSE_ERROR))
            return
        if type(request) is Response:
            try:
                self.routes.answer(client, message, request)
            except Exception:  # who waits for it is told when its time is over
                self.log.failure("an answer of peer {id} could not be passed on", id=client.id)
            return
        try:
            SERVICES[type(request)](self, client, request, message)  # type: ignore[index]
        except JetError as error:
            if isinstance(request, Set | Call):
                self.routes.refused += 1
            self.error(client, idOf(request.id), error.body)
        except Exception:
            self.log.failure("a request of peer {id} could not be worked on", id=client.id)
            self.error(client, idOf(request.id), internalError("the daemon could not work on this request"))

    def _unpack(self, client: Client, batch: bytes) -> None:
        """A batch is worked on as if its members had come one by one; members that are no objects are skipped."""
        members = objectsOf(batch)
        self.elements.load += UNPACKING * len(batch)
        done = 0
        while done < min(len(members), STRIDE) and not (client.busy or client.gone or client.dropped):
            if self.elements.load > LOAD:
                break
            done += 1
            self._handle(client, members[done - 1])
        if not client.dropped:
            client.inbox.extendleft(reversed(members[done:]))

    def _survey(self, client: Client, batch: Batch) -> Job:
        """Look through a long batch before anything in it is worked on. Its members come when the client is read on."""
        try:
            for _ in batch.survey():
                yield STEP
                if client.gone or client.dropped:
                    return
        except UNREADABLE:
            client.send(client.dialect.error(None, PARSE_ERROR))
        else:
            if batch:
                client.inbox.appendleft(batch)
        self.done(client)

    def _hold(self, client: Client) -> None:
        if not client.readingPaused:
            client.readingPaused = True
            self.effects.append(PauseReading(client))

    def _readOn(self, client: Client) -> None:
        """Go on with what waits in the inbox, unless other work of the client has to be done first."""
        if not (client.busy or client.reading):
            client.reading = True
            self._slices.start(client, self._read(client))

    def _read(self, client: Client) -> Job:
        yield STEP  # what called us has just done its share
        while client.inbox and not client.busy:
            for _ in range(STRIDE):
                message = client.inbox.popleft()
                if isinstance(message, Batch):
                    members = message.take()
                    if message:
                        client.inbox.appendleft(message)
                    client.inbox.extendleft(reversed(members))
                    break
                self._handle(client, message)
                if client.busy or not client.inbox or self.elements.load > LOAD:
                    break
            yield STEP
        client.reading = False
        self._free(client)

    def _free(self, client: Client) -> None:
        """Some work of a client is done: go on with what it sent meanwhile."""
        if client.gone or client.busy or client.reading:
            return
        if client.inbox:
            self._readOn(client)
        elif client.readingPaused:
            client.readingPaused = False
            self.effects.append(ResumeReading(client))

    def done(self, client: Client) -> None:
        """The request that kept a client busy is done."""
        if client.dropped:
            return
        client.busy = False
        self._free(client)

    # Slow and lost clients

    def spill(self, client: Client) -> None:
        """An outbox is too much for one piece: write it little by little."""
        frames = list(client.frames)
        client.frames.clear()
        client.fallBehind()
        for frame in frames:
            client.backlog.append(frame)
        self.catchUp(client)

    def _catchUp(self, client: Client) -> Job:
        while client.backlog:
            if client.gone:
                return
            if client.blocked:
                yield BLOCKED
                continue
            frames = client.backlog.take(SPILL)
            if frames and not client.frames:
                self.dirty.append(client)
            client.frames.extend(frames)
            yield STEP
        client.catchingUp = False
        if not client.blocked:
            client.catchUp()

    def _leave(self, client: Client) -> Job:
        yield from self.routes.orphaned(client)
        yield from self._removeAll(client, lambda: True)

    def _removeAll(self, client: Client, isWanted: Callable[[], bool]) -> Job:
        elements = self.elements
        size = 0
        yield STEP
        if not isWanted():
            return
        for count, element in enumerate(list(client.elements.values())):
            if not element.removed:
                elements.apply(Removed(element))
                size += len(element.value or b"")
            if count % STRIDE == STRIDE - 1 or size > SPILL:
                size = 0
                yield STEP
                if not isWanted():
                    return
