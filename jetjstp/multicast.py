"""
Multicast DNS, by the C{zeroconf} library.

The library lives in a thread with an event loop of its own, so it works under
any reactor: what is asked of it is sent there, what it finds comes back to the
thread of the reactor. Nothing is started before it is needed: a thread would
not survive C{twistd} going into the background.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from ipaddress import IPv6Address, ip_address
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure
from zeroconf import (  # type: ignore[attr-defined]  # it has them there, and does not say so
    DNSOutgoing,
    DNSQuestion,
    IPVersion,
    NonUniqueNameException,
    ServiceInfo,
    Zeroconf,
    current_time_millis,
)
from zeroconf import Error as ZeroconfError

from jetjstp.bounds import checkSeconds
from jetjstp.browsing import CLASS_IN, TYPE_PTR, Browse
from jetjstp.discovery import (
    Announcement,
    DiscoveryError,
    Interfaces,
    NameTaken,
    NoMulticast,
    Scope,
    Session,
    Watcher,
    hostInterfaces,
    scopeOf,
)

__all__ = ["Multicast"]

LONGEST_PAUSE = 3600.0
"""Seconds; the library's own questions become as rare as that."""

# Of the DNS (RFC 1035); the library has them in a module that is its own affair.
_QUERY = 0
_TYPE_SRV = 33

T = TypeVar("T")

_log = Logger()

_shared: dict[tuple[str, float], _Shared] = {}
"""What is running, by the address that services listen on, and by how often is asked again."""


class Multicast:
    """
    Multicast DNS. See L{jetjstp.discovery.Discovery}.

    @param askAgain: B{Seconds} between two questions for what was told while nobody could hear us. Then it is looked,
        too, whether this host has other addresses than before.
    """

    def __init__(self, askAgain: float = 30.0) -> None:
        checkSeconds("askAgain", askAgain, LONGEST_PAUSE)
        self._askAgain = askAgain

    def open(self, address: str, reactor: Any) -> Session:
        """See L{jetjstp.discovery.Discovery.open}."""
        key = (address, self._askAgain)
        shared = _shared.get(key)
        if shared is None:
            shared = _shared[key] = _Shared(key)
        return _Session(shared, reactor)


