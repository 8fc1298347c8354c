"""
C{twistd jet}: what stops it from starting, and that it starts otherwise.
"""

from __future__ import annotations

import json
from urllib.error import HTTPError
from urllib.request import urlopen

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.threads import deferToThread

from jetjstp import __version__
from jetjstp.policies.passwords import hashPassword
from tests.sockets.certificates import Authority
from tests.sockets.twistdchildren import LOOPBACK, TwistdTestCase

LATE_ENDPOINT = """
from jetjstp.services.running import STARTING_SECONDS
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IStreamServerEndpoint, IStreamServerEndpointStringParser
from twisted.internet.task import deferLater
from twisted.plugin import IPlugin
from zope.interface import implementer


def refuse():
    raise CannotListenError("", "late", OSError(98, "Address already in use"))


@implementer(IStreamServerEndpoint)
class Late:
    def __init__(self, reactor):
        self.reactor = reactor

    def listen(self, factory):
        return deferLater(self.reactor, STARTING_SECONDS + 0.5, refuse)


@implementer(IPlugin, IStreamServerEndpointStringParser)
class Parser:
    prefix = "late"

    def parseStreamServer(self, reactor, *args, **kwargs):
        return Late(reactor)


late = Parser()
"""
"""A plugin with an endpoint that finds out only after a while that it cannot listen."""


