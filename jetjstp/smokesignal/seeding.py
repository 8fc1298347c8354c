"""
Seeds that were given by name: nodes talk about addresses only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import CancelledError, Deferred, DeferredList, succeed
from twisted.internet.error import DNSLookupError
from twisted.internet.interfaces import IAddress, IDelayedCall, IHostResolution, IResolutionReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from jetjstp.smokesignal.checking import Seed, isIP

__all__ = ["RETRY_INTERVAL", "Seeding"]

LOOKUP_TIMEOUT = 5.0
"""Seconds that one lookup may take; the system's own patience is up to half a minute."""

RETRY_INTERVAL = 10.0
"""Seconds until a name that was not found is looked up again: nodes enter their overlay as often."""


class Seeding:
    """
    The seeds of a node, with the addresses of those that were given by name.

    @ivar found: The seed that was given, by address and port.
    """

    def __init__(
        self,
        seeds: Sequence[Seed],
        isSix: bool,
        changed: Callable[[], None],
        failed: Callable[[Seed, DNSLookupError], None],
        reactor: Any,
    ) -> None:
        """
        @param isSix: Whether IPv6 addresses are looked for; an overlay has one kind.
        @param changed: Called when there is more in C{found}, after L{begin}.
        @param failed: Called at the first failure of a seed. It is tried again, without another word.
        """
        self.found: dict[tuple[str, int], Seed] = {}
        self._seeds = seeds
        self._kind = IPv6Address if isSix else IPv4Address
        self._changed = changed
        self._failed = failed
        self._reactor = reactor
        self._reported: set[Seed] = set()
        self._retry: IDelayedCall | None = None
        self._lookups: set[Deferred[None]] = set()
        self._isRunning = False

    def begin(self) -> Deferred[None]:
        """
        Look up what has to be.

        @return: Fires when everything was tried once. Cancelling it is L{end}.
        """
        self._isRunning = True
        self.found = {(seed.address, seed.port): seed for seed in self._seeds if isIP(seed.address)}
        tried: Deferred[None] = Deferred(lambda _: self.end())

        def tell(_: object) -> None:
            if self._isRunning:
                tried.callback(None)

        self._lookUp([seed for seed in self._seeds if not isIP(seed.address)]).addCallback(tell)
        return tried

    def end(self) -> None:
        """Look up no more."""
        self._isRunning = False
        if self._retry is not None:
            self._retry.cancel()
            self._retry = None
        for lookup in list(self._lookups):
            lookup.cancel()

    def _lookUp(self, seeds: Iterable[Seed]) -> Deferred[None]:
        lookups = [self._lookUpOne(seed) for seed in seeds]
        if not lookups:
            return succeed(None)
        self._lookups.update(lookups)
        for lookup in lookups:
            lookup.addBoth(self._ended, lookup)
        return DeferredList(lookups).addCallback(self._again)

    def _ended(self, result: None, lookup: Deferred[None]) -> None:
        self._lookups.discard(lookup)

    def _lookUpOne(self, seed: Seed) -> Deferred[None]:
        receiver = _FirstAddress(seed.address)
        self._reactor.nameResolver.resolveHostName(receiver, seed.address, seed.port, [self._kind])
        receiver.result.addTimeout(LOOKUP_TIMEOUT, self._reactor, receiver.tooSlow)
        return receiver.result.addCallbacks(self._resolved, self._unknown, callbackArgs=(seed,), errbackArgs=(seed,))

    def _resolved(self, address: str, seed: Seed) -> None:
        self._reported.discard(seed)
        # Two names of one place are one seed.
        self.found.setdefault((address, seed.port), seed)

    def _unknown(self, failure: Failure, seed: Seed) -> None:
        if failure.check(CancelledError):
            return
        error = failure.value
        if not isinstance(error, DNSLookupError):
            error = DNSLookupError(f"seed {seed.address}: {failure.getErrorMessage()}")
        if seed not in self._reported:
            self._reported.add(seed)
            self._failed(seed, error)

    def _again(self, _: object) -> None:
        known = set(self.found.values())
        if self._isRunning and any(seed in self._reported and seed not in known for seed in self._seeds):
            self._retry = self._reactor.callLater(RETRY_INTERVAL, self._tryAgain)

    def _tryAgain(self) -> None:
        self._retry = None
        before = len(self.found)

        def tell(_: object) -> None:
            if self._isRunning and len(self.found) > before:
                self._changed()

        self._lookUp(list(self._reported)).addCallback(tell)


@implementer(IResolutionReceiver)
class _FirstAddress:
    """Takes the first address that is found for a name."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.result: Deferred[str] = Deferred(self._cancelled)
        self._resolution: IHostResolution | None = None

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self._resolution = resolutionInProgress

    def addressResolved(self, address: IAddress) -> None:
        if isinstance(address, IPv4Address | IPv6Address) and not self.result.called:
            self.result.callback(address.host)

    def resolutionComplete(self) -> None:
        if not self.result.called:
            self.result.errback(DNSLookupError(f"no address for {self._name}"))

    def tooSlow(self, result: object, seconds: float) -> None:
        raise DNSLookupError(f"no address for {self._name} within {seconds:g} seconds")

    def _cancelled(self, result: Deferred[str]) -> None:
        if self._resolution is not None:
            try:
                self._resolution.cancel()
            except NotImplementedError:
                # Twisted's own resolver uses a thread, which cannot be stopped; what it finds is not looked at.
                return
