"""
The last line for what went wrong: it names the thing and the remedy.
"""

from __future__ import annotations

from typing import NamedTuple

from twisted.internet.error import ConnectError

from jetjstp.cli.exitcodes import FAILED, NO_CONNECTION, REFUSED, TIMEOUT, CommandFailed
from jetjstp.jet import peererrors as errors

__all__ = ["Circumstances", "explain"]


class Circumstances(NamedTuple):
    """
    What a request was made with, to be named when it fails.

    @ivar subject: The path that it was about.
    """

    url: str
    user: str | None
    timeout: float
    subject: str | None = None


_REMEDIES: tuple[tuple[type[errors.BaseError], str], ...] = (
    (errors.NotFound, "there is no state or method; 'jetctl ls' lists those that there are"),
    (errors.FetchOnly, "it is read only (fetchOnly): nobody but its owner changes it"),
    (errors.WrongKind, "a method can only be called, a state can only be set; 'jetctl ls' tells which it is"),
    (errors.Occupied, "another peer has added it already; choose another path, or end that peer"),
    (errors.InvalidArgument, ""),
    (errors.PeerError, ""),
)


def explain(error: BaseException, around: Circumstances) -> CommandFailed | None:
    """
    The exit code and the last line for an error of a peer.

    @return: L{None} if it is no such error.
    """
    if isinstance(error, CommandFailed):
        return error
    if isinstance(error, errors.InvalidCredentials):
        who = f"the login as {around.user!r}" if around.user else "the login"
        detail = _lower(error.message)
        return CommandFailed(REFUSED, f"{around.url}: {who} is refused, {detail}; check --user and the password")
    if isinstance(error, errors.BaseError):
        return _answered(error, around)
    if isinstance(error, ConnectError):
        return CommandFailed(NO_CONNECTION, f"{around.url}: {error}; {_NO_DAEMON}")
    return None


_NO_DAEMON = "start a daemon there ('twistd -n jet'), or name another one with --url or JETCTL_URL"


def _answered(error: errors.BaseError, around: Circumstances) -> CommandFailed:
    subject = error.path or around.subject or around.url
    if isinstance(error, errors.Unauthorized):
        if around.user:
            return CommandFailed(REFUSED, f"{subject}: {around.user!r} may not do that; log in as somebody who may")
        return CommandFailed(REFUSED, f"{subject}: not permitted without a login; log in with --user")
    if isinstance(error, errors.PeerTimeout):
        return CommandFailed(
            TIMEOUT,
            f"{subject}: no answer within {around.timeout:g} s; wait longer with --timeout, or see to its owner",
        )
    if isinstance(error, errors.ConnectionClosed):
        reason = _reasonOf(error, around.url)
        return CommandFailed(NO_CONNECTION, f"{around.url}: {reason}; {_remedyOf(reason)}")
    for kind, remedy in _REMEDIES:
        if isinstance(error, kind):
            return CommandFailed(FAILED, f"{subject}: {remedy or error.message}")
    return CommandFailed(FAILED, f"{subject}: {error}")


def _reasonOf(error: errors.ConnectionClosed, url: str) -> str:
    """Why there is no connection; the URL stands before it already."""
    return _lower(error.message.removeprefix(f"cannot connect to {url}: "))


def _remedyOf(reason: str) -> str:
    if not reason.startswith("TLS"):
        return _NO_DAEMON
    # An alert is what the daemon did not like.
    option = "--certificate" if "alert" in reason else "--cafile"
    return f"check {option}, and the clocks of both machines"


def _lower(message: str) -> str:
    """A message in the middle of a sentence."""
    return message[:1].lower() + message[1:].rstrip(".") if message[1:2].islower() else message.rstrip(".")
