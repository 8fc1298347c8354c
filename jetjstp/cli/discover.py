"""
C{jetctl discover}: what is announced on the local network.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from twisted.internet.task import deferLater
from twisted.python.usage import UsageError

from jetjstp.cli.command import Command
from jetjstp.cli.exitcodes import NO_CONNECTION, CommandFailed
from jetjstp.cli.options import seconds
from jetjstp.cli.output import Output
from jetjstp.discovery import DiscoveryError, Found

__all__ = ["Discover"]

JET_TYPES = ("_jet._tcp", "_jetws._tcp")


class Discover(Command):
    """Lists services."""

    synopsis = "[SERVICE]"
    longdesc = (
        "Lists the Jet daemons that are announced on the local network by multicast DNS, those of 'twistd jet "
        "--announce NAME' and those of others; with SERVICE, the nodes of that service of tcpnet, or any other service "
        "that is announced as _SERVICE._tcp. It does not connect to a daemon."
    )
    optParameters = [
        ["wait", None, 1.5, "How long to wait for answers. Default: 1.5", partial(seconds, "--wait")],
        ["address", None, "0.0.0.0", "Ask on the interface with this address only, such as 127.0.0.1"],
    ]
    metavars = {"wait": "SECONDS", "address": "ADDRESS"}
    examples = (
        ("jetctl discover", "Lists the daemons."),
        ("jetctl discover my-cluster", "Lists the nodes of a service."),
        ("jetctl discover --json | jq -r '\"\\(.addresses[0]):\\(.port)\"'", "Prints where they listen."),
    )

    def takeArguments(self, service: str | None = None) -> None:
        """Take the name of a service."""
        self.types = JET_TYPES if service is None else (f"_{service.removeprefix('_').removesuffix('._tcp')}._tcp",)

    async def run(self, reactor: Any, output: Output) -> None:
        """See L{Command.run}."""
        from jetjstp.multicast import Multicast

        watchers = {type: _Watcher() for type in self.types}
        try:
            session = Multicast().open(self["address"], reactor)
        except ValueError:
            raise UsageError(f"--address {self['address']}: not an address; write one such as 127.0.0.1") from None
        except DiscoveryError as error:
            raise CommandFailed(NO_CONNECTION, f"{error}; see whether UDP port 5353 is open") from None
        try:
            for type, watcher in watchers.items():
                try:
                    await session.browse(type, watcher)
                except DiscoveryError as error:
                    raise UsageError(f"{error}; write a name such as my-cluster") from None
            await deferLater(reactor, self["wait"])
        finally:
            await session.close()
        rows = [(type, found) for type, watcher in watchers.items() for _, found in sorted(watcher.found.items())]
        if not rows:
            output.say(f"nothing of {' or '.join(self.types)} answered within {self['wait']:g} s")
        if output.forPeople:
            output.table([(found.instance, type, _placesOf(found)) for type, found in rows])
        else:
            for type, found in rows:
                output.value(
                    {"name": found.instance, "type": type, "addresses": list(found.addresses), "port": found.port}
                )


class _Watcher:
    """Keeps what there is."""

    def __init__(self) -> None:
        self.found: dict[str, Found] = {}

    def up(self, found: Found) -> None:
        """See L{jetjstp.discovery.Watcher}."""
        self.found[found.instance] = found

    def changed(self, found: Found) -> None:
        """See L{jetjstp.discovery.Watcher}."""
        self.found[found.instance] = found

    def down(self, instance: str) -> None:
        """See L{jetjstp.discovery.Watcher}."""
        self.found.pop(instance, None)


def _placesOf(found: Found) -> str:
    return " ".join(f"[{each}]:{found.port}" if ":" in each else f"{each}:{found.port}" for each in found.addresses)
