"""
C{twistd jet}: a Jet daemon, and JSTP from the same process.
"""

from __future__ import annotations

from typing import ClassVar

from twisted.application.service import IService
from twisted.python.usage import Completions, UsageError

from jetjstp.services.jetoptions import JetOptions
from jetjstp.services.jstpoptions import JstpOptions
from jetjstp.services.making import serviceOf
from jetjstp.services.optionlayers import Kind, LimitsTable
from jetjstp.services.plan import Plan

__all__ = ["Options", "makeService"]


class Options(JetOptions, JstpOptions):
    """
    The options of C{twistd jet}.

    C{postOptions} fills in C{plan}: what is to be run.
    """

    command = "jet"
    synopsis = "[options]"

    longdesc = (
        "A Jet daemon: peers add states and methods, others fetch, set and call them. Without --listen and "
        "--listen-websocket it serves this machine only, on TCP port 11122 and WebSocket port 11123. As soon as one "
        "of the two is given, the other one is off unless it is given too. With --jstp or --jstp-websocket it serves "
        "JSTP as well: the bus, as the application jet, and applications of yours. Endpoints are written as everywhere "
        "in Twisted: tcp:11122, tcp6:11122, ssl:11122:privateKey=key.pem:certKey=cert.pem, unix:/run/jet.sock, "
        "systemd:domain=INET:index=0."
    )

    kinds: ClassVar[dict[str, Kind]] = {
        **JetOptions.kinds,
        **JstpOptions.kinds,
        "jstp": "texts",
        "jstp-websocket": "texts",
    }
    tables: ClassVar[tuple[LimitsTable, ...]] = JstpOptions.tables

    compData = Completions(optActions={**JetOptions.compData.optActions, **JstpOptions.compData.optActions})

    def __init__(self) -> None:
        super().__init__()
        self["jstp"] = []
        self["jstpWebSocket"] = []

    def opt_jstp(self, description: str) -> None:
        """
        An endpoint for JSTP over plain streams. May be given several times.
        """
        self.add("jstp", description)

    def opt_jstp_websocket(self, description: str) -> None:
        """
        An endpoint for JSTP over WebSocket. May be given several times.
        """
        self.add("jstpWebSocket", description)

    def assemble(self) -> Plan:
        """See L{CommonOptions.assemble<jetjstp.services.commonoptions.CommonOptions.assemble>}."""
        jet, isUnasked = self.jetSide()
        jstp = self.jstpSide(
            self.listeners("--jstp", self.named("--jstp", self["jstp"])),
            self.listeners("--jstp-websocket", self.named("--jstp-websocket", self["jstpWebSocket"])),
        )
        if jet is None and jstp is None:
            raise UsageError(
                "--listen none and --listen-websocket none leave nothing to do; drop one, or name an endpoint"
            )
        return self.planOf(isUnasked=isUnasked, fetchMode=self["fetchMode"], jet=jet, jstp=jstp)


def makeService(options: Options) -> IService:
    """
    Make the service of C{twistd jet}.

    @param options: After C{parseOptions}.
    """
    return serviceOf(options)
