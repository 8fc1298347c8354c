"""
The JSTP side of C{twistd jet} and C{twistd jstp} as a user runs it, and C{--check}.
"""

from __future__ import annotations

import sqlite3
from typing import Any

from twisted.internet.defer import Deferred, gatherResults

from jetjstp import jstp
from jetjstp.storage.sqlite import SqliteSessionStorage
from tests.sockets.twistdchildren import LOOPBACK, TwistdTestCase, reactor
from tests.storage.redisserver import RedisServer, requireRedis

APPLICATIONS = """
from jetjstp import jstp

kept = {}

sums = jstp.Application("sums", {"calc": {"add": lambda connection, a, b: a + b}})

def broken():
    raise ValueError("these sums do not add up")
"""

CLOSED = "redis:redis://127.0.0.1:1/0"
"""A Redis server that nobody has: port 1 is for no one."""


class ServingTests(TwistdTestCase):
    """What serves JSTP."""

    def setUp(self) -> None:
        """A module of applications."""
        super().setUp()
        self.write("applications.py", APPLICATIONS)

    async def add(self, place: str, transport: Any = jstp.net, *more: Any) -> Any:
        """What a client is answered that adds 2 and 3."""
        connection, proxies = await transport.connectAndInspect("sums", None, ["calc"], *more, place)
        try:
            return await proxies["calc"].add(2, 3)
        finally:
            await connection.close()

    async def test_jet(self) -> None:
        """Jet and JSTP are served by one process, over streams and WebSockets, by options of a file."""
        self.write(
            "jet.toml",
            f"""
            listen = ["{LOOPBACK}"]
            jstp = ["{LOOPBACK}"]
            jstp-websocket = ["{LOOPBACK}"]
            application = ["applications:sums"]
            session-storage = "sqlite:sessions.db"
            """,
        )
        child = self.jet("--config", "jet.toml")
        jet = int(await child.find(r"listening on 127\.0\.0\.1:(\d+) \(TCP\)"))
        stream = await child.find(r"listening on 127\.0\.0\.1:(\d+) \(JSTP\)")
        webSocket = await child.find(r"listening on 127\.0\.0\.1:(\d+) \(JSTP over WebSocket\)")
        await child.find(r"(started: command=jet .*storage=sqlite durability=handover)")
        self.assertEqual((await self.ask(jet, {"id": 1, "method": "info"}))[0]["result"]["name"], "jetjstp")
        self.assertEqual(await self.add(f"tcp:127.0.0.1:{stream}"), 5)
        self.assertEqual(await self.add(f"ws://localhost:{webSocket}/", jstp.ws, None), 5)
        # A page of somebody else is refused, as by Jet.
        refused = self.add(f"ws://localhost:{webSocket}/", jstp.ws, {"origin": "http://evil.example"})
        await self.assertFailure(Deferred.fromCoroutine(refused), Exception)
        await child.find(r"(refused: address=127\.0\.0\.1 code=403 reason=.*--origin)")
        await self.stop(child)

    async def test_savedAtTheEnd(self) -> None:
        """Sessions are in the storage when the process that was told to end has ended."""
        child = self.twistd(
            *("-n", "--pidfile=", "jstp", "--listen", LOOPBACK, "--application", "applications:sums"),
            *("--session-storage", "sqlite:sessions.db"),
        )
        port = await child.find(r"listening on 127\.0\.0\.1:(\d+) \(JSTP\)")
        connection = await jstp.net.connect("sums", None, f"tcp:127.0.0.1:{port}")
        assert connection.session is not None
        session = connection.session.id
        self.assertEqual(await connection.callMethod("calc", "add", [2, 3]), [5])
        closed: Deferred[None] = Deferred()
        connection.once("close", lambda *_: closed.callback(None))
        self.signal(child, "TERM")
        await closed
        await connection.close()
        self.assertEqual(await child.ended, (None, 15), child.output + child.errors)
        self.assertRegex(child.output, "stopped: command=jstp seconds=.* clients=1")
        storage = SqliteSessionStorage(self.folder / "sessions.db", reactor=reactor)
        found = await storage.get(session)
        await storage.close()
        assert found is not None
        self.assertEqual(found.receivedCount, 1)

    async def test_redisGoesAway(self) -> None:
        """A Redis that goes away while the daemon runs is a warning; clients are served on, and it ends in order."""
        requireRedis()
        redis = RedisServer()
        self.addCleanup(redis.stop)
        redis.start()
        child = self.twistd(
            *("-n", "--pidfile=", "jstp", "--listen", LOOPBACK, "--application", "applications:sums"),
            *("--session-storage", f"redis:redis+unix://{redis.path}"),
        )
        port = await child.find(r"listening on 127\.0\.0\.1:(\d+) \(JSTP\)")
        connection, proxies = await jstp.net.connectAndInspect("sums", None, ["calc"], f"tcp:127.0.0.1:{port}")
        redis.kill()
        await child.find(r"(redis\+unix://.*trying again)")
        self.assertEqual(await proxies["calc"].add(2, 3), 5)
        await connection.close()
        self.signal(child, "TERM")
        self.assertEqual(await child.ended, (None, 15), child.output + child.errors)
        self.assertIn("stopped: command=jstp", child.output)


