"""
C{twistd jet}: the options of the command line, and the service that they
assemble around a L{Daemon}.
"""

from __future__ import annotations

import atexit
import gc
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort, IReactorCore
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.python.usage import CompleteList, Completions, UsageError

from jetjstp.bounds import checkSeconds
from jetjstp.interfaces import IAuthPolicyFactory
from jetjstp.jet.announcing import checkName
from jetjstp.jet.daemon import DIALECTS, Daemon, DialectName
from jetjstp.jet.limits import Limits
from jetjstp.lastwords import CommandOptions, StartFailed, sayLast
from jetjstp.links.exposure import beyondLoopback, isPlainNetwork
from jetjstp.links.listeners import Listener, ListenFailed, reasonOf
from jetjstp.links.origins import OriginRules
from jetjstp.strplugin import describeChoices, makeFromString

__all__ = ["JetService", "Options", "StartFailed", "makeService"]

_log = Logger()

DEFAULT_LISTEN = "tcp:11122:interface=127.0.0.1"
DEFAULT_LISTEN_WEBSOCKET = "tcp:11123:interface=127.0.0.1"
"""The ports that every Jet daemon has by default; nobody but this machine is let in unasked."""

MAX_PING_INTERVAL = 300.0
"""Seconds. Pings also keep proxies from closing quiet connections; more than this is a number of milliseconds."""

MAX_MESSAGE = 2**32 - 1
"""What the length prefix can say."""

STARTING_TURNS = 10
"""
Turns that the reactor is given before it runs. Closing a port takes one: without them a start that failed halfway would
not be known to have failed in time, and UNIX sockets would be left behind.
"""

COMMAND = "jet"
HELP = "'twistd jet --help' lists the options"