def get(url: str) -> tuple[int, str]:
    """Status and text of a page. To be called in a thread."""
    try:
        with urlopen(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


class TwistdTests(TwistdTestCase):
    """C{twistd -n jet}."""

    async def test_certificates(self) -> None:
        """A key or a certificate that is of no use ends the start with one line that names the file."""
        authority = Authority()
        for name in ("one", "two"):
            issued = authority.issue("127.0.0.1")
            self.write(f"{name}.key", issued.keyPem.decode())
            self.write(f"{name}.pem", issued.pem.decode())
        listen = "ssl:0:interface=127.0.0.1:"
        await gatherResults(
            [
                Deferred.fromCoroutine(self.refused(["--listen", f"{listen}{files}"], "--listen", *words))
                for files, words in (
                    ("privateKey=no.key:certKey=one.pem", ("'no.key'", "does not exist")),
                    ("privateKey=two.key:certKey=one.pem", ("'one.pem'", "is not for", "'two.key'")),
                    ("privateKey=one.pem:certKey=one.pem", ("private key 'one.pem'", "is something else")),
                    ("privateKey=one.key:certKey=one.pem:dhParameters=one.pem", ("dhParameters=", "'one.pem'")),
                )
            ],
            consumeErrors=True,
        )

    async def test_web(self) -> None:
        """C{--web} answers from the real process, and says when the daemon is there."""
        child = self.jet("--listen", LOOPBACK, "--web", LOOPBACK)
        port = int(await child.find(r"listening on 127\.0\.0\.1:(\d+) \(web site\)"))
        await child.find(r"(started:)")
        answers = [
            await deferToThread(get, f"http://127.0.0.1:{port}/{page}") for page in ("healthz", "metrics", "other")
        ]
        self.assertEqual(answers[0], (200, "ok\n"))
        self.assertIn("\njetjstp_jet_peers{", answers[1][1])
        self.assertEqual(answers[2][0], 404)
        await self.stop(child)

    async def test_webWithoutItsPackage(self) -> None:
        """Without C{prometheus_client} C{--web} ends the start with one line that says what to install."""
        self.write("prometheus_client.py", "raise ModuleNotFoundError('away', name='prometheus_client')\n")
        child = self.jet("--listen", LOOPBACK, "--web", LOOPBACK)
        await self.assertRefused(child, "pip install 'jetjstp[metrics]'")

    async def test_serves(self) -> None:
        """It says where it listens and who may come in, serves there, and stops in order when it is told to."""
        users = {"joe": {"password": hashPassword("s3cret"), "auth": {"fetchGroups": ["staff"]}}}
        self.write("users.json", json.dumps(users))
        child = self.jet("--listen", LOOPBACK, "--listen-websocket", LOOPBACK, "--auth-policy", "users:users.json")
        port = int(await child.find(r"listening on 127\.0\.0\.1:(\d+) \(TCP\)"))
        await child.find(r"listening on 127\.0\.0\.1:(\d+) \(WebSocket\)")
        await child.find(r"(logins are checked by the policy 'users')")
        answers = await self.ask(
            port,
            {"id": 1, "method": "info"},
            {"id": 2, "method": "authenticate", "params": {"user": "joe", "password": "s3cret"}},
            {"id": 3, "method": "authenticate", "params": {"user": "joe", "password": "wrong"}},
        )
        self.assertEqual([answer["id"] for answer in answers], [1, 2, 3])
        self.assertEqual(answers[0]["result"]["name"], "jetjstp")
        self.assertEqual(answers[1]["result"], {"fetchGroups": ["staff"]})
        self.assertEqual(answers[2]["error"]["data"], {"invalidPassword": True})
        await self.stop(child)
        self.assertIn("Server Shut Down.", child.output)

    async def test_portTaken(self) -> None:
        """A port that is taken is named, and nothing stays behind: no socket of another listener, no PID file."""
        taken = f"tcp:{self.takenPort()}:interface=127.0.0.1"
        alone, second, webSocket, daemonized = (
            self.jet("--listen", taken),
            self.twistd("-n", "jet", "--listen", "unix:jet.sock", "--listen", LOOPBACK, "--listen", taken),
            self.jet("--listen", LOOPBACK, "--listen-websocket", taken),
            self.twistd("--pidfile=other.pid", "jet", "--listen", taken),
        )
        for child in (alone, second):
            await self.assertRefused(child, f"--listen {taken}: ", "in use", "choose another port")
        await self.assertRefused(webSocket, f"--listen-websocket {taken}: ", "in use", "choose another port")
        # In the background it is the parent that speaks; only the beginning of the message reaches it.
        await daemonized.ended
        self.assertIn(f"--listen {taken}: ", daemonized.errors)
        self.assertEqual([path.name for path in self.folder.iterdir()], ["twistd.log"])

    async def test_usersFile(self) -> None:
        """A users file that is not there or not readable is named, with the place of the mistake."""
        self.write("users.json", '{"joe": {\n  "password": "s3cret",,\n}}')
        self.write("users.toml", '[joe]\npassword = "s3cret\n')
        self.write("shape.json", '{"joe": {"pasword": "s3cret"}}')
        await gatherResults(
            [
                Deferred.fromCoroutine(self.refused(["--auth-policy", f"users:{name}"], "--auth-policy", name, *words))
                for name, *words in (
                    ("missing.json", "does not exist", "create it"),
                    ("users.json", "not JSON", "line 2"),
                    ("users.toml", "not TOML", "line 2"),
                    ("shape.json", "'joe'", "'pasword'", "looks like this"),
                )
            ],
            consumeErrors=True,
        )

    async def test_options(self) -> None:
        """Options that are unknown, contradict each other or would let everybody in are refused with the remedy."""
        await gatherResults(
            [
                Deferred.fromCoroutine(self.refused(arguments, *words))
                for arguments, words in (
                    (["--anonymus"], ["--anonymus", "did you mean --anonymous?"]),
                    (["--listen", "tcp:0"], ["--listen tcp:0", "--auth-policy", "--anonymous"]),
                    (["--listen-websocket", "tcp:0"], ["--listen-websocket tcp:0", "--auth-policy", "--anonymous"]),
                    (["--listen", "none", "--listen-websocket", "none"], ["--listen none", "drop one"]),
                    (["--ws-ping", "5000"], ["--ws-ping", "did you mean 5.0?"]),
                )
            ],
            consumeErrors=True,
        )

    async def test_late(self) -> None:
        """An endpoint that fails only after a while ends the process with the same last line and status."""
        self.write("twisted/plugins/late_endpoint.py", LATE_ENDPOINT)
        child = self.twistd("-n", "jet", "--listen", LOOPBACK, "--listen", "late:x", "--anonymous")
        await self.assertRefused(child, "--listen late:x: ", "in use", "choose another port")
        self.assertIn("Server Shut Down.", child.output)
        self.assertFalse((self.folder / "twistd.pid").exists())

    async def test_information(self) -> None:
        """What only asks for information is answered with success, and nothing is started."""
        children = [self.jet(option) for option in ("--version", "--help-auth-policy", "--help")]
        for child, answer in zip(
            children, (f"jetjstp {__version__.public()}\n", "users:FILE", "--listen-websocket"), strict=True
        ):
            self.assertEqual(await child.ended, (0, None))
            self.assertIn(answer, child.output)
            self.assertEqual(child.errors, "")
