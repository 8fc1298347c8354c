"""
C{/healthz} and C{/metrics}, for whoever watches over a process.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.http import (
    INTERNAL_SERVER_ERROR,
    NOT_ALLOWED,
    NOT_FOUND,
    OK,
    SERVICE_UNAVAILABLE,
    HTTPChannel,
)
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from jetjstp.metrics.figures import Figures

__all__ = ["statusSite"]

IDLE_TIMEOUT = 30.0
"""Seconds for which a connection may say nothing. Scrapers that come less often connect anew."""

MOST_CONNECTIONS = 100
"""Connections at a time: a few scrapers and probes, and some that hang."""

MOST_BODY = 4096
"""Bytes that may follow a request. Nothing of what is here takes any, but Twisted would keep whatever comes."""

Healthy = Callable[[], str | None]

Answer = tuple[int, bytes, str]
"""Status, body, content type."""

TEXT = "text/plain; charset=utf-8"


def statusSite(figures: Figures, healthy: Healthy = lambda: None, reactor: IReactorTime | None = None) -> Site:
    """
    A site with two pages, and no access log:

    C{/healthz} answers C{ok} with status 200, or a reason with status 503; C{/metrics} has the figures and those of the
    process, as Prometheus reads them. Everything else is status 404.

    Who can reach it can read it: have it listen where only those can who may.

    @param healthy: Asked each time: L{None} if all is well, or the reason why not, in a line that anybody may read. If
        it raises, that is logged, and not well either.
    @param reactor: For timeouts; the global reactor if it is L{None}.
    @raise ValueError: The package C{prometheus_client} is not installed.
    """
    try:
        from jetjstp.metrics.exposition import Exposition
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != "prometheus_client":
            raise
        raise ValueError(
            "/metrics needs the package prometheus_client; install it: pip install 'jetjstp[metrics]'"
        ) from None
    exposition = Exposition(figures.read)

    def metrics(request: Request) -> Answer:
        accept = request.getHeader("accept") or ""
        text, contentType = exposition.render(accept)
        return OK, text, contentType

    root = _Root()
    root.putChild(b"healthz", _Page(_Health(healthy)))
    root.putChild(b"metrics", _Page(metrics))
    return _QuietSite(root, reactor)


class _Health:
    _log = Logger()

    def __init__(self, healthy: Healthy) -> None:
        self._healthy = healthy

    def __call__(self, request: Request) -> Answer:
        try:
            reason = self._healthy()
        except Exception:
            self._log.failure("whether all is well could not be found out")
            reason = "the health check failed"
        if reason is None:
            return OK, b"ok\n", TEXT
        return SERVICE_UNAVAILABLE, reason.encode("utf-8", "replace") + b"\n", TEXT


class _Root(Resource):
    """What has pages below it."""

    def getChild(self, path: bytes, request: Any) -> Resource:
        """There is nothing else."""
        return _Missing()


class _Page(_Root):
    """One page, without anything below it."""

    _log = Logger()

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        super().__init__()
        self._answer = answer

    def render(self, request: Any) -> bytes:
        """Answer, without the body if only the head is wanted."""
        if request.method not in (b"GET", b"HEAD"):
            request.setHeader("allow", "GET, HEAD")
            return _write(request, NOT_ALLOWED, b"only GET and HEAD are possible here\n", TEXT)
        try:
            code, body, contentType = self._answer(request)
        except Exception:
            # Twisted would show the traceback to whoever asks.
            self._log.failure("the page {path} could not be made", path=request.path)
            return _write(request, INTERNAL_SERVER_ERROR, b"something failed, see the log\n", TEXT)
        return _write(request, code, body, contentType)


class _Missing(Resource):
    """Whatever else is asked for."""

    isLeaf = True

    def render(self, request: Any) -> bytes:
        """Say so."""
        return _write(request, NOT_FOUND, b"there are /healthz and /metrics\n", TEXT)


def _write(request: Any, code: int, body: bytes, contentType: str) -> bytes:
    request.setResponseCode(code)
    request.setHeader("content-type", contentType)
    request.setHeader("cache-control", "no-store")
    request.setHeader("x-content-type-options", "nosniff")
    request.setHeader("content-length", str(len(body)))
    return b"" if request.method == b"HEAD" else body


class _Request(Request):
    """A request of which only the head matters."""

    _brought = 0

    def gotLength(self, length: int | None) -> None:
        """There is a body, perhaps; nothing is prepared for it."""
        super().gotLength(0)

    def handleContentChunk(self, data: bytes) -> None:
        """Some of the body: nobody wants it."""
        self._brought += len(data)
        if self._brought > MOST_BODY:
            self.loseConnection()


class _Channel(HTTPChannel):
    """A connection that its site knows of."""

    def connectionMade(self) -> None:
        """It is there."""
        super().connectionMade()
        self.factory.channels.add(self)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It is gone."""
        self.factory.channels.discard(self)
        super().connectionLost(reason)


class _QuietSite(Site):
    """A site without an access log, and with a limit to its connections."""

    noisy = False
    protocol = _Channel  # type: ignore[assignment]  # as Twisted means it, apart from HTTP/2

    def __init__(self, root: Resource, reactor: IReactorTime | None) -> None:
        super().__init__(root, _Request, parsePOSTFormSubmission=False, timeout=IDLE_TIMEOUT, reactor=reactor)
        self.channels: set[_Channel] = set()

    def buildProtocol(self, addr: IAddress | None) -> Any:
        """Take a connection, or L{None} if there are too many."""
        return None if len(self.channels) >= MOST_CONNECTIONS else super().buildProtocol(addr)

    def startFactory(self) -> None:
        """Twisted would begin a clock for its log."""

    def stopFactory(self) -> None:
        """Nothing was begun."""

    def log(self, request: Any) -> None:
        """Nothing."""
