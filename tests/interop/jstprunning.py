"""Our JSTP server for npm's clients, and npm's server for ours."""

from __future__ import annotations

import json
import os
import tempfile
from typing import Any

from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import SSL4ServerEndpoint
from twisted.internet.interfaces import IDelayedCall

from jetjstp import jstp
from tests.sockets.certificates import makeCertificate

from .loopback import ANY_PORT, portNumber
from .running import NodeTestCase

__all__ = ["JstpTestCase", "later"]

reactor: Any = globalReactor


def later(seconds: float, result: Any = None) -> Deferred[Any]:
    """Fires after a while."""
    fired: Deferred[Any] = Deferred()
    _timers[:] = [timer for timer in _timers if timer.active()]
    _timers.append(reactor.callLater(seconds, fired.callback, result))
    return fired


_timers: list[IDelayedCall] = []


def _forgetTimers() -> None:
    """What a method still waits for when its caller has gone, and its test is over."""
    for timer in _timers:
        if timer.active():
            timer.cancel()


class Calc:
    """What our server can be asked for."""

    @staticmethod
    async def later(connection: jstp.Connection, ms: float) -> float:
        """Answer after a while."""
        await later(ms / 1000)
        return ms

    @staticmethod
    def custom(connection: jstp.Connection) -> None:
        """Fail."""
        raise jstp.RemoteError(50, "with info", [{"a": 1}, 2])

    @staticmethod
    def standard(connection: jstp.Connection) -> None:
        """Fail with a code that has a text."""
        raise jstp.RemoteError(jstp.ERR_INVALID_SIGNATURE, "Bad field")

    @staticmethod
    def broken(connection: jstp.Connection) -> None:
        """Fail by mistake."""
        raise KeyError("secret")

    @staticmethod
    def remember(connection: jstp.Connection, value: Any) -> None:
        """Keep something in the session."""
        assert connection.session is not None
        connection.session["value"] = value

    @staticmethod
    def recall(connection: jstp.Connection) -> Any:
        """What was kept."""
        assert connection.session is not None
        return connection.session["value"]


def _drop(connection: jstp.Connection) -> None:
    assert connection.line is not None
    connection.line.link.abort()
    for i in (1, 2, 3):
        connection.emitRemoteEvent("back", "tick", [i])


async def _inspect(connection: jstp.Connection) -> list[str]:
    return sorted((await connection.inspectInterface("client")).methods)


async def _ping(connection: jstp.Connection) -> str:
    await connection.ping()
    return "ponged"


async def _call(connection: jstp.Connection, method: str, args: list[Any]) -> jstp.Results:
    return jstp.Results(*await connection.callMethod("client", method, args))


API: dict[str, dict[str, Any]] = {
    "calc": {
        "echo": lambda connection, value: jstp.Results(value),
        "describe": lambda connection, value: repr(value),
        "add": lambda connection, a, b: a + b,
        "nothing": lambda connection: None,
        "none": lambda connection: jstp.Results(None),
        "multi": lambda connection: jstp.Results(1, "two", [3]),
        "later": Calc.later,
        "custom": Calc.custom,
        "standard": Calc.standard,
        "broken": Calc.broken,
        "who": lambda connection: jstp.Results(connection.username, connection.application.version),
        "remember": Calc.remember,
        "recall": Calc.recall,
    },
    "back": {
        "callMe": _call,
        "inspectMe": _inspect,
        "pingMe": _ping,
        "tellMe": lambda connection, a, b: connection.emitRemoteEvent("back", "told", [a, b]),
        "drop": _drop,
    },
}

HANDLERS: dict[str, dict[str, Any]] = {
    "back": {"note": lambda connection, *args: connection.emitRemoteEvent("back", "echoed", args)}
}


def _authenticate(connection: jstp.Connection, application: Any, strategy: str, credentials: Any) -> str | None:
    match strategy, credentials:
        case "login", ["user", "pass"]:
            return "user"
        case "login", ["locked", _]:
            raise jstp.RemoteError(jstp.ERR_AUTH_FAILED, "Account locked")
        case "login", ["remote", _]:
            raise jstp.RemoteError(99, "Come back later", [{"after": 5}])
    return None


def _versioned(version: str) -> jstp.Application:
    return jstp.Application("vapp", {"v": {"version": lambda connection: version}}, version=version)


class JstpTestCase(NodeTestCase):
    """Tests that need npm's package."""

    def setUp(self) -> None:
        super().setUp()
        self.addCleanup(_forgetTimers)
        self.certificate = makeCertificate()
        self.certificateFile = self.mktemp()
        with open(self.certificateFile, "wb") as file:
            file.write(self.certificate.dumpPEM())
            file.write(self.certificate.privateKey.dump(1))

    def socketPath(self) -> str:
        """A path for a UNIX socket, which must be short."""
        folder = tempfile.mkdtemp()
        path = os.path.join(folder, "s")

        def remove() -> None:
            if os.path.exists(path):
                os.remove(path)
            os.rmdir(folder)

        self.addCleanup(remove)
        return path

    async def startOurs(self, transport: str, authPolicy: Any = _authenticate) -> list[Any]:
        """Serve on a transport of npm's client; the arguments with which that connects."""
        module = jstp.ws if transport == "ws" else jstp.net
        applications = [
            jstp.Application("app", API, HANDLERS),
            *map(_versioned, ("1.0.0", "1.1.0", "1.1.5", "2.0.0")),
        ]
        server = module.createServer(applications, authPolicy=authPolicy, heartbeatInterval=0.6)
        if transport == "unix":
            path = self.socketPath()
            await server.listen(f"unix:{path}")
            arguments: list[Any] = [path]
        else:
            endpoint: Any = ANY_PORT
            if transport == "tls":
                endpoint = SSL4ServerEndpoint(reactor, 0, self.certificate.options(), interface="127.0.0.1")
            port = portNumber(await server.listen(endpoint))
            choices: dict[str, list[Any]] = {
                "net": [port, "127.0.0.1"],
                "ws": [None, f"ws://127.0.0.1:{port}/"],
                "tls": [{"host": "127.0.0.1", "port": port, "ca": self.certificateFile}],
            }
            arguments = choices[transport]
        self.addCleanup(server.close)
        return arguments

    async def startTheirs(self, transport: str) -> tuple[Any, ...]:
        """Run npm's server with one transport; the module and the arguments with which ours connects."""
        where = self.socketPath() if transport == "unix" else True
        settings = {"listen": {transport: where}, "certificate": self.certificateFile}
        child = self.startNode("jstpserver.js", settings)
        line = await child.nextLine()
        assert line is not None
        address = json.loads(line)[transport]
        match transport:
            case "unix":
                return jstp.net, (f"unix:{where}",), {}
            case "ws":
                return jstp.ws, (None, f"ws://127.0.0.1:{address['port']}/"), {}
            case "wss":
                config = {"tlsOptions": {"trustRoot": self.certificateFile}}
                return jstp.ws, (config, f"wss://127.0.0.1:{address['port']}/"), {}
            case "tls":
                tls = {"tlsOptions": {"trustRoot": self.certificateFile}}
                return jstp.net, (f"tls:127.0.0.1:{address['port']}",), tls
        return jstp.net, ("127.0.0.1", address["port"]), {}
