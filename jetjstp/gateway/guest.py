"""
A session of JSTP on a Jet bus.

To the core it is a client as any other. It stays one while its connection is
away: what it fetches waits in the backlog, what it owns stays for a while and is
added again when it is back. If the core lets go of it, since far too much waits,
or if the session comes from a storage, it begins anew, and the client is told.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

from msgspec import UNSET
from msgspec.json import encode
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from jetjstp.gateway.dialect import wordOf
from jetjstp.gateway.errors import jstpErrorOf, trouble
from jetjstp.gateway.link import BusLink
from jetjstp.gateway.memory import Memory
from jetjstp.gateway.owner import OwnerCalls
from jetjstp.interfaces import Identity, UnknownUser
from jetjstp.jet.backlog import Pool
from jetjstp.jet.elements import Element
from jetjstp.jet.jsontext import itemsOf, quote
from jetjstp.jet.protocol import JetReceiver
from jetjstp.jstp.connection import Connection
from jetjstp.jstp.errors import RemoteError
from jetjstp.jstp.messages import encodeList
from jetjstp.rarefailures import logRarely

__all__ = ["Guest", "Host"]

PAUSE = 1.0
"""Seconds until a session that the core has let go of begins anew."""

Settled = Callable[[bytes | None, RemoteError | None], None]
"""Called with the result of a request, as JSON, or with its error."""


class Host(Protocol):
    """What all sessions have in common."""

    clock: IReactorTime
    grace: float
    pool: Pool

    def receiver(self, identity: Identity | None) -> JetReceiver:
        """A new client of the core."""

    def identify(self, user: str) -> Deferred[Identity | None]:
        """Who a user is."""

    def left(self, guest: Guest) -> None:
        """A session is over."""


class _Asked(NamedTuple):
    """
    A request of the client; if there is nobody to be answered, one of our own.
    """

    answer: Deferred[bytes] | None
    settled: Settled | None

    def succeed(self, result: bytes) -> None:
        if self.settled is not None:
            self.settled(result, None)
        self.tell(result)

    def fail(self, error: RemoteError) -> None:
        if self.settled is not None:
            self.settled(None, error)
        self.tell(error)

    def tell(self, outcome: bytes | RemoteError) -> None:
        """Answer, unless the answer was given up with the connection."""
        if self.answer is None or self.answer.called:
            return
        if isinstance(outcome, bytes):
            self.answer.callback(outcome)
        else:
            self.answer.errback(outcome)


class Guest:
    """
    One session.

    @ivar identity: Who it is; L{None} before that is known, and for somebody without rights of his own.
    @ivar sessionId: Of the session, which is a secret.
    @ivar memory: What is kept in the session.
    @ivar lastFetch: How many ids were made up for fetches that came without.
    """

    _log = Logger()

    def __init__(self, host: Host, connection: Connection, endSession: Callable[[str], None]) -> None:
        """
        @param endSession: Gives the session up, for a reason.
        """
        assert connection.session is not None
        self.connection = connection
        self.sessionId = connection.session.id
        self.identity: Identity | None = None
        self.memory = Memory(connection.session)
        self.lastFetch = 0
        self._host = host
        self._endSession = endSession
        self._link: BusLink | None = None
        self._receiver: JetReceiver | None = None
        self._calls: OwnerCalls | None = None
        self._isAway = False
        self._isOver = False
        self._isShut = False
        self._isIdentifying = False
        self._isOutdated = False
        # What it owned and does not own for the time being: the params that it is added with, by path.
        self._kept: dict[str, bytes] = {}
        self._isWithdrawn = False
        self._serial = 0
        self._pending: dict[int, _Asked] = {}
        # What the core has not read yet: messages with the numbers of requests, 0 for answers.
        self._outgoing: list[tuple[int, bytes]] = []
        self._isDelivering = False
        self._timer: IDelayedCall | None = None
        connection.on("close", self._lost)
        connection.closed().addCallback(lambda _: self._later(self.end))

    def _later(self, do: Callable[[], None]) -> None:
        """Not in the middle of what the core may be doing now."""
        self._host.clock.callLater(0, do)

    # Requests

    def ask(self, method: str, params: bytes, settled: Settled | None = None) -> Deferred[bytes]:
        """
        Ask the daemon for something.

        @param settled: Called with the outcome, whether or not somebody still waits for it.
        @return: Fires with the result as JSON; fails with L{RemoteError}.
        """
        if self._isShut:
            return fail(trouble("the daemon is closed"))
        answer: Deferred[bytes] = Deferred()
        self._request(method, params, _Asked(answer, settled))
        return answer

    def _request(self, method: str, params: bytes, asked: _Asked) -> None:
        self._serial += 1
        self._pending[self._serial] = asked
        self._outgoing.append(
            (self._serial, b'{"id":%d,"method":"%b","params":%b}' % (self._serial, method.encode(), params))
        )
        self._deliverSoon()

    def _demand(self, method: str, params: bytes, settled: Settled | None = None) -> None:
        """A request of our own: nobody waits for it."""
        self._request(method, params, _Asked(None, settled))

    def _post(self, message: bytes) -> None:
        """An answer of the client."""
        self._outgoing.append((0, message))
        self._deliverSoon()

    def _deliverSoon(self) -> None:
        # In another turn: the answer to what is being called now is to be sent before what comes of it.
        if not self._isDelivering and self._outgoing:
            self._isDelivering = True
            self._later(self._deliver)

    def _deliver(self) -> None:
        self._isDelivering = False
        if self._receiver is not None and self._link is not None and not self._link.isPaused and self._outgoing:
            messages, self._outgoing = self._outgoing, []
            self._receiver.messagesReceived([message for _, message in messages])

    def linkReads(self) -> None:
        self._deliverSoon()

    def answered(self, frame: bytes) -> None:
        word = wordOf(frame)
        if word.route is not UNSET:
            if self._calls is not None:
                self._calls.request(word)
            return
        asked = None if word.id is None else self._pending.pop(word.id, None)
        if asked is None:
            return
        if word.error is UNSET:
            asked.succeed(bytes(word.result))  # type: ignore[arg-type]  # a response has one of them
        else:
            asked.fail(jstpErrorOf(bytes(word.error)))

    def _failPending(self, error: RemoteError) -> None:
        pending, self._pending = self._pending, {}
        self._outgoing.clear()
        for asked in pending.values():
            asked.fail(error)

    # Coming and going

    def begin(self) -> None:
        """Find out who it is, then become a client of the core. What is asked meanwhile waits."""
        self._cancelTimer()
        if self._isOver or self._isAway or self._isIdentifying or self._receiver is not None:
            return
        user = self.connection.username
        if user is None:
            self._attach(None)
            return
        self._isIdentifying = True
        self._host.identify(user).addCallbacks(self._identified, self._unidentified)

    def reopen(self) -> None:
        """If the daemon was closed, it is not any more."""
        if self._isShut:
            self._isShut = False
            self.begin()

    def follow(self, other: Guest) -> None:
        """Be the same session as another, which ends, at another server: what that owns is added again."""
        if other._receiver is not None:
            other._keep(other._receiver)
        self._kept.update(other._kept)
        other.end()

    def _beginAnew(self) -> None:
        self._timer = None
        self.begin()

    def outdate(self) -> None:
        """Users may have changed: what the policy was asked before counts no more."""
        self._isOutdated = self._isIdentifying

    def _isAskedAgain(self) -> bool:
        """The policy has answered; whether it has to be asked once more."""
        isOutdated, self._isIdentifying, self._isOutdated = self._isOutdated, False, False
        if isOutdated:
            self.begin()
        return isOutdated

    def _identified(self, identity: Identity | None) -> None:
        if self._isAskedAgain():
            return
        if not (self._isOver or self._isAway):  # who is away is asked for again when the connection is back
            self._attach(identity)

    def _unidentified(self, failure: Failure) -> None:
        if self._isAskedAgain() or self._isOver:
            return
        if failure.check(UnknownUser):
            self.expel("there is no such user any more")
            return
        self.unchecked(failure)
        self._failPending(trouble("it could not be checked who you are"))
        if not self._isAway:
            self._timer = self._host.clock.callLater(PAUSE, self._beginAnew)

    def unchecked(self, failure: Failure) -> None:
        """It could not be found out whether the rights are still the same, so they stay."""
        logRarely(self._log, self._host, "it could not be checked who a user is", failure)

    def expel(self, reason: str) -> None:
        """Give the session up, so that the client has to log in anew."""
        self._endSession(reason)
        self.end()

    def _attach(self, identity: Identity | None) -> None:
        waiting, self._outgoing = self._outgoing, []
        self.identity = identity
        self._link = link = BusLink(self.connection, self)
        self._receiver = receiver = self._host.receiver(identity)
        receiver.linkOpened(link)
        self._calls = OwnerCalls(self.connection, receiver.client, self._post)
        if self.memory.owns and not self._kept:
            self.memory.own(False)
            link.tell("elementsLost", b"[]")
        self._addAgain()
        for id, expression in self.memory.fetches():
            self._fetchAgain(link, id, expression)
        self._outgoing += waiting
        self._deliverSoon()

    def _fetchAgain(self, link: BusLink, id: str, expression: dict[str, Any]) -> None:
        def settled(result: bytes | None, error: RemoteError | None) -> None:
            if error is not None and self._link is link:
                self.memory.forget(id)
                link.tell("fetchEnded", b"[%b,%b]" % (id.encode(), encodeList(error.toList())))

        link.tell("restarted", b"[%b]" % id.encode())
        self._demand("fetch", fetchParams(id, expression), settled)

    def _lost(self) -> None:
        """The transport is gone."""
        if self._isAway or self._isOver:
            return
        self._isAway = True
        self._cancelTimer()
        self._loseRequests()
        if self._receiver is None or self._link is None:
            return
        self._link.away()
        self._timer = self._host.clock.callLater(self._host.grace, self._withdraw)
        self._holdAway()

    def _loseRequests(self) -> None:
        """What was asked reaches nobody any more: the client is told that it is lost."""
        if self._receiver is None or (self._link is not None and self._link.isPaused):
            # What nobody would read for now is not to be kept: there might be more each time that the client is back.
            unread = [number for number, _ in self._outgoing if number and self._pending[number].answer is not None]
            lost = {number: self._pending.pop(number) for number in unread}
            self._outgoing = [each for each in self._outgoing if each[0] not in lost]
            for asked in lost.values():
                asked.fail(trouble("its connection is lost"))
        for asked in list(self._pending.values()):
            asked.tell(b"null")

    def _holdAway(self) -> None:
        """What is held for it counts together with what is held for others who are away."""
        assert self._receiver is not None and self._link is not None
        session = self.connection.session
        besides = self._link.held + sum(map(len, self._kept.values()))
        self._receiver.hold(self._host.pool, besides + (0 if session is None else session.bufferBytes))

    def _withdraw(self) -> None:
        """It has been away for too long: what it owns goes, for now."""
        self._timer = None
        receiver = self._receiver
        if receiver is None or not receiver.client.elements:
            return
        self._isWithdrawn = True
        self._keep(receiver)
        receiver.withdraw(lambda: self._isWithdrawn)
        self._holdAway()

    def _keep(self, receiver: JetReceiver) -> None:
        for path, element in receiver.client.elements.items():
            self._kept[path] = contentOf(element)

    def returned(self) -> None:
        """The client is there again, or has another transport."""
        if self._isOver:
            return
        self._isAway = self._isWithdrawn = self._isShut = False
        self._cancelTimer()
        session = self.connection.session
        if self._receiver is not None and session is not None and session.missing:
            # It came with an older copy of the session, and has not got all that it was sent.
            self._detach("the client lacks messages", True)
        if self._receiver is None or self._link is None:
            self.begin()
            return
        self._receiver.release()
        self._addAgain()
        self._link.back()

    def _addAgain(self) -> None:
        """Add what it owned."""
        kept, self._kept = self._kept, {}
        assert self._receiver is not None
        for path, content in kept.items():
            if path not in self._receiver.client.elements:
                self._demand("add", content, self._addedAgain(path, content))

    def _addedAgain(self, path: str, content: bytes) -> Settled:
        link = self._link

        def settled(result: bytes | None, error: RemoteError | None) -> None:
            if error is None:
                return
            if link is None or self._link is not link:  # the core has let go of us before it came to that
                self._kept[path] = content
            else:
                link.tell("notAdded", encodeList([path, error.toList()]))

        return settled

    def linkBlocked(self) -> None:
        if self._receiver is not None:
            self._receiver.linkBlocked()

    def linkDrained(self) -> None:
        if self._receiver is not None:
            self._receiver.linkDrained()

    def gaveUp(self, args: bytes) -> None:
        link = self._link
        assert link is not None
        id = itemsOf(args)[0].decode()
        self.memory.forget(id)
        self._demand("unfetch", b'{"id":%b}' % id.encode())
        link.tell("fetchEnded", args)

    def linkClosed(self) -> None:
        # If it was not dropped, for whatever reason, it is the daemon itself that ends.
        isOver = self._receiver is not None and not self._receiver.client.dropped
        # Who is away has used up what may be held for all of those, so that nothing more is held for him.
        self._detach("the daemon has let go of this session", not self._isAway)
        self._isShut = isOver and not self._isAway
        if not (self._isAway or isOver):
            self._timer = self._host.clock.callLater(PAUSE, self._beginAnew)

    def _detach(self, reason: str, isKept: bool) -> None:
        """Be no client of the core for now."""
        receiver, self._receiver = self._receiver, None
        link, self._link = self._link, None
        if receiver is None or link is None:
            return
        self._cancelTimer()
        link.end()
        receiver.release()
        if self._calls is not None:
            self._calls.forget()
        self._failPending(trouble(reason))
        if isKept:
            self._keep(receiver)
        else:
            self._kept.clear()
        receiver.linkLost(reason)

    def _cancelTimer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self) -> None:
        """The session is over."""
        if not self._isOver:
            self._isOver = True
            self.connection.off("close", self._lost)
            self._cancelTimer()
            self._detach("the session is over", False)
            self._failPending(trouble("the session is over"))
            self._host.left(self)

    @property
    def isAttached(self) -> bool:
        """Whether it is a client of the core."""
        return self._receiver is not None

    @property
    def fetchesSomething(self) -> bool:
        return self._receiver is not None and bool(self._receiver.client.fetches)

    @property
    def ownsSomething(self) -> bool:
        return self._receiver is not None and bool(self._receiver.client.elements)


def fetchParams(id: str, expression: dict[str, Any]) -> bytes:
    """The params of a fetch, given its id as JSON."""
    members = b"".join(b",%b:%b" % (quote(name), encode(value)) for name, value in expression.items() if name != "id")
    return b'{"id":%b%b}' % (id.encode(), members)


def contentOf(element: Element) -> bytes:
    """The params with which an element is added again."""
    text = b'{"path":' + quote(element.path)
    if element.value is not None:
        text += b',"value":' + element.value
    if element.fetchOnly:
        text += b',"fetchOnly":true'
    access = element.access
    if access is not None:
        lists = {"fetchGroups": access.fetchGroups, "setGroups": access.setGroups, "callGroups": access.callGroups}
        text += b',"access":' + encode({name: groups for name, groups in lists.items() if groups is not None})
    if element.timeout is not None:
        text += b',"timeout":' + encode(element.timeout)
    return text + b"}"
