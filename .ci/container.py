"""
Do what deploy/Dockerfile and deploy/compose.yaml say where there is no Docker: C{container.py FOLDER}.

The folder is a copy of the project. The image is a scratch folder: what has a path in the image has it below that
folder, and text that names such a path (commands, options, what is copied to /etc) is changed accordingly; so are the
ports, which the system chooses. What cannot be done so is only checked, and said:

- FROM and the image of Redis: Python has to be of the same version here, Redis is Debian's;
- useradd and USER: done as far as we are root; else the daemon runs as who we are;
- capabilities, read_only, tmpfs, restart, networks: not looked at.

Then Redis and the daemon are started as compose.yaml says, the health checks are run, peers log in and talk, users are
read anew, and the daemon is ended with STOPSIGNAL.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from imagefile import Image, Trouble, build, check, freePort, say

PATIENCE = 60.0
"""Seconds for what has to come."""

JSTP_CLIENT = """
import sys
from twisted.internet.task import react
from jetjstp import jstp

async def main(reactor):
    client = jstp.Client(connectPolicy=jstp.SimpleConnectPolicy("ann", "s3cret"))
    connection = await jstp.net.connect("jet", client, sys.argv[1])
    print(connection.username)
    await connection.close()

react(main)
"""


def interpolated(text: str, variables: Mapping[str, str]) -> str:
    """A text of compose.yaml with its variables filled in."""

    def value(match: re.Match[str]) -> str:
        check(match[1] in variables, f"compose.yaml: {match[0]} is set nowhere")
        return variables[match[1]]

    return re.sub(r"\$\{(\w+)(?::\?[^}]*)?\}", value, text)


def readCompose(file: Path, image: Image, variables: Mapping[str, str]) -> dict[str, Any]:
    """The services, after a look at whether they fit the image."""
    services: dict[str, Any] = yaml.safe_load(interpolated(file.read_text("utf-8"), variables))["services"]
    jet = services["jet"]
    context = (file.parent / jet["build"]["context"]).resolve()
    check((context / jet["build"]["dockerfile"]).samefile(file.parent / "Dockerfile"), "build: another Dockerfile")
    published = {int(str(each).rpartition(":")[2]) for each in jet["ports"]}
    check(published == set(image.ports), f"ports: {published}, but EXPOSE {set(image.ports)}")
    targets = [str(each).split(":")[1] for each in jet["volumes"]]
    check(set(image.volumes) <= set(targets), f"volumes: {targets}, but VOLUME {image.volumes}")
    for name, wanted in jet["depends_on"].items():
        check(name in services, f"depends_on: there is no {name}")
        if wanted["condition"] == "service_healthy":
            check("healthcheck" in services[name], f"depends_on: {name} has no healthcheck")
    return services


@contextlib.contextmanager
def running(name: str, process: subprocess.Popen[Any]) -> Iterator[subprocess.Popen[Any]]:
    """A process that ends with the block."""
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
            say(f"{name} had to be killed")
        process.wait()


def until(what: str, attempt: Any, process: subprocess.Popen[Any]) -> None:
    """Wait for an attempt to succeed, as long as a process runs."""
    deadline = time.monotonic() + PATIENCE
    while not attempt():
        check(process.poll() is None, f"{what}: ended with status {process.returncode} instead")
        check(time.monotonic() < deadline, f"{what}: not within {PATIENCE:g} s")
        time.sleep(0.2)
    say(f"{what}: yes")


def startRedis(service: Mapping[str, Any], data: Path, port: int) -> subprocess.Popen[Any]:
    """Debian's server, with the command of the container."""
    command = [str(word) for word in service["command"]]
    check(command[0] == "redis-server", f"redis: {command[0]} is not redis-server")
    data.mkdir()
    ours = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(data)]
    return subprocess.Popen([*command, *ours], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def redisAnswers(service: Mapping[str, Any], port: int) -> bool:
    """Whether the health check of the container succeeds."""
    kind, program, *arguments = service["healthcheck"]["test"]
    check((kind, program) == ("CMD", "redis-cli"), f"redis: health check {service['healthcheck']['test']}")
    done = subprocess.run(
        [program, "-p", str(port), *arguments],
        env={**os.environ, **service["environment"]},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() == "PONG"


class Container:
    """The service C{jet}."""

    def __init__(self, image: Image, service: Mapping[str, Any], log: Path) -> None:
        self.image = image
        self.variables = {
            **image.variables(),
            **service["environment"],
            "HOME": str(image.place(image.homes[image.user])),
        }
        self.log = log

    def command(self, words: list[str]) -> dict[str, Any]:
        """What subprocess is to be given to run something in it."""
        words = [self.image.mapped(word) for word in words]
        found = shutil.which(words[0], path=self.variables["PATH"])
        check(found, f"there is no program {words[0]}")
        return {
            "args": [found, *words[1:]],
            "cwd": self.image.place("."),
            "env": self.variables,
            "stdin": subprocess.DEVNULL,
            **self.image.identity(),
        }

    def start(self) -> subprocess.Popen[Any]:
        """Run what the image runs."""
        with self.log.open("wb") as log:
            command = self.command(self.image.entrypoint + self.image.command)
            return subprocess.Popen(**command, stdout=log, stderr=subprocess.STDOUT)

    def ask(self, *words: str, **variables: str) -> str:
        """Run something else in it; what it prints."""
        command = self.command(list(words))
        command["env"] = {**self.variables, **variables}
        done = subprocess.run(**command, capture_output=True, text=True, check=False, timeout=PATIENCE)
        check(done.returncode == 0, f"{shlex.join(words[:4])}: status {done.returncode}: {done.stderr.strip()}")
        return str(done.stdout)

    def isHealthy(self) -> bool:
        """Whether the health check succeeds."""
        command = self.command(self.image.health)
        done = subprocess.run(**command, capture_output=True, text=True, check=False, timeout=PATIENCE)
        return done.returncode == 0


def writeUsers(image: Image, name: str, password: str) -> None:
    """Write a user as deploy/README.rst says."""
    users = image.place("/etc/jet/users.json")
    subprocess.run(
        [image.place("/opt/jet/.venv/bin/jetctl"), "passwd", users, name, "--fetch-groups", "staff"],
        input=f"{password}\n",
        text=True,
        check=True,
        capture_output=True,
    )
    users.chmod(0o644)


def roundTrip(container: Container, process: subprocess.Popen[Any]) -> None:
    """A peer adds a state, which is for the group staff, others set and get it, with a login and without."""
    url = container.image.mapped("jet://127.0.0.1:11122")
    known = {"JETCTL_URL": url, "JETCTL_PASSWORD": "s3cret"}
    with running("the owner", ownerOf(container, known)) as owner:
        for address in (url, container.image.mapped("ws://127.0.0.1:11123")):
            ask = {**known, "JETCTL_URL": address}

            def isThere(ask: dict[str, str] = ask) -> bool:
                return "try/it" in container.ask("jetctl", "ls", **ask)

            until(f"a state is seen at {address}", isThere, owner)
        container.ask("jetctl", "--user", "ann", "set", "try/it", "2", **known)
        value = container.ask("jetctl", "--user", "ann", "get", "try/it", **known).strip()
        check(value == "2", f"the state is {value!r} after it was set to 2")
        say("a state was set and read")
        owner.terminate()
        owner.wait(PATIENCE)
    wrong = container.command(["jetctl", "--user", "ann", "info"])
    wrong["env"] = {**container.variables, **known, "JETCTL_PASSWORD": "wrong"}
    check(subprocess.run(**wrong, capture_output=True, check=False).returncode == 5, "a wrong password is let in")


def ownerOf(container: Container, variables: Mapping[str, str]) -> subprocess.Popen[Any]:
    """A peer with a state."""
    command = container.command(["jetctl", "--user", "ann", "add", "try/it", "1", "--accept"])
    command["env"] = {**container.variables, **variables}
    return subprocess.Popen(**command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def sessions(service: Mapping[str, Any], port: int) -> int:
    """How many keys Redis has."""
    done = subprocess.run(
        ["redis-cli", "-p", str(port), "dbsize"],
        env={**os.environ, **service["environment"]},
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def use(container: Container, process: subprocess.Popen[Any], redis: Mapping[str, Any], redisPort: int) -> None:
    """Everything that the container offers."""
    image = container.image
    until("the health check of jet", container.isHealthy, process)
    roundTrip(container, process)
    metrics = container.ask("python", "-c", FETCH, "http://127.0.0.1:9100/metrics")
    check(re.search(r"(?m)^jetjstp_jet_peers\{.*\} \d", metrics), f"/metrics has no figures: {metrics[:200]!r}")
    user = container.ask("python", "-c", JSTP_CLIENT, "tcp:127.0.0.1:11124").strip()
    check(user == "ann", f"the JSTP client is {user!r}")
    check(sessions(redis, redisPort) > 0, "the session of the JSTP client is not in Redis")
    say("a JSTP session is in Redis")
    writeUsers(image, "bob", "another")
    process.send_signal(signal.SIGHUP)
    bob = {"JETCTL_URL": image.mapped("jet://127.0.0.1:11122"), "JETCTL_PASSWORD": "another"}

    def letsIn() -> bool:
        with contextlib.suppress(Trouble):
            return bool(container.ask("jetctl", "--user", "bob", "info", **bob))
        return False

    until("a new user after SIGHUP", letsIn, process)


FETCH = "import sys, urllib.request; sys.stdout.write(urllib.request.urlopen(sys.argv[1], timeout=4).read().decode())"


def stop(image: Image, service: Mapping[str, Any], process: subprocess.Popen[Any]) -> None:
    """End it as Docker does."""
    number = signal.Signals[image.stopSignal]
    grace = float(str(service["stop_grace_period"]).removesuffix("s"))
    process.send_signal(number)
    try:
        status = process.wait(grace)
    except subprocess.TimeoutExpired:
        raise Trouble(f"it runs {grace:g} s after {image.stopSignal}") from None
    # Twisted ends as the signal would have ended it, which Docker shows as 128 more.
    check(status in (0, -number), f"status {status} after {image.stopSignal}")
    say(f"ended by {image.stopSignal}, status {status}")


def main(folder: str) -> int:
    """Do all of it; the exit status."""
    project = Path(folder).resolve()
    deploy = project / "deploy"
    with tempfile.TemporaryDirectory(prefix="jet-image-") as scratch:
        root = Path(scratch).resolve()
        root.chmod(0o755)
        log = root / "log"
        try:
            image = build(project, deploy / "Dockerfile", root)
            variables = {"JETJSTP_REDIS_PASSWORD": secrets.token_hex(16)}
            services = readCompose(deploy / "compose.yaml", image, variables)
            config = image.place("/etc/jet/jet.toml")
            redisPort = freePort()
            text = image.mapped(config.read_text("utf-8"))
            check("redis://redis:6379" in text, "jet.toml does not name the Redis of compose.yaml")
            config.write_text(text.replace("redis://redis:6379", f"redis://127.0.0.1:{redisPort}"), "utf-8")
            writeUsers(image, "ann", "s3cret")
            with running("Redis", startRedis(services["redis"], root / "data", redisPort)) as redis:
                until("the health check of redis", lambda: redisAnswers(services["redis"], redisPort), redis)
                container = Container(image, services["jet"], log)
                with running("the daemon", container.start()) as process:
                    use(container, process, services["redis"], redisPort)
                    stop(image, services["jet"], process)
                redis.terminate()
                redis.wait(PATIENCE)
            logged = log.read_text("utf-8", "replace")
            for secret in (*variables.values(), "s3cret"):
                check(secret not in logged, "a password is in the log")
            check("Traceback" not in logged, "there is a traceback in the log")
        except Trouble as trouble:
            say(f"FAILED: {trouble}")
            if log.exists():
                print(log.read_text("utf-8", "replace")[-10_000:])
            return 1
    say("all steps were done")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
