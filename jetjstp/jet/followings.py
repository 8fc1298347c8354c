"""
All fetches of a peer: fetching again after a reconnect, and the one fetch of
everything that daemons in simple mode know (protocol page, sections 11.2 and 12.7).
"""

from __future__ import annotations

from collections import deque
from functools import partial

from jetjstp.jet.asking import Asking, Fail, Finish, Notify, Trouble
from jetjstp.jet.following import Following, Output, remoteRule
from jetjstp.jet.incoming import ADD, REMOVE, Told, readTold
from jetjstp.jet.jsontext import quote, valueOf
from jetjstp.jet.jsonvalues import encodeJson
from jetjstp.jet.peererrors import BaseError, ConnectionClosed

__all__ = ["Followings"]

SIMPLE_ID = "fetch_all"


class Followings:
    """
    The fetches of a peer.

    A fetch is complete when the daemon has answered an C{info} that was sent right behind: answers come in order, so
    everything that it had to tell has come before.
    """

    def __init__(self, asking: Asking, token: str) -> None:
        """
        @param token: What the ids of our fetches end with where all peers of a daemon share them.
        """
        self._asking = asking
        self._effects = asking.effects
        self._token = token
        self._wanted: dict[Following, int | None] = {}
        self._byId: dict[str, Following] = {}
        self._closing: set[str] = set()
        self._serial = 0
        self._settling: deque[Following] = deque()
        # Of a daemon in simple mode: all that it told of, and who waits for that to be complete.
        self._everything: dict[str, Told] | None = None
        self._isEverything = False
        self._waiting: list[Following] = []

    def fetch(self, following: Following, ticket: int, number: int | None, now: float) -> int:
        """
        Begin a fetch, at the next connection if there is none.

        @param number: That of an earlier fetch by the same fetcher.
        @return: Its number.
        """
        if number is None:
            number = self._newNumber()
        following.number = number
        self._wanted[following] = ticket
        if self._asking.isReady:
            self.send(following, now)
        return following.number

    def _newNumber(self) -> int:
        self._serial += 1
        return self._serial

    def opened(self) -> list[Following]:
        """A new connection: all fetches are to begin anew. Returns them."""
        return list(self._wanted)

    def send(self, following: Following, now: float) -> None:
        """Ask the daemon, unless that is done already or nobody wants it any more."""
        if following.id is not None or following not in self._wanted:
            return
        kind = self._asking.kind
        try:
            following.begin(kind)
        except BaseError as error:
            self._refused(following, error)
            return
        following.id = b""
        if kind.simple:
            self._sendSimple(following, now)
            return
        name = self._nameOf(following)
        while name in self._closing or name in self._byId:
            following.number = self._newNumber()
            name = self._nameOf(following)
        # First the ear, then the question: some daemons tell before they answer.
        self._byId[name] = following
        following.id = quote(name)
        rule = encodeJson(remoteRule(following.rule, kind), "rule")
        params = rule[:-1] + (b"," if len(rule) > 2 else b"") + b'"id":' + following.id + b"}"
        id = following.id
        self._asking.request("fetch", params, partial(self._answered, following, id))
        if following.isActive:
            self._asking.request("info", b"{}", partial(self._marked, following, id))

    def _nameOf(self, following: Following) -> str:
        name = f"__f__{following.number}"
        return f"{name}_{self._token}" if self._asking.kind.sharedIds else name

    def _answered(self, following: Following, id: bytes, result: bytes | None, error: BaseError | None) -> None:
        if error is not None and following.id == id:
            self._refused(following, error)

    def _refused(self, following: Following, error: BaseError) -> None:
        ticket = self._wanted.get(following)
        if isinstance(error, ConnectionClosed) and ticket is None:
            return
        self._forget(following)
        if ticket is not None:
            self._effects.append(Fail(ticket, error))
        else:
            self._effects.append(Trouble("a fetch is refused after a reconnect, and ended", error))

    def _marked(self, following: Following, id: bytes, result: bytes | None, error: BaseError | None) -> None:
        # An error is an answer as well, unless there was none.
        if following.id != id or isinstance(error, ConnectionClosed):
            return
        self._complete(following)

    def _complete(self, following: Following) -> None:
        if following in self._wanted:
            self._tell(following, following.complete(self.now))
            if following.deadline is not None:
                self._settling.append(following)
            ticket, self._wanted[following] = self._wanted[following], None
            if ticket is not None:
                self._effects.append(Finish(ticket, None))

    now = 0.0
    """The time of the input that is being handled."""

    def _tell(self, following: Following, outputs: list[Output]) -> None:
        self._effects.extend(Notify(following, output) for output in outputs)

    def unfetch(self, following: Following, ticket: int | None) -> None:
        """End a fetch; nothing is told any more."""
        pending = self._wanted.get(following)
        id = following.id
        self._forget(following)
        if pending is not None:
            self._effects.append(Fail(pending, ConnectionClosed("the fetch was ended before it was complete")))
        if id and self._asking.isReady:
            name = valueOf(id)
            self._closing.add(name)
            self._asking.request("unfetch", b'{"id":%b}' % id, partial(self._unfetched, name, ticket))
        elif ticket is not None:
            self._effects.append(Finish(ticket, None))

    def _unfetched(self, name: str, ticket: int | None, result: bytes | None, error: BaseError | None) -> None:
        self._closing.discard(name)
        # If the daemon does not know it, or is gone, it is ended all the same.
        if ticket is not None:
            self._effects.append(Finish(ticket, None))

    def _forget(self, following: Following) -> None:
        self._wanted.pop(following, None)
        if following.id:
            self._byId.pop(valueOf(following.id), None)
        following.end()

    def notified(self, method: str, params: bytes | None) -> bool:
        """A message without an answer has come; returns whether it is for a fetch."""
        following = self._byId.get(method)
        if following is not None:
            self._tell(following, following.receive(params or b"null"))
            return True
        if method == SIMPLE_ID and self._everything is not None:
            self._toldEverything(readTold(params or b"null"))
            return True
        return method.startswith("__f__")

    def lost(self, error: BaseError) -> None:
        """The connection is gone. What was told stays told; a fetch that was not complete has failed."""
        self._byId.clear()
        self._closing.clear()
        self._settling.clear()
        self._everything = None
        self._isEverything = False
        self._waiting.clear()
        for following, ticket in list(self._wanted.items()):
            if ticket is not None and following.id is not None:
                self._forget(following)
                self._effects.append(Fail(ticket, error))
            else:
                following.lost()

    def end(self, error: BaseError) -> None:
        """There will be no connection any more."""
        for following, ticket in list(self._wanted.items()):
            self._forget(following)
            if ticket is not None:
                self._effects.append(Fail(ticket, error))

    def deadline(self) -> float | None:
        """When L{expire} is to be called. All wait equally long, so the first one in is the first one out."""
        settling = self._settling
        while settling and settling[0].deadline is None:
            settling.popleft()
        return settling[0].deadline if settling else None

    def expire(self, now: float) -> None:
        """Tell of the removes that were held back."""
        while (deadline := self.deadline()) is not None and deadline <= now:
            following = self._settling.popleft()
            self._tell(following, following.expire())

    # --- daemons in simple mode

    def _sendSimple(self, following: Following, now: float) -> None:
        if self._everything is None:
            self._everything = {}
            self._asking.request("fetch", b"{}", self._answeredSimple)
            self._asking.request("info", b"{}", self._markedSimple)
        for told in self._everything.values():
            self._tell(following, following.tell(told))
        if self._isEverything:
            self._complete(following)
        else:
            self._waiting.append(following)

    def _answeredSimple(self, result: bytes | None, error: BaseError | None) -> None:
        if error is not None:
            waiting, self._waiting = self._waiting, []
            self._everything = None
            for following in waiting:
                self._refused(following, error)

    def _markedSimple(self, result: bytes | None, error: BaseError | None) -> None:
        if isinstance(error, ConnectionClosed) or self._everything is None:
            return
        self._isEverything = True
        waiting, self._waiting = self._waiting, []
        for following in waiting:
            self._complete(following)

    def _toldEverything(self, told: Told | None) -> None:
        if told is None or self._everything is None:
            return
        if told.event == REMOVE:
            self._everything.pop(told.path, None)
        else:
            before = self._everything.get(told.path)
            flag = told.fetchOnly if before is None or told.event == ADD else before.fetchOnly
            self._everything[told.path] = Told(told.path, ADD, told.value, flag)
        for following in list(self._wanted):
            if following.id is not None:
                self._tell(following, following.tell(told))
