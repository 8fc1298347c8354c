"""
Where a server is, and how it is spoken to: what C{net.connect} and
C{ws.connect} make of their arguments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, cast
from urllib.parse import urlsplit

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import HostnameEndpoint, clientFromString, wrapClientTLS
from twisted.internet.interfaces import IDelayedCall, IProtocol, IProtocolFactory, IReactorTime, IStreamClientEndpoint
from twisted.python.failure import Failure

from jetjstp.bounds import checkNumber, checkSeconds
from jetjstp.framing import NulTerminated
from jetjstp.interfaces import MessageLink, MessageReceiver
from jetjstp.jstp.limits import Limits
from jetjstp.links.descriptions import splitDescription
from jetjstp.links.dialing import DialFailed, DialingStreamFactory, Failed, Opened
from jetjstp.links.tlsoptions import tlsCreator
from jetjstp.links.websocketclient import DialingWebSocketFactory

__all__ = [
    "FRAGMENT_SIZE",
    "KEEPALIVE_INTERVAL",
    "KEEPALIVE_PATIENCE",
    "SUBPROTOCOL",
    "Target",
    "netTarget",
    "wsTarget",
]

SUBPROTOCOL = "metarhia-jstp"

FRAGMENT_SIZE = 16384
"""Bytes of a WebSocket frame that we send: npm's client takes no frames above 1 MiB, and sends such ones itself."""

KEEPALIVE_INTERVAL = 20.0
KEEPALIVE_PATIENCE = 10.0
"""Seconds without data until a WebSocket is pinged, and then until it is dropped."""

LONGEST_TIMEOUT = 900.0
"""Seconds; nobody waits longer for a connection, unless somebody meant milliseconds."""

MakeFactory = Callable[[Callable[[], MessageReceiver], Failed, Opened], DialingStreamFactory | DialingWebSocketFactory]
"""Makes the factory of one connection."""


class Target:
    """
    One way to one server. May be connected to any number of times. Made by L{netTarget} and L{wsTarget}.

    @ivar transportName: C{"net"} or C{"ws"}.
    @ivar address: The arguments that it was made of, as they were given.
    """

    def __init__(
        self,
        transportName: str,
        address: tuple[Any, ...],
        place: str,
        endpoint: IStreamClientEndpoint,
        makeFactory: MakeFactory,
        clock: IReactorTime,
    ) -> None:
        """
        @param place: What to call it in errors; without secrets.
        """
        self.transportName = transportName
        self.address = address
        self._place = place
        self._endpoint = endpoint
        self._makeFactory = makeFactory
        self._clock = clock

    def __str__(self) -> str:
        """Where it is, for people."""
        return self._place

    def connect(self, receiver: MessageReceiver, timeout: float) -> Deferred[MessageLink]:
        """
        Connect. Cancelling ends whatever is under way and leaves nothing behind.

        @param timeout: Seconds for all of it: names, TCP, TLS, the WebSocket handshake.
        @return: Fires with the link after C{receiver.linkOpened} was called; from then on the receiver is told
            everything. Until then it is told nothing, and the Deferred fails: with Twisted's connect errors as they
            are; with L{jetjstp.links.dialing.DialFailed}, a L{ConnectionError}, if a connection was made and came to
            nothing, and with its subclass L{jetjstp.links.dialing.WebSocketHandshakeError} if the server refused the
            upgrade; with L{TimeoutError}.
        """
        checkSeconds("timeout", timeout, LONGEST_TIMEOUT)
        return _Attempt(self._place, receiver, timeout, self._clock).begin(self._endpoint, self._makeFactory)


