"""
How long a mesh of processes takes to be complete, and to be complete again after one of them was killed and started
anew: C{python meshload.py --nodes 10}.

The time is from the last C{listening} of any process to the last C{complete}.
"""

from __future__ import annotations

import argparse
import secrets
import statistics
import subprocess
import sys
from pathlib import Path

NODE = Path(__file__).resolve().parent / "meshnode.py"


def start(name: str, address: str, nodes: int) -> subprocess.Popen[str]:
    """Start a node."""
    command = [sys.executable, str(NODE), name, address, str(nodes)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def wait(process: subprocess.Popen[str], what: str) -> float:
    """When a process has said that."""
    assert process.stdout is not None
    for line in process.stdout:
        said, time = line.split()
        if said == what:
            return float(time)
    raise SystemExit(f"a node has ended before it was {what}")


def measure(nodes: int, address: str) -> tuple[float, float]:
    """Milliseconds for a new mesh, and for one whose first node is killed and started anew."""
    name = f"b{secrets.token_hex(6)}"
    processes = [start(name, address, nodes) for _ in range(nodes)]
    try:
        listening = max(wait(process, "listening") for process in processes)
        complete = max(wait(process, "complete") for process in processes)
        processes[0].kill()
        processes[0].wait()
        processes[0] = start(name, address, nodes)
        again = wait(processes[0], "listening")
        healed = max(wait(process, "complete") for process in processes)
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return 1000 * (complete - listening), 1000 * (healed - again)


def main() -> None:
    """Measure some rounds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--address", default="127.0.0.1", help="what the nodes listen on")
    arguments = parser.parse_args()
    rounds = [measure(arguments.nodes, arguments.address) for _ in range(arguments.rounds)]
    for what, times in zip(("complete", "healed"), zip(*rounds, strict=True), strict=True):
        median, most = statistics.median(times), max(times)
        sys.stdout.write(f"{what}_ms: median {median:.1f}, most {most:.1f}, of {len(times)}\n")


if __name__ == "__main__":
    main()
