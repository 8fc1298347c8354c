"""
Connections that were accepted and have not shaken hands: how many, how long.
"""

from __future__ import annotations

from jetjstp.smokesignal.connections import Connection

__all__ = ["Strangers"]


class Strangers:
    """They wait in the order in which they came, all in all and by address."""

    def __init__(self, most: int, mostPerAddress: int) -> None:
        self._most = most
        self._mostPerAddress = mostPerAddress
        self._all: dict[Connection, None] = {}
        self._byAddress: dict[str, dict[Connection, None]] = {}

    def __len__(self) -> int:
        return len(self._all)

    def add(self, connection: Connection) -> Connection | None:
        """
        Let one wait.

        @return: The one that has to go for it, if there are too many. It still has to be removed.
        """
        same = self._byAddress.setdefault(connection.address, {})
        tooMany: dict[Connection, None] | None = None
        if len(same) >= self._mostPerAddress:
            tooMany = same
        elif len(self._all) >= self._most:
            tooMany = self._all
        oldest = next(iter(tooMany)) if tooMany else None
        same[connection] = None
        self._all[connection] = None
        return oldest

    def remove(self, connection: Connection) -> None:
        """It has shaken hands, or is ended. One that is not there is no error."""
        if connection not in self._all:
            return
        del self._all[connection]
        same = self._byAddress[connection.address]
        del same[connection]
        if not same:
            del self._byAddress[connection.address]
