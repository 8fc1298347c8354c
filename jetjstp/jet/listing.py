"""
The answer to a C{get}, which each daemon writes in its own way.
"""

from __future__ import annotations

from jetjstp.jet.incoming import ADD, Told, WindowEntry
from jetjstp.jet.jsontext import itemsOf, membersOf, truthy, valueOf

__all__ = ["readList"]


def readList(text: bytes, isSorted: bool) -> list[Told] | list[WindowEntry]:
    """
    Read a list of elements.

    @param isSorted: Whether they have positions.
    @raise jetjstp.jet.jsontext.UNREADABLE: It is no list.
    """
    found: list[Told] = []
    entries: list[WindowEntry] = []
    for item in itemsOf(text):
        members = membersOf(item) or {}
        path = valueOf(members.get("path", b"null"))
        if not isinstance(path, str):
            continue
        fetchOnly = truthy(members.get("fetchOnly", b"false"))
        if isSorted:
            index = valueOf(members.get("index", b"0"))
            entries.append(WindowEntry(path, members.get("value"), index if isinstance(index, int) else 0, fetchOnly))
        else:
            found.append(Told(path, ADD, members.get("value"), fetchOnly))
    return entries if isSorted else found