class Options(CommandOptions):
    """
    The options of C{twistd jet}.

    C{postOptions} fills in C{listeners} and C{webSocketListeners} (lists of L{Listener}) and C{policy}.
    """

    command = COMMAND
    synopsis = "[options]"

    longdesc = (
        "A Jet daemon: peers add states and methods, others fetch, set and call them. Without --listen and "
        "--listen-websocket it serves this machine only, on TCP port 11122 and WebSocket port 11123. As soon as one "
        "of the two is given, the other one is off unless it is given too. Endpoints are written as everywhere in "
        "Twisted: tcp:11122, tcp6:11122, ssl:11122:privateKey=key.pem:certKey=cert.pem, unix:/run/jet.sock, "
        "systemd:domain=INET:index=0."
    )

    optFlags = [["anonymous", None, "Let everybody in who can connect, also from other machines and without a login."]]

    compData = Completions(
        optActions={"fetch-mode": CompleteList(["full", "simple"]), "dialect": CompleteList(list(DIALECTS))}
    )

    def __init__(self) -> None:
        super().__init__()
        self["listen"] = []
        self["listenWebSocket"] = []
        self["origins"] = []
        self["authPolicy"] = None
        self["fetchMode"] = "full"
        self["dialect"] = "auto"
        self["name"] = "jetjstp"
        self["wsPing"] = 5.0
        self["limits"] = Limits()
        self["announce"] = None

    def opt_listen(self, description: str) -> None:
        """
        An endpoint for peers over plain streams (length-prefixed messages), or "none". May be given several times.
        """
        self["listen"].append(description)

    def opt_listen_websocket(self, description: str) -> None:
        """
        An endpoint for peers over WebSocket, or "none". May be given several times.
        """
        self["listenWebSocket"].append(description)

    def opt_origin(self, pattern: str) -> None:
        """
        Let pages of this origin connect over WebSocket, such as https://*.example.org. May be given several times.
        """
        try:
            OriginRules([pattern])
        except ValueError as error:
            raise UsageError(f"--origin: {error}") from None
        self["origins"].append(pattern)

    def opt_auth_policy(self, description: str) -> None:
        """
        Who may log in, as NAME:ARGUMENT: users:FILE or what --help-auth-policy lists.
        """
        if self["authPolicy"] is not None:
            raise UsageError("--auth-policy is given twice; there is one policy, drop one of them")
        self["authPolicy"] = description

    def opt_help_auth_policy(self) -> NoReturn:
        """
        List what can be given to --auth-policy, and exit.
        """
        sys.stdout.write(describeChoices(IAuthPolicyFactory))
        sys.exit(0)

    def opt_fetch_mode(self, mode: str) -> None:
        """
        What peers may fetch: "full" with rules and sorting, "simple" one fetch of everything. [default: full]
        """
        if mode not in ("full", "simple"):
            raise UsageError(f"--fetch-mode {mode!r} is unknown; write full or simple")
        self["fetchMode"] = mode

    def opt_dialect(self, dialect: str) -> None:
        """
        What peers speak: "2" or "3" as npm node-jet of that version, "auto" to tell by their first message.
        [default: auto]
        """
        if dialect not in DIALECTS:
            raise UsageError(f"--dialect {dialect!r} is unknown; write auto, 2 or 3")
        self["dialect"] = dialect

    def opt_name(self, name: str) -> None:
        """
        What the daemon is called when peers ask for its info. [default: jetjstp]
        """
        # Bytes of a command line that are no UTF-8 become lone surrogates, which could not be sent.
        if not name or not name.isprintable():
            raise UsageError(f"--name {name!r} is empty or not printable; write it like jetjstp")
        self["name"] = name

    def opt_announce(self, name: str) -> None:
        """
        Announce the daemon on the local network under this name, by multicast DNS: jet.Peer(discover=NAME) finds it.
        """
        try:
            self["announce"] = checkName(name)
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
        self["wsPing"] = interval

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
        self["limits"] = Limits(message=message)

    def parseArgs(self, *arguments: str) -> None:
        """Take options only."""
        if arguments:
            raise UsageError(f"{arguments[0]!r} is no option; endpoints are given with --listen, and {HELP}")

    def postOptions(self) -> None:
        """Check what the options make together, and make what can fail: endpoints and policy."""
        from twisted.internet import reactor

        streams = self._named("--listen", self["listen"])
        webSockets = self._named("--listen-websocket", self["listenWebSocket"])
        self["unasked"] = not streams and not webSockets
        if self["unasked"]:
            streams = [] if self["listen"] else [DEFAULT_LISTEN]
            webSockets = [] if self["listenWebSocket"] else [DEFAULT_LISTEN_WEBSOCKET]
        if not streams and not webSockets:
            raise UsageError(
                "--listen none and --listen-websocket none leave nothing to do; drop one, or name an endpoint"
            )
        try:
            self["listeners"] = [Listener(reactor, "--listen", each) for each in streams]
            self["webSocketListeners"] = [Listener(reactor, "--listen-websocket", each) for each in webSockets]
        except ValueError as error:
            raise UsageError(str(error)) from None
        if self["authPolicy"] is None and not self["anonymous"]:
            for listener in (*self["listeners"], *self["webSocketListeners"]):
                self._refuseExposure(listener)
        if self["announce"] is not None:
            self._refuseVainAnnouncement([*self["listeners"], *self["webSocketListeners"]])
        self["policy"] = None
        if self["authPolicy"] is not None:
            try:
                self["policy"] = makeFromString(IAuthPolicyFactory, self["authPolicy"], reactor)
            except ValueError as error:
                # What was given is not repeated: the arguments of some policies hold passwords.
                raise UsageError(f"--auth-policy: {error}") from None

    def _named(self, option: str, descriptions: list[str]) -> list[str]:
        named = [each for each in descriptions if each != "none"]
        if named and len(named) < len(descriptions):
            raise UsageError(f"{option} none contradicts {option} {named[0]}; drop one of them")
        return named

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

    def _refuseExposure(self, listener: Listener) -> None:
        if beyondLoopback(listener.description):
            raise UsageError(
                f"{listener.option} {listener.description} can be reached from other machines; say who may come in "
                "with --auth-policy users:FILE or --anonymous, or stay on this one with interface=127.0.0.1"
            )


