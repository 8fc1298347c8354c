"""
C{twistd smokesignal}: the options of the command line, and the service that
they assemble around a L{Node}.
"""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.usage import CompleteList, Completions, UsageError

from jetjstp.lastwords import CommandOptions, StartFailed, sayLast
from jetjstp.links.listeners import reasonOf
from jetjstp.smokesignal.checking import DIALECTS
from jetjstp.smokesignal.creating import createNode
from jetjstp.smokesignal.errors import NodeStopped
from jetjstp.smokesignal.limits import Limits
from jetjstp.smokesignal.localip import localIp
from jetjstp.smokesignal.publicnode import Node

__all__ = ["Options", "SmokesignalService", "makeService"]

_log = Logger()

COMMAND = "smokesignal"


class Options(CommandOptions):
    """
    The options of C{twistd smokesignal}. C{postOptions} fills in C{node}: the node, not started.
    """

    command = COMMAND
    synopsis = "--address ADDRESS [options]"

    longdesc = (
        "A node of a smokesignal overlay: others use it as a seed, it passes on what they broadcast. With --seed it "
        "joins the overlay of other seeds. Whoever can reach its port can join, unless there is TLS: give all three of "
        "--tls-certificate, --tls-key and --tls-trust, at every node."
    )

    optFlags = [["any-source", None, "Take peer requests that name another address than the one they come from (NAT)."]]

    compData = Completions(optActions={"dialect": CompleteList(list(DIALECTS))})

    def __init__(self) -> None:
        super().__init__()
        self["address"] = None
        self["port"] = 0
        self["seeds"] = []
        self["interface"] = None
        self["minPeers"] = 3
        self["maxPeers"] = None
        self["pingTimeout"] = 3.0
        self["dialect"] = "both"
        self["tls"] = {}

    def opt_address(self, address: str) -> None:
        """
        The IP address at which other nodes reach this one, or a subnet of this machine, such as 192.168.2.0/24.
        """
        if "/" in address:
            try:
                address = localIp(address)
            except (ValueError, LookupError) as error:
                raise UsageError(f"--address: {error.args[0]}") from None
        self["address"] = address

    def opt_port(self, port: str) -> None:
        """
        Where it listens; 0 takes a free port and logs it. [default: 0]
        """
        self["port"] = self._number("--port", port)

    def opt_seed(self, place: str) -> None:
        """
        Another node, as HOST:PORT or [IPV6]:PORT, as it calls itself. May be given several times.
        """
        host, colon, port = place.rpartition(":")
        if not colon or not host or not port.isdecimal() or (":" in host and host[0] + host[-1] != "[]"):
            raise UsageError(f"--seed {place!r} is no place; write it like 192.168.2.100:8495 or [2001:db8::1]:8495")
        self["seeds"].append((host.strip("[]"), int(port)))

    def opt_interface(self, address: str) -> None:
        """
        The IP address to listen on, if it is not --address; "0.0.0.0" or "::" for all.
        """
        self["interface"] = address

    def opt_min_peers(self, number: str) -> None:
        """
        How many peers the node strives for. [default: 3]
        """
        self["minPeers"] = self._number("--min-peers", number)

    def opt_max_peers(self, number: str) -> None:
        """
        How many peers it takes. [default: 5, or --min-peers if that is more]
        """
        self["maxPeers"] = self._number("--max-peers", number)

    def opt_ping_timeout(self, seconds: str) -> None:
        """
        Seconds in which a seed has to answer through the overlay. [default: 3.0]
        """
        try:
            self["pingTimeout"] = float(seconds)
        except ValueError:
            raise UsageError(f"--ping-timeout {seconds!r} is not a number; write seconds, such as 3.0") from None

    def opt_dialect(self, dialect: str) -> None:
        """
        Which npm nodes are about: "0.1" or "0.2", or "both" if there are only ours. [default: both]
        """
        self["dialect"] = dialect

    def opt_tls_certificate(self, name: str) -> None:
        """
        The PEM file with the certificate of this node.
        """
        self["tls"]["certificate"] = name

    def opt_tls_key(self, name: str) -> None:
        """
        The PEM file with its key; not needed if that is in the file of the certificate.
        """
        self["tls"]["key"] = name

    def opt_tls_trust(self, name: str) -> None:
        """
        The PEM file with the certificates of the authorities that other nodes must have theirs from.
        """
        self["tls"]["trustRoot"] = name

    def parseArgs(self, *arguments: str) -> None:
        """Take options only."""
        if arguments:
            raise UsageError(f"{arguments[0]!r} is no option; seeds are given with --seed, and {self.help}")

    def postOptions(self) -> None:
        """Make the node."""
        from twisted.internet import reactor

        if self["address"] is None:
            raise UsageError("--address is missing: the IP address at which other nodes reach this one, or its subnet")
        most = self["maxPeers"]
        try:
            self["node"] = createNode(
                address=self["address"],
                port=self["port"],
                seeds=self["seeds"],
                minPeerNo=self["minPeers"],
                maxPeerNo=max(5, self["minPeers"]) if most is None else most,
                pingTimeout=self["pingTimeout"],
                dialect=self["dialect"],
                interface=self["interface"],
                limits=Limits(sourceMustMatch=not self["any-source"]),
                tlsOptions=self["tls"] or None,
                reactor=reactor,
            )
        except (TypeError, ValueError) as error:
            raise UsageError(_asOption(str(error))) from None
        except OSError as error:
            raise UsageError(f"TLS: {reasonOf(error)}") from None

    def _number(self, option: str, text: str) -> int:
        if not text.isdecimal():
            raise UsageError(f"{option} {text!r} is not a number")
        return int(text)


