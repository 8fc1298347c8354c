"""
C{--check}: whether what the options ask for can be done, and what would run.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent
from twisted.python.failure import Failure
from twisted.python.usage import UsageError
from zope.interface import implementer

from jetjstp.interfaces import StorageUnavailable
from jetjstp.links.listeners import reasonOf
from jetjstp.services.plan import Plan

__all__ = ["Warnings", "checkStorage", "describePlan", "runCheck"]


def describePlan(plan: Plan) -> list[str]:
    """What would run, a line each; nothing in it is secret."""
    lines = [f"{plan.command}: {words} on {listener}" for _, words, listener in plan.listeners()]
    lines.append(f"{plan.command}: users: {plan.policyName or 'nobody can log in'}")
    if plan.jstp is not None:
        names = ", ".join(f"{each.name}@{each.version}" for each in plan.jstp.applications)
        lines.append(f"{plan.command}: applications: jet{', ' if names else ''}{names}")
        durability = plan.jstp.durability or "no recording"
        lines.append(f"{plan.command}: sessions: {plan.jstp.storageName}, {durability}")
    if plan.metricsGroup is not None:
        lines.append(f"{plan.command}: figures for the group {plan.metricsGroup}")
    return lines


def checkStorage(plan: Plan) -> Deferred[None]:
    """
    Look whether sessions can be kept: with what the storage has for that, C{check}, else by opening and closing it.

    @return: Fails as the storage does.
    """
    return Deferred.fromCoroutine(_checkStorage(plan))


async def _checkStorage(plan: Plan) -> None:
    storage = plan.jstp and plan.jstp.storage
    try:
        await maybeDeferred(getattr(storage, "check", None) or getattr(storage, "start", None) or (lambda: None))
    finally:
        await maybeDeferred(getattr(storage, "close", None) or (lambda: None))


@implementer(ILogObserver)
class Warnings:
    """
    What is told to the log as a warning, or worse, by us: C{--check} has no log to look into.

    @ivar lines: Them, a line each.
    """

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        """Take one that is."""
        isOurs = event.get("log_namespace", "").startswith("jetjstp.")
        if isOurs and event["log_level"] >= LogLevel.warn:
            self.lines.append(" ".join((formatEvent(event) or "").split()))


def runCheck(plan: Plan, reactor: Any, warnings: Sequence[str] = ()) -> NoReturn:
    """
    Run the reactor until it is known whether all can be done; then print what would run and exit.

    @param warnings: What is to be looked at all the same, a line each.
    @raise UsageError: It cannot.
    @raise SystemExit: With status 0.
    """
    failures: list[Failure] = []

    def check() -> None:
        checking = checkStorage(plan).addErrback(failures.append)
        checking.addBoth(lambda _: reactor.stop())

    reactor.callWhenRunning(check)
    reactor.run()
    if failures:
        error = failures[0].value
        if isinstance(error, StorageUnavailable):
            raise UsageError(f"--session-storage: {error}")
        raise UsageError(f"--session-storage: it cannot be opened, {reasonOf(error)}")
    lines = [*describePlan(plan), *(f"{plan.command}: warning: {warning}" for warning in warnings)]
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.exit(0)
