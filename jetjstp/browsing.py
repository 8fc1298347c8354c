"""
What is announced of one type, and where it is: asked of the C{zeroconf} library.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from zeroconf import (  # type: ignore[attr-defined]  # it has them there, and does not say so
    DNSPointer,
    RecordUpdate,
    RecordUpdateListener,
    ServiceStateChange,
    Zeroconf,
)
from zeroconf import Error as ZeroconfError
from zeroconf.asyncio import AsyncServiceBrowser, AsyncServiceInfo

from jetjstp.discovery import Found, Watcher

__all__ = ["CLASS_IN", "TYPE_PTR", "Browse"]

LOOK_TIMEOUT = 3000
"""Milliseconds, as the library has it, for the address and port of a service that has told its name."""

LONGEST_LOOK_WAIT = 30.0
"""Seconds between two attempts to learn them."""

MOST_LOOKS = 1000
"""Services at a time whose address and port are asked for; names are cheap to announce."""

MOST_SPELLINGS = 8
"""Of one type, in upper and lower case."""

TYPE_PTR = 12
CLASS_IN = 1
"""Of the DNS (RFC 1035); the library has them in a module that is its own affair."""


class Browse(RecordUpdateListener):
    """
    Learns where those are whose names are told. All of it happens in the thread of the library; only reports do not.
    """

    def __init__(self, zeroconf: Zeroconf, type: str, watcher: Watcher, toReactor: Callable[..., None]) -> None:
        super().__init__()
        self.type = type
        self._browsers: dict[str, AsyncServiceBrowser] = {}
        self._zeroconf = zeroconf
        self._watcher = watcher
        self._toReactor = toReactor
        self._looks: dict[str, asyncio.Task[None]] = {}
        # Those of them that were in vain so far, the first one first.
        self._vain: dict[str, None] = {}
        # Whether there were names for which there was no room.
        self._hasLeftOut = False
        # What was reported, by instance: this one belongs to the thread of the reactor.
        self._known: dict[str, Found] = {}
        self._isStopped = False

    def begin(self) -> None:
        """Ask, and listen to the answers."""
        self._browse(self.type)
        self._zeroconf.async_add_listener(self, None)

    def _browse(self, type: str) -> None:
        self._browsers[type] = AsyncServiceBrowser(self._zeroconf, type, handlers=[self.stateChanged])

    def async_update_records(self, zc: Zeroconf, now: float, records: list[RecordUpdate]) -> None:
        """Called by the library for all that it hears. It takes types that are spelt in another case for others."""
        for update in records:
            name = update.new.name
            if (
                update.new.type == TYPE_PTR
                and name.lower() == self.type
                and name not in self._browsers
                and len(self._browsers) < MOST_SPELLINGS
            ):
                self._browse(name)

    def async_update_records_complete(self) -> None:
        """Called by the library."""

    def stateChanged(self, zeroconf: Zeroconf, service_type: str, name: str, state_change: ServiceStateChange) -> None:
        """Called by the library."""
        # Anybody can tell names that are none of this type; the library passes them on.
        if self._isStopped or not name.lower().endswith("." + self.type):
            return
        self._leave(name)
        if state_change is ServiceStateChange.Removed:
            self._toReactor(self._down, self._instanceOf(name))
        else:
            self._begin(service_type, name)

    def _begin(self, type: str, name: str) -> None:
        if len(self._looks) >= MOST_LOOKS:
            # Who is there answers soon. Names of nobody must not keep out those that come after them.
            self._hasLeftOut = True
            if not self._vain:
                return
            self._leave(next(iter(self._vain)))
        self._looks[name] = asyncio.ensure_future(self._look(type, name))

    def _leave(self, name: str) -> None:
        self._vain.pop(name, None)
        look = self._looks.pop(name, None)
        if look is not None:
            look.cancel()

    def lookAgain(self) -> None:
        """Look for those that there was no room for, as far as there is some now."""
        if self._isStopped or not self._hasLeftOut:
            return
        self._hasLeftOut = False
        for type in self._browsers:
            for record in self._zeroconf.cache.get_all_by_details(type, TYPE_PTR, CLASS_IN):
                name = record.alias if isinstance(record, DNSPointer) else ""
                if name.lower().endswith("." + self.type) and name not in self._looks:
                    if len(self._looks) >= MOST_LOOKS:
                        self._hasLeftOut = True
                        return
                    # One that is known already is reported only if it is somewhere else.
                    self._begin(type, name)

    async def stop(self) -> None:
        """Tell nothing more."""
        self._isStopped = True
        self._zeroconf.async_remove_listener(self)
        for browser in self._browsers.values():
            await browser.async_cancel()
        for look in self._looks.values():
            look.cancel()
        self._looks.clear()
        self._vain.clear()

    async def _look(self, type: str, name: str) -> None:
        wait = 1.0
        while True:
            try:
                info = AsyncServiceInfo(type, name)
            except ZeroconfError:
                del self._looks[name]
                return  # a name that cannot be one, whoever has told it
            if await info.async_request(self._zeroconf, LOOK_TIMEOUT):
                break
            self._vain[name] = None
            await asyncio.sleep(wait)
            wait = min(2 * wait, LONGEST_LOOK_WAIT)
        self._vain.pop(name, None)
        self._looks.pop(name, None)
        properties = {key: value or "" for key, value in info.decoded_properties.items()}
        found = Found(self._instanceOf(name), tuple(info.parsed_scoped_addresses()), info.port or 0, properties)
        self._toReactor(self._found, found)

    def _instanceOf(self, name: str) -> str:
        return name[: -len(self.type) - 1]

    def _found(self, found: Found) -> None:
        before = self._known.get(found.instance)
        if self._isStopped or before == found:
            return
        self._known[found.instance] = found
        if before is None:
            self._watcher.up(found)
        else:
            self._watcher.changed(found)

    def _down(self, instance: str) -> None:
        if self._known.pop(instance, None) is not None and not self._isStopped:
            self._watcher.down(instance)
