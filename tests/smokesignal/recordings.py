"""
Recorded conversations of real nodes with a script, and a core in the place of
the node.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable
from itertools import groupby
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from jetjstp.framing import NewlineTerminated
from jetjstp.smokesignal.connections import Connection
from jetjstp.smokesignal.effects import (
    Abort,
    AddFailed,
    Close,
    Delivered,
    Effect,
    MakeConnection,
    PeerAdded,
    PeerRemoved,
    PeerSaid,
    Resolved,
    Split,
)
from jetjstp.smokesignal.node import Node
from jetjstp.smokesignal.normal import encode, write

VECTORS = Path(__file__).resolve().parent.parent / "vectors" / "smokesignal"

NODE = 47001
SCRIPT = 47002

Line = dict[str, Any]

_packetId = re.compile(rb'"id":"([^"-]+-[^"-]+-[0-9a-f]{32})"')
_ownId = re.compile(r'"id":"([^"-]+)-[^"-]+-([0-9a-f]{32})"')


class Recording(NamedTuple):
    """One scenario: its first line, and the others."""

    start: Line
    lines: list[Line]


def recordings(version: str) -> dict[str, Recording]:
    """The scenarios that were recorded with one version, by name."""
    lines = [json.loads(line) for line in (VECTORS / f"transcripts-{version}.jsonl").read_text("utf-8").splitlines()]
    found = {}
    for name, group in groupby(lines, key=lambda line: line["scenario"]):
        first, *others = group
        found[name] = Recording(first, others)
    return found


def bytesOf(line: Line) -> bytes:
    """What was on the wire."""
    raw = line["raw"]
    return bytes.fromhex(line["raw_hex"]) if raw is None else raw.encode("utf-8", "surrogatepass")


API: dict[str, Callable[[Node, float], object]] = {
    "node.addPeer('127.0.0.1',47002)": lambda node, now: node.addPeer("127.0.0.1", SCRIPT, now),
    "node.addPeer('127.0.0.1',47001)": lambda node, now: node.addPeer("127.0.0.1", NODE, now),
    "node.addPeer('127.0.0.1',47077)": lambda node, now: node.addPeer("127.0.0.1", 47077, now),
    "node.broadcast.write('hello')": lambda node, now: node.write(b"hello", now),
    "node.broadcast.write('early')": lambda node, now: node.write(b"early", now),
    "node.broadcast.write('x')": lambda node, now: node.write(b"x", now),
    "node.broadcast.write(Buffer.from([0,255,10,13]))": lambda node, now: node.write(b"\x00\xff\n\r", now),
    "node.broadcast.write('u\\u00e9')": lambda node, now: node.write("u\u00e9".encode(), now),
    "node.broadcast.emit('chat','hello',{a:1,b:[true,null,1.5]})": lambda node, now: node.emit(
        "chat", ["hello", {"a": 1, "b": [True, None, 1.5]}], now
    ),
    "node.broadcast.emit('chat','early')": lambda node, now: node.emit("chat", ["early"], now),
    "node.broadcast.emit('noargs')": lambda node, now: node.emit("noargs", [], now),
    "node.broadcast.emit('u\\u00e9\\u2028',undefined,1e21)": lambda node, now: node.emit(
        "u\u00e9\u2028", [None, 1e21], now
    ),
    "node.stop()": lambda node, now: node.stop(now),
    "node.peers.list[0].write('hello')": lambda node, now: node.writeTo(next(iter(node.peers)), b"hello", now),
    "node.peers.list[0].emit('hi','x',{a:1})": lambda node, now: node.emitTo(
        next(iter(node.peers)), "hi", ["x", {"a": 1}], now
    ),
    "node.peers.list[0].emit('hi')": lambda node, now: node.emitTo(next(iter(node.peers)), "hi", [], now),
    "node.peers.list[0].emit('hi',['x'])": lambda node, now: node.emitTo(next(iter(node.peers)), "hi", [["x"]], now),
}
"""What was called in the node's process, as calls of the core."""


