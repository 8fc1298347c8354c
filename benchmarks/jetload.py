"""
Load generator for any Jet daemon: plain TCP, or WebSocket with --ws, either over TLS with --tls.

Standard library only, raw sockets: it counts received frames instead of
decoding them wherever it can, so that the daemon under test, not the
generator, is the bottleneck.

    python jetload.py fanout --port 11122 --subscribers 100 --changes 2000
    python jetload.py --help

Every scenario prints one JSON object with its figures; rates are per second of
wall time between the first request sent and the last notification or response
received. Never point it at a daemon that somebody uses.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import selectors
import socket
import ssl
import struct
import sys
import time
from multiprocessing.connection import Connection

HEAD = struct.Struct(">I")
PONG = b"\x8a\x80\0\0\0\0"

WEBSOCKET = False
TLS: ssl.SSLContext | None = None


def frame(message: object) -> bytes:
    """One message as it goes to the daemon; a WebSocket frame is masked with a key of zeros."""
    body = json.dumps(message, separators=(",", ":")).encode()
    if not WEBSOCKET:
        return HEAD.pack(len(body)) + body
    size = len(body)
    head = bytes([0x81, 0x80 | size]) if size < 126 else b"\x81\xfe" + struct.pack(">H", size)
    return head + b"\0\0\0\0" + body


class Link:
    """One connection, read without decoding: frames and bytes are counted."""

    def __init__(self, host: str, port: int, source: tuple[str, int] | None = None) -> None:
        self.sock = socket.create_connection((host, port), source_address=source)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if TLS is not None:
            self.sock = TLS.wrap_socket(self.sock)
        self.buffer = bytearray()
        self.frames = 0
        self.bytes = 0
        if WEBSOCKET:
            self.sock.sendall(
                b"GET / HTTP/1.1\r\nHost: %b:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Protocol: jet\r\n\r\n" % (host.encode(), port)
            )
            while b"\r\n\r\n" not in self.buffer:
                self.buffer += self.sock.recv(65536)
            head, _, rest = bytes(self.buffer).partition(b"\r\n\r\n")
            if b" 101 " not in head.split(b"\r\n")[0]:
                raise ConnectionError(f"no upgrade: {head!r}")
            self.buffer = bytearray(rest)

    def send(self, *messages: object) -> None:
        self.sock.sendall(b"".join(map(frame, messages)))

    def feed(self, keep: bool = False) -> list[bytes]:
        try:
            data = self.sock.recv(1 << 20)
            while isinstance(self.sock, ssl.SSLSocket) and self.sock.pending():  # what is decrypted no poll shows
                data += self.sock.recv(1 << 20)
        except (ssl.SSLWantReadError, BlockingIOError):
            return []
        if not data:
            raise ConnectionError("the daemon closed the connection")
        self.bytes += len(data)
        self.buffer += data
        return self._websocket(keep) if WEBSOCKET else self._trivial(keep)

    def _trivial(self, keep: bool) -> list[bytes]:
        kept, view, at = [], self.buffer, 0
        while len(view) - at >= 4:
            (size,) = HEAD.unpack_from(view, at)
            if len(view) - at - 4 < size:
                break
            if keep:
                kept.append(bytes(view[at + 4 : at + 4 + size]))
            at += 4 + size
            self.frames += 1
        del view[:at]
        return kept

    def _websocket(self, keep: bool) -> list[bytes]:
        kept, view, at = [], self.buffer, 0
        while len(view) - at >= 2:
            size, head = view[at + 1] & 0x7F, 2
            if size >= 126:
                wide = 2 if size == 126 else 8
                if len(view) - at < 2 + wide:
                    break
                size, head = int.from_bytes(view[at + 2 : at + 2 + wide], "big"), 2 + wide
            if len(view) - at - head < size:
                break
            if view[at] & 0x0F == 1:  # a text frame; control frames are not counted
                if keep:
                    kept.append(bytes(view[at + head : at + head + size]))
                self.frames += 1
            elif view[at] & 0x0F == 9:  # the daemon's pings are empty
                self.sock.sendall(PONG)
            at += head + size
        del view[:at]
        return kept

    def waitFrames(self, count: int, keep: bool = False) -> list[bytes]:
        kept: list[bytes] = []
        while self.frames < count:
            kept += self.feed(keep)
        return kept

    def ask(self, message: dict) -> dict:
        """Send one request and wait for the response that bears its id."""
        self.send(message)
        while True:
            for raw in self.feed(keep=True):
                answer = json.loads(raw)
                for part in answer if isinstance(answer, list) else [answer]:
                    if part.get("id") == message["id"]:
                        if "error" in part:
                            raise RuntimeError(part["error"])
                        return part


def drain(
    links: list[Link], targets: list[int], sender: tuple[Link, list[bytes]] | None = None, timeout: float = 120
) -> None:
    """Read every link until it has its target of frames; `sender` is pumped when writable."""
    poll = selectors.DefaultSelector()
    for number, link in enumerate(links):
        link.sock.setblocking(False)
        poll.register(link.sock, selectors.EVENT_READ, number)
    pending = b"".join(sender[1]) if sender else b""
    at = 0
    if sender:
        sender[0].sock.setblocking(False)
        try:
            poll.modify(sender[0].sock, selectors.EVENT_READ | selectors.EVENT_WRITE, links.index(sender[0]))
        except (KeyError, ValueError):
            poll.register(sender[0].sock, selectors.EVENT_READ | selectors.EVENT_WRITE, -1)
    openLinks = sum(link.frames < target for link, target in zip(links, targets, strict=True))
    deadline = time.monotonic() + timeout
    while openLinks:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{openLinks} links still wait for frames")
        for key, events in poll.select(1):
            if events & selectors.EVENT_WRITE and at < len(pending):
                try:
                    at += sender[0].sock.send(pending[at : at + 262144])
                except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
                    continue
                if at == len(pending):
                    if key.data == -1:
                        poll.modify(key.fileobj, selectors.EVENT_READ, -1)
                    else:
                        poll.modify(key.fileobj, selectors.EVENT_READ, key.data)
            if events & selectors.EVENT_READ:
                if key.data == -1:
                    sender[0].feed()
                    continue
                link = links[key.data]
                before = link.frames
                link.feed()
                if before < targets[key.data] <= link.frames:
                    openLinks -= 1
    for link in [*links, *([sender[0]] if sender else [])]:
        link.sock.setblocking(True)


def fanout(args: argparse.Namespace) -> dict:
    """One owner changes a state; every subscriber is notified of every change.

    Keep `--changes` below about 12,000: a server that coalesces for slow readers may
    otherwise, rightly, leave values out, and this load waits for each of them.
    """
    owner = Link(args.host, args.port)
    owner.ask({"id": 1, "method": "add", "params": {"path": "bench/fanout", "value": 0}})
    links = [Link(args.host, args.port) for _ in range(args.subscribers)]
    for link in links:
        link.send({"id": 1, "method": "fetch", "params": {"id": "f", "path": {"startsWith": "bench/"}}})
    for link in links:
        link.waitFrames(2)  # the response and the initial add
    value = "x" * args.size if args.size else None
    changes = [
        frame({"method": "change", "params": {"path": "bench/fanout", "value": value if value else n}})
        for n in range(args.changes)
    ]
    start = time.perf_counter()
    drain(links, [2 + args.changes] * len(links), (owner, changes))
    seconds = time.perf_counter() - start
    total = args.changes * args.subscribers
    return {"notifications": total, "seconds": seconds, "per_second": total / seconds}


def paced(args: argparse.Namespace) -> dict:
    """As fanout, but each change waits until every subscriber has seen the one before it."""
    owner = Link(args.host, args.port)
    owner.ask({"id": 1, "method": "add", "params": {"path": "bench/paced", "value": 0}})
    links = [Link(args.host, args.port) for _ in range(args.subscribers)]
    for link in links:
        link.send({"id": 1, "method": "fetch", "params": {"id": "f", "path": {"startsWith": "bench/"}}})
    for link in links:
        link.waitFrames(2)
    times = []
    begin = time.perf_counter()
    for number in range(args.changes):
        start = time.perf_counter()
        owner.send({"method": "change", "params": {"path": "bench/paced", "value": number}})
        for link in links:
            link.waitFrames(3 + number)
        times.append(time.perf_counter() - start)
    seconds = time.perf_counter() - begin
    times.sort()
    total = args.changes * args.subscribers
    return {
        "notifications": total,
        "seconds": seconds,
        "per_second": total / seconds,
        "p50_ms": 1e3 * times[len(times) // 2],
        "p99_ms": 1e3 * times[int(len(times) * 0.99)],
    }


def roundtrip(args: argparse.Namespace) -> dict:
    """A caller sets states that another peer owns: caller, daemon, owner and back."""
    owner, caller = Link(args.host, args.port), Link(args.host, args.port)
    caller.ask({"id": -1, "method": "info", "params": {}})  # reads what TLS sends by itself: a poll shows that, too
    owner.ask({"id": 1, "method": "add", "params": {"path": "bench/set", "value": 0}})
    sent = answered = 0
    rtts = []
    stamps: dict[int, float] = {}
    poll = selectors.DefaultSelector()
    poll.register(owner.sock, selectors.EVENT_READ, owner)
    poll.register(caller.sock, selectors.EVENT_READ, caller)
    start = time.perf_counter()

    def request(number: int) -> bytes:
        stamps[number] = time.perf_counter()
        return frame({"id": number, "method": "set", "params": {"path": "bench/set", "value": number}})

    caller.sock.sendall(b"".join(request(n) for n in range(args.window)))
    sent = args.window
    while answered < args.requests:
        for key, _ in poll.select(5) or sys.exit("no answer within 5 s"):
            frames = key.data.feed(keep=True)
            if key.data is owner:
                out = []
                for raw in frames:
                    message = json.loads(raw)
                    for part in message if isinstance(message, list) else [message]:
                        if "method" in part and "id" in part:
                            out.append(frame({"id": part["id"], "result": True}))
                if out:
                    owner.sock.sendall(b"".join(out))
            else:
                now, out = time.perf_counter(), []
                for raw in frames:
                    message = json.loads(raw)
                    for part in message if isinstance(message, list) else [message]:
                        if "error" in part:
                            raise RuntimeError(part)
                        rtts.append(now - stamps.pop(part["id"]))
                        answered += 1
                        if sent < args.requests:
                            out.append(request(sent))
                            sent += 1
                if out:
                    caller.sock.sendall(b"".join(out))
    seconds = time.perf_counter() - start
    rtts.sort()
    return {
        "requests": answered,
        "seconds": seconds,
        "per_second": answered / seconds,
        "p50_ms": 1e3 * rtts[len(rtts) // 2],
        "p99_ms": 1e3 * rtts[int(len(rtts) * 0.99)],
    }


def registry(args: argparse.Namespace) -> dict:
    """Many states are added while many fetchers, each with its own prefix, listen."""
    links = [Link(args.host, args.port) for _ in range(args.subscribers)]
    for number, link in enumerate(links):
        link.send({"id": 1, "method": "fetch", "params": {"id": "f", "path": {"startsWith": f"bench/{number}/"}}})
    for link in links:
        link.waitFrames(1)
    owner = Link(args.host, args.port)
    perLink = args.states // args.subscribers
    adds = [
        frame({"method": "add", "params": {"path": f"bench/{n % args.subscribers}/{n}", "value": n}})
        for n in range(perLink * args.subscribers)
    ]
    start = time.perf_counter()
    drain(links, [1 + perLink] * len(links), (owner, adds))
    seconds = time.perf_counter() - start
    return {"states": len(adds), "seconds": seconds, "per_second": len(adds) / seconds}


def snapshot(args: argparse.Namespace) -> dict:
    """A peer fetches everything while the daemon holds many states."""
    owner = Link(args.host, args.port)
    owner.sock.sendall(
        b"".join(
            frame({"method": "add", "params": {"path": f"bench/snap/{n}", "value": {"n": n, "s": "abc"}}})
            for n in range(args.states)
        )
    )
    owner.ask({"id": 1, "method": "info", "params": {}})
    reader = Link(args.host, args.port)
    start = time.perf_counter()
    reader.send({"id": 1, "method": "fetch", "params": {"id": "f", "path": {"startsWith": "bench/snap/"}}})
    drain([reader], [1 + args.states])
    seconds = time.perf_counter() - start
    return {"states": args.states, "seconds": seconds, "per_second": args.states / seconds}


def sorting(args: argparse.Namespace) -> dict:
    """A sorted range over many numeric states; the state in the middle of the range jumps to the end of it."""
    owner = Link(args.host, args.port)
    owner.sock.sendall(
        b"".join(
            frame({"method": "add", "params": {"path": f"bench/sort/{n}", "value": n}}) for n in range(args.states)
        )
    )
    owner.ask({"id": 1, "method": "info", "params": {}})
    reader = Link(args.host, args.port)
    rule = {"id": "f", "path": {"startsWith": "bench/sort/"}, "sort": {"byValue": "number", "from": 20, "to": 100}}
    reader.send({"id": 1, "method": "fetch", "params": rule})
    reader.waitFrames(2)
    changes = [
        frame({"method": "change", "params": {"path": "bench/sort/50", "value": 50 + (n % 2) * 10 + 0.5}})
        for n in range(args.changes)
    ]
    start = time.perf_counter()
    drain([reader], [2 + args.changes], (owner, changes))
    seconds = time.perf_counter() - start
    return {"changes": args.changes, "seconds": seconds, "per_second": args.changes / seconds}


def probe(host: str, port: int, control: Connection) -> None:
    """Ask for info again and again until told to stop; hand over when each request was sent and how long it took."""
    link = Link(host, port)
    waits: list[tuple[float, float]] = []
    request = frame({"id": 1, "method": "info", "params": {}})
    control.send("ready")
    while not control.poll():
        start = time.perf_counter()
        link.sock.sendall(request)
        link.waitFrames(link.frames + 1)
        waits.append((start, time.perf_counter() - start))
    control.send(waits)


def fairness(args: argparse.Namespace) -> dict:
    """
    How long a peer that asks for info waits while others do what takes long.

    The peer that asks is a process of its own. In the phase `quiet` nothing else happens: that is the noise of the
    machine. A request counts for the phase in which any part of it fell.
    """
    control, other = multiprocessing.Pipe()
    prober = multiprocessing.Process(target=probe, args=(args.host, args.port, other), daemon=True)
    prober.start()
    control.recv()
    os.nice(10)  # where cores are few, the prober must not wait for the generator
    phases: dict[str, tuple[float, float]] = {}
    begin = time.perf_counter()

    def mark(name: str, start: float) -> None:
        phases[name] = (start, time.perf_counter())
        time.sleep(0.2)

    def fetch(rule: dict) -> Link:
        link = Link(args.host, args.port)
        link.send({"id": 1, "method": "fetch", "params": {"id": "f", **rule}})
        return link

    time.sleep(1)
    mark("quiet", begin)

    owner = Link(args.host, args.port)
    adds = [
        frame({"method": "add", "params": {"path": f"bench/fair/{n}", "value": {"n": n, "s": "abc"}}})
        for n in range(args.states)
    ]
    start = time.perf_counter()
    owner.sock.sendall(b"".join(adds))
    owner.ask({"id": 1, "method": "info", "params": {}})
    mark("add", start)

    start = time.perf_counter()
    reader = fetch({})
    drain([reader], [1 + args.states])
    mark("fetch", start)

    start = time.perf_counter()
    asker = Link(args.host, args.port)
    count = len(asker.ask({"id": 1, "method": "get", "params": {}})["result"])
    mark("get", start)
    if count != args.states:
        raise RuntimeError(f"get gave {count} states")
    asker.sock.close()

    sort = {"byValueField": {"n": "number"}, "descending": True, "from": 1}
    for name, last in (("sort_100", 100), ("sort_all", args.states)):
        start = time.perf_counter()
        sorter = fetch({"sort": {**sort, "to": last}})
        sorter.waitFrames(2)
        mark(name, start)
        start = time.perf_counter()
        sorter.sock.close()
        time.sleep(0.2)  # what closing makes the daemon do has begun, nobody tells when it is done
        mark(f"{name}_end", start)

    start = time.perf_counter()
    owner.sock.close()
    drain([reader], [1 + 2 * args.states])
    mark("owner_leaves", start)

    start = time.perf_counter()
    control.send("stop")
    waits = control.recv()
    prober.join()
    figures: dict = {}
    for name, (first, last) in phases.items():
        inside = sorted(took for at, took in waits if at + took >= first and at <= last)
        if inside:
            figures[f"{name}_p99_ms"] = 1e3 * inside[int(len(inside) * 0.99)]
            figures[f"{name}_max_ms"] = 1e3 * inside[-1]
        figures[f"{name}_took_ms"] = 1e3 * (last - first)
    seconds = time.perf_counter() - begin
    return {"states": args.states, "seconds": seconds, "per_second": len(waits) / seconds, **figures}


def idle(args: argparse.Namespace) -> dict:
    """Open many connections, each of which has asked for info once, and hold them for --hold seconds without a word."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < args.connections + 50:
        raise SystemExit(f"only {hard} open files are allowed (it was {soft}); ask for fewer --connections")
    links = []
    start = time.perf_counter()
    for number in range(args.connections):
        # One address has some 28,000 ports; each address of the loopback network has its own.
        source = (f"127.0.0.{2 + number // 20000}", 0) if args.host.startswith("127.") else None
        link = Link(args.host, args.port, source)
        link.ask({"id": 1, "method": "info", "params": {}})
        links.append(link)
    seconds = time.perf_counter() - start
    figures = {"connections": len(links), "seconds": seconds, "per_second": len(links) / seconds}
    print(json.dumps({"scenario": "idle", **figures}), flush=True)
    poll = selectors.DefaultSelector()
    for link in links:
        link.sock.setblocking(False)
        poll.register(link.sock, selectors.EVENT_READ, link)
    deadline = time.monotonic() + args.hold
    while time.monotonic() < deadline:
        for key, _ in poll.select(min(1.0, args.hold)):
            key.data.feed()  # answers pings; a connection that was closed ends the run
    return figures


SCENARIOS = {f.__name__: f for f in (fanout, paced, roundtrip, registry, snapshot, sorting, fairness, idle)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=11122)
    parser.add_argument("--subscribers", type=int, default=100)
    parser.add_argument("--changes", type=int, default=2000)
    parser.add_argument("--requests", type=int, default=20000)
    parser.add_argument("--window", type=int, default=64)
    parser.add_argument("--states", type=int, default=10000)
    parser.add_argument("--size", type=int, default=0, help="bytes in the changed value; 0: an integer")
    parser.add_argument("--connections", type=int, default=2000)
    parser.add_argument("--hold", type=float, default=3, help="seconds for which idle connections are held")
    parser.add_argument("--ws", action="store_true", help="speak WebSocket, subprotocol jet")
    parser.add_argument("--tls", action="store_true", help="speak over TLS, any certificate will do")
    args = parser.parse_args()
    global WEBSOCKET, TLS
    WEBSOCKET = args.ws
    if args.tls:
        TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        TLS.check_hostname = False
        TLS.verify_mode = ssl.CERT_NONE
    print(json.dumps({"scenario": args.scenario, **SCENARIOS[args.scenario](args)}))


if __name__ == "__main__":
    main()
