"""
How many records a second a session storage takes, and how long one takes.

    python jstpstorage.py memory:
    python jstpstorage.py sqlite:/var/tmp/bench.sqlite --sessions 50
    python jstpstorage.py redis://localhost --sessions 50

Each session records what a call costs that a server answers: that it was
received, an event that is sent and what was acknowledged; the next when the
last is done. Prints one JSON object. The sessions stay in the storage: name one
that nobody uses.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from typing import Any
from uuid import uuid4

from twisted.internet.defer import Deferred, ensureDeferred, gatherResults, maybeDeferred
from twisted.internet.task import deferLater, react

from jetjstp.interfaces import ISessionStorageFactory
from jetjstp.jstp.session import Session
from jetjstp.storage.sqlite import SqliteSessionStorage
from jetjstp.strplugin import makeFromString


async def run(reactor: Any, args: argparse.Namespace) -> None:
    """Record for some seconds."""
    if args.synchronous:
        storage: Any = SqliteSessionStorage(args.storage.removeprefix("sqlite:"), synchronous=args.synchronous)
    else:
        storage = makeFromString(ISessionStorageFactory, args.storage, reactor)
    await maybeDeferred(storage.start)
    waits: list[float] = []
    end = time.perf_counter() + args.seconds

    async def work() -> None:
        id = str(uuid4())
        await maybeDeferred(storage.set, id, Session(id))
        session, epoch = await maybeDeferred(storage.take, id, "benchmark")
        session.startJournal()
        number = 0
        while (begin := time.perf_counter()) < end:
            number += 1
            session.receive(number)
            session.keep(-number, b"{event:[-%d,'iface'],changed:['%s']}" % (number, b"x" * args.size))
            session.acknowledge(number - 5)
            await maybeDeferred(storage.record, id, epoch, session.takeEntries())
            waits.append(time.perf_counter() - begin)
            if args.storage == "memory:" and not number % 100:
                await deferLater(reactor, 0)

    before = resource.getrusage(resource.RUSAGE_SELF)
    begin = time.perf_counter()
    await gatherResults([ensureDeferred(work()) for _ in range(args.sessions)])
    seconds = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_SELF)
    await maybeDeferred(storage.close)
    waits.sort()
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures = {
        "storage": args.storage.partition(":")[0],
        "sessions": args.sessions,
        "records": len(waits),
        "per_second": round(len(waits) / seconds),
        "cpu_us_per_record": round(cpu / len(waits) * 1e6, 1),
        "median_ms": round(waits[len(waits) // 2] * 1000, 3),
        "p99_ms": round(waits[len(waits) * 99 // 100] * 1000, 3),
    }
    print(json.dumps(figures))


def main(reactor: Any) -> Deferred[None]:
    """Read the arguments, and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("storage", help="memory:, sqlite:FILE or redis:URL")
    parser.add_argument("--sessions", type=int, default=50, help="sessions that record at a time")
    parser.add_argument("--seconds", type=float, default=3)
    parser.add_argument("--size", type=int, default=50, help="length of the event's argument")
    parser.add_argument("--synchronous", choices=["full", "normal"], help="of sqlite:")
    return ensureDeferred(run(reactor, parser.parse_args(sys.argv[1:])))


if __name__ == "__main__":
    react(main)
