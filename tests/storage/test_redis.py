"""Tests of L{jetjstp.storage.redis}, with a real server: connections, logins, keys, memory."""

from __future__ import annotations

import os
import signal
import socket
import time
from pathlib import Path
from typing import Any, cast

from OpenSSL.crypto import FILETYPE_PEM
from twisted.internet import reactor as globalReactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater
from twisted.logger import capturedLogs, formatEvent
from twisted.trial.unittest import TestCase

from jetjstp.interfaces import StorageUnavailable
from jetjstp.jstp.session import Entry, Received, Session, Stored
from jetjstp.storage import redisconnection
from jetjstp.storage.redis import RedisSessionStorage
from jetjstp.testing.storages import fullSession
from tests.sockets.certificates import makeCertificate
from tests.storage.redisserver import RedisServer, requireRedis

reactor = cast(Any, globalReactor)


class RedisTestCase(TestCase):
    """Has a server, with L{options}."""

    timeout = 60

    options: tuple[str, ...] = ()

    def setUp(self) -> None:
        """A server."""
        requireRedis()
        self.patch(redisconnection, "LONGEST_WAIT", 0.2)
        self.server = RedisServer(*self.options)
        self.addCleanup(self.server.stop)
        self.server.start()

    def open(self, login: str = "", query: str = "", **settings: Any) -> RedisSessionStorage:
        """A storage on the server."""
        storage = RedisSessionStorage(f"unix://{login}{self.server.path}?{query}", **settings)
        self.addCleanup(storage.close)
        return storage

    async def ask(self, storage: RedisSessionStorage, *command: Any) -> Any:
        """Ask the server something else."""
        protocol = await cast(Any, storage)._connection.connected()
        return await protocol.execute_command(*command)

    async def refused(self, asked: Deferred[Any]) -> str:
        """The error that has to come, in one line."""
        try:
            await asked
        except StorageUnavailable as error:
            self.assertIn(self.server.path, str(error))
            self.assertNotIn("\n", str(error))
            return str(error)
        self.fail("it was not refused")