class JetService(Service):
    """
    Runs a daemon on its listeners.

    The ports are bound in C{privilegedStartService}, while the process has all of its rights and may still end with an
    error: L{StartFailed} is raised then, and what had been bound is released. An endpoint that takes its time and fails
    later stops the reactor, and the process ends with status 1 too.

    @param daemon: What is run. The service owns it: L{stopService} closes it.
    @param remarks: What else to tell in the log when it has started, a line each.
    """

    def __init__(
        self,
        daemon: Daemon,
        listeners: Sequence[Listener],
        webSocketListeners: Sequence[Listener],
        *,
        origins: Sequence[str] | None = None,
        wsPingInterval: float = 5.0,
        dialect: DialectName = "auto",
        announce: str | None = None,
        remarks: Sequence[str] = (),
        reactor: IReactorCore,
    ) -> None:
        self._daemon = daemon
        self._listeners = listeners
        self._webSocketListeners = webSocketListeners
        self._origins = origins
        self._wsPingInterval = wsPingInterval
        self._dialect: DialectName = dialect
        self._announce = announce
        self._remarks = remarks
        self._reactor = reactor
        self._listening: Deferred[None] | None = None
        self._settled = False
        self._problem: str | None = None

    def privilegedStartService(self) -> None:
        """
        Listen.

        @raise StartFailed: It is not possible.
        """
        super().privilegedStartService()
        self._begin()

    def startService(self) -> None:
        """Listen, unless that was done while privileged. C{twist} knows no privileges."""
        super().startService()
        if self._listening is None:
            self._begin()
        if self._announce is not None and self._listening is not None:
            # Not earlier: it needs a thread, and a reactor that runs.
            self._listening.addCallback(lambda _: self._reactor.callWhenRunning(self._announceNow))
        # What has been loaded by now stays. Without this the collector would look through all of it each time, and the
        # peers would wait meanwhile.
        gc.collect()
        gc.freeze()

    def stopService(self) -> Deferred[None]:
        """
        Stop listening and close all connections.

        @return: Fires when that is done.
        """
        super().stopService()
        listening, self._listening = self._listening, None
        if listening is not None:
            listening.cancel()
        return self._daemon.close()

    def _begin(self) -> None:
        self._settled = False
        self._problem = None
        listening = maybeDeferred(
            self._daemon.listen,
            endpoints=self._listeners,
            wsEndpoints=self._webSocketListeners,
            wsPingInterval=self._wsPingInterval,
            origins=self._origins,
            dialect=self._dialect,
        )
        self._listening = listening.addCallbacks(self._opened, self._refused)
        self._turn(lambda: self._settled)
        if self._problem is not None:
            self._release()
            sayLast(COMMAND, self._problem)
            raise StartFailed(self._problem)
        if not self._settled:
            _log.info("waiting for endpoints that are not ready yet")
            self._listening.addCallback(self._endIfRefused)

    def _opened(self, ports: Sequence[IListeningPort]) -> None:
        self._settled = True
        for listener in self._listeners:
            _log.info("listening on {listener} (TCP)", listener=str(listener))
        for listener in self._webSocketListeners:
            _log.info("listening on {listener} (WebSocket)", listener=str(listener))
        for remark in self._remarks:
            _log.info("{remark}", remark=remark)

    def _refused(self, failure: Failure) -> None:
        self._settled = True
        error = failure.value
        if isinstance(error, CancelledError):
            return
        if isinstance(error, ListenFailed | ValueError):
            self._problem = str(error)
        else:
            # Nothing that was foreseen: whoever looks for the reason needs the traceback, in the log.
            _log.failure("the Jet daemon cannot start", failure)
            self._problem = f"cannot start, {reasonOf(error)}; {HELP}"
        _log.critical("{problem}", problem=self._problem)

    def _announceNow(self) -> None:
        if self._announce is None or self._problem is not None or not self.running:
            return
        announcing = maybeDeferred(self._daemon.announce, self._announce)
        announcing.addCallbacks(self._announced, self._notAnnounced)

    def _announced(self, _: object) -> None:
        _log.info("announced as {name}", name=self._announce)

    def _notAnnounced(self, failure: Failure) -> None:
        # Whoever knows the address can connect all the same.
        _log.error(
            "--announce {name}: {reason}; peers that look for that name do not find this daemon: take another name, "
            "and see that multicast (UDP port 5353) is possible",
            name=self._announce,
            reason=failure.getErrorMessage(),
        )

    def _endIfRefused(self, _: object) -> None:
        if self._problem is not None:
            # twistd ends with status 0 once its reactor has run, whatever stopped it. Only what Python calls at the
            # very end, after the services were stopped and the PID file was removed, can still say otherwise.
            atexit.register(_leave, self._problem)
            self._reactor.callWhenRunning(self._reactor.stop)

    def _release(self) -> None:
        """Let go of what had been bound before something else failed."""
        closed = self._daemon.close()
        closed.addErrback(lambda failure: _log.failure("while closing", failure))
        ends: list[None] = []
        closed.addCallback(ends.append)
        self._turn(lambda: bool(ends))

    def _turn(self, done: Callable[[], bool]) -> None:
        for _ in range(STARTING_TURNS):
            if done() or self._reactor.running:
                break
            self._reactor.iterate(0)


def _leave(message: str) -> None:
    sayLast(COMMAND, message)
    for stream in (sys.stdout, sys.__stdout__):
        if stream is not None:
            stream.flush()
    os._exit(1)


def makeService(options: Options) -> JetService:
    """
    Make the service of C{twistd jet}.

    @param options: After C{parseOptions}.
    """
    from twisted.internet import reactor

    daemon = Daemon(
        policy=options["policy"],
        name=options["name"],
        fetchMode=options["fetchMode"],
        limits=options["limits"],
        reactor=reactor,
    )
    return JetService(
        daemon,
        options["listeners"],
        options["webSocketListeners"],
        origins=options["origins"] or None,
        wsPingInterval=options["wsPing"],
        dialect=options["dialect"],
        announce=options["announce"],
        remarks=_remarks(options),
        reactor=reactor,
    )


def _remarks(options: Options) -> list[str]:
    remarks = []
    if options["unasked"]:
        remarks.append("only this machine can connect: --listen and --listen-websocket name other addresses")
    if options["authPolicy"] is None:
        remarks.append("nobody can log in: whoever connects may use everything that is not protected")
    else:
        name = options["authPolicy"].partition(":")[0]
        remarks.append(f"logins are checked by the policy {name!r}: protected things are for its users only")
    return remarks
