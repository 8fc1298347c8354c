"""
Try the README's daemon command: C{daemon.py FOLDER COMMAND}.

Runs it in the folder, which is a copy of the project, until a peer can ask the
daemon for its info, and ends it as Ctrl-C would.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import time

ADDRESS = ("127.0.0.1", 11122)
SECONDS = 600


def info() -> dict[str, object] | None:
    """What the daemon says of itself; None while there is none."""
    try:
        with socket.create_connection(ADDRESS, 5) as peer:
            request = b'{"id":1,"method":"info"}'
            peer.sendall(struct.pack(">I", len(request)) + request)
            stream = peer.makefile("rb")
            (length,) = struct.unpack(">I", stream.read(4))
            answer: dict[str, dict[str, object]] = json.loads(stream.read(length))
            return answer["result"]
    except ConnectionRefusedError:
        return None


def main(folder: str, command: str) -> int:
    """Run the command, ask, end it; the exit status."""
    if info() is not None:
        print(f"another daemon has the port {ADDRESS[1]} already")
        return 1
    shell = subprocess.Popen(
        ["bash", "-c", command],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        # Whoever runs us in the background has Ctrl-C ignored, which is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        deadline = time.monotonic() + SECONDS
        while (answer := info()) is None:
            if shell.poll() is not None or time.monotonic() > deadline:
                print(f"no daemon: {shell.returncode=} after: {command}")
                return 1
            time.sleep(0.5)
        print(f"the daemon answers: {answer}")
        os.killpg(shell.pid, signal.SIGINT)
        shell.wait(20)
        if info() is not None:
            print("the daemon goes on after Ctrl-C")
            return 1
        return 0
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(shell.pid, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