class ConnectionTests(RedisTestCase):
    """A server that is away, or goes away."""

    async def test_away(self) -> None:
        """If the server is not there at the start, that is said at once, and it is connected to when it comes."""
        self.server.kill()
        storage = self.open()
        begin = time.monotonic()
        error = await self.refused(storage.start())
        self.assertLess(time.monotonic() - begin, 4)
        self.assertTrue("refused" in error or "No such file" in error, error)
        setting = storage.set("a", Session("a"))
        self.server.start()
        await setting
        self.assertIsNotNone(await storage.get("a"))

    async def test_tooLate(self) -> None:
        """What is asked while the server is away waits for it, but not for ever."""
        self.server.kill()
        storage = self.open(patience=0.2)
        begin = time.monotonic()
        error = await self.refused(storage.get("a"))
        self.assertGreater(time.monotonic() - begin, 0.15)
        self.assertTrue("refused" in error or "No such file" in error, error)

    async def test_bounded(self) -> None:
        """Not too much waits for a server that is away."""
        self.patch(redisconnection, "MOST_WAITING", 2)
        self.server.kill()
        storage = self.open()
        waiting = [storage.get("a"), storage.get("a")]
        await self.refused(storage.get("a"))
        self.server.start()
        await gatherResults(waiting)

    async def test_comesBack(self) -> None:
        """A lost connection is made again; what is lost and that it is back is logged once each."""
        storage = self.open()
        await storage.set("a", Session("a"))
        _, epoch = cast(Any, await storage.take("a", "server"))
        other = self.open()
        with capturedLogs() as events:
            await self.ask(other, "CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
            for number in range(1, 50):
                try:
                    await storage.record("a", epoch, [Received(number)])
                except StorageUnavailable:
                    await deferLater(reactor, 0.01)
                else:
                    break
            self.assertEqual(cast(Any, await storage.get("a")).receivedCount, number)
        told = [formatEvent(event) or "" for event in events if "redisconnection" in event["log_namespace"]]
        self.assertEqual(len(told), 2, told)
        self.assertIn("ost", told[0])
        self.assertIn("connected again", told[1])

    async def test_lostUnderWay(self) -> None:
        """What was under way when the connection was lost fails, all of it; it may have been done."""
        storage = self.open()
        await storage.set("a", Session("a"))
        self.server.signal(signal.SIGSTOP)
        asked = [storage.get("a"), storage.set("b", Session("b"))]
        await deferLater(reactor, 0.05)
        self.server.kill()
        for each in asked:
            self.assertIn("no answer", await self.refused(cast(Any, each)))

    async def test_frozen(self) -> None:
        """A server that does not answer is given up in time, and used again when it does."""
        storage = self.open(patience=0.3)
        await storage.set("a", Session("a"))
        self.server.signal(signal.SIGSTOP)
        await gatherResults([self.given(storage) for _ in range(3)])
        self.server.signal(signal.SIGCONT)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            try:
                self.assertIsNotNone(await storage.get("a"))
                return
            except StorageUnavailable:
                await deferLater(reactor, 0.01)
        self.fail("it did not come back")

    def given(self, storage: RedisSessionStorage) -> Deferred[str]:
        """That a request is given up."""
        return Deferred.fromCoroutine(self.refused(storage.get("a")))

    async def test_restartedEmpty(self) -> None:
        """If the server comes back without its data, who had a session is told, and epochs go on."""
        storage = self.open()
        await storage.set("a", Session("a"))
        _, epoch = cast(Any, await storage.take("a", "server"))
        self.server.kill()
        self.server.start()
        await deferLater(reactor, 0.01)  # the loss has to be noticed
        await storage.set("a", Session("a"))
        _, later = cast(Any, await storage.take("a", "server"))
        self.assertGreater(later, epoch)

    async def test_replica(self) -> None:
        """A server that may not be written to, as after a failover, is not used: it is looked for another one."""
        storage, other = self.open(), self.open()
        await storage.set("a", Session("a"))
        await self.ask(other, "REPLICAOF", "127.0.0.1", "1")
        self.assertIn("READONLY", await self.refused(storage.set("b", Session("b"))))
        self.assertIn("READONLY", await self.refused(self.open().start()))
        waiting = storage.set("c", Session("c"))
        await deferLater(reactor, 0.05)
        self.assertFalse(waiting.called)
        await self.ask(other, "REPLICAOF", "NO", "ONE")
        await waiting
        self.assertEqual([bool(await storage.get(id)) for id in "abc"], [True, False, True])

    async def test_bytesBounded(self) -> None:
        """Not too many bytes wait for a server that is away; one request may be of any size."""
        self.patch(redisconnection, "MOST_BYTES_WAITING", 1_000_000)
        self.server.kill()
        storage = self.open()
        large = Session("large")
        large["large"] = "x" * 2_000_000
        small = Session("small")
        small["small"] = "x" * 400_000
        await self.refused(await self.waitingFor(storage.set("large", large), storage.set("a", Session("a"))))
        self.server.start()
        await gatherResults(self.waiting)
        self.server.kill()
        await deferLater(reactor, 0.05)
        asked = [storage.set(str(number), small) for number in range(2)]
        await self.refused(await self.waitingFor(*asked, storage.set("2", small)))
        self.server.start()
        await gatherResults(self.waiting)

    async def waitingFor(self, *asked: Deferred[Any]) -> Deferred[Any]:
        """The last one, which is done; the others wait."""
        self.waiting = list(asked[:-1])
        self.assertFalse([each for each in self.waiting if each.called])
        self.assertTrue(asked[-1].called)
        return asked[-1]

    async def test_scriptsForgotten(self) -> None:
        """The server may forget our scripts."""
        storage = self.open()
        await storage.set("a", Session("a"))
        await storage.get("a")
        await self.ask(storage, "SCRIPT", "FLUSH")
        self.assertIsNotNone(await storage.get("a"))

    async def test_closedWhileAway(self) -> None:
        """To close it while the server is away ends what waits, and all attempts."""
        self.server.kill()
        storage = self.open()
        asked = storage.get("a")
        await storage.close()
        self.assertIn("closed", await self.refused(asked))

    async def test_closedByCallback(self) -> None:
        """It may be closed as soon as it is there."""
        storage = self.open()
        await storage.start().addCallback(lambda _: storage.close())


class TcpTests(TestCase):
    """A server on a TCP port."""

    timeout = 60

    def setUp(self) -> None:
        """A port on which nobody listens."""
        requireRedis()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]

    def start(self, *options: str) -> None:
        """Start a server."""
        server = RedisServer("--bind", "127.0.0.1", *options)
        self.addCleanup(server.stop)
        server.start()

    def open(self, scheme: str) -> RedisSessionStorage:
        """A storage on it."""
        storage = RedisSessionStorage(f"{scheme}://127.0.0.1:{self.port}/1")
        self.addCleanup(storage.close)
        return storage

    async def refused(self, storage: RedisSessionStorage) -> str:
        """Why it cannot start."""
        try:
            await storage.start()
        except StorageUnavailable as error:
            return str(error)
        self.fail("it could")

    async def test_tcp(self) -> None:
        """It is reached by host and port; where nobody listens, that is said with both."""
        storage = self.open("redis")
        error = await self.refused(storage)
        self.assertIn(f"redis://127.0.0.1:{self.port}/1: ", error)
        self.assertIn("refused", error)
        self.start("--port", str(self.port))
        await storage.set("a", Session("a"))
        self.assertIsNotNone(await storage.get("a"))

    async def test_tls(self) -> None:
        """Over TLS its certificate is checked; that it is not trusted is said."""
        certificate = makeCertificate()
        file = Path(self.mktemp()).resolve()
        file.write_bytes(certificate.privateKey.dump(FILETYPE_PEM) + certificate.dumpPEM())
        files = ["--tls-cert-file", str(file), "--tls-key-file", str(file), "--tls-auth-clients", "no"]
        self.start("--tls-port", str(self.port), *files)
        self.assertIn("certificate verify failed", await self.refused(self.open("rediss")))
        if "SSL_CERT_FILE" in os.environ:
            self.addCleanup(os.environ.__setitem__, "SSL_CERT_FILE", os.environ["SSL_CERT_FILE"])
        else:
            self.addCleanup(os.environ.pop, "SSL_CERT_FILE")
        os.environ["SSL_CERT_FILE"] = str(file)
        storage = self.open("rediss")
        await storage.set("a", Session("a"))
        self.assertIsNotNone(await storage.get("a"))


