"""C{jetctl} as scripts use it: arguments, pipes, exit codes."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import SkipTest

from jetjstp import jet
from jetjstp.links.listeners import Listener

from ..sockets.certificates import Authority, makeCertificate
from .relays import Silent
from .running import Ended, JetctlTestCase, reactor

USERS = {
    "ann": {"password": "s3cret", "auth": {"fetchGroups": ["staff"], "setGroups": ["staff"], "callGroups": []}},
    "joe": {"password": "s3cret", "auth": {"fetchGroups": ["staff"], "setGroups": [], "callGroups": []}},
}


def accepting(path: str, value: Any, access: dict[str, Any] | None = None) -> jet.State:
    """A state that everything can be set to."""
    state = jet.State(path, value, access)
    state.on("set", jet.State.acceptAny)
    return state


class ValueTests(JetctlTestCase):
    """Values that go out and in: C{get}, C{set}, C{call}, C{ls}, C{info}."""

    async def test_get(self) -> None:
        """Values come a line each in the order of the arguments, on request with their paths."""
        await self.startDaemon()
        await self.connect(jet.State("a", {"temp": 20.5}), jet.State("b", "ä\x1b"), jet.State("c", None))
        ended = await self.start("get", "b", "a", "c").ended
        self.assertEnded(ended, 0, '"ä\\u001b"\n{"temp":20.5}\nnull\n')
        ended = await self.jetctl("get", "a", "--with-path")
        self.assertEnded(ended, 0, '{"path":"a","value":{"temp":20.5}}\n')

    async def test_getMissing(self) -> None:
        """What is missing is named, what is there is printed all the same."""
        await self.startDaemon()
        method = jet.Method("m")
        method.on("call", lambda: None)
        await self.connect(jet.State("a", 1), method)
        ended = await self.jetctl("get", "nix", "a", "m")
        self.assertEnded(ended, 1, "1\n", "m: is a method", "jetctl call")
        self.assertIn("jetctl: nix: ", ended.errors)

    async def test_set(self) -> None:
        """A value is JSON, a negative number too, text with C{--string}, or what is on the standard input."""
        await self.startDaemon()
        state = accepting("a/b", 0)
        await self.connect(state)
        for arguments, given, value in (
            (["-5.5"], b"", -5.5),
            (["--string", "main pump"], b"", "main pump"),
            (["-"], b' {"a":\n[1]}\n', {"a": [1]}),
            (["-", "--string"], b"two\nlines\n", "two\nlines"),
            (["--", '"-"'], b"", "-"),
        ):
            self.assertEnded(await self.jetctl("set", "a/b", *arguments, given=given), 0, "true\n")
            self.assertEqual(state.value, value)

    async def test_setWithResult(self) -> None:
        """What the owner made of a value is printed on request."""
        await self.startDaemon()
        state = jet.State("level", 0)
        state.on("set", lambda value: jet.SetResult(min(value, 10)))
        await self.connect(state)
        self.assertEnded(await self.jetctl("set", "level", "99", "--value-as-result"), 0, "10\n")

    async def test_call(self) -> None:
        """Arguments are JSON, one may be the standard input; or they are given all at once, by name."""
        await self.startDaemon()
        method = jet.Method("join", unpack=False)
        method.on("call", lambda arguments: {"got": arguments})
        await self.connect(method)
        for arguments, got in (
            ([], []),
            (["1", "-", '"x"'], [1, [True], "x"]),
            (["--string", "a", "b c"], ["a", "b c"]),
            (["--args", '{"name":"Ann"}'], {"name": "Ann"}),
            (["--args", "-"], [True]),
        ):
            ended = await self.jetctl("call", "join", *arguments, given=b"[true]\n")
            self.assertEnded(ended, 0)
            self.assertEqual(ended.values, [{"got": got}])

    async def test_ls(self) -> None:
        """Everything is listed by path, with its type and rights; a prefix and conditions narrow it."""
        await self.startDaemon()
        method = jet.Method("b/m")
        method.on("call", lambda: None)
        await self.connect(jet.State("b/s", {"temp": 21}), accepting("a", 1), method)
        ended = await self.jetctl("ls")
        self.assertEnded(ended, 0)
        self.assertEqual(
            ended.values,
            [
                {"path": "a", "type": "state", "fetchOnly": False, "value": 1},
                {"path": "b/m", "type": "method", "fetchOnly": False},
                {"path": "b/s", "type": "state", "fetchOnly": True, "value": {"temp": 21}},
            ],
        )
        self.assertEnded(await self.jetctl("ls", "b/", "--paths"), 0, "b/m\nb/s\n")
        self.assertEnded(await self.jetctl("ls", "--where", "value.temp>20", "--paths"), 0, "b/s\n")
        self.assertEnded(await self.jetctl("ls", "nothing"), 0, "")

    async def test_lsHostilePaths(self) -> None:
        """A path with a line feed does not pass for two; as JSON it is what it is."""
        await self.startDaemon()
        await self.connect(jet.State("a\nb\x1b", 1))
        self.assertEnded(await self.jetctl("ls", "--paths"), 0, "a\\nb\\u001b\n")
        self.assertEnded(await self.jetctl("ls", "--paths", "--json"), 0, '"a\\nb\\u001b"\n')

    async def test_info(self) -> None:
        """The daemon's info and the user's rights are told."""
        await self.startDaemon(users=USERS, name="greenhouse")
        ended = await self.jetctl("--user", "ann", "info", environment={"JETCTL_PASSWORD": "s3cret"})
        self.assertEnded(ended, 0)
        [info] = ended.values
        self.assertEqual((info["name"], info["user"], info["access"]["setGroups"]), ("greenhouse", "ann", ["staff"]))

    async def test_ping(self) -> None:
        """Round trips are measured, and summed up on the standard error output."""
        await self.startDaemon()
        ended = await self.jetctl("ping", "--count", "2", "--interval", "0.01")
        self.assertEnded(ended, 0, None, "least / mean / most")
        self.assertEqual([value["number"] for value in ended.values], [1, 2])
        quiet = await self.jetctl("ping", "--count", "1", "--quiet")
        self.assertEqual((quiet.code, quiet.errors), (0, ""))

    async def test_bench(self) -> None:
        """Each kind of load runs, and leaves nothing behind."""
        await self.startDaemon()
        watcher = await self.connect()
        for kind, name, number in (("fanout", "changes", 150), ("set", "requests", 50), ("call", "requests", 50)):
            ended = await self.jetctl("bench", kind, "-n", str(number), "--fetchers", "3", "--parallel", "7")
            self.assertEnded(ended, 0)
            self.assertEqual(ended.errors, "")
            [figures] = ended.values
            self.assertEqual((figures["bench"], figures[name]), (kind, number))
            if kind == "fanout":
                self.assertEqual(figures["notifications"], 450)
        while await watcher.get({}):
            pass  # The daemon notices the end of a connection a little later.


class WatchTests(JetctlTestCase):
    """C{jetctl watch}."""

    async def test_events(self) -> None:
        """What is there, what changes and what goes are a line each, as it happens; C{--count} ends it."""
        await self.startDaemon()
        state = jet.State("devices/1", 25.5)
        peer = await self.connect(state, jet.State("other", 99))
        child = self.start("watch", "--prefix", "devices/", "--where", "value>25", "--count", "3")
        await child.find('"add"')
        state.setValue(26)
        await child.find('"change"')
        await peer.remove(state)
        self.assertEnded(
            await child.ended,
            0,
            '{"event":"add","path":"devices/1","value":25.5}\n'
            '{"event":"change","path":"devices/1","value":26}\n'
            '{"event":"remove","path":"devices/1","value":26}\n',
        )

    async def test_withoutInitial(self) -> None:
        """With C{--initial no} only what happens from then on counts."""
        await self.startDaemon()
        states = [jet.State(f"s/{number}", 0) for number in range(600)]
        peer = await self.connect()
        with peer.batch():
            added = [peer.add(state) for state in states]
        for each in added:
            await each
        child = self.start("watch", "--initial", "no", "--count", "1")
        number = 0
        while not child.output and not child.ended.called:
            # Nothing tells when it has begun to watch.
            number += 1
            states[3].setValue(number)
            waiting: Deferred[None] = Deferred()
            reactor.callLater(0.05, waiting.callback, None)
            await waiting
        ended = await child.ended
        self.assertEnded(ended, 0)
        self.assertEqual([(one["event"], one["path"]) for one in ended.values], [("change", "s/3")])

    async def test_sorted(self) -> None:
        """With C{--sort} each line is the list of the first ones."""
        await self.startDaemon()
        states = [jet.State(path, {"temp": temp}) for path, temp in (("a", 1), ("b", 3), ("c", 2))]
        await self.connect(*states)
        child = self.start("watch", "--sort", "value.temp", "--descending", "--limit", "2", "--count", "2")
        await child.find("\n")
        states[0].setValue({"temp": 9})
        ended = await child.ended
        self.assertEnded(ended, 0)
        lists = [[(entry["index"], entry["path"]) for entry in line] for line in ended.values]
        self.assertEqual(lists, [[(1, "b"), (2, "c")], [(1, "a"), (2, "b")]])

    async def test_interrupted(self) -> None:
        """Ctrl-C and a polite request to end are exit code 130, with nothing said."""
        await self.startDaemon()
        await self.connect(jet.State("a", 1))
        for signal in ("INT", "TERM"):
            child = self.start("watch")
            await child.find("add")
            child.process.signalProcess(signal)
            ended = await child.ended
            self.assertEnded(ended, 130, '{"event":"add","path":"a","value":1}\n')
            self.assertEqual(ended.errors, "")

    async def test_readerLeaves(self) -> None:
        """Whoever reads the output may leave: it ends quietly, at once, not only when there is something to write."""
        await self.startDaemon()
        await self.connect(jet.State("a", 1))
        reading, writing = os.pipe()
        child = self.start("watch", childFDs={0: "w", 1: writing, 2: "r"})
        os.close(writing)
        first = await deferToThread(os.read, reading, 4096)
        self.assertEqual(json.loads(first)["event"], "add")
        os.close(reading)
        self.assertEqual(await child.ended, Ended(0, "", ""))

    async def test_readerLeftBefore(self) -> None:
        """An output that nobody reads from the beginning is no error either, and neither is one that is closed."""
        await self.startDaemon()
        await self.connect(jet.State("a", 1))
        reading, writing = os.pipe()
        os.close(reading)
        children = [
            self.start(*arguments, childFDs={0: "w", 1: writing, 2: "r"})
            for arguments in (["get", "a"], ["ls"], ["watch"], ["--man"], ["watch", "--help"])
        ]
        os.close(writing)
        children.append(self.start("get", "a", childFDs={0: "w", 2: "r"}))
        for child in children:
            self.assertEqual(await child.ended, Ended(0, "", ""))

    async def test_readerLeavesInBetween(self) -> None:
        """It ends as quietly when the reader leaves while there is more to be written."""
        await self.startDaemon()
        await self.connect(*(jet.State(f"s/{number}", "x" * 100) for number in range(200)))
        reading, writing = os.pipe()
        child = self.start("watch", childFDs={0: "w", 1: writing, 2: "r"})
        os.close(writing)
        await deferToThread(os.read, reading, 10)
        os.close(reading)
        self.assertEqual(await child.ended, Ended(0, "", ""))

    async def test_reconnect(self) -> None:
        """After a lost connection it comes back, tells so, and prints only what is different."""
        await self.startDaemon()
        await self.connect(jet.State("a", 1))
        relay = self.startRelay()
        child = self.start("watch", environment={"JETCTL_URL": relay.url})
        await child.find("add")
        relay.cut()
        await child.find("trying again")
        await child.find("connected again")
        await self.connect(jet.State("b", 2))
        await child.find('"b"')
        child.process.signalProcess("INT")
        ended = await child.ended
        self.assertEqual([one["path"] for one in ended.values], ["a", "b"])


class FailureTests(JetctlTestCase):
    """Whatever goes wrong has its exit code, and one last line that names the thing and the remedy."""

    async def test_answers(self) -> None:
        """1: the daemon or the owner answers with an error."""
        await self.startDaemon()

        def refuse(value: Any) -> None:
            raise jet.InvalidArgument("5 to 30 degrees")

        refusing = jet.State("refusing", 0)
        refusing.on("set", refuse)
        method = jet.Method("method")
        method.on("call", lambda number: number)
        await self.connect(refusing, method, jet.State("fixed", 1), accepting("state", 1))
        await self.assertAllEnd(
            1,
            [
                (["set", "nix", "1"], ["nix: ", "jetctl ls"]),
                (["set", "fixed", "1"], ["fixed: ", "read only", "fetchOnly"]),
                (["set", "refusing", "1"], ["refusing: ", "5 to 30 degrees"]),
                (["set", "method", "1"], ["method: ", "can only be called"]),
                (["call", "state"], ["state: ", "can only be set"]),
                (["call", "method"], ["method: ", "number"]),
                (["add", "fixed", "1"], ["fixed: ", "choose another path"]),
                (["get", "nix"], ["nix: ", "jetctl ls"]),
            ],
        )

    async def test_usage(self) -> None:
        """2: the command line is wrong; nothing is connected to."""
        await self.assertAllEnd(
            2,
            [
                ([], ["no command", "--help"]),
                (["gte", "a"], ["'gte'", "did you mean get?"]),
                (["get"], ["get takes PATH...", "--help"]),
                (["set", "a"], ["set takes PATH VALUE"]),
                (["set", "a", "pump"], ["'pump' is not JSON", "--string"]),
                (["set", "a", "NaN"], ["NaN", "not JSON"]),
                (["set", "a", "-"], ["standard input", "is empty"]),
                (["call", "a", "-", "-"], ["only one argument"]),
                (["watch", "--prefx", "a"], ["--prefx", "did you mean --prefix?"]),
                (["watch", "--where", "temp>20"], ["--where temp>20", "value.temp>20"]),
                (["watch", "--limit", "3"], ["--limit", "--sort"]),
                (["get", "a", "--timeout", "5000"], ["--timeout", "seconds", "did you mean 5?"]),
                (["--password", "s3cret", "info"], ["never", "JETCTL_PASSWORD", "--password-file"]),
                (["--url", "http://localhost/", "info"], ["http://localhost/", "jets://"]),
                (["--completion", "tcsh"], ["tcsh", "bash", "zsh"]),
            ],
        )

    async def test_noPassword(self) -> None:
        """2: there is no password, and nobody to ask for it."""
        await self.assertAllEnd(2, [(["--user", "ann", "info"], ["ann", "JETCTL_PASSWORD", "--password-file"])])

    async def test_whichUrl(self) -> None:
        """2: a URL is of no use; the message names who gave it, and repeats no password."""
        cases: list[tuple[list[str], list[str]]] = [(["ls"], ["JETCTL_URL: not a URL", "'foo'"])]
        await self.assertAllEnd(2, cases, environment={"JETCTL_URL": "foo"})
        ended = await self.jetctl("--url", "jet://ann:s3cret@localhost", "ls")
        self.assertEnded(ended, 2, "", "--url: ", "--user", "JETCTL_PASSWORD")
        self.assertNotIn("s3cret", ended.errors)

    async def test_fullDisk(self) -> None:
        """1: the data cannot be written, which nobody may take for success."""
        if not Path("/dev/full").exists():
            raise SkipTest("there is no /dev/full")
        await self.startDaemon()
        await self.connect(jet.State("a", 1))
        for arguments in (["get", "a"], ["--help"]):
            full = os.open("/dev/full", os.O_WRONLY)
            child = self.start(*arguments, childFDs={0: "w", 1: full, 2: "r"})
            os.close(full)
            self.assertEnded(await child.ended, 1, "", "the standard output cannot be written (No space left")

    async def test_noConnection(self) -> None:
        """3: there is no daemon, or it says nothing."""
        silent = reactor.listenTCP(0, Silent(), interface="127.0.0.1")
        self.addCleanup(silent.stopListening)
        closed = reactor.listenTCP(0, Silent(), interface="127.0.0.1")
        refused = f"jet://127.0.0.1:{closed.getHost().port}"
        await closed.stopListening()
        mute = f"jet://127.0.0.1:{silent.getHost().port}"
        await self.assertAllEnd(
            3,
            [
                (["--url", refused, "ls"], [refused, "refused", "twistd -n jet", "--url"]),
                (["--url", refused.replace("jet:", "ws:"), "watch"], ["refused", "twistd -n jet"]),
                (["--url", "unix:/nowhere/jet.sock", "get", "a"], ["unix:/nowhere/jet.sock", "twistd -n jet"]),
                (["--url", mute, "--timeout", "0.3", "info"], [mute, "0.3 s", "--timeout"]),
            ],
        )

    async def test_connectionLost(self) -> None:
        """3: the daemon goes away while something is asked."""
        await self.startDaemon()
        asked: Deferred[None] = Deferred()
        method = jet.Method("slow")

        def never() -> Deferred[None]:
            asked.callback(None)
            return Deferred()

        method.on("call", never)
        await self.connect(method)
        relay = self.startRelay()
        child = self.start("call", "slow", environment={"JETCTL_URL": relay.url})
        await asked
        relay.cut()
        self.assertEnded(await child.ended, 3, "", relay.url)

    async def test_timeout(self) -> None:
        """4: the owner does not answer in time."""
        await self.startDaemon()
        state, method = jet.State("state", 1), jet.Method("method")
        state.on("set", lambda value: Deferred())
        method.on("call", lambda: Deferred())
        await self.connect(state, method)
        await self.assertAllEnd(
            4,
            [
                (["set", "state", "2", "--timeout", "2"], ["state: ", "2 s", "--timeout"]),
                (["--timeout", "2", "call", "method"], ["method: ", "2 s", "--timeout"]),
            ],
        )

    async def test_refused(self) -> None:
        """5: the login is refused, or the user may not do that."""
        await self.startDaemon(users=USERS)
        access = {"fetchGroups": ["staff"], "setGroups": ["staff"]}
        await self.connect(accepting("guarded", 1, access))
        await self.assertAllEnd(
            5,
            [
                (["--user", "ann", "info"], ["ann", "password", "--user"]),
                (["--user", "nobody", "info"], ["nobody", "--user"]),
            ],
            environment={"JETCTL_PASSWORD": "wrong"},
        )
        await self.assertAllEnd(
            5,
            [(["--user", "joe", "set", "guarded", "2"], ["guarded: ", "joe"])],
            environment={"JETCTL_PASSWORD": "s3cret"},
        )

    async def test_passwordFile(self) -> None:
        """The password may be in a file; one that others can read is remarked on."""
        await self.startDaemon(users=USERS)
        file = Path(self.mktemp()).resolve()
        file.write_text("s3cret\nsomething else\n")
        file.chmod(0o644)
        arguments = ["--user", "ann", "--password-file", str(file), "info"]
        ended = await self.jetctl(*arguments)
        self.assertEnded(ended, 0, None, str(file), "chmod 600")
        file.chmod(0o600)
        self.assertEqual((await self.jetctl(*arguments)).errors, "")
        await self.assertAllEnd(2, [(["--user", "ann", "--password-file", "/nowhere", "info"], ["/nowhere"])])


class PlaceTests(JetctlTestCase):
    """Every kind of URL."""

    async def test_unix(self) -> None:
        """A UNIX socket."""
        path = os.path.relpath(self.mktemp())
        await self.startDaemon(f"unix:{path}")
        self.assertEnded(await self.jetctl("--url", f"unix:{path}", "ls"), 0, "")

    async def test_webSocket(self) -> None:
        """WebSocket."""
        daemon = jet.Daemon(reactor=reactor)
        self.addCleanup(daemon.close)
        [port] = await daemon.listen(wsEndpoints=["tcp:0:interface=127.0.0.1"])
        url = f"ws://127.0.0.1:{cast(Any, port.getHost()).port}/"
        self.assertEnded(await self.jetctl("--url", url, "ls"), 0, "")

    async def test_tls(self) -> None:
        """TLS: with the certificates of C{--cafile} it works, without them the daemon's is not trusted."""
        own = makeCertificate()
        certificate = Path(self.mktemp()).resolve()
        certificate.write_bytes(own.dumpPEM() + b"\n" + own.privateKey.dump(1))
        port = await self.startDaemon(f"ssl:0:interface=127.0.0.1:privateKey={certificate}")
        url = f"jets://127.0.0.1:{cast(Any, port.getHost()).port}"
        self.assertEnded(await self.jetctl("--url", url, "--cafile", str(certificate), "ls"), 0, "")
        await self.assertAllEnd(3, [(["--url", url, "ls"], [url, "TLS", "certificate", "check --cafile"])])
        await self.assertAllEnd(
            2,
            [
                (["--url", url, "--cafile", "/nowhere", "ls"], ["--cafile /nowhere"]),
                (["--url", "jet://localhost", "--cafile", str(certificate), "ls"], ["--cafile", "jets://"]),
            ],
        )

    async def test_clientCertificate(self) -> None:
        """Who presents a certificate is its user; one that the daemon does not take, or of no use, is one line."""
        folder = Path(self.mktemp()).resolve()
        folder.mkdir()
        authority, own = Authority(), makeCertificate()
        (folder / "server.pem").write_bytes(own.dumpPEM() + b"\n" + own.privateKey.dump(1))
        (folder / "ca.pem").write_bytes(authority.pem)
        for name, issued in (
            ("joe", authority.issue("joe")),
            ("other", authority.issue("other")),
            ("old", authority.issue("joe", isExpired=True)),
        ):
            (folder / f"{name}.pem").write_bytes(issued.pem)
            (folder / f"{name}.key").write_bytes(issued.keyPem)
            (folder / f"{name}.both").write_bytes(issued.pem + issued.keyPem)
        daemon = jet.Daemon(
            users={"joe": {"certificate": "joe", "auth": {"fetchGroups": ["staff"]}}},
            reactor=reactor,
        )
        self.addCleanup(daemon.close)
        daemon.ownStates("staff").update({"secret": 1})
        description = f"ssl:0:interface=127.0.0.1:privateKey={folder}/server.pem"
        [port] = await daemon.listen(endpoints=[Listener(reactor, "", description, clientCa=folder / "ca.pem")])
        url = f"jets://127.0.0.1:{cast(Any, port.getHost()).port}"
        tls = ["--url", url, "--cafile", f"{folder}/server.pem"]

        def present(certificate: str, key: str | None = None) -> list[str]:
            keyOption = [] if key is None else ["--key", f"{folder}/{key}"]
            return [*tls, "--certificate", f"{folder}/{certificate}", *keyOption, "get", "$daemon/secret"]

        for arguments in (present("joe.pem", "joe.key"), present("joe.both")):
            self.assertEnded(await self.jetctl(*arguments), 0, "1\n")
        await self.assertAllEnd(3, [(present("old.both"), [url, "TLS", "certificate expired", "check --certificate"])])
        await self.assertAllEnd(
            2,
            [
                (present("none.pem"), ["none.pem", "does not exist", "--certificate"]),
                (present("joe.pem", "none.key"), ["none.key", "does not exist", "--key"]),
                (present("joe.pem"), ["joe.pem", "--key"]),
                (present("joe.pem", "other.key"), ["joe.pem", "is not for", "other.key"]),
            ],
        )
        self.assertNotEqual((await self.jetctl(*present("other.both"))).code, 0)