class _Attempt:
    """One try to connect."""

    def __init__(self, place: str, receiver: MessageReceiver, timeout: float, clock: IReactorTime) -> None:
        self._place = place
        self._receiver = receiver
        self._timeout = timeout
        self._result: Deferred[MessageLink] = Deferred(self._cancelled)
        self._isOver = False
        self._factory: DialingStreamFactory | DialingWebSocketFactory | None = None
        self._connecting: Deferred[IProtocol] | None = None
        self._timer: IDelayedCall = clock.callLater(timeout, self._timedOut)

    def begin(self, endpoint: IStreamClientEndpoint, makeFactory: MakeFactory) -> Deferred[MessageLink]:
        """Try it."""
        self._factory = makeFactory(lambda: self._receiver, self._failed, self._opened)
        connecting = self._connecting = maybeDeferred(endpoint.connect, cast(IProtocolFactory, self._factory))
        connecting.addCallbacks(self._connected, self._notConnected)
        return self._result

    def _opened(self, link: MessageLink) -> None:
        """The receiver has its link."""
        if self._over():
            self._result.callback(link)
        else:
            link.abort()

    def _failed(self, reason: str) -> None:
        """There was a connection, and it came to nothing."""
        if self._over():
            refusal = self._factory.refusal if self._factory is not None else None
            self._result.errback(refusal or DialFailed(reason))

    def _connected(self, protocol: IProtocol) -> None:
        """The stream is there; the link tells when it is of use."""
        self._connecting = None

    def _notConnected(self, failure: Failure) -> None:
        """There is not even a stream; if the attempt is over, by our own doing."""
        self._connecting = None
        if self._over():
            self._result.errback(failure)

    def _timedOut(self) -> None:
        if self._over():
            self._giveUp()
            self._result.errback(TimeoutError(f"no connection to {self._place} within {self._timeout:g} seconds"))

    def _cancelled(self, result: Deferred[MessageLink]) -> None:
        if self._over():
            self._giveUp()

    def _over(self) -> bool:
        """Whether this was what has ended the attempt."""
        if self._isOver:
            return False
        self._isOver = True
        if self._timer.active():
            self._timer.cancel()
        return True

    def _giveUp(self) -> None:
        links = [] if self._factory is None else list(self._factory.links)
        for link in links:
            link.abort()
        # Once there is a link, the endpoint has done its part, even if its Deferred is only about to fire.
        if not links and self._connecting is not None:
            self._connecting.cancel()


def netTarget(address: tuple[Any, ...], *, tlsOptions: Any = None, limits: Limits, reactor: Any) -> Target:
    """
    A server on a stream: TCP, TLS, a UNIX socket.

    @param address: One element: a client endpoint description (C{"tcp:host:port"}, C{"tls:host:port"}, whose
        certificate is checked for the name, C{"unix:/path"}) or an L{IStreamClientEndpoint}. Or two: host and port.
    @param tlsOptions: For C{"tls:"}: L{None}; what C{optionsForClientTLS} gives; or a dict of C{trustRoot},
        C{certificate}, C{key}, which are file names.
    @raise TypeError: The arguments are of no such form.
    @raise ValueError: They do not make sense; the message names what.
    """
    if address and callable(address[-1]):
        raise TypeError("no callback is taken: the Deferred that is returned fires when the connection is there")
    if len(address) == 2:
        endpoint, place = _ofHostAndPort(*address, reactor), f"{address[0]}:{address[1]}"
    elif len(address) != 1:
        raise TypeError(
            f"{len(address)} arguments are no address; behind the client, which may be None, give an endpoint "
            'description such as "tcp:localhost:3000", an endpoint, or host and port'
        )
    elif isinstance(address[0], str):
        endpoint, place = _ofDescription(address[0], tlsOptions, reactor), address[0]
    elif IStreamClientEndpoint.providedBy(address[0]):
        endpoint, place = address[0], type(address[0]).__name__
    else:
        hint = ""
        if isinstance(address[0], int):
            hint = f'; did you mean "tcp:localhost:{address[0]}"?'
        elif isinstance(address[0], tuple | list | Mapping):
            hint = "; give host and port as two arguments"
        raise TypeError(f"{address[0]!r} is neither a client endpoint nor the description of one{hint}")
    if tlsOptions is not None and not (isinstance(address[0], str) and _isTls(address[0]) and len(address) == 1):
        raise ValueError(f"tlsOptions are given, but {place} does not use them; write tls:host:port")

    def makeFactory(receiver: Callable[[], MessageReceiver], failed: Failed, opened: Opened) -> DialingStreamFactory:
        return DialingStreamFactory(
            lambda: NulTerminated(limits.message), receiver, failed, reactor=reactor, opened=opened, openTimeout=None
        )

    return Target("net", address, place, endpoint, makeFactory, reactor)


