"""Tests of the storages that can be chosen by name, and of the URLs of Redis."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from typing import Any, cast

from twisted.internet.task import Clock
from twisted.plugin import IPlugin
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from jetjstp.interfaces import IFencedSessionStorage, ISessionStorageFactory
from jetjstp.storage.memory import MemoryStorageFactory, SimpleSessionStorageProvider
from jetjstp.storage.redis import PASSWORD_VARIABLE, RedisSessionStorage, RedisStorageFactory
from jetjstp.storage.redisurl import DEFAULT_PREFIX, RedisAddress, parseRedisUrl
from jetjstp.storage.sqlite import SqliteSessionStorage, SqliteStorageFactory
from jetjstp.strplugin import describeChoices, makeFromString
from tests.storage.redisserver import requireRedis


class ChoiceTests(SynchronousTestCase):
    """C{memory:}, C{sqlite:FILE} and C{redis:URL}."""

    def make(self, description: str) -> Any:
        """What a description gives; nothing is opened."""
        return makeFromString(ISessionStorageFactory, description, Clock())

    def refused(self, description: str) -> str:
        """The error of one that is of no use, in one line."""
        error = str(self.assertRaises(ValueError, self.make, description))
        self.assertNotIn("\n", error)
        return error

    def test_interface(self) -> None:
        """The factories provide what they say, and are described by name."""
        described = describeChoices(ISessionStorageFactory)
        for factory in (MemoryStorageFactory(), SqliteStorageFactory(), RedisStorageFactory()):
            self.assertTrue(verifyObject(ISessionStorageFactory, factory))
            self.assertTrue(IPlugin.providedBy(factory))
            self.assertIn(factory.help.splitlines()[0], described)

    def test_memory(self) -> None:
        """C{memory:} takes nothing more."""
        storage = self.make("memory:")
        self.assertIsInstance(storage, SimpleSessionStorageProvider)
        self.assertTrue(verifyObject(IFencedSessionStorage, storage))
        self.assertIn("'4096'", self.refused("memory:4096"))

    def test_sqlite(self) -> None:
        """C{sqlite:FILE} names a file, in which there may be colons; it is not made yet."""
        path = self.mktemp()
        storage = self.make(f"sqlite:{path}:x")
        self.assertIsInstance(storage, SqliteSessionStorage)
        self.assertIn(f"{path}:x", repr(storage))
        self.assertFalse(os.path.exists(f"{path}:x"))
        self.assertIn("sqlite:FILE", self.refused("sqlite:"))

    def test_redis(self) -> None:
        """The URL of a Redis server may stand for itself."""
        requireRedis()
        for description in ["redis:redis://h:1/2", "redis://h:1/2"]:
            storage = self.make(description)
            self.assertIsInstance(storage, RedisSessionStorage)
            self.assertEqual(storage.address, RedisAddress("h", 1, number=2))
        self.assertEqual(self.make("redis:unix:///r.sock").address.path, "/r.sock")
        for description in ["redis:", "redis:h:6379", "redis:http://h", "redis:redis://h/x"]:
            self.assertIn("Redis", self.refused(description))

    def test_redisPassword(self) -> None:
        """A password that is not in the URL is taken from the environment; it is shown nowhere."""
        requireRedis()
        self.patch(os, "environ", {**os.environ, PASSWORD_VARIABLE: "s3cret"})
        for description, password in [("redis://h", "s3cret"), ("redis://:0ther@h", "0ther")]:
            storage = self.make(description)
            self.assertEqual(storage.address.password, password)
            self.assertNotIn(password, f"{storage!r} {storage} {storage.address!r} {storage.address}")

    def test_redisWithoutLibrary(self) -> None:
        """Without its library the remedy is told."""
        there = sys.modules.pop("txredisapi", None)
        if there is not None:
            self.addCleanup(sys.modules.__setitem__, "txredisapi", there)
        self.addCleanup(sys.modules.pop, "txredisapi", None)
        cast(Any, sys.modules)["txredisapi"] = None
        self.assertIn("jetjstp[redis]", self.refused("redis://h"))


class RedisUrlTests(SynchronousTestCase):
    """L{parseRedisUrl}."""

    def test_urls(self) -> None:
        """All parts may be given, or left away."""
        urls: dict[str, dict[str, Any]] = {
            "redis://": {},
            "redis://h": {"host": "h"},
            "redis://h:1/5?prefix=p:": {"host": "h", "port": 1, "number": 5, "prefix": "p:"},
            "redis://h?db=5": {"host": "h", "number": 5},
            "redis://[::1]:7/": {"host": "::1", "port": 7},
            "rediss://h": {"host": "h", "isTls": True},
            "redis://:p%40%3A@h": {"host": "h", "password": "p@:"},
            "redis://u%40:@h": {"host": "h", "username": "u@", "password": ""},
            "unix:///run/r.sock": {"path": "/run/r.sock"},
            "unix:/run/r%20.sock?db=1": {"path": "/run/r .sock", "number": 1},
            "redis+unix://u:p@/r.sock": {"path": "/r.sock", "username": "u", "password": "p"},
        }
        for url, parts in urls.items():
            self.assertEqual(asdict(parseRedisUrl(url)), {**asdict(RedisAddress()), **parts}, url)
        self.assertEqual(RedisAddress().prefix, DEFAULT_PREFIX)

    def test_wrong(self) -> None:
        """What is wrong is told, without the password."""
        for url in [
            "",
            "h:6379",
            "http://:s3cret@h",
            "redis://:s3cret@h:x",
            "redis://:s3cret@h:99999",
            "redis://:s3cret@[h",
            "redis://:s3cret@h/x",
            "redis://:s3cret@h/-1",
            "redis://:s3cret@h/١",
            "redis://:s3cret@h/1?db=2",
            "redis://:s3cret@h?timeout=5",
            "redis://:s3cret@h?db=1&db=2",
            "redis://:s3#cret@h",
            "unix://:s3cret@h/path",
            "unix://:s3cret@",
            "unix:relative",
        ]:
            error = self.assertRaises(ValueError, parseRedisUrl, url)
            self.assertIn("Redis URL", str(error).replace("URL of a Redis server", "Redis URL"))
            self.assertNotIn(
                "cret", f"{error} {error.__cause__} {error.__context__ if not error.__suppress_context__ else ''}"
            )

    def test_forPeople(self) -> None:
        """An address says where it is, without the login."""
        for url, shown in {
            "redis://:s3cret@h": "redis://h:6379/0",
            "rediss://u:s3cret@[::1]:7/3": "rediss://[::1]:7/3",
            "unix://:s3cret@/r.sock?db=2": "redis+unix:///r.sock?db=2",
        }.items():
            self.assertEqual(str(parseRedisUrl(url)), shown)
            self.assertNotIn("s3cret", repr(parseRedisUrl(url)))