class LoginTests(RedisTestCase):
    """A server with passwords."""

    options = ("--requirepass", "s3:cret/?", "--user", "joe", "on", ">j0e", "~*", "+@all")

    async def test_password(self) -> None:
        """A password alone, or one with a user, opens the server."""
        for login in [":s3%3Acret%2F%3F@", "joe:j0e@"]:
            storage = self.open(login)
            await storage.set("a", Session("a"))
            self.assertIsNotNone(await storage.get("a"))

    async def test_wrong(self) -> None:
        """A wrong password is told as such, and is in no error, no log and no representation; nor is a right one."""
        for login, words in [(":j0e@", "WRONGPASS"), ("", "NOAUTH"), ("joe:s3%3Acret%2F%3F@", "WRONGPASS")]:
            with capturedLogs() as events:
                storage = self.open(login)
                said = [await self.refused(storage.start()), repr(storage), str(storage), repr(storage.address)]
                await storage.close()
            said += [str(event) + (formatEvent(event) or "") for event in events]
            self.assertIn(words, said[0])
            for text in said:
                for secret in ("s3:cret", "s3%3Acret", "j0e"):
                    self.assertNotIn(secret, text)

    async def test_connectionsEnd(self) -> None:
        """Connections that could not log in do not stay."""
        storage = self.open(":wrong@")
        await self.refused(storage.start())
        await deferLater(reactor, 0.5)
        listed = await self.ask(self.open("joe:j0e@"), "CLIENT", "LIST")
        self.assertLess(listed.count(b"\n"), 4, listed)