def _ofHostAndPort(host: object, port: object, reactor: Any) -> IStreamClientEndpoint:
    if isinstance(port, str) and _isUrl(port):
        raise TypeError(f"{port!r} is for jstp.ws; jstp.net takes an endpoint description, or host and port")
    if not isinstance(host, str) or not host:
        hint = "; the host comes first, then the port" if isinstance(host, int) and isinstance(port, str) else ""
        raise TypeError(f"the host must be a string, not {host!r}{hint}")
    if not isinstance(port, int) or isinstance(port, bool):
        raise TypeError(f"the port must be a number, not {port!r}")
    checkNumber("the port", port, 1, 65535)
    return cast(IStreamClientEndpoint, HostnameEndpoint(reactor, host, port))


def _isUrl(text: str) -> bool:
    return text[:6].lower().startswith(("ws://", "wss://"))


def _isTls(description: str) -> bool:
    return description[:4].lower() == "tls:"


def _ofDescription(description: str, tlsOptions: Any, reactor: Any) -> IStreamClientEndpoint:
    if description[:4].lower() == "ssl:":
        raise ValueError(f"{description!r}: ssl: does not check the name of the server; write tls:host:port")
    if _isUrl(description):
        raise ValueError(f"{description!r}: write ws.connect(app, client, None, url), not net.connect")
    if "://" in description[:10]:
        raise ValueError(f"{description!r} is no endpoint description; write tcp:host:port, without slashes")
    if description.startswith("/"):
        raise ValueError(f"{description!r}: for the path of a UNIX socket write unix:{description}")
    if tlsOptions is not None and _isTls(description):
        return _ofTlsDescription(description, tlsOptions, reactor)
    try:
        endpoint: IStreamClientEndpoint = clientFromString(reactor, description)
    except Exception as error:
        # The parsers, plugins of others among them, raise whatever comes.
        raise ValueError(
            f"{description!r} is no usable client endpoint: {error}; "
            "write tcp:host:port, tls:host:port or unix:/path, or give host and port"
        ) from error
    return endpoint


def _ofTlsDescription(description: str, tlsOptions: Any, reactor: Any) -> IStreamClientEndpoint:
    words, named = splitDescription(description)
    unknown = set(named) - {"host", "port", "timeout", "bindAddress"}
    if unknown:
        raise ValueError(f"{description!r}: {', '.join(sorted(unknown))} and tlsOptions exclude each other")
    given = dict(zip(("host", "port", "timeout", "bindAddress"), words[1:], strict=False)) | named
    host, port, timeout = given.get("host"), given.get("port", ""), given.get("timeout", "30")
    if not host or not port.isdecimal() or not timeout.isdecimal() or len(words) > 5:
        raise ValueError(f"{description!r} is no usable client endpoint; write tls:host:port")
    checkNumber("the port", int(port), 1, 65535)
    creator = tlsCreator(tlsOptions, host)
    return wrapClientTLS(
        creator, HostnameEndpoint(reactor, host, int(port), int(timeout), bindAddress=given.get("bindAddress"))
    )


_configKeys = ("headers", "origin", "tlsOptions", "maxMessageSize")