_names = {
    "address:": "--address:",
    "port:": "--port:",
    "seed ": "--seed ",
    "interface:": "--interface:",
    "minPeerNo:": "--min-peers:",
    "maxPeerNo:": "--max-peers:",
    "tlsOptions needs certificate:": "--tls-certificate is missing:",
    "tlsOptions needs trustRoot:": "--tls-trust is missing:",
    "pingTimeout:": "--ping-timeout:",
    "dialect ": "--dialect ",
}


def _asOption(message: str) -> str:
    """An error of C{createNode}, in terms of the command line."""
    for name, option in _names.items():
        if message.startswith(name):
            return option + message[len(name) :].replace("minPeerNo", "--min-peers")
    return message


class SmokesignalService(Service):
    """
    Runs a node. The port is bound in C{privilegedStartService}, while the process has all of its rights and may still
    end with an error: L{StartFailed} is raised then.

    @param remarks: What else to tell in the log when it has started, a line each.
    """

    def __init__(self, node: Node, remarks: Sequence[str] = ()) -> None:
        self.node = node
        self._remarks = remarks
        self._starting: Deferred[Any] | None = None
        self._problem: str | None = None
        # Whatever it is, it is no reason to end; and without a handler it would be logged with a traceback.
        node.on("error", self._tellError)

    def privilegedStartService(self) -> None:
        """
        Start the node.

        @raise StartFailed: It cannot listen.
        """
        super().privilegedStartService()
        self._begin()

    def startService(self) -> None:
        """Start the node, unless that was done while privileged. C{twist} knows no privileges."""
        super().startService()
        if self._starting is None:
            self._begin()

    def stopService(self) -> Deferred[None]:
        """
        Leave the overlay.

        @return: Fires when that is done.
        """
        super().stopService()
        self._starting = None
        return self.node.stop()

    def _begin(self) -> None:
        self._problem = None
        # Listening is done at once. What may take longer is to look up the names of seeds, and that cannot fail.
        self._starting = self.node.start().addCallbacks(self._started, self._refused)
        if self._problem is not None:
            sayLast(COMMAND, self._problem)
            raise StartFailed(self._problem)

    def _started(self, node: Node) -> None:
        host = f"[{node.address}]" if ":" in node.address else node.address
        _log.info("others name {host}:{port} as their seed", host=host, port=node.port)
        for remark in self._remarks:
            _log.info("{remark}", remark=remark)

    def _refused(self, failure: Failure) -> None:
        if failure.check(CancelledError, NodeStopped):
            return
        self._problem = (
            f"cannot listen on {self.node.address} port {self.node.port}: {reasonOf(failure.value)}; "
            "choose another --port, or correct --address or --interface"
        )
        _log.critical("{problem}", problem=self._problem)

    def _tellError(self, error: BaseException) -> None:
        if self._problem is None and self.running:
            _log.error("{error}", error=reasonOf(error))


def makeService(options: Options) -> SmokesignalService:
    """
    Make the service of C{twistd smokesignal}.

    @param options: After C{parseOptions}.
    """
    return SmokesignalService(options["node"], _remarks(options))


def _remarks(options: Options) -> list[str]:
    remarks = []
    if not options["seeds"]:
        remarks.append("without --seed it waits for others to join")
    if not options["tls"] and not ip_address(options["node"].address).is_loopback:
        remarks.append(
            "whoever can reach the port can join and hear everything: keep it in a private network, or use TLS"
        )
    return remarks
