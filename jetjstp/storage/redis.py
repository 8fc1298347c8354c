"""
Sessions on a Redis server, for servers on several machines.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.plugin import IPlugin
from twisted.python.failure import Failure
from zope.interface import implementer

from jetjstp.bounds import checkSeconds
from jetjstp.interfaces import IFencedSessionStorage, ISessionStorageFactory, StorageUnavailable
from jetjstp.jstp.errors import SessionTaken
from jetjstp.jstp.session import Entry, Session
from jetjstp.storage.records import Acknowledge, Change, Delete, Keep, Put, Receive, Snapshot, changesOf, encodeText
from jetjstp.storage.redisconnection import RedisConnection, importRedis
from jetjstp.storage.redisscripts import DELETE, GET, RECORD, RELEASE, SET, SET_INACTIVE, TAKE
from jetjstp.storage.redisurl import RedisAddress, parseRedisUrl
from jetjstp.storage.settings import ABANDONED, DAY, LONGEST_LIFETIME

__all__ = ["RedisSessionStorage", "RedisStorageFactory"]

PASSWORD_VARIABLE = "JETJSTP_REDIS_PASSWORD"


@implementer(IFencedSessionStorage)
class RedisSessionStorage:
    """
    Keeps sessions on a Redis server, of version 5 or later, or one that speaks like it. It drops them by itself when
    they are over; how many there may be, and what a power failure takes, is a matter of its configuration.

    If the connection is lost, what was asked fails with L{StorageUnavailable}; it is connected again by itself.
    """

    def __init__(
        self,
        address: str | RedisAddress,
        *,
        inactiveSessionLifetime: float = DAY,
        abandonedSessionLifetime: float = ABANDONED,
        patience: float = 5.0,
        reactor: Any = None,
    ) -> None:
        """
        @param address: Where the server is; a URL as L{parseRedisUrl} reads it. Nothing of it but the password is
            secret.
        @param inactiveSessionLifetime: Seconds for which a session is found that was set inactive, or released.
        @param abandonedSessionLifetime: Seconds after which a session is dropped that was neither, if nothing was
            recorded: its server was killed, and nobody came back.
        @param patience: Seconds to wait for the connection, and for an answer, before a request fails.
        @param reactor: The reactor; the global one by default.
        @raise ValueError: Something is wrong with the URL, or out of range, or C{txredisapi} is not installed.
        @raise TypeError: A value is no number.
        """
        checkSeconds("inactiveSessionLifetime", inactiveSessionLifetime, LONGEST_LIFETIME)
        checkSeconds("abandonedSessionLifetime", abandonedSessionLifetime, LONGEST_LIFETIME)
        checkSeconds("patience", patience, 600)
        self.address = parseRedisUrl(address) if isinstance(address, str) else address
        if reactor is None:
            from twisted.internet import reactor
        self._connection = RedisConnection(importRedis(), self.address, patience, reactor)
        self._lifetime = _milliseconds(inactiveSessionLifetime)
        self._abandonedLifetime = _milliseconds(abandonedSessionLifetime)
        self._prefix = encodeText(self.address.prefix)

    def __repr__(self) -> str:
        """Without the password."""
        return f"<RedisSessionStorage {self.address}>"

    def start(self) -> Deferred[None]:
        """
        Connect, which otherwise the first request does.

        @return: Fails with L{StorageUnavailable} if the first attempt does; the message names the server and the
            remedy. Others are made all the same, until L{close}.
        """

        def unavailable(failure: Failure) -> None:
            failure.trap(StorageUnavailable)
            raise StorageUnavailable(f"{failure.value}; see that it runs, or correct the URL") from None

        return self._connection.connected(isPatient=False).addCallbacks(lambda _: None, unavailable)

    @property
    def trouble(self) -> str | None:
        """Why nothing can be asked now; L{None} if it can."""
        return self._connection.trouble

    def close(self) -> Deferred[None]:
        """End the connection when what was asked is answered. What is asked later fails."""
        return self._connection.close()

    # Whole sessions

    def get(self, id: str) -> Deferred[Session | None]:
        """See L{IFencedSessionStorage.get}."""
        getting = self._run(GET, id, self._abandonedLifetime)
        return getting.addCallback(lambda fields: _session(_pairs(fields)) if fields else None)

    def set(self, id: str, session: Session) -> Deferred[None]:
        """See L{IFencedSessionStorage.set}. What is not plain JSON raises L{TypeError} or L{ValueError}."""
        identity, delivered, received, latest, buffer, data = Snapshot.of(session)
        first = min([number for number, _ in buffer], default=abs(latest) + 1)
        arguments: list[bytes | int | str] = [identity, delivered, received, latest, first, len(data)]
        for number, text in buffer:
            arguments += [f"b:{number}", text]
        for place, (key, value) in enumerate(data):
            arguments += [b"d:" + key, f"{place}:{value}"]
        return self._run(SET, id, self._abandonedLifetime, *arguments).addCallback(lambda _: None)

    def setInactive(self, id: str) -> Deferred[None]:
        """From now on the session may expire. One that is not there is no error."""
        return self._run(SET_INACTIVE, id, self._lifetime).addCallback(lambda _: None)

    # Step by step

    def take(self, id: str, server: str) -> Deferred[tuple[Session, int] | None]:
        """See L{IFencedSessionStorage.take}."""
        taking = self._run(TAKE, id, self._abandonedLifetime, encodeText(server))

        def taken(fields: list[bytes]) -> tuple[Session, int] | None:
            if not fields:
                return None
            pairs = _pairs(fields)
            return _session(pairs), int(pairs[b"epoch"])

        return taking.addCallback(taken)

    def record(self, id: str, epoch: int, entries: Sequence[Entry]) -> Deferred[None]:
        """See L{IFencedSessionStorage.record}. What is not plain JSON raises L{TypeError} or L{ValueError}."""
        arguments: list[bytes | int | str] = []
        for change in changesOf(entries):
            arguments += _arguments(change)
        return self._run(RECORD, id, self._abandonedLifetime, epoch, *arguments).addCallback(_check)

    def release(self, id: str, epoch: int) -> Deferred[None]:
        """See L{IFencedSessionStorage.release}."""
        return self._run(RELEASE, id, self._lifetime, epoch).addCallback(_check)

    def delete(self, id: str, epoch: int) -> Deferred[None]:
        """Forget a session, for the one who has it; see L{IFencedSessionStorage}."""
        return self._run(DELETE, id, self._lifetime, epoch).addCallback(_check)

    def _run(self, script: str, id: str, *arguments: bytes | int | str) -> Deferred[Any]:
        # The braces keep all keys of a session together where that matters, and it apart from the other key.
        keys = [self._prefix + b"{" + encodeText(id) + b"}"]
        if script is TAKE:
            keys.append(self._prefix + b"epoch")
        return self._connection.run(script, keys, arguments)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _arguments(change: Change) -> tuple[str, bytes | int, bytes | str]:
    match change:
        case Receive(upTo):
            return ("r", upTo, "")
        case Keep(id, text):
            return ("s", id, text)
        case Acknowledge(upTo):
            return ("a", upTo, "")
        case Put(key, value):
            return ("p", key, value)
        case Delete(key):
            return ("d", key, "")


def _check(answer: int | list[bytes]) -> None:
    match answer:
        case 1:
            return
        case [b"gone"]:
            raise SessionTaken("the session is not kept any more")
        case [b"taken", server]:
            raise SessionTaken(f"the session was taken by {server.decode('utf-8', 'replace')}")
        case _:
            raise SessionTaken("the session was released, or replaced")


def _pairs(fields: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(fields[::2], fields[1::2], strict=True))


def _session(fields: dict[bytes, bytes]) -> Session:
    buffer: list[tuple[int, bytes]] = []
    data: list[tuple[int, bytes, str]] = []
    for name, value in fields.items():
        if name.startswith(b"b:"):
            buffer.append((int(name[2:]), value))
        elif name.startswith(b"d:"):
            place, _, text = value.partition(b":")
            data.append((int(place), name[2:], text.decode("ascii")))
    return Snapshot(
        fields[b"identity"].decode("ascii"),
        int(fields[b"delivered"]),
        int(fields[b"received"]),
        int(fields[b"latest"]),
        buffer,
        [(key, text) for _, key, text in sorted(data)],
    ).toSession()


@implementer(IPlugin, ISessionStorageFactory)
class RedisStorageFactory:
    """Makes a L{RedisSessionStorage} of C{redis:URL}."""

    name = "redis"
    schemes = ("rediss", "redis+unix")
    help = (
        "redis:URL  sessions on a Redis server, redis://HOST:PORT/NUMBER or redis+unix:///PATH?db=NUMBER;\n"
        f"a password from the environment ({PASSWORD_VARIABLE}) is seen by nobody else"
    )

    def make(self, argument: str, reactor: IReactorTime) -> RedisSessionStorage:
        """See L{ISessionStorageFactory.make}. C{redis://...} will do for C{redis:redis://...}."""
        if not argument:
            raise ValueError("no Redis server is named: write redis://HOST:PORT")
        address = parseRedisUrl(f"redis:{argument}" if argument.startswith("//") else argument)
        if address.password is None and PASSWORD_VARIABLE in os.environ:
            address = replace(address, password=os.environ[PASSWORD_VARIABLE])
        return RedisSessionStorage(address, reactor=reactor)
