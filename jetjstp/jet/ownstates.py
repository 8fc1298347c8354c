"""
States of the daemon itself, which belong to no peer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import msgspec

from jetjstp.jet.access import RESERVED
from jetjstp.jet.backlog import Backlog
from jetjstp.jet.bus import Bus
from jetjstp.jet.clients import Client
from jetjstp.jet.dialects import NODE_JET_2
from jetjstp.jet.elements import Added, Changed, Element, Removed
from jetjstp.jet.requests import Access

__all__ = ["OwnStates"]


class _Nowhere:
    """What an owner has in place of a link: nothing is ever routed to it, for what it owns can only be fetched."""

    kind = "none"
    address = "the daemon itself"

    def pack(self, message: bytes) -> bytes:
        """See L{jetjstp.jet.clients.Outlet}."""
        return message


class OwnStates:
    """
    States below C{$daemon/} that can be fetched and nothing else, by users of one group. L{Daemon.ownStates} makes it.

    All others neither fetch nor get them. Who asks to set one is answered as for any state that is protected so
    (C{noAccess}), which tells that it is there.
    """

    def __init__(self, bus: Bus, group: str, settle: Callable[[], None]) -> None:
        """
        @param settle: Called when something was told.
        """
        if not isinstance(group, str) or not group:
            raise ValueError(f"a group is a text that is not empty, not {group!r}")
        self._bus = bus
        self._settle = settle
        self._access = Access([group], [group], [group])
        self._owner = Client("daemon", _Nowhere(), NODE_JET_2, bus.dirty, Backlog(bus.limits.hardLimit))
        bus.owners.append(self._owner)

    def update(self, values: Mapping[str, object]) -> None:
        """
        Have these states and no others. Those that have the value that they had are not told of.

        @param values: What JSON can say, by path without C{$daemon/}.
        @raise ValueError: A path is somebody else's; TypeError for a value that cannot be sent. Nothing has changed.
        """
        elements, mine = self._bus.elements, self._owner.elements
        encoded = {RESERVED + path: msgspec.json.encode(value) for path, value in values.items()}
        for path in encoded:
            if path not in mine and elements.find(path) is not None:
                raise ValueError(f"{path} is there already")
        for path, element in list(mine.items()):
            if path not in encoded:
                elements.apply(Removed(element))
        for path, value in encoded.items():
            known = mine.get(path)
            if known is None:
                elements.apply(Added(Element(path, value, self._owner, fetchOnly=True, access=self._access)))
            elif known.value != value:
                elements.apply(Changed(known, value))
        self._settle()

    def clear(self) -> None:
        """Have none."""
        self.update({})