class Replay:
    """
    A core that is told what the recorded node was told.

    @ivar said: What it said, by connection.
    @ivar ended: The connections that it ended, and when.
    @ivar news: What its application heard, in the words of the recordings.
    @ivar failures: Why peers could not be added.
    """

    def __init__(self, recording: Recording) -> None:
        start = recording.start
        options = dict(start["options"])
        seeds = [("127.0.0.1", port) for port in options.pop("seeds", ())]
        self.version = start["version"]
        self.node = Node(
            address="127.0.0.1",
            seeds=seeds,
            id=start.get("nodeId") or "ours",
            agent=None,
            random=Random(7),
            **options,
        )
        self.lines = recording.lines
        self.said: dict[str, list[bytes]] = defaultdict(list)
        self.ended: dict[str, float] = {}
        self.news: list[str] = []
        self.failures: list[Exception] = []
        self._ids: dict[bytes, bytes] = {}
        self._names: dict[Connection, str] = {}
        self._connections: dict[str, Connection] = {}
        self._framings: dict[str, NewlineTerminated] = {}
        self._accepts = [(line["conn"], line["t"]) for line in self.lines if str(line["raw"]).startswith("accepted")]
        # A node is listening some 50 ms after the recording has begun.
        self.node.start(NODE, 0.05)
        self._settle(0.05)

    def run(self, skip: Callable[[Line], bool] = lambda line: False) -> Replay:
        """Play the whole recording, but for some lines."""
        for line in self.lines:
            if not skip(line):
                self.play(line)
        return self

    def play(self, line: Line) -> None:
        """Play one line, at its time."""
        self._waitUntil(line["t"])
        self._play(line, line["t"])
        self._settle(line["t"])

    def _waitUntil(self, end: float) -> None:
        while True:
            deadline = self.node.deadline()
            if deadline is None or deadline > end:
                return
            self.node.expire(deadline)
            self._settle(deadline)

    def _play(self, line: Line, now: float) -> None:
        name, what = line["conn"], line["dir"]
        if what == "api" and line["raw"] in API:
            API[line["raw"]](self.node, now)
        elif what == "event" and line["raw"] == "connected to the node":
            self._open(name, self.node.accepted("127.0.0.1", 50000 + int(name[1:]), now))
        elif what == "event" and line["raw"].endswith("by us"):
            self.node.lost(self._connections[name], now)
        elif what == "from_node":
            # What comes back refers to the ids that were recorded, ours are others.
            said = self.said.get(name, [])
            for recorded in _packetId.findall(bytesOf(line)):
                for ours in [id for raw in said for id in _packetId.findall(raw)]:
                    if ours not in self._ids.values() and ours[-33:] == recorded[-33:]:
                        self._ids.setdefault(recorded, ours)
                        break
        elif what == "to_node" and name in self._connections:
            raw = bytesOf(line)
            for recorded, ours in self._ids.items():
                raw = raw.replace(recorded, ours)
            lines = self._framings[name].feed(raw)
            if lines:
                self.node.received(self._connections[name], lines, now)

    def _open(self, name: str, connection: Connection) -> None:
        self._names[connection] = name
        self._connections[name] = connection
        self._framings[name] = NewlineTerminated(1024 * 1024)

    def _settle(self, now: float) -> None:
        while True:
            for connection in self.node.takeDirty():
                self.said[self._names[connection]] += connection.outbox
                connection.outbox.clear()
            if not self.node.effects:
                return
            self._perform(self.node.effects.popleft(), now)

    def _perform(self, effect: Effect, now: float) -> None:
        match effect:
            case MakeConnection(dial):
                if dial.port == SCRIPT and self._accepts and self._accepts[0][1] < now + 1:
                    name, _ = self._accepts.pop(0)
                    self._open(name, self.node.dialled(dial, "127.0.0.1", SCRIPT, now))
                else:
                    self.node.dialFailed(dial, "Connection was refused by other side", now)
            case Close(connection) | Abort(connection):
                self.ended.setdefault(self._names[connection], now)
                self.node.lost(connection, now)
            case AddFailed(_, error):
                self.failures.append(error)
            case PeerAdded(peer, isFirst):
                self.news += ["EVENT connect"] * isFirst + [f"EVENT new peer {peer.id}", f"ADD {peer.id}"]
            case PeerRemoved(peer, isLast):
                self.news += ["EVENT disconnect"] * isLast + [f"REMOVE {peer.id}"]
            case Split():
                self.news.append("EVENT netsplit")
            case Resolved():
                self.news.append("EVENT netsplit resolved")
            case Delivered(data=data):
                self.news.append(self._heard(data, "B"))
            case PeerSaid(data=data):
                self.news.append(self._heard(data, "P"))

    def _heard(self, data: list[Any] | bytes, what: str) -> str:
        if isinstance(data, bytes):
            return f"{what}DATA {data.decode('utf-8', 'replace')}"
        if self.version == "0.2.2" and what == "B":
            # A real node of that version takes a list for the bytes of a buffer.
            junk = bytes(int(item) % 256 if isinstance(item, int | float) else 0 for item in data)
            return f"BDATA {junk.decode('utf-8', 'replace')}"
        return f"{what}{data[0].upper()} {encode(write(data[1:])).decode()}"


def masked(line: bytes) -> str:
    """A line without what is random in the ids of the node's own packets."""
    return _ownId.sub(r'"id":"\1-*-\2"', line.decode("utf-8", "surrogatepass"))
