"""
Sets for a peer that provides many states: what does one cost it, and does it keep up?

    python peerload.py --rounds 3
    python peerload.py --rounds 3 --ws

Each round takes our peer and node-jet's in turn, each in a process of its own, on a fresh daemon of ours. The provider
adds `--states` states with handlers that accept everything. Then this process sets one after the other, `--rate` times
a second for `--seconds` seconds, each at its own time, whether or not those before are answered: who is too slow gets
a backlog. Printed: a row per figure with the medians of both and the median of the ratios, pair by pair; last, one
JSON line.

`cpu_us_per_set` is CPU time of the provider's process alone. `outstanding_most` are the sets without an answer, at the
worst moment; `outstanding_end`, when the last one was sent.
"""

from __future__ import annotations

import argparse
import json
import select
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

import jetload
from compare import cpuSeconds, freePort, memoryKib, waitForListener

HERE = Path(__file__).resolve().parent
PROVIDERS = {"ours": [sys.executable, str(HERE / "ourpeer.py")], "node": ["node", str(HERE / "nodepeer.js")]}
PATIENCE = 20.0
"""Seconds to wait for what is still to be answered at the end."""


class Load:
    """Sets at their times, and what became of them."""

    def __init__(self, port: int, states: int) -> None:
        self.link = jetload.Link("127.0.0.1", port)
        self.states = states
        self.sentAt: dict[int, float] = {}
        self.waits: list[float] = []
        self.failed = 0

    def send(self, first: int, end: int) -> None:
        now = time.perf_counter()
        self.sentAt.update((number, now) for number in range(first, end))
        self.link.send(
            *(
                {"id": n, "method": "set", "params": {"path": f"bench/{n * 7919 % self.states}", "value": n}}
                for n in range(first, end)
            )
        )

    def receive(self, seconds: float) -> None:
        if not select.select([self.link.sock], [], [], max(0.0, seconds))[0]:
            return
        now = time.perf_counter()
        for text in self.link.feed(keep=True):
            message = json.loads(text)
            for answer in message if isinstance(message, list) else [message]:
                self.waits.append(now - self.sentAt.pop(answer["id"]))
                self.failed += "error" in answer

    def run(self, rate: float, seconds: float) -> dict:
        total = int(rate * seconds)
        start = time.perf_counter()
        sent = most = 0
        while sent < total:
            due = min(total, int((time.perf_counter() - start) * rate) + 1)
            if due > sent:
                self.send(sent, due)
                sent = due
                most = max(most, len(self.sentAt))
            self.receive(start + sent / rate - time.perf_counter())
        atEnd = len(self.sentAt)
        deadline = time.perf_counter() + PATIENCE
        while self.sentAt and time.perf_counter() < deadline:
            self.receive(0.1)
        waits = sorted(self.waits)
        return {
            "answered": len(waits) - self.failed,
            "failed": self.failed,
            "lost": len(self.sentAt),
            "p50_ms": 1e3 * waits[len(waits) // 2],
            "p99_ms": 1e3 * waits[int(len(waits) * 0.99)],
            "longest_ms": 1e3 * waits[-1],
            "outstanding_most": most,
            "outstanding_end": atEnd,
        }


def runOnce(provider: str, args: argparse.Namespace) -> dict:
    """One provider on a fresh daemon; the figures."""
    port = freePort()
    daemon = subprocess.Popen(shlex.split(args.daemon.format(port=port)), stdout=subprocess.DEVNULL)
    started = [daemon]
    try:
        waitForListener(daemon, port, 20)
        options = ["--ws"] if args.ws else []
        command = [*PROVIDERS[provider], str(port), str(args.states), *options]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        assert process.stdout is not None
        if process.stdout.readline().strip() != "ready":
            raise SystemExit(f"the provider ended: {shlex.join(command)}")
        load = Load(port, args.states)
        load.run(args.rate, 1)  # what is loaded or compiled at first use is not to count
        load = Load(port, args.states)
        before = cpuSeconds(process.pid)
        figures = load.run(args.rate, args.seconds)
        spent = cpuSeconds(process.pid) - before
        return {
            "cpu_us_per_set": 1e6 * spent / max(1, figures["answered"]),
            **figures,
            "resident_mib": memoryKib(process.pid, "VmRSS") / 1024,
        }
    finally:
        for each in reversed(started):
            each.terminate()
            each.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--states", type=int, default=10_000)
    parser.add_argument("--rate", type=float, default=1000.0, help="sets a second")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--ws", action="store_true", help="WebSocket instead of TCP")
    parser.add_argument("--daemon", help="command that starts the daemon; {port} is replaced; ours by default")
    parser.add_argument("--only", choices=sorted(PROVIDERS), help="one of the two")
    args = parser.parse_args()
    jetload.WEBSOCKET = args.ws
    listen = "--listen-websocket" if args.ws else "--listen"
    args.daemon = args.daemon or f"twistd -n --pidfile= jet {listen} tcp:{{port}}:interface=127.0.0.1"
    names = [args.only] if args.only else ["ours", "node"]
    runs: dict[str, list[dict]] = {name: [] for name in names}
    for _ in range(args.rounds):
        for name in names:
            runs[name].append(runOnce(name, args))
    summary = {}
    print(f"{'':18}" + "".join(f"{name:>12}" for name in names) + ("   ours/node" if len(names) == 2 else ""))
    for figure in runs[names[0]][0]:
        rows = {name: [run[figure] for run in runs[name]] for name in names}
        summary[figure] = {name: statistics.median(row) for name, row in rows.items()}
        line = f"{figure:18}" + "".join(f"{value:12.2f}" for value in summary[figure].values())
        if len(names) == 2:
            pairs = zip(rows["ours"], rows["node"], strict=True)
            summary[figure]["ratio"] = statistics.median(
                x / y if y else 1.0 if x == y else float("inf") for x, y in pairs
            )
            line += f"{summary[figure]['ratio']:12.3f}"
        print(line)
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
