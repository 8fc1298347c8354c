"""
Load generator for any JSTP server: TCP, a UNIX socket, or WebSocket with --ws.

Standard library only, one process, raw sockets. Calls are encoded beforehand
and answers are counted without decoding them, so that the server under test,
not the generator, is the bottleneck. The server must have the application
`app` with an interface `iface` whose method `method(argument)` answers nothing.

    python jstpload.py calls --port 3000 --connections 10 --requests 5000
    python jstpload.py --help

Every scenario prints one JSON object with its figures; rates are per second of
wall time. Never point it at a server that somebody uses.
"""

from __future__ import annotations

import argparse
import json
import selectors
import socket
import struct
import time

UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: %b:%d\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: metarhia-jstp\r\n\r\n"
)


def frame(args: argparse.Namespace, message: bytes) -> bytes:
    """One message as it goes to the server; a WebSocket frame is masked with a key of zeros."""
    if not args.ws:
        return message + b"\0"
    size = len(message)
    head = bytes([0x81, 0x80 | size]) if size < 126 else b"\x81\xfe" + struct.pack(">H", size)
    return head + b"\0\0\0\0" + message


class Link:
    """One connection, its handshake done. Answers are counted, not decoded."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.isWebSocket = args.ws
        self.buffer = b""
        self.sent = 0
        self.received = 0
        self.errors = 0
        if args.unix:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.connect(args.unix)
        else:
            self.sock = socket.create_connection((args.host, args.port))
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.settimeout(10)  # no server is busy for so long
        if args.ws:
            self.sock.sendall(UPGRADE % (args.host.encode(), args.port))
            head = b""
            while b"\r\n\r\n" not in head:
                head += self._data()
            head, _, self.buffer = head.partition(b"\r\n\r\n")
            if b" 101 " not in head.split(b"\r\n")[0]:
                raise ConnectionError(f"no upgrade: {head!r}")
        self.sock.sendall(frame(args, b"{handshake:[0,'app']}"))
        while not self.received:
            self.receive()
        if self.errors:
            raise ConnectionError("the handshake was refused")
        self.received = 0

    def _data(self) -> bytes:
        data = self.sock.recv(1 << 18)
        if not data:
            raise ConnectionError("the server closed the connection")
        return data

    def receive(self) -> None:
        """Take what is there, wait if nothing is."""
        data = self._data()
        self.errors += data.count(b"error")
        if not self.isWebSocket:
            self.received += data.count(0)
            return
        data = self.buffer + data
        at = 0
        while len(data) - at >= 2:
            size, head = data[at + 1], 2
            if size == 126:
                if len(data) - at < 4:
                    break
                size, head = int.from_bytes(data[at + 2 : at + 4], "big"), 4
            if len(data) - at - head < size:
                break
            self.received += data[at] & 0x0F == 1  # answers are short texts in one frame; nobody pings so soon
            at += head + size
        self.buffer = data[at:]


def calls(args: argparse.Namespace) -> dict:
    """Each connection calls, with a limited number of calls in flight."""
    links = [Link(args) for _ in range(args.connections)]
    argument = b"0" * args.size
    frames = [
        frame(args, b"{call:[%d,'iface'],method:['%s']}" % (number, argument)) for number in range(1, args.requests + 1)
    ]
    batch = b"".join(frames)
    ends = [0]
    for one in frames:
        ends.append(ends[-1] + len(one))
    poll = selectors.DefaultSelector()
    for link in links:
        poll.register(link.sock, selectors.EVENT_READ, link)
    left = len(links)

    def pump(link: Link) -> None:
        """Keep as many calls in flight as the window has."""
        upTo = min(args.requests, link.received + args.window)
        if upTo > link.sent:
            link.sock.sendall(batch[ends[link.sent] : ends[upTo]])
            link.sent = upTo

    start = time.perf_counter()
    for link in links:
        pump(link)
    while left:
        ready = poll.select(10)
        if not ready:
            raise TimeoutError("no answer within 10 seconds")
        for key, _ in ready:
            link = key.data
            before = link.received
            link.receive()
            if link.received >= args.requests > before:
                left -= 1
            pump(link)
    seconds = time.perf_counter() - start
    total = args.connections * args.requests
    errors = sum(link.errors for link in links)
    return {"calls": total, "errors": errors, "seconds": seconds, "per_second": total / seconds}


def connections(args: argparse.Namespace) -> dict:
    """Connect, shake hands and close, one connection after another."""
    start = time.perf_counter()
    for _ in range(args.requests):
        Link(args).sock.close()
    seconds = time.perf_counter() - start
    return {"connections": args.requests, "seconds": seconds, "per_second": args.requests / seconds}


SCENARIOS = {function.__name__: function for function in (calls, connections)}


def main() -> None:
    """Run a scenario and print its figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("scenario", choices=SCENARIOS)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--unix", help="path of a UNIX socket, instead of --host and --port")
    parser.add_argument("--ws", action="store_true", help="WebSocket")
    parser.add_argument("--connections", type=int, default=10)
    parser.add_argument("--requests", type=int, default=5000, help="per connection; or the number of connections")
    parser.add_argument("--window", type=int, default=64, help="calls in flight per connection")
    parser.add_argument("--size", type=int, default=10, help="length of the argument")
    args = parser.parse_args()
    print(json.dumps({"scenario": args.scenario, **SCENARIOS[args.scenario](args)}))


if __name__ == "__main__":
    main()