class RefusedTests(TwistdTestCase):
    """What does not start."""

    def setUp(self) -> None:
        """A module of applications, and some that are none."""
        super().setUp()
        self.write("applications.py", APPLICATIONS)
        self.write("unimportable.py", "import no_such_thing\n")
        self.write("text.db", "this is no data base, whatever its name may say, but long enough\n" * 9)

    async def test_applications(self) -> None:
        """Applications that cannot be had are one last line each; the traceback of their code is in the log."""
        for description, isOurs, *words in (
            ("unimportable:x", False, "'unimportable'", "No module named 'no_such_thing'"),
            ("applications:broken", False, "ValueError: these sums do not add up"),
            ("applications:sum", True, "no object 'sum'", "did you mean 'sums'?"),
        ):
            child = self.jet("--listen", LOOPBACK, "--jstp", LOOPBACK, "--application", description)
            self.assertEqual(await child.ended, (1, None), child.output + child.errors)
            self.assertEqual(len(child.errors.splitlines()), 1)
            for word in (f"jet: --application {description}: ", *words):
                self.assertIn(word, child.errors)
            self.assertEqual("Traceback" not in child.output, isOurs)

    async def test_storages(self) -> None:
        """A storage that is away or of no use ends the start, and every port is given back."""
        await gatherResults(
            [
                Deferred.fromCoroutine(
                    self.refused(["--listen", LOOPBACK, "--jstp", LOOPBACK, "--session-storage", storage], *words)
                )
                for storage, *words in (
                    (CLOSED, "--session-storage", "redis://127.0.0.1:1/0", "refused", "; see that it runs"),
                    ("redis:redis://localhost:1/0", "--session-storage", "redis://localhost:1/0"),
                    ("sqlite:text.db", "--session-storage", "text.db", "not a database"),
                    ("sqlite:nowhere/x.db", "--session-storage", "no such folder"),
                )
            ],
            consumeErrors=True,
        )
        self.assertIn("whatever its name may say", (self.folder / "text.db").read_text())


class CheckTests(TwistdTestCase):
    """C{--check}."""

    def setUp(self) -> None:
        """A module of applications."""
        super().setUp()
        self.write("applications.py", APPLICATIONS)

    def check(self, *arguments: str) -> Any:
        """Run twistd with that, in the background as far as twistd is concerned."""
        return self.twistd("jet", "--jstp", LOOPBACK, *arguments, "--check")

    async def test_good(self) -> None:
        """It says what would run, and leaves nothing behind: no port, no process, no file."""
        before = sorted(path.name for path in self.folder.iterdir())
        children = [
            self.check("--application", "applications:sums", "--session-storage", "sqlite:sessions.db"),
            self.twistd("jstp", "--listen", "unix:jstp.sock", "--check"),
        ]
        for child in children:
            self.assertEqual(await child.ended, (0, None), child.output + child.errors)
            self.assertEqual(child.errors, "")
        self.assertIn(f"jet: JSTP on {LOOPBACK}\n", children[0].output)
        self.assertIn("jet: applications: jet, sums@1.0.0\n", children[0].output)
        self.assertIn("jet: sessions: sqlite, handover\n", children[0].output)
        self.assertIn("jstp: JSTP on unix:jstp.sock\n", children[1].output)
        after = sorted(path.name for path in self.folder.iterdir() if path.name != "__pycache__")
        self.assertEqual(after, before)

    async def test_warnings(self) -> None:
        """What the log would warn of is a line, too, and the start would succeed."""
        self.write("users.json", '{"joe": {"password": "s3cret"}}')
        child = self.check("--auth-policy", "users:users.json")
        self.assertEqual(await child.ended, (0, None), child.output + child.errors)
        self.assertEqual(child.errors, "")
        warnings = [line for line in child.output.splitlines() if line.startswith("jet: warning: ")]
        self.assertEqual(len(warnings), 1, child.output)
        self.assertIn("users.json: 1 of 1 passwords are plain text", warnings[0])
        self.assertNotIn("s3cret", child.output)

    async def test_bad(self) -> None:
        """Whatever would prevent the start is one line, and status 1."""
        self.write("bad.toml", 'listen = ["tcp:0"]\nlisen = 1\n')
        self.write("users.json", "{")
        with sqlite3.connect(self.folder / "other.db") as other:
            other.execute("CREATE TABLE a (b)")
        other.close()
        children = {
            self.check(*arguments): words
            for arguments, words in (
                (("--config", "bad.toml"), ("bad.toml", "'lisen'", "did you mean 'listen'?")),
                (("--auth-policy", "users:users.json"), ("users.json", "not JSON")),
                (("--application", "applications:broken"), ("applications:broken", "do not add up")),
                (("--session-storage", CLOSED), ("redis://127.0.0.1:1/0", "refused", "; see that it runs")),
                (("--session-storage", "sqlite:other.db"), ("other.db", "another program")),
                (("--session-storage", "sqlite:no/x.db"), ("no/x.db", "no such folder")),
            )
        }
        for child, words in children.items():
            self.assertEqual(await child.ended, (1, None), child.output + child.errors)
            self.assertEqual((len(child.errors.splitlines()), child.output), (1, ""), child.errors)
            for word in words:
                self.assertIn(word, child.errors)
        self.assertFalse((self.folder / "twistd.log").exists())