def wsTarget(requestUrl: str, webSocketConfig: Mapping[str, Any] | None, *, limits: Limits, reactor: Any) -> Target:
    """
    A server behind a WebSocket.

    @param requestUrl: C{ws://host:port/path?query}, or C{wss://}, where the server's certificate is checked for its
        name. Without a port it is 80, or 443.
    @param webSocketConfig: L{None}, or C{headers} (a dict of more headers for the request), C{origin} (a string),
        C{tlsOptions} (as for L{netTarget}), C{maxMessageSize} (bytes of a message that the server sends).
    @raise TypeError: An argument is of another type.
    @raise ValueError: One does not make sense; the message names it, but repeats no password.
    """
    host, port, isSecure, url = _readUrl(requestUrl)
    config = _checkedConfig(webSocketConfig)
    tlsOptions, maxMessage = config.get("tlsOptions"), config.get("maxMessageSize")
    if maxMessage is None:
        maxMessage = limits.message
    else:
        checkNumber("maxMessageSize", maxMessage, 1, 2**31)
    headers = _checkedHeaders(config.get("headers"))
    origin = config.get("origin")
    if origin is not None and not _isHeaderValue(origin):
        raise ValueError(f"origin {origin!r} is no value for a header")
    endpoint: IStreamClientEndpoint = HostnameEndpoint(reactor, host, port)
    if isSecure:
        endpoint = wrapClientTLS(tlsCreator(tlsOptions, host), endpoint)
    elif tlsOptions is not None:
        raise ValueError(f"tlsOptions are given, but {url} does not use them; write wss://")

    def makeFactory(receiver: Callable[[], MessageReceiver], failed: Failed, opened: Opened) -> DialingWebSocketFactory:
        return DialingWebSocketFactory(
            url,
            receiver,
            failed,
            protocols=(SUBPROTOCOL,),
            requireProtocol=True,
            headers=headers,
            origin=origin,
            maxMessage=maxMessage,
            fragmentSize=FRAGMENT_SIZE,
            pingInterval=KEEPALIVE_INTERVAL,
            pingPatience=KEEPALIVE_PATIENCE,
            reactor=reactor,
            opened=opened,
            openTimeout=None,
        )

    return Target("ws", (webSocketConfig, requestUrl), url, endpoint, makeFactory, reactor)


def _readUrl(url: str) -> tuple[str, int, bool, str]:
    """Host, port, whether it is secure, and the URL in full."""
    if not isinstance(url, str):
        raise TypeError(f"the URL must be a string, behind the webSocketConfig, which may be None; not {url!r}")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"not a WebSocket URL: {error}") from None
    if "@" in parts.netloc:
        # Not repeated in the message: there may be a password in it.
        raise ValueError("a WebSocket URL has no user and no password in it; a connect policy logs in")
    if parts.scheme not in ("ws", "wss"):
        raise ValueError(f"not a WebSocket URL: {url!r}; write ws://host:port/path or wss://host:port/path")
    if not parts.hostname:
        raise ValueError(f"there is no host in {url!r}")
    if port == 0:
        raise ValueError(f"nothing listens on port 0: {url!r}")
    if parts.fragment:
        raise ValueError(f"a WebSocket URL has no fragment: {url!r}")
    if not _isPrintable(url) or " " in url:
        raise ValueError(f"the URL {url!r} has characters that no URL has; write them as %XX")
    isSecure = parts.scheme == "wss"
    port = port or (443 if isSecure else 80)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    query = f"?{parts.query}" if parts.query else ""
    return parts.hostname, port, isSecure, f"{parts.scheme}://{host}:{port}{parts.path or '/'}{query}"


def _checkedConfig(config: Mapping[str, Any] | None) -> Mapping[str, Any]:
    if config is None:
        return {}
    if not isinstance(config, Mapping):
        raise TypeError(f"webSocketConfig is None or a dict of {', '.join(_configKeys)}, not {config!r}")
    unknown = [key for key in config if key not in _configKeys]
    if unknown:
        raise ValueError(f"webSocketConfig has no {', '.join(map(str, unknown))}; it has {', '.join(_configKeys)}")
    return config


_token = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_handshakeHeaders = re.compile(r"host|upgrade|connection|origin|sec-websocket-.*", re.IGNORECASE)


def _checkedHeaders(headers: object) -> dict[str, str]:
    if headers is None:
        return {}
    if not isinstance(headers, Mapping):
        raise TypeError(f"headers are a dict of strings, not {headers!r}")
    for name, value in headers.items():
        # Values are not repeated: they may be secrets.
        if not isinstance(name, str) or _token.fullmatch(name) is None:
            raise ValueError(f"{name!r} is no name for a header")
        if _handshakeHeaders.fullmatch(name):
            raise ValueError(f"the header {name} belongs to the handshake itself")
        if not _isHeaderValue(value):
            raise ValueError(f"the value of the header {name} is no string of printable ASCII characters")
    return dict(headers)


def _isHeaderValue(value: object) -> bool:
    return isinstance(value, str) and _isPrintable(value)


def _isPrintable(text: str) -> bool:
    return text.isascii() and text.isprintable()
