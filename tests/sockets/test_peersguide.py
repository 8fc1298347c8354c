"""
The examples of docs/howto/peers.rst, as they are printed there.
"""

from __future__ import annotations

import re
import sys
import textwrap
from pathlib import Path
from typing import Any
from unittest import TestResult

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.trial.unittest import TestCase

from jetjstp import jet
from tests.interop.processes import ChildProcess

reactor: Any = globalReactor
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "howto" / "peers.rst"


def codeBlocks() -> list[str]:
    """The Python examples, in order."""
    text = GUIDE.read_text("utf-8")
    found = re.findall(r"\.\. code-block:: python\n\n((?:(?: {4}.*)?\n)+)", text)
    return [textwrap.dedent(block).strip() + "\n" for block in found]


def output(after: str) -> list[str]:
    """The lines that are shown behind a sentence."""
    text = GUIDE.read_text("utf-8").split(after)[1]
    return [line.strip() for line in text.split("\n\n")[1].splitlines()]


class GuideTests(TestCase):
    """Each example, on a daemon."""

    timeout = 60.0

    async def begin(self) -> None:
        """Start the daemon."""
        self.daemon = jet.Daemon(reactor=reactor)
        self.addCleanup(self.daemon.close)
        plain = "tcp:0:interface=127.0.0.1"
        ports: list[Any] = await self.daemon.listen(endpoints=[plain], wsEndpoints=[plain])
        self.tcp, self.ws = (port.getHost().port for port in ports)

    def run_(self, code: str) -> ChildProcess:
        """Run a program, which says each line at once."""
        code = code.replace("localhost:11122", f"127.0.0.1:{self.tcp}").replace(
            "localhost:11123", f"127.0.0.1:{self.ws}"
        )
        child = ChildProcess(reactor, [sys.executable, "-u", "-c", code], PYTHONPATH=str(GUIDE.parents[2]))
        self.addCleanup(child.kill)
        return child

    async def test_programs(self) -> None:
        """The two programs say what the page says."""
        await self.begin()
        thermostat, display, *_ = codeBlocks()
        self.run_(thermostat)
        peer = jet.Peer(f"jet://127.0.0.1:{self.tcp}", reactor=reactor)
        self.addCleanup(peer.close)
        await peer.connect()
        isThere: Deferred[None] = Deferred()
        fetcher = jet.Fetcher()
        fetcher.once("data", lambda told: isThere.callback(None))
        await peer.fetch(fetcher)
        await isThere
        child = self.run_(display)
        for line in output("the second prints::"):
            self.assertEqual(await child.nextLine(), line)
        self.assertIsNone(await child.nextLine())

    async def test_pieces(self) -> None:
        """The pieces of programs work."""
        await self.begin()
        peers = [jet.Peer(f"jet://127.0.0.1:{self.tcp}", reactor=reactor) for _ in range(2)]
        for peer in peers:
            self.addCleanup(peer.close)
            await peer.connect()
        printed: list[Any] = []
        names: dict[str, Any] = {"jet": jet, "peer": peers[0], "other": peers[1], "print": printed.append}
        await peers[1].add(jet.State("people/ann", {"age": 33}))
        pieces = [block for block in codeBlocks() if "await" in block and "def main" not in block]
        self.assertEqual(len(pieces), 3)
        for piece in pieces:
            exec("async def example():\n" + textwrap.indent(piece, "    "), names)
            await Deferred.fromCoroutine(names["example"]())
        self.assertEqual(printed, [[(1, "people/ann", 33)]])
        self.assertEqual(await peers[1].call("greet", {"name": "Ann", "loudly": True}), "HELLO Ann")
        self.assertEqual(len(await peers[1].get({"path": {"startsWith": "lamps/"}})), 100)

    def test_tests(self) -> None:
        """The test passes."""
        names: dict[str, Any] = {}
        exec(codeBlocks()[-1], names)
        result = TestResult()
        names["LampTests"]("test_survivesTheDaemon").run(result)
        self.assertEqual((result.testsRun, result.errors, result.failures), (1, [], []))
