"""
The options that all our daemons have: who may come in, what is told of the
daemon, and where options come from.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, ClassVar, NoReturn

from twisted.logger import globalLogPublisher
from twisted.python.usage import UsageError

from jetjstp.interfaces import IAuthPolicyFactory
from jetjstp.jet.limits import Limits as JetLimits
from jetjstp.links.exposure import beyondLoopback
from jetjstp.links.listeners import Listener, isSecure
from jetjstp.links.origins import OriginRules
from jetjstp.services.assembly import Assembly
from jetjstp.services.checking import Warnings, runCheck
from jetjstp.services.making import remarksOn
from jetjstp.services.optionlayers import Kind, LayeredOptions, LimitsTable
from jetjstp.services.plan import Plan
from jetjstp.strplugin import describeChoices, makeFromString

__all__ = ["CommonOptions"]


class CommonOptions(LayeredOptions):
    """
    What C{twistd jet} and C{twistd jstp} have in common.

    C{postOptions} reads the file, lets the command say what it is to be (L{assemble}), and fills in C{plan}, a L{Plan},
    and C{assembly}, the L{Assembly} that it comes down to.
    """

    kinds: ClassVar[dict[str, Kind]] = {
        "anonymous": "flag",
        "auth-policy": "text",
        "client-ca": "text",
        "metrics-group": "text",
        "name": "text",
        "origin": "texts",
        "web": "texts",
    }
    tables: ClassVar[tuple[LimitsTable, ...]] = (LimitsTable("limits", "limitsTable", JetLimits),)

    def __init__(self) -> None:
        super().__init__()
        self["anonymous"] = False
        self["authPolicy"] = None
        self["check"] = False
        self["clientCa"] = None
        self["metricsGroup"] = None
        self["name"] = "jetjstp"
        self["origins"] = []
        self["web"] = []

    def opt_anonymous(self) -> None:
        """
        Let everybody in who can connect, also from other machines and without a login.
        """
        self.give("anonymous", True)

    def opt_auth_policy(self, description: str) -> None:
        """
        Who may log in, as NAME:ARGUMENT: users:FILE or what --help-auth-policy lists.
        """
        self.giveOnce("authPolicy", "--auth-policy", description)

    def opt_help_auth_policy(self) -> NoReturn:
        """
        List what can be given to --auth-policy, and exit.
        """
        sys.stdout.write(describeChoices(IAuthPolicyFactory))
        sys.exit(0)

    def opt_client_ca(self, path: str) -> None:
        """
        A file of the authorities (PEM) whose certificates are logins, at listeners with TLS. Who has none is let in
        without one.
        """
        self.giveOnce("clientCa", "--client-ca", path)

    def opt_origin(self, pattern: str) -> None:
        """
        Let pages of this origin connect over WebSocket, such as https://*.example.org. May be given several times.
        """
        try:
            OriginRules([pattern])
        except ValueError as error:
            raise UsageError(f"--origin: {error}") from None
        self.add("origins", pattern)

    def opt_name(self, name: str) -> None:
        """
        What the daemon is called when peers ask for its info. [default: jetjstp]
        """
        # Bytes of a command line that are no UTF-8 become lone surrogates, which could not be sent.
        if not name or not name.isprintable():
            raise UsageError(f"--name {name!r} is empty or not printable; write it like jetjstp")
        self.give("name", name)

    def opt_web(self, description: str) -> None:
        """
        An endpoint of a small web site for those who watch the daemon: /healthz and /metrics. May be given several
        times.
        """
        self.add("web", description)

    def opt_metrics_group(self, group: str) -> None:
        """
        The group of users who may fetch the figures of the daemon as states below $daemon/. [default: nobody]
        """
        if not group or not group.isprintable():
            raise UsageError(f"--metrics-group {group!r} is empty or not printable; write it like admin")
        self.giveOnce("metricsGroup", "--metrics-group", group)

    def opt_check(self) -> None:
        """
        Only look whether all of it can be done, say what would run, and exit: 0 if it could, 1 if not.
        """
        self.give("check", True)

    def parseArgs(self, *arguments: str) -> None:
        """Take options only."""
        if arguments:
            raise UsageError(f"{arguments[0]!r} is no option; endpoints are given with --listen, and {self.help}")

    def postOptions(self) -> None:
        """Read the file, and make what can fail. With C{--check} that is all."""
        if not self["check"]:
            self._make()
            return
        warnings = Warnings()
        globalLogPublisher.addObserver(warnings)
        try:
            plan = self._make()
        finally:
            globalLogPublisher.removeObserver(warnings)
        # The reactor runs for that; what twistd does about processes and files has not begun.
        runCheck(plan, self.reactor, warnings.lines)

    def _make(self) -> Plan:
        self.readConfig()
        self["plan"] = plan = self.assemble()
        self._refuseVainClientCa(plan)
        if self["metricsGroup"] is not None and self["authPolicy"] is None:
            raise UsageError("--metrics-group has no effect, for nobody can log in; add --auth-policy, or drop it")
        try:
            self["assembly"] = Assembly(plan, self.reactor)
        except ValueError as error:
            raise UsageError(str(error)) from None
        return plan

    def _refuseVainClientCa(self, plan: Plan) -> None:
        if self["clientCa"] is None:
            return
        if self["authPolicy"] is None:
            raise UsageError("--client-ca has no effect, for nobody can log in; add --auth-policy, or drop it")
        if not any(isSecure(listener.description) for _, _, listener in plan.listeners()):
            raise UsageError(
                "--client-ca has no effect, for no listener speaks TLS; add such as --listen "
                "ssl:11122:privateKey=key.pem:certKey=cert.pem, or drop it"
            )

    def assemble(self) -> Plan:
        """
        Make what the options ask for.

        @raise UsageError: It cannot be.
        """
        raise NotImplementedError

    # What commands make their plans of

    @property
    def reactor(self) -> Any:
        """The reactor: not imported before C{twistd} had the chance to choose it."""
        from twisted.internet import reactor

        return reactor

    def named(self, option: str, descriptions: list[str]) -> list[str]:
        """
        The endpoints that are not C{none}.

        @raise UsageError: There are both.
        """
        named = [each for each in descriptions if each != "none"]
        if named and len(named) < len(descriptions):
            raise UsageError(f"{option} none contradicts {option} {named[0]}; drop one of them")
        return named

    def listeners(self, option: str, descriptions: Sequence[str]) -> list[Listener]:
        """
        Where an option says that connections are to be taken.

        @raise UsageError: That cannot be understood, or everybody could come in, and nobody said that this is wanted.
        """
        try:
            listeners = [Listener(self.reactor, option, each, clientCa=self["clientCa"]) for each in descriptions]
        except ValueError as error:
            raise UsageError(str(error)) from None
        if self["authPolicy"] is None and not self["anonymous"]:
            for listener in listeners:
                if beyondLoopback(listener.description):
                    raise UsageError(
                        f"{option} {listener.description} can be reached from other machines; say who may come in "
                        "with --auth-policy users:FILE or --anonymous, or stay on this one with interface=127.0.0.1"
                    )
        return listeners

    def policy(self) -> Any:
        """
        Who may log in: an L{IAuthPolicy<jetjstp.interfaces.IAuthPolicy>}, or L{None}.

        @raise UsageError: It is of no use.
        """
        if self["authPolicy"] is None:
            return None
        try:
            return makeFromString(IAuthPolicyFactory, self["authPolicy"], self.reactor)
        except ValueError as error:
            # What was given is not repeated: the arguments of some policies hold passwords.
            raise UsageError(f"--auth-policy: {error}") from None

    def limits(self) -> JetLimits:
        """What peers of the bus may ask for."""
        return JetLimits(**self["limitsTable"])

    def planOf(self, *, isUnasked: bool = False, **sides: Any) -> Plan:
        """
        A plan of what all commands have, and of what is C{sides} of L{Plan} to the one.

        @param isUnasked: Whether nothing was said about where to listen.
        @raise UsageError: It cannot be.
        """
        return Plan(
            command=self.command,
            name=self["name"],
            policy=self.policy(),
            policyName=self.nameOf("authPolicy"),
            limits=self.limits(),
            origins=self["origins"],
            web=self.listeners("--web", self["web"]),
            metricsGroup=self["metricsGroup"],
            remarks=remarksOn(self.nameOf("authPolicy"), isUnasked),
            **sides,
        )

    def nameOf(self, key: str) -> str | None:
        """What stands before the colon: what follows may be secret."""
        return None if self[key] is None else self[key].partition(":")[0]
