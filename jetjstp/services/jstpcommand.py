"""
C{twistd jstp}: JSTP without Jet listeners. The bus is there all the same, as
the application C{jet}.
"""

from __future__ import annotations

from typing import ClassVar

from twisted.application.service import IService
from twisted.python.usage import Completions, UsageError

from jetjstp.services.jstpoptions import EXAMPLE, JstpOptions
from jetjstp.services.making import serviceOf
from jetjstp.services.optionlayers import Kind
from jetjstp.services.plan import Plan

__all__ = ["Options", "makeService"]


class Options(JstpOptions):
    """
    The options of C{twistd jstp}.

    C{postOptions} fills in C{plan}: what is to be run.
    """

    command = "jstp"
    synopsis = "--listen ENDPOINT [options]"

    longdesc = (
        "A server of JSTP: applications of yours, and the bus of a Jet daemon as the application jet. Name at least "
        "one endpoint with --listen or --listen-websocket, as everywhere in Twisted: tcp:3000, tcp6:3000, "
        "ssl:3000:privateKey=key.pem:certKey=cert.pem, unix:/run/jstp.sock, systemd:domain=INET:index=0."
    )

    kinds: ClassVar[dict[str, Kind]] = {**JstpOptions.kinds, "listen": "texts", "listen-websocket": "texts"}

    compData: Completions = JstpOptions.compData

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []
        self["listenWebSocket"] = []

    def opt_listen(self, description: str) -> None:
        """
        An endpoint for JSTP over plain streams. May be given several times.
        """
        self.add("listen", description)

    def opt_listen_websocket(self, description: str) -> None:
        """
        An endpoint for JSTP over WebSocket. May be given several times.
        """
        self.add("listenWebSocket", description)

    def assemble(self) -> Plan:
        """See L{CommonOptions.assemble<jetjstp.services.commonoptions.CommonOptions.assemble>}."""
        streams = self.named("--listen", self["listen"])
        webSockets = self.named("--listen-websocket", self["listenWebSocket"])
        if not streams and not webSockets:
            raise UsageError(f"nothing is said about where to listen; write such as --listen {EXAMPLE}")
        return self.planOf(
            jstp=self.jstpSide(self.listeners("--listen", streams), self.listeners("--listen-websocket", webSockets))
        )


def makeService(options: Options) -> IService:
    """
    Make the service of C{twistd jstp}.

    @param options: After C{parseOptions}.
    """
    return serviceOf(options)