class _Shared:
    """
    The library at work on some interfaces, for all sessions there.

    @ivar scope: Where, and what is announced.
    """

    def __init__(self, key: tuple[str, float]) -> None:
        self._key = key
        self.scope = scopeOf(key[0], hostInterfaces())
        try:
            self.zeroconf = Zeroconf(interfaces=list(self.scope.interfaces), ip_version=_versions(self.scope))
        except (OSError, RuntimeError, ZeroconfError) as error:
            raise NoMulticast(f"no multicast on {', '.join(self.scope.interfaces)}: {error}") from error
        self.users: set[_Session] = set()
        # Whoever uses it first is told of what goes wrong.
        self._tending = asyncio.run_coroutine_threadsafe(self._tend(), self.loop)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the library."""
        loop = self.zeroconf.loop
        assert loop is not None
        return loop

    def leave(self, user: _Session) -> bool:
        """A session needs it no longer. Returns whether it was the last one."""
        self.users.discard(user)
        if self.users:
            return False
        if _shared.get(self._key) is self:
            del _shared[self._key]
        self._tending.cancel()
        return True

    async def _tend(self) -> None:
        """Now and then see to what has changed around us; in the thread of the library."""
        while True:
            await asyncio.sleep(self._key[1])
            try:
                await self._follow(scopeOf(self._key[0], hostInterfaces()))
                for user in list(self.users):
                    user.askAgain()
            except (OSError, RuntimeError, ZeroconfError) as error:
                # As when a cable is out, or an address gone a moment ago; it will be tried again.
                _log.warn("discovery: {error}", error=error)

    async def _follow(self, scope: Scope) -> None:
        # Nothing happens if these are the same; what has failed the last time may work now.
        await self.zeroconf.async_update_interfaces(list(scope.interfaces), _versions(scope))
        before, self.scope = self.scope, scope
        if scope.announced != before.announced:
            for user in list(self.users):
                await user.announceAnew()


class _Session:
    """See L{Session}."""

    def __init__(self, shared: _Shared, reactor: Any) -> None:
        self._shared = shared
        self._reactor = reactor
        self._browses: list[Browse] = []
        self._announced: list[ServiceInfo] = []
        self._pending: set[Deferred[None]] = set()
        self._isClosed = False
        shared.users.add(self)

    @property
    def addresses(self) -> tuple[str, ...]:
        """See L{Session.addresses}."""
        return self._shared.scope.announced

    def announce(self, announcement: Announcement) -> Deferred[None]:
        """See L{Session.announce}."""
        # All that we announce is of one spelling. Others may have another one.
        type = f"{announcement.type.lower()}.local."
        info = ServiceInfo(
            type,
            f"{announcement.instance}.{type}",
            port=announcement.port,
            server=f"{announcement.host}.local.",
            addresses=[_packed(each) for each in self._shared.scope.announced],
            properties=dict(announcement.properties),
        )

        async def register() -> None:
            zeroconf = self._shared.zeroconf
            try:
                sending = await zeroconf.async_register_service(info, cooperating_responders=announcement.isUnique)
            except NonUniqueNameException:
                # Not withdrawn either: that would be a goodbye in the name of the other one.
                raise NameTaken(f"{announcement.instance} is announced by somebody else ({type})") from None
            except ZeroconfError as error:
                raise DiscoveryError(f"cannot announce {announcement.instance}: {error!r}") from error
            self._announced.append(info)
            asyncio.ensure_future(sending).add_done_callback(self._sent)

        return self._inLibrary(register())

    def _sent(self, sending: asyncio.Future[Any]) -> None:
        # In the thread of the library. Repetitions that are cut short by the end are none to be missed.
        error = None if sending.cancelled() else sending.exception()
        if error is not None and not self._isClosed:
            self._toReactor(_logError, "an announcement was not repeated", error)

    def browse(self, type: str, watcher: Watcher) -> Deferred[None]:
        """See L{Session.browse}."""

        async def begin() -> None:
            browse = Browse(self._shared.zeroconf, f"{type.lower()}.local.", watcher, self._toReactor)
            try:
                browse.begin()
            except ZeroconfError as error:
                raise DiscoveryError(f"{type} is no type of services (RFC 6763, section 7)") from error
            self._browses.append(browse)

        return self._inLibrary(begin())

    def lookAgain(self, type: str, instance: str) -> None:
        """See L{Session.lookAgain}."""
        if not self._isClosed:
            name = f"{instance}.{type}.local."
            self._shared.loop.call_soon_threadsafe(self._ask, DNSQuestion(name, _TYPE_SRV, CLASS_IN))

    def askAgain(self) -> None:
        """Ask for everything that we look for; called in the thread of the library."""
        for browse in self._browses:
            self._ask(DNSQuestion(browse.type, TYPE_PTR, CLASS_IN))
            browse.lookAgain()

    def _ask(self, question: DNSQuestion) -> None:
        out = DNSOutgoing(_QUERY)
        out.add_question(question)
        if question.type == TYPE_PTR:
            # Who knows that we know it does not answer.
            now = current_time_millis()
            for record in self._shared.zeroconf.cache.get_all_by_details(question.name, TYPE_PTR, CLASS_IN):
                if not record.is_stale(now):
                    out.add_answer_at_time(record, now)
        self._shared.zeroconf.async_send(out)

    async def announceAnew(self) -> None:
        """Announce the addresses that there are now; called in the thread of the library."""
        for info in self._announced:
            if self._isClosed:
                return  # what is withdrawn must not come back
            info.addresses = [_packed(each) for each in self.addresses]
            asyncio.ensure_future(await self._shared.zeroconf.async_update_service(info)).add_done_callback(self._sent)

    def interfaces(self) -> Interfaces:
        """See L{Session.interfaces}."""
        return hostInterfaces()

    def close(self) -> Deferred[None]:
        """See L{Session.close}."""
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        if self._isClosed:
            return
        # What was begun is finished first: what is registered halfway could not be withdrawn.
        for pending in list(self._pending):
            await _settled(pending)
        self._isClosed = True
        isLast = self._shared.leave(self)
        try:
            await self._inThread(self._end(isLast))
            if isLast:
                # It says goodbye for all that was announced, and takes its time.
                await deferToThreadPool(self._reactor, self._reactor.getThreadPool(), self._shared.zeroconf.close)
        except Exception:
            # Then the others find out when they next try to connect.
            _log.failure("discovery could not be ended properly")

    async def _end(self, isLast: bool) -> None:
        for browse in self._browses:
            await browse.stop()
        if not isLast:
            for info in self._announced:
                await (await self._shared.zeroconf.async_unregister_service(info))

    def _inLibrary(self, work: Coroutine[Any, Any, None]) -> Deferred[None]:
        if self._isClosed:
            work.close()
            return fail(DiscoveryError("the session is closed"))
        result = self._inThread(work)
        self._pending.add(result)

        def finished(value: T) -> T:
            self._pending.discard(result)
            return value

        return result.addBoth(finished)

    def _inThread(self, work: Coroutine[Any, Any, None]) -> Deferred[None]:
        """Run something in the loop of the library."""
        result: Deferred[None] = Deferred()

        def done(future: Future[None]) -> None:
            error = future.exception()
            if error is None:
                self._toReactor(result.callback, None)
            else:
                self._toReactor(result.errback, Failure(error))

        asyncio.run_coroutine_threadsafe(work, self._shared.loop).add_done_callback(done)
        return result

    def _toReactor(self, call: Callable[..., Any], *args: Any) -> None:
        self._reactor.callFromThread(call, *args)


def _versions(scope: Scope) -> IPVersion:
    return IPVersion.All if any(":" in each for each in scope.interfaces) else IPVersion.V4Only


def _packed(address: str) -> bytes:
    parsed = ip_address(address)
    return socket.inet_pton(socket.AF_INET6 if isinstance(parsed, IPv6Address) else socket.AF_INET, address)


def _settled(waiting: Deferred[None]) -> Deferred[None]:
    """Fires when another one has fired, whatever with; that one keeps its result."""
    settled: Deferred[None] = Deferred()

    def fired(result: T) -> T:
        settled.callback(None)
        return result

    waiting.addBoth(fired)
    return settled


def _logError(what: str, error: BaseException) -> None:
    _log.failure("{what}", failure=Failure(error), what=what)
