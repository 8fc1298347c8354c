"""
Tests for L{jetjstp.metrics.figures}: the figures of everything together.
"""

from __future__ import annotations

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.figure import Figure
from jetjstp.jstp import Application, net, ws
from jetjstp.metrics.figures import Figures
from jetjstp.testing import MemoryDaemon
from tests.jstp.clientends import StreamClient


class Fixed:
    """Something with figures that are given."""

    def __init__(self, *figures: Figure) -> None:
        self._figures = figures

    def figures(self) -> list[Figure]:
        """Them."""
        return list(self._figures)


def counter(name: str, value: int, *label: tuple[str, str]) -> Figure:
    """A counter."""
    return Figure(name, "Some.", "counter", value, label)


class FiguresTests(SynchronousTestCase):
    """Figures of several things."""

    def test_nothing(self) -> None:
        """Nothing has no figures."""
        self.assertEqual(Figures().read(), [])

    def test_sum(self) -> None:
        """What several have alike is added up; other labels stay apart, and those of a name together."""
        one = Fixed(counter("a", 1, ("link", "x")), counter("b", 2))
        other = Fixed(counter("a", 5, ("link", "y")), counter("a", 3, ("link", "x")), counter("b", 4))
        self.assertEqual(
            Figures(None, [one, other]).read(),
            [counter("a", 4, ("link", "x")), counter("a", 5, ("link", "y")), counter("b", 6)],
        )

    def test_all(self) -> None:
        """A daemon and two servers have all of their figures, each once."""
        clock = Clock()
        memory = MemoryDaemon()
        memory.connect()
        servers = [module.createServer([Application("app", {})], reactor=clock) for module in (net, ws)]
        StreamClient(servers[0].factory).say("{handshake:[0,'app']}")
        figures = Figures(memory.daemon, servers).read()
        values = {(figure.name, *(word for _, word in figure.labels)): figure.value for figure in figures}
        self.assertEqual(len(values), len(figures))
        self.assertEqual(values["jet_peers", "stream"], 1)
        self.assertEqual(values["jstp_connections", "stream"], 1)
        self.assertEqual(values["jstp_connections", "websocket"], 0)
        self.assertEqual(values["jstp_sessions", "connected"], 1)
        for server in servers:
            server.close()
        clock.advance(0)
