"""
A process that records in an SQLite file as fast as it can, until it is killed:
C{recordingprocess.py FILE SYNCHRONOUS SERVER SESSION...}

For each record that has fired it prints the number of the session and that of
the record.
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults
from twisted.internet.task import react

from jetjstp.jstp.session import Session
from jetjstp.storage.sqlite import SqliteSessionStorage


async def work(storage: SqliteSessionStorage, server: str, id: str) -> None:
    """Take a session, or make it, and record for ever."""
    taken = await storage.take(id, server)
    if taken is None:
        await storage.set(id, Session(id))
        taken = await storage.take(id, server)
    assert taken is not None
    session, epoch = taken
    session.startJournal()
    while True:
        number = abs(session.latestBufferedMessageId) + 1
        session.keep(-number, b"{event:[-%d,'e'],x:['%s']}" % (number, b"x" * (number % 2000)))
        session.receive(number)
        session.acknowledge(number - 20)
        session["number"] = number
        await storage.record(id, epoch, session.takeEntries())
        sys.stdout.write(f"{id} {number}\n")
        sys.stdout.flush()


def main(reactor: Any, path: str, synchronous: Any, server: str, *ids: str) -> Deferred[Any]:
    """Work on all sessions at a time."""
    storage = SqliteSessionStorage(path, synchronous=synchronous, reactor=reactor)
    return gatherResults([ensureDeferred(work(storage, server, id)) for id in ids])


if __name__ == "__main__":
    react(main, sys.argv[1:])
