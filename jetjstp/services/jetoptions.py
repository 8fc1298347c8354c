"""
The options of the Jet listeners.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from twisted.python.usage import CompleteList, Completions, UsageError

from jetjstp.bounds import checkSeconds
from jetjstp.jet.announcing import checkName
from jetjstp.jet.daemon import DIALECTS
from jetjstp.jet.limits import Limits
from jetjstp.links.exposure import beyondLoopback, isPlainNetwork
from jetjstp.links.listeners import Listener
from jetjstp.services.commonoptions import CommonOptions
from jetjstp.services.optionlayers import Kind
from jetjstp.services.plan import JetSide

__all__ = ["DEFAULT_LISTEN", "DEFAULT_LISTEN_WEBSOCKET", "JetOptions"]

DEFAULT_LISTEN = "tcp:11122:interface=127.0.0.1"
DEFAULT_LISTEN_WEBSOCKET = "tcp:11123:interface=127.0.0.1"
"""The ports that every Jet daemon has by default; nobody but this machine is let in unasked."""

MAX_PING_INTERVAL = 300.0
"""Seconds. Pings also keep proxies from closing quiet connections; more than this is a number of milliseconds."""

MAX_MESSAGE = 2**32 - 1
"""What the length prefix can say."""


class JetOptions(CommonOptions):
    """Options of a command that serves Jet peers."""

    kinds: ClassVar[dict[str, Kind]] = {
        **CommonOptions.kinds,
        "announce": "text",
        "dialect": "text",
        "fetch-mode": "text",
        "listen": "texts",
        "listen-websocket": "texts",
        "max-message": "whole",
        "ws-ping": "number",
    }

    compData = Completions(
        optActions={"fetch-mode": CompleteList(["full", "simple"]), "dialect": CompleteList(list(DIALECTS))}
    )

    def __init__(self) -> None:
        super().__init__()
        self["announce"] = None
        self["dialect"] = "auto"
        self["fetchMode"] = "full"
        self["listen"] = []
        self["listenWebSocket"] = []
        self["maxMessage"] = None
        self["wsPing"] = 5.0

    def opt_listen(self, description: str) -> None:
        """
        An endpoint for peers over plain streams (length-prefixed messages), or "none". May be given several times.
        """
        self.add("listen", description)

    def opt_listen_websocket(self, description: str) -> None:
        """
        An endpoint for peers over WebSocket, or "none". May be given several times.
        """
        self.add("listenWebSocket", description)

    def opt_fetch_mode(self, mode: str) -> None:
        """
        What peers may fetch: "full" with rules and sorting, "simple" one fetch of everything. [default: full]
        """
        if mode not in ("full", "simple"):
            raise UsageError(f"--fetch-mode {mode!r} is unknown; write full or simple")
        self.give("fetchMode", mode)

    def opt_dialect(self, dialect: str) -> None:
        """
        What peers speak: "2" or "3" as npm node-jet of that version, "auto" to tell by their first message.
        [default: auto]
        """
        if dialect not in DIALECTS:
            raise UsageError(f"--dialect {dialect!r} is unknown; write auto, 2 or 3")
        self.give("dialect", dialect)

    def opt_announce(self, name: str) -> None:
        """
        Announce the daemon on the local network under this name, by multicast DNS: jet.Peer(discover=NAME) finds it.
        """
        try:
            self.give("announce", checkName(name))
        except ValueError as error:
            raise UsageError(f"--announce: {error}") from None

    def opt_ws_ping(self, seconds: str) -> None:
        """
        Seconds between pings to each WebSocket peer; 0 sends none. [default: 5.0]
        """
        try:
            interval = float(seconds)
            if interval != 0:
                checkSeconds("--ws-ping", interval, MAX_PING_INTERVAL)
        except ValueError as error:
            detail = str(error) if str(error).startswith("--ws-ping") else f"--ws-ping {seconds!r} is not a number"
            raise UsageError(f"{detail}; write seconds, such as 5.0, or 0 for none") from None
        self.give("wsPing", interval)

    def opt_max_message(self, size: str) -> None:
        """
        The biggest message that a peer may send, in bytes. [default: 10000000]
        """
        try:
            message = int(size)
        except ValueError:
            message = 0
        if not 0 < message <= MAX_MESSAGE:
            raise UsageError(f"--max-message {size!r} is no number of bytes; write one from 1 to {MAX_MESSAGE}")
        self.give("maxMessage", message)

    def take(self, document: dict[str, object]) -> None:  # type: ignore[override]  # what TOML gives
        """See L{LayeredOptions.take}. The longest message may be said once."""
        super().take(document)
        if "max-message" in document and "message" in self["limitsTable"]:
            raise UsageError("max-message and message in table [limits] are the same; drop one of them")

    def limits(self) -> Limits:
        """See L{CommonOptions.limits}."""
        table = dict(self["limitsTable"])
        if self["maxMessage"] is not None:
            table["message"] = self["maxMessage"]
        return Limits(**table)

    def jetSide(self) -> tuple[JetSide | None, bool]:
        """
        Where Jet is spoken, and whether nobody said where.

        @raise UsageError: It cannot be spoken there, or an option has no effect.
        """
        streams = self.named("--listen", self["listen"])
        webSockets = self.named("--listen-websocket", self["listenWebSocket"])
        isUnasked = not streams and not webSockets
        if isUnasked:
            streams = [] if self["listen"] else [DEFAULT_LISTEN]
            webSockets = [] if self["listenWebSocket"] else [DEFAULT_LISTEN_WEBSOCKET]
        side = JetSide(
            listeners=self.listeners("--listen", streams),
            webSocketListeners=self.listeners("--listen-websocket", webSockets),
            dialect=self["dialect"],
            wsPingInterval=self["wsPing"],
            announce=self["announce"],
        )
        if self["announce"] is not None:
            self._refuseVainAnnouncement([*side.listeners, *side.webSocketListeners])
        return (side if streams or webSockets else None), isUnasked

    def _refuseVainAnnouncement(self, listeners: Sequence[Listener]) -> None:
        outer = [listener for listener in listeners if beyondLoopback(listener.description)]
        if any(isPlainNetwork(listener.description) for listener in outer):
            return
        if outer:
            problem = (
                "none of the listeners is plain TCP, which is what can be announced; add such as --listen tcp:11122"
            )
        else:
            problem = (
                "only this machine can connect; add a listener that others reach, such as --listen tcp:11122 with "
                "--auth-policy users:FILE or --anonymous, or drop --announce"
            )
        raise UsageError(f"--announce {self['announce']}: {problem}")
