"""
Two servers, the same load, in turn, in one run: ratios that hold when the machine's speed drifts.

    python compare.py --a "twistd -n --pidfile= jet --listen tcp:{port}:interface=127.0.0.1" \\
        --b "node nodejet.js {port}" -- jetload.py fanout --subscribers 100 --changes 3000

Each round starts both servers fresh, A B A B ..., runs the load against each and
reads what the server process itself spent from /proc: CPU time and peak memory.
The generator can be the bottleneck of a rate, so the CPU time that a server
spends on one operation is the figure to trust. Printed: a row per figure with
both medians and the median of the ratios A/B, pair by pair; last, one JSON line.

Without --b only A is measured. The load `idle` gives the memory of a connection:
what the server's resident memory grew by, divided by the connections.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import shlex
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
COUNTED = ("notifications", "requests", "calls", "states", "changes", "connections")
HERE = Path(__file__).resolve().parent


def freePort() -> int:
    """A port that nobody has, below those that systems give to outgoing connections."""
    while True:
        port = random.randrange(15000, 30000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("", port))
            return port


def cpuSeconds(pid: int) -> float:
    """CPU time of all threads: in nanoseconds where the kernel counts them, else in ticks."""
    try:
        return sum(int(f.read_text().split()[0]) for f in Path(f"/proc/{pid}/task").glob("*/schedstat")) / 1e9
    except (OSError, ValueError, IndexError):
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICK


def memoryKib(pid: int, field: str) -> int:
    """Memory of a process: C{VmRSS} is what it has now, C{VmHWM} the most that it ever had."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    return 0


def warmUp(port: int, load: list[str]) -> None:
    """Before memory is measured: one connection of the same kind, for what a server loads at the first one."""
    if "idle" in load:
        runLoad([*load, "--port", str(port), "--connections", "1", "--hold", "0"], None)


def runLoad(load: list[str], server: int | None) -> tuple[dict, int]:
    """Run the load; its figures, and the server's memory at the moment when they were printed."""
    script = [sys.executable, str(HERE / load[0])] if (HERE / load[0]).exists() else [load[0]]
    memory = 0
    with subprocess.Popen([*script, *load[1:]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        first = process.stdout.readline() if process.stdout else ""
        if server is not None:
            memory = memoryKib(server, "VmRSS")
        rest, errors = process.communicate()
    if process.returncode:
        raise SystemExit(f"the load failed: {shlex.join(load)}\n{errors[-1500:]}")
    return json.loads((first + rest).splitlines()[-1]), memory


def waitForListener(server: subprocess.Popen, port: int, seconds: float) -> None:
    """Wait until something listens."""
    deadline = time.monotonic() + seconds
    while True:
        with contextlib.suppress(OSError):
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        if server.poll() is not None:
            raise SystemExit(f"the server ended with {server.returncode}")
        if time.monotonic() > deadline:
            raise SystemExit(f"no listener on its port after {seconds} s")
        time.sleep(0.05)


def measure(server: subprocess.Popen, port: int, load: list[str]) -> dict:
    """Run the load against a server that listens; the figures."""
    warmUp(port, load)
    before, resident = cpuSeconds(server.pid), memoryKib(server.pid, "VmRSS")
    figures, grown = runLoad([*load, "--port", str(port)], server.pid)
    spent = cpuSeconds(server.pid) - before
    count = next(figures[k] for k in COUNTED if k in figures)
    result = {
        "per_second": figures["per_second"],
        "cpu_us_per_op": 1e6 * spent / count,
        "peak_mib": memoryKib(server.pid, "VmHWM") / 1024,
        **{k: figures[k] for k in figures if k.endswith("_ms")},
    }
    if "connections" in figures:
        result["kib_per_connection"] = (grown - resident) / count
    return result


def runOnce(command: str, load: list[str], wait: float) -> dict:
    """Start a server, measure it, end it."""
    port = freePort()
    with tempfile.TemporaryFile("w+") as errors:
        server = subprocess.Popen(
            shlex.split(command.format(port=port)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
        try:
            waitForListener(server, port, wait)
            return measure(server, port, load)
        except SystemExit as problem:
            errors.seek(0)
            raise SystemExit(f"{command}\n{errors.read()[-1500:]}\n{problem}") from None
        finally:
            server.send_signal(signal.SIGTERM)
            try:
                server.wait(5)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--a", required=True, help="command that starts server A; {port} is replaced")
    parser.add_argument("--b", help="command that starts server B")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--wait", type=float, default=20)
    parser.add_argument("load", nargs=argparse.REMAINDER, help="-- SCRIPT SCENARIO [options], without --port")
    args = parser.parse_args()
    load = args.load[1:] if args.load[:1] == ["--"] else args.load
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))  # the servers inherit it
    commands = {"a": args.a, **({"b": args.b} if args.b else {})}
    runs: dict[str, list[dict]] = {name: [] for name in commands}
    for _ in range(args.rounds):
        for name, command in commands.items():
            runs[name].append(runOnce(command, load, args.wait))
    summary = {}
    print(f"{'':24}{'A':>14}" + (f"{'B':>14}{'A/B':>10}" if args.b else ""))
    for figure in runs["a"][0]:
        a = [run[figure] for run in runs["a"]]
        summary[figure] = {"a": statistics.median(a)}
        line = f"{figure:24}{statistics.median(a):14.2f}"
        if args.b:
            b = [run.get(figure, 0) for run in runs["b"]]
            ratio = statistics.median(x / y if y else float("inf") for x, y in zip(a, b, strict=True))
            summary[figure] |= {"b": statistics.median(b), "a_over_b": ratio}
            line += f"{statistics.median(b):14.2f}{ratio:10.3f}"
        print(line)
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
