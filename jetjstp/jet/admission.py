"""
Who the clients of a bus are, and who decides what they may do (protocol page,
section 10).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from enum import Enum
from typing import Protocol

from msgspec import Raw, UnsetType

from jetjstp.causes import Cause
from jetjstp.jet.access import Groups, May
from jetjstp.jet.clients import Client
from jetjstp.jet.effects import Authenticate, Effect
from jetjstp.jet.errors import JetError, LimitExceeded, internalError
from jetjstp.jet.fetches import Fetches
from jetjstp.jet.limits import Limits
from jetjstp.jet.requests import idOf

__all__ = ["Admission", "Login"]


class Login(Enum):
    """How a login went."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    """The policy says no."""
    UNSEEN = "unseen"
    """There were too many wrong ones from that address: the policy was not asked."""
    FAILED = "failed"
    """The policy itself failed."""


class Host(Protocol):
    """A bus, as far as logins go."""

    now: float
    may: May
    limits: Limits
    fetches: Fetches
    effects: deque[Effect]

    def answer(self, client: Client, id: Raw | UnsetType, result: bytes) -> None: ...

    def error(self, client: Client, id: bytes | None, error: bytes) -> None: ...

    def done(self, client: Client) -> None: ...

    def drop(self, client: Client, cause: Cause, reason: str, atOnce: bool = True) -> None: ...


class Admission:
    """
    The logins of the clients of one bus.

    @ivar logins: How those went that were asked for.
    """

    def __init__(self, bus: Host) -> None:
        self.logins = dict.fromkeys(Login, 0)
        self._bus = bus

    def authenticate(self, client: Client, id: Raw | UnsetType, user: str, password: str) -> None:
        """Have a login checked; what the client sends meanwhile waits."""
        client.busy = True
        self._bus.effects.append(Authenticate(client, id, user, password))

    def authenticated(self, client: Client, id: Raw | UnsetType, identity: Groups | None, auth: bytes) -> None:
        """
        A login succeeded.

        @param identity: Who it is; L{None} for a user without rights of his own, which changes nothing.
        @param auth: What to answer.
        """
        self.logins[Login.ACCEPTED] += 1
        if client.gone:
            return

        def answer() -> None:
            self._bus.answer(client, id, client.dialect.loggedIn(auth))
            self._bus.done(client)

        isOther = identity is not None and identity != client.identity
        if identity is not None:
            client.identity = identity
        if isOther and client.fetches:
            self._bus.fetches.renew(client, answer)
        else:
            answer()

    def refused(self, client: Client, id: Raw | UnsetType, error: JetError | None, now: float) -> None:
        """
        A login failed.

        @param error: What to answer; L{None} if the policy itself failed, for which the peer is not to blame.
        """
        self._bus.now = now
        self.logins[Login.FAILED if error is None else Login.REFUSED] += 1
        if client.gone:
            return
        if error is None:
            self._bus.error(client, idOf(id), internalError("the login could not be checked"))
        else:
            self._bus.error(client, idOf(id), error.body)
            client.failedLogins += 1
            if client.failedLogins >= self._bus.limits.failedLogins:
                self._bus.drop(client, Cause.LOGIN, "too many failed logins", atOnce=False)
        self._bus.done(client)

    def refusedUnseen(self, client: Client, id: Raw | UnsetType, limit: int, now: float) -> None:
        """There were too many wrong logins from where the client is: its own was not looked at, and counts for none."""
        self._bus.now = now
        self.logins[Login.UNSEEN] += 1
        if not client.gone:
            self._bus.error(client, idOf(id), LimitExceeded("failedLoginsPerMinute", limit).body)
            self._bus.done(client)

    def recognizing(self, client: Client) -> None:
        """Somebody finds out who the client is; what it sends waits for L{recognized}."""
        client.busy = True

    def recognized(self, client: Client, identity: Groups | None, now: float) -> None:
        """It is known who a client is, before anything that it sent was looked at; L{None} is nobody in particular."""
        self._bus.now = now
        if not client.gone:
            client.identity = identity
            self._bus.done(client)

    def decideBy(self, may: May, clients: Iterable[Client]) -> None:
        """
        Have another function decide about access. For those who stay it has to decide as the old one: what their
        fetches see is not looked through again.

        @param clients: All clients.
        """
        if may is self._bus.may:
            return
        self._bus.may = may
        self._bus.fetches.decideBy(may)
        for client in clients:
            for fetch in client.fetches.values():
                fetch.may = may
