"""
Figures in the text format of Prometheus. The only module that needs
C{prometheus_client}, the extra C{metrics}.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterator, Sequence

from prometheus_client import GCCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector, CollectorRegistry

from jetjstp import __version__
from jetjstp.figure import Figure

__all__ = ["PREFIX", "Exposition"]

PREFIX = "jetjstp_"
"""What our names begin with."""

OPEN_METRICS = "application/openmetrics-text"

PLAIN = "text/plain; version=0.0.4; charset=utf-8"
"""The older format, which everybody reads. Later versions differ in names that ours do not have."""


class _OurCollector(Collector):
    """Reads plain numbers when it is asked, so that those who count them need not know of this."""

    def __init__(self, read: Callable[[], Sequence[Figure]]) -> None:
        self._read = read

    def collect(self) -> Iterator[Metric]:
        """All families."""
        build = GaugeMetricFamily(PREFIX + "build_info", "What runs.", labels=["version", "python"])
        build.add_metric([__version__.public(), platform.python_version()], 1)
        yield build
        families: dict[str, CounterMetricFamily | GaugeMetricFamily] = {}
        for figure in self._read():
            family = families.get(figure.name)
            if family is None:
                kind = CounterMetricFamily if figure.kind == "counter" else GaugeMetricFamily
                names = [name for name, _ in figure.labels]
                family = families[figure.name] = kind(PREFIX + figure.name, figure.help, labels=names)
            family.add_metric([value for _, value in figure.labels], figure.value)
        yield from families.values()


class Exposition:
    """The figures, and those of the process (CPU time, memory, files, garbage collection), as text."""

    def __init__(self, read: Callable[[], Sequence[Figure]]) -> None:
        """
        @param read: Gives the figures at the moment.
        """
        # Of our own: in the global one is what other libraries in this process put there.
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        # Not asked for its names before it is scraped: figures may have something to do with peers that are not there.
        self._registry.register(_OurCollector(read))

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """
        @param accept: The header C{Accept} of who asks: with OpenMetrics in it, as Prometheus sends it, that is what is
            made.
        @return: The text and its content type.
        """
        # Not by choose_encoder of prometheus_client, which fails for versions that are no numbers.
        if OPEN_METRICS in accept.lower():
            return openmetrics.generate_latest(self._registry), openmetrics.CONTENT_TYPE_LATEST
        return generate_latest(self._registry), PLAIN
