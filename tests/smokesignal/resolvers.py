"""Names of hosts, looked up when a test says so."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import IHostnameResolver, IHostResolution, IResolutionReceiver
from twisted.internet.task import Clock
from zope.interface import implementer


@implementer(IHostResolution)
class Resolution:
    """A lookup."""

    isCancelled = False

    def __init__(self, name: str) -> None:
        self.name = name

    def cancel(self) -> None:
        """Remember it."""
        self.isCancelled = True


@implementer(IHostnameResolver)
class Resolver:
    """Answers when L{answer} is called."""

    def __init__(self) -> None:
        self._asked: list[tuple[Resolution, IResolutionReceiver]] = []

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[Any] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """Remember the question."""
        assert addressTypes == [IPv4Address]
        resolution = Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        self._asked.append((resolution, resolutionReceiver))
        return resolution

    def answer(self, name: str, *addresses: str) -> None:
        """Answer the question for a name."""
        [(resolution, receiver)] = [each for each in self._asked if each[0].name == name and not each[0].isCancelled]
        self._asked = [each for each in self._asked if each[0] is not resolution]
        for address in addresses:
            receiver.addressResolved(IPv4Address("TCP", address, 0))
        receiver.resolutionComplete()


class ResolvingClock(Clock):
    """A clock that has a resolver of names, as a reactor has."""

    def __init__(self) -> None:
        super().__init__()
        self.nameResolver = Resolver()
