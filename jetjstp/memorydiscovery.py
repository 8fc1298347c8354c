"""
Discovery without a network, for tests: what is announced within one
L{MemoryDiscovery} is found there, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from ipaddress import ip_interface
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IReactorTime

from jetjstp.discovery import Announcement, Found, Interfaces, NameTaken, Session, Watcher

__all__ = ["MemoryDiscovery"]

LOOPBACK: Interfaces = (("lo", ip_interface("127.0.0.1/8")), ("lo", ip_interface("::1/128")))


class MemoryDiscovery:
    """
    A network where everybody hears everybody. See L{jetjstp.discovery.Discovery}.

    Who listens on all interfaces is found on loopback. Reports come in another turn of the reactor, as real ones do.

    @ivar announced: What is announced, by type and instance.
    """

    def __init__(self) -> None:
        self.announced: dict[tuple[str, str], Found] = {}
        self._watchers: list[tuple[str, _MemorySession, Watcher]] = []

    def open(self, address: str, reactor: IReactorTime) -> Session:
        """See L{jetjstp.discovery.Discovery.open}."""
        shown = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1"}.get(address, address)
        return _MemorySession(self, shown, reactor)

    def show(self, type: str, found: Found) -> None:
        """Announce something, or announce it anew, in the name of whoever it is."""
        before = self.announced.get((type, found.instance))
        self.announced[(type, found.instance)] = found
        if before != found:
            name = "up" if before is None else "changed"
            self._tell(type, lambda watcher: getattr(watcher, name)(found))

    def hide(self, type: str, instance: str) -> None:
        """Say goodbye, in the name of whoever it is."""
        if self.announced.pop((type, instance), None) is not None:
            self._tell(type, lambda watcher: watcher.down(instance))

    def watch(self, type: str, session: _MemorySession, watcher: Watcher) -> None:
        """Tell a watcher what there is, and from now on what happens."""
        self._watchers.append((type, session, watcher))
        for (other, _), found in list(self.announced.items()):
            if other == type:
                session.later(partial(watcher.up, found))

    def leave(self, session: _MemorySession) -> None:
        """Tell a session nothing more."""
        self._watchers = [entry for entry in self._watchers if entry[1] is not session]

    def _tell(self, type: str, report: Callable[[Watcher], None]) -> None:
        for other, session, watcher in self._watchers:
            if other == type:
                session.later(partial(report, watcher))


class _MemorySession:
    """See L{Session}."""

    def __init__(self, network: MemoryDiscovery, address: str, reactor: Any) -> None:
        self._network = network
        self.addresses: tuple[str, ...] = (address,)
        self._reactor: IReactorTime = reactor
        self._mine: list[tuple[str, str]] = []
        self._isClosed = False

    def later(self, report: Callable[[], None]) -> None:
        """Report something in another turn."""
        self._reactor.callLater(0, self._report, report)

    def _report(self, report: Callable[[], None]) -> None:
        if not self._isClosed:
            report()

    def announce(self, announcement: Announcement) -> Deferred[None]:
        """See L{Session.announce}."""
        key = (announcement.type, announcement.instance)
        if key in self._network.announced:
            return fail(NameTaken(f"{announcement.instance} is announced by somebody else ({announcement.type})"))
        self._mine.append(key)
        found = Found(announcement.instance, self.addresses, announcement.port, dict(announcement.properties))
        self._network.show(announcement.type, found)
        return succeed(None)

    def browse(self, type: str, watcher: Watcher) -> Deferred[None]:
        """See L{Session.browse}."""
        self._network.watch(type, self, watcher)
        return succeed(None)

    def lookAgain(self, type: str, instance: str) -> None:
        """See L{Session.lookAgain}: everybody has heard everything here."""

    def interfaces(self) -> Interfaces:
        """See L{Session.interfaces}."""
        return LOOPBACK

    def close(self) -> Deferred[None]:
        """See L{Session.close}."""
        self._isClosed = True
        self._network.leave(self)
        for key in self._mine:
            self._network.hide(*key)
        self._mine.clear()
        return succeed(None)
