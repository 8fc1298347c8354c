"""Headless Chromium, and the pages that it loads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import Request

from .processes import STEP_SECONDS, ChildProcess

PAGES = Path(__file__).parent / "pages"

_FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
]


def openPage(reactor: Any, chromium: str, profile: str, url: str) -> ChildProcess:
    """
    Load a page. End the browser with L{ChildProcess.leave}.

    @param profile: A folder of its own, which need not exist.
    """
    # The debugging port, which nobody uses, keeps the browser running after the page has loaded.
    # HOME, because some files are written there whatever the profile.
    return ChildProcess(reactor, [chromium, *_FLAGS, f"--user-data-dir={profile}", url], HOME=profile)


class Page(Resource):
    """
    A page that runs a script.

    @param script: A file of the C{pages} folder. It has C{settings}, an object, and C{report(what)}, which sends to
        L{nextReport}.
    """

    def __init__(self, reactor: Any, script: str, **settings: Any) -> None:
        super().__init__()
        self._reactor = reactor
        self._script = "\n".join(
            [
                f"const settings = {json.dumps(settings)}",
                (PAGES / "report.js").read_text(),
                (PAGES / script).read_text(),
            ]
        )
        self._reports: list[Any] = []
        self._waiter: Deferred[None] | None = None
        self.putChild(b"", self)
        self.putChild(b"result", _Result(self._reported))

    def render_GET(self, request: Request) -> bytes:
        """The page."""
        request.setHeader(b"Content-Type", b"text/html; charset=utf-8")
        return f"<!doctype html><title>Jet</title><script>\n{self._script}</script>".encode()

    async def nextReport(self) -> Any:
        """What the script reports next; fails with a timeout if it does not."""
        if not self._reports:
            self._waiter = Deferred()
            await self._waiter.addTimeout(STEP_SECONDS, self._reactor)
        return self._reports.pop(0)

    def _reported(self, what: Any) -> None:
        self._reports.append(what)
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.callback(None)


class _Result(Resource):
    """Where reports are posted."""

    isLeaf = True

    def __init__(self, reported: Any) -> None:
        super().__init__()
        self._reported = reported

    def render_POST(self, request: Request) -> bytes:
        assert request.content is not None
        self._reported(json.load(request.content))
        return b""
