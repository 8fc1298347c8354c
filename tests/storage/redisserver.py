"""
A Redis server of our own, on a UNIX socket in a temporary folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from twisted.trial.unittest import FailTest, SkipTest

__all__ = ["RedisServer", "requireRedis"]

START_SECONDS = 20.0


def requireRedis() -> None:
    """Skip the running test if Redis or its library is missing, or let it fail where nothing may be missing."""
    missing = None
    if shutil.which("redis-server") is None:
        missing = "redis-server is not installed"
    else:
        try:
            import txredisapi  # noqa: F401
        except ImportError:
            missing = "txredisapi is not installed"
    if missing is None:
        return
    if os.environ.get("JETJSTP_REQUIRE_INTEROP") == "1":
        raise FailTest(f"JETJSTP_REQUIRE_INTEROP=1, but {missing}")
    raise SkipTest(missing)


class RedisServer:
    """
    A server; L{stop} it.

    @ivar path: Its socket.
    """

    def __init__(self, *options: str) -> None:
        # Not in trial's folder: the path of a socket has to be short.
        self.folder = Path(tempfile.mkdtemp(prefix="jetjstp-redis-"))
        self.path = str(self.folder / "redis.sock")
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and wait until it can be connected to. Blocks."""
        command = ["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen(
            [*command, "--dir", str(self.folder), *self._options], stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT
        )
        deadline = time.monotonic() + START_SECONDS
        while not self._isThere():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise AssertionError("redis-server did not start")
            time.sleep(0.005)

    def _isThere(self) -> bool:
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(self.path)
            except OSError:
                return False
        return True

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it; L{start} starts another one in its place, with nothing in it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """End it for good."""
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)
