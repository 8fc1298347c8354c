"""
Which web pages may open a WebSocket to us.

A browser lets any page connect to anywhere, and tells us the page's origin; it
is for the server to refuse. Without that, every page that a user looks at could
speak to a daemon on the user's machine or network.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address
from typing import NamedTuple

__all__ = ["OriginRules", "UpgradeRequest"]


@dataclass(frozen=True)
class UpgradeRequest:
    """
    A request to become a WebSocket.

    @ivar headers: All headers by their names in lower case; those that came more than once are joined by commas.
    @ivar path: The requested path, without the query.
    @ivar origin: The origin of the web page, or L{None}: not a browser.
    @ivar host: What the client thinks we are called, with the port if it is not the usual one.
    @ivar address: Where the request comes from; see L{jetjstp.interfaces.MessageLink.address}.
    @ivar secure: Whether it came over TLS.
    @ivar local: The address of ours at which it arrived, or L{None}: a UNIX socket.
    @ivar protocols: The subprotocols that are offered.
    @ivar query: What follows the question mark, as it came.
    """

    headers: Mapping[str, str]
    path: str
    origin: str | None
    host: str | None
    address: str
    secure: bool
    local: str | None
    protocols: tuple[str, ...]
    query: str = ""


class _Place(NamedTuple):
    """What an origin, or a host, comes down to."""

    scheme: str
    host: str
    port: int | None


_defaultPorts = {"http": 80, "https": 443, "ws": 80, "wss": 443}

_scheme = r"([a-z][a-z0-9+.-]*)://"
_host = r"(\[[0-9a-f:.]+\]|[a-z0-9._~-]+)"
_port = r"(?::([0-9]{1,5}))?"
_originForm = re.compile(_scheme + _host + _port)
_hostForm = re.compile(_host + _port)
_patternForm = re.compile(_scheme + _host.replace("[a-z0-9", "[*a-z0-9") + r"(?::([0-9]{1,5}|\*))?")


class OriginRules:
    """
    Refuses web pages that do not come from the host that they connect to, unless a pattern admits them.

    - A page's origin must be the host that the request names, or match a pattern.
    - When the request arrives at a loopback address, the host that it names must be a loopback one, or match a pattern:
      else a page of C{evil.example} could make that name mean 127.0.0.1, and be of the same origin (DNS rebinding).
    - Requests without an origin do not come from browsers: only the host is looked at. At UNIX sockets, nothing is.

    A pattern is C{scheme://host}, with a port or C{:*} for any; without one it is the scheme's usual port. In the host,
    C{*} stands for any characters. C{null} is what sandboxed pages and local files send; C{*} admits everything.
    """

    def __init__(self, patterns: Sequence[str] = ()) -> None:
        """
        @raise ValueError: A pattern is malformed; the message names it.
        """
        if isinstance(patterns, str):
            raise ValueError(f"the origin patterns {patterns!r} are a string, not a list of strings")
        self._patterns = [_Pattern(pattern) for pattern in patterns if pattern not in ("*", "null")]
        self._anything = "*" in patterns
        self._null = "null" in patterns

    def check(self, request: UpgradeRequest) -> str | None:
        """
        Judge a request.

        @return: L{None} if it may pass, else the reason for the refusal, with the remedy.
        """
        if self._anything or request.local is None:
            return None
        host = _parseHost(request.host)
        if _isLoopback(request.local) and not (host is not None and (_isLoopback(host.host) or self._admitsHost(host))):
            return (
                f"the host {_shown(request.host)} is not a name of this machine's loopback address; "
                "a pattern for it can be given with --origin"
            )
        if request.origin is not None and not self._admitsOrigin(
            request.origin.lower(), host, "https" if request.secure else "http"
        ):
            return (
                f"the origin {_shown(request.origin)} is not that of the host {_shown(request.host)}; "
                "it can be admitted with --origin"
            )
        return None

    def _admitsOrigin(self, origin: str, host: _Place | None, scheme: str) -> bool:
        # Some browsers send this for local files, others null.
        if origin in ("null", "file://"):
            return self._null
        match = _originForm.fullmatch(origin)
        if match is None:
            return False
        place = _place(*match.groups())
        if host is not None and place == host._replace(scheme=scheme, port=host.port or _defaultPorts[scheme]):
            return True
        return any(pattern.matchesOrigin(place) for pattern in self._patterns)

    def _admitsHost(self, host: _Place) -> bool:
        return any(pattern.matchesHost(host) for pattern in self._patterns)


class _Pattern:
    """One pattern with a host."""

    def __init__(self, text: str) -> None:
        match = _patternForm.fullmatch(text.lower()) if isinstance(text, str) else None
        if match is None:
            raise ValueError(
                f"the origin pattern {text!r} is malformed; it should look like https://*.example.org:*, "
                "https://example.org, null or *"
            )
        scheme, host, port = match.groups()
        self._scheme = scheme
        self._host = re.compile(".*".join(re.escape(part) for part in _normalHost(host).split("*")))
        self._anyPort = port == "*"
        self._port = _defaultPorts.get(scheme) if port in (None, "*") else int(port)

    def matchesOrigin(self, origin: _Place) -> bool:
        """Whether scheme, host and port match."""
        return origin.scheme == self._scheme and self._matches(origin.host, origin.port)

    def matchesHost(self, host: _Place) -> bool:
        """Whether host and port match; a host without a port has the one of our scheme."""
        return self._matches(host.host, host.port or _defaultPorts.get(self._scheme))

    def _matches(self, host: str, port: int | None) -> bool:
        return (self._anyPort or port == self._port) and self._host.fullmatch(host) is not None


def _place(scheme: str, host: str, port: str | None) -> _Place:
    return _Place(scheme, _normalHost(host), int(port) if port else _defaultPorts.get(scheme))


def _parseHost(text: str | None) -> _Place | None:
    """The scheme is empty, and the port L{None} if there is none: a C{Host} header has no scheme."""
    match = _hostForm.fullmatch(text.lower()) if text is not None else None
    return _place("", *match.groups()) if match is not None else None


def _normalHost(host: str) -> str:
    """One spelling for a host: without the dot of the root, IPv6 addresses in their short form without brackets."""
    if host.startswith("["):
        try:
            return str(IPv6Address(host[1:-1]))
        except ValueError:
            return host
    return host.removesuffix(".")


def _isLoopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _shown(text: str | None) -> str:
    """A stranger's text, fit for a log line."""
    return "".join(c if c.isprintable() else "?" for c in text[:200]) if text else "(none)"
