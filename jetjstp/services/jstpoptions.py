"""
The options of the JSTP side: what is served, and where sessions are kept.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, ClassVar, NamedTuple, NoReturn

from twisted.python.failure import Failure
from twisted.python.usage import CompleteList, Completions, UsageError

from jetjstp.interfaces import ISessionStorageFactory
from jetjstp.jstp.applications import Application, createAppsIndex
from jetjstp.jstp.keeping import Durability
from jetjstp.jstp.limits import Limits
from jetjstp.links.listeners import Listener
from jetjstp.services.applicationloading import LoadFailed, loadApplications
from jetjstp.services.commonoptions import CommonOptions
from jetjstp.services.configfile import nearest
from jetjstp.services.optionlayers import Kind, LimitsTable
from jetjstp.services.plan import JstpSide
from jetjstp.storage.memory import SimpleSessionStorageProvider
from jetjstp.strplugin import describeChoices, makeFromString

__all__ = ["BUS_APPLICATION", "DEFAULT_STORAGE", "EXAMPLE", "Broken", "JstpOptions", "chooseDurability"]

DEFAULT_STORAGE = "memory:"

BUS_APPLICATION = "jet"
"""What the application is called that offers the bus: it is always there."""

DURABILITIES = ("handover", "always")

EXAMPLE = "tcp:3000:interface=127.0.0.1"


class Broken(NamedTuple):
    """
    Why there will be no start.

    @ivar message: The last line.
    @ivar failure: What was raised.
    """

    message: str
    failure: Failure


class JstpOptions(CommonOptions):
    """
    Options of a command that serves JSTP.

    If the code of an application raises, C{postOptions} leaves that in C{broken}, a L{Broken}: the traceback is for the
    log, which there is only when the service starts.
    """

    kinds: ClassVar[dict[str, Kind]] = {
        **CommonOptions.kinds,
        "application": "texts",
        "session-durability": "text",
        "session-storage": "text",
    }
    tables: ClassVar[tuple[LimitsTable, ...]] = (
        *CommonOptions.tables,
        LimitsTable("jstp-limits", "jstpLimitsTable", Limits),
    )

    compData = Completions(optActions={"session-durability": CompleteList(list(DURABILITIES))})

    def __init__(self) -> None:
        super().__init__()
        self["applications"] = []
        self["broken"] = None
        self["sessionDurability"] = None
        self["sessionStorage"] = None

    def opt_application(self, description: str) -> None:
        """
        What is served over JSTP besides the bus, as MODULE:OBJECT: an Application, an iterable of them, or a function
        that gives these. May be given several times.
        """
        self.add("applications", description)

    def opt_session_storage(self, description: str) -> None:
        """
        Where the sessions of JSTP are kept, as NAME:ARGUMENT: sqlite:FILE or what --help-session-storage lists.
        [default: memory:]
        """
        self.giveOnce("sessionStorage", "--session-storage", description)

    def opt_help_session_storage(self) -> NoReturn:
        """
        List what can be given to --session-storage, and exit.
        """
        sys.stdout.write(describeChoices(ISessionStorageFactory))
        sys.exit(0)

    def opt_session_durability(self, durability: str) -> None:
        """
        When sessions are recorded: "handover" every second and at the end of a connection, "always" before anything
        has an effect. [default: handover; memory: records nothing]
        """
        if durability not in DURABILITIES:
            hint = nearest(durability, DURABILITIES) or "; write handover or always"
            raise UsageError(f"--session-durability {durability!r} is unknown{hint}")
        self.giveOnce("sessionDurability", "--session-durability", durability)

    def jstpSide(self, listeners: Sequence[Listener], webSocketListeners: Sequence[Listener]) -> JstpSide | None:
        """
        What the options ask for; L{None} if there is nowhere to serve it.

        @raise UsageError: It cannot be, or an option has no effect.
        """
        if not listeners and not webSocketListeners:
            for key, option in (
                ("applications", "--application"),
                ("sessionStorage", "--session-storage"),
                ("sessionDurability", "--session-durability"),
            ):
                if key in self.given:
                    raise UsageError(
                        f"{option} has no effect, for JSTP is served nowhere; add such as --jstp {EXAMPLE}, or drop it"
                    )
            return None
        storage = self._storage()
        return JstpSide(
            listeners=listeners,
            webSocketListeners=webSocketListeners,
            applications=self._applications(),
            storage=storage,
            storageName=(self["sessionStorage"] or DEFAULT_STORAGE).partition(":")[0],
            durability=chooseDurability(storage, self["sessionDurability"]),
            limits=Limits(**self["jstpLimitsTable"]),
        )

    def _storage(self) -> Any:
        try:
            return makeFromString(ISessionStorageFactory, self["sessionStorage"] or DEFAULT_STORAGE, self.reactor)
        except ValueError as error:
            # What was given is not repeated: there may be a password in it.
            raise UsageError(f"--session-storage: {error}") from None

    def _applications(self) -> list[Application]:
        applications: list[Application] = []
        for description in self["applications"]:
            try:
                found = loadApplications(description)
            except LoadFailed as error:
                message = f"--application {description}: {error}"
                if error.failure is None or self["check"]:
                    raise UsageError(message) from None
                self["broken"] = self["broken"] or Broken(message, error.failure)
                continue
            for application in found:
                if application.name == BUS_APPLICATION:
                    raise UsageError(
                        f"--application {description}: the name {BUS_APPLICATION!r} is that of the built-in "
                        "application, which is always served; give this one another name"
                    )
            applications += found
        try:
            createAppsIndex(applications)
        except ValueError as error:
            raise UsageError(f"--application: {error}; drop one of them") from None
        return applications


def chooseDurability(storage: Any, wanted: Durability | None) -> Durability | None:
    """
    When sessions are to be recorded, if nothing is said about it.

    What can be fenced is recorded every second, so that nothing is lost with the process. Sessions in memory are not:
    they would be lost all the same, and while the process runs it has them at hand.

    @param wanted: What was said about it.
    @raise UsageError: The storage cannot do that.
    """
    isFenced = all(callable(getattr(storage, name, None)) for name in ("take", "record", "release"))
    if wanted is not None and not isFenced:
        raise UsageError(
            f"--session-durability {wanted}: this storage keeps whole sessions only, it cannot record them; drop the "
            "option, or choose a storage such as sqlite:FILE"
        )
    if wanted is not None or not isFenced or isinstance(storage, SimpleSessionStorageProvider):
        return wanted
    return "handover"
