"""
The connection of a command to its daemon.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

from twisted.internet.defer import Deferred, TimeoutError
from twisted.python.usage import UsageError

from jetjstp import jet
from jetjstp.cli.command import Command
from jetjstp.cli.exitcodes import NO_CONNECTION, TIMEOUT, CommandFailed
from jetjstp.cli.output import Output

__all__ = ["answerTo", "connection", "makePeer"]

LONGEST_FAREWELL = 2.0
"""Seconds that the end of a connection may take; then the process ends without it."""

SETTLE = 2.0
"""Seconds that removes are held back for after a reconnect, while the owners come back."""


def makePeer(command: Command, reactor: Any, *, reconnect: bool = False) -> jet.Peer:
    """
    A peer as the options want it, not connected yet.

    @raise UsageError: The URL or the certificates are of no use.
    """
    names = {"trustRoot": "cafile", "certificate": "certificate", "key": "key"}
    tlsOptions = {name: command[option] for name, option in names.items() if command[option]}
    if "certificate" in tlsOptions:
        from jetjstp.links.pemfiles import checkPair  # it takes its time, and few need it

        certificate = tlsOptions["certificate"]
        try:
            checkPair(tlsOptions.get("key", certificate), "--key", certificate, "--certificate")
        except ValueError as error:
            raise UsageError(str(error)) from None
    try:
        return jet.Peer(
            command["url"],
            user=command["user"],
            password=command.password,
            tlsOptions=tlsOptions or None,
            reconnect=reconnect,
            settle=SETTLE,
            reactor=reactor,
        )
    except OSError as error:
        raise UsageError(f"--cafile {command['cafile']}: {error.strerror}; name a file of PEM certificates") from None
    except ValueError as error:
        raise UsageError(f"{command.urlSource}: {error}") from None
    except Exception as error:
        if command["cafile"] is None:
            raise
        # Whatever OpenSSL says of a file that has no certificates.
        raise UsageError(f"--cafile {command['cafile']}: holds no certificates in PEM form ({error})") from None


@asynccontextmanager
async def connection(
    command: Command, reactor: Any, output: Output | None = None, *, reconnect: bool = False
) -> AsyncIterator[jet.Peer]:
    """
    A peer that is connected, and is closed at the end.

    @param output: With C{reconnect}: who is told when the connection is lost, and comes back.
    @raise CommandFailed: There is no connection in time.
    """
    peer = makePeer(command, reactor, reconnect=reconnect)
    if output is not None:
        tell = output
        peer.on("disconnect", lambda reason: tell.say(f"{command['url']}: {reason}; trying again"))
        peer.on("reconnect", lambda: tell.say(f"{command['url']}: connected again"))
        peer.on("error", lambda error: tell.complain(f"{error}"))
    try:
        try:
            await peer.connect().addTimeout(command["timeout"], reactor)
        except TimeoutError:
            raise CommandFailed(
                NO_CONNECTION,
                f"{command['url']}: no connection within {command['timeout']:g} s; "
                "check the address, or wait longer with --timeout",
            ) from None
        yield peer
    finally:
        closed = peer.close()
        closed.addTimeout(LONGEST_FAREWELL, reactor)
        closed.addErrback(lambda failure: failure.trap(TimeoutError) and None)
        await closed


def answerTo(request: Deferred[Any], command: Command, reactor: Any, subject: str) -> Deferred[Any]:
    """
    A request that is given up after C{--timeout}, for daemons that know no timeouts.

    @return: Fires with the answer; fails with L{CommandFailed} when it takes too long.
    """

    def timedOut(result: object, timeout: float) -> NoReturn:
        raise CommandFailed(TIMEOUT, f"{subject}: no answer within {timeout:g} s; wait longer with --timeout")

    return request.addTimeout(command["timeout"], reactor, onTimeoutCancel=timedOut)