class RenamedTests(RedisTestCase):
    """A server that does not know some commands."""

    options = ("--rename-command", "AUTH", "", "--rename-command", "EVALSHA", "")

    async def test_secrets(self) -> None:
        """It tells what it was given, passwords and ids of sessions: that is not told on."""
        with capturedLogs() as events:
            said = [await self.refused(self.open(":s3cret@").start())]
            storage = self.open(query="prefix=")
            await storage.set("s3cret", Session("s3cret"))
            said.append(await self.refused(storage.set("s3cret", Session("s3cret"))))
        for text in said:
            self.assertIn("unknown command", text)
        for text in [*said, *(str(event) + (formatEvent(event) or "") for event in events)]:
            self.assertNotIn("s3cret", text)


class KeyTests(RedisTestCase):
    """What is on the server."""

    async def test_keys(self) -> None:
        """One key a session and one for all, all with the prefix, in the data base that was named."""
        storage = self.open(query="prefix=mine:&db=3")
        await storage.set("a", fullSession())
        await storage.take("a", "server")
        self.assertEqual(sorted(await self.ask(storage, "KEYS", "*")), [b"mine:epoch", b"mine:{a}"])
        others = self.open(query="prefix=mine:&db=2")
        self.assertEqual(await self.ask(others, "KEYS", "*"), [])
        self.assertIsNone(await others.get("a"))
        self.assertIsNone(await self.open(query="prefix=other:&db=3").get("a"))

    async def test_lifetimes(self) -> None:
        """Each session expires on the server: soon if it is inactive, after a long time if nobody releases it."""
        storage = self.open(query="prefix=", inactiveSessionLifetime=100, abandonedSessionLifetime=1000)
        await storage.set("a", Session("a"))
        left = [await self.ask(storage, "TTL", "{a}")]
        await storage.setInactive("a")
        left.append(await self.ask(storage, "TTL", "{a}"))
        _, epoch = cast(Any, await storage.take("a", "server"))
        await self.ask(storage, "EXPIRE", "{a}", 50)
        await storage.record("a", epoch, [])
        left.append(await self.ask(storage, "TTL", "{a}"))
        await storage.release("a", epoch)
        left.append(await self.ask(storage, "TTL", "{a}"))
        for found, wanted in zip(left, [1000, 100, 1000, 100], strict=True):
            self.assertTrue(wanted - 20 < found <= wanted, left)

    async def test_foreignKey(self) -> None:
        """A key that somebody else uses is an error that says so, and stays."""
        storage = self.open(query="prefix=")
        await self.ask(storage, "SET", "{a}", "mine")
        self.assertIn("WRONGTYPE", await self.refused(storage.get("a")))
        self.assertEqual(await self.ask(storage, "GET", "{a}"), b"mine")

    async def test_olderCopy(self) -> None:
        """A server that comes back with an older copy of its data gives no epoch twice."""
        storage = self.open(query="prefix=")
        await storage.set("a", Session("a"))
        await storage.take("a", "first")
        copy = [await self.ask(storage, "DUMP", key) for key in ("{a}", "epoch")]
        _, lost = cast(Any, await storage.take("a", "second"))
        for key, value in zip(("{a}", "epoch"), copy, strict=True):
            await self.ask(storage, "RESTORE", key, 0, value, "REPLACE")
        _, epoch = cast(Any, await storage.take("a", "third"))
        self.assertGreater(epoch, lost)


class MemoryTests(RedisTestCase):
    """A server that has no more room."""

    options = ("--maxmemory", "3mb", "--maxmemory-policy", "noeviction")

    async def test_full(self) -> None:
        """What there is no room for is refused as a whole, and who asked is told why."""
        storage = self.open()
        await storage.set("a", Session("a"))
        _, epoch = cast(Any, await storage.take("a", "server"))
        error = ""
        for number in range(50):
            entries: list[Entry] = [Received(number + 1), Stored(f"large{number}", "x" * 400_000)]
            try:
                await storage.record("a", epoch, entries)
            except StorageUnavailable as reason:
                error = str(reason)
                break
        self.assertIn("maxmemory", error)
        kept = cast(Any, await storage.get("a"))
        self.assertEqual((len(kept), kept.receivedCount), (number, number))
