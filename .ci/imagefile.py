"""
What a Dockerfile makes, in a scratch folder: each instruction is a function below; what is only checked says so.
"""

from __future__ import annotations

import itertools
import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

SHELL_SYNTAX = "&|;<>$`"


class Trouble(Exception):
    """Something is not as it should be; the message is what is printed."""


def say(text: str) -> None:
    """Tell what happens."""
    print(f"container: {text}", flush=True)


def check(condition: object, problem: str) -> None:
    """Raise Trouble unless something holds."""
    if not condition:
        raise Trouble(problem)


def freePort() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """The instructions of a Dockerfile, each with what it is given."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    for line in re.sub(r"\\\n", " ", "\n".join(lines)).splitlines():
        if line.strip():
            name, _, given = line.strip().partition(" ")
            yield name.upper(), given.strip()


def asCommand(given: str) -> list[str]:
    """The command of an instruction that has the JSON form."""
    command = json.loads(given)
    check(isinstance(command, list) and command, f"no command: {given}")
    return [str(word) for word in command]


@dataclass
class Image:
    """
    What the instructions make.

    @ivar root: The scratch folder.
    @ivar ports: Those that are exposed, each with the one that stands for it here.
    """

    root: Path
    environment: dict[str, str] = field(default_factory=dict)
    folder: str = "/"
    user: str = "root"
    uids: dict[str, int] = field(default_factory=lambda: {"root": 0})
    homes: dict[str, str] = field(default_factory=dict)
    volumes: list[str] = field(default_factory=list)
    ports: dict[int, int] = field(default_factory=dict)
    stopSignal: str = ""
    health: list[str] = field(default_factory=list)
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def place(self, path: str) -> Path:
        """Where a path of the image is."""
        return self.root / (Path(self.folder) / path).relative_to("/")

    def mapped(self, text: str) -> str:
        """A text whose paths and ports are those of the image, with ours."""
        text = re.sub(r"(?<![\w.}/-])/(opt|etc|var/lib)/jet\b", lambda match: f"{self.root}{match[0]}", text)
        for port, ours in self.ports.items():
            text = re.sub(rf"(?<=:){port}\b", str(ours), text)
        return text

    def variables(self) -> dict[str, str]:
        """The environment of what is run: nothing of ours but where programs are."""
        ours = {
            name: os.environ[name] for name in os.environ if name.startswith(("PIP_", "SSL_", "HTTP", "http", "NO_"))
        }
        search = os.pathsep.join(each for each in os.environ["PATH"].split(os.pathsep) if "/.venv/" not in each)
        result = {**ours, "PATH": search, "HOME": "/nonexistent", "LANG": "C.UTF-8"}
        for name, value in self.environment.items():
            result[name] = self.mapped(value).replace("$PATH", result["PATH"])
        # A matter of size only; here the cache saves the time of downloading everything.
        result.pop("PIP_NO_CACHE_DIR", None)
        return {**result, "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache"))}

    def identity(self) -> dict[str, Any]:
        """How to become the user: what subprocess is to be given. Nothing, if that cannot be done here."""
        if os.geteuid() != 0 or self.user == "root":
            return {}
        uid = self.uids[self.user]
        identity: dict[str, Any] = {"user": uid, "group": uid, "extra_groups": []}
        try:
            subprocess.run([shutil.which("python3") or "", "-c", ""], cwd="/", check=True, **identity)
        except (OSError, subprocess.CalledProcessError):
            return {}
        return identity


def build(project: Path, file: Path, root: Path) -> Image:
    """Follow the instructions."""
    image = Image(root)
    for name, given in instructions(file.read_text("utf-8")):
        say(f"{name} {given}")
        step = STEPS.get(name)
        check(step is not None, f"{name} is an instruction that .ci/container.py does not know")
        assert step is not None
        step(image, project, given)
    for needed in ("entrypoint", "command", "health", "stopSignal", "ports", "volumes"):
        check(getattr(image, needed), f"the Dockerfile has no {needed}")
    check(image.user != "root", "the daemon would run as root: there is no USER")
    return image


def doFrom(image: Image, project: Path, given: str) -> None:
    """Only checked: the same Python is here."""
    match = re.fullmatch(r"python:(3\.\d+)-slim-\w+", given)
    check(match, f"FROM {given}: not a Python of Docker's library")
    assert match is not None
    version = subprocess.run(["python3", "--version"], capture_output=True, text=True, check=True).stdout
    check(version.startswith(f"Python {match[1]}."), f"FROM {given}, but python3 is {version.strip()}")
    say(f"  not pulled: {version.strip()} stands for it")


def doEnv(image: Image, project: Path, given: str) -> None:
    """Variables, for what follows."""
    for each in shlex.split(given):
        name, equals, value = each.partition("=")
        check(equals, f"ENV {each} has no value")
        image.environment[name] = value


def doWorkdir(image: Image, project: Path, given: str) -> None:
    """A folder, which is made."""
    image.folder = str(Path(image.folder) / given)
    image.place(".").mkdir(parents=True, exist_ok=True)


def doCopy(image: Image, project: Path, given: str) -> None:
    """Files of the project. Those that are text and land in /etc have their paths and ports changed."""
    *sources, target = shlex.split(given)
    check(not any(each.startswith("--") for each in sources), f"COPY {given}: options are not known")
    for source in sources:
        place = image.place(target)
        from_ = project / source
        check(from_.exists(), f"COPY {source}: there is no such file")
        if from_.is_dir():
            shutil.copytree(from_, place, dirs_exist_ok=True)
            continue
        if target.endswith("/"):
            place = place / from_.name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(from_, place)


def doRun(image: Image, project: Path, given: str) -> None:
    """A command of the shell; useradd is done by ourselves."""
    if given.startswith("useradd "):
        addUser(image, shlex.split(given))
        return
    check(image.user == "root", f"RUN {given}: behind USER")
    done = subprocess.run(["sh", "-c", image.mapped(given)], cwd=image.place("."), env=image.variables(), check=False)
    check(done.returncode == 0, f"RUN {given}: status {done.returncode}")


def addUser(image: Image, words: list[str]) -> None:
    """Know a user, and make the home folder."""
    check(not set(SHELL_SYNTAX) & set("".join(words)), f"RUN {shlex.join(words)}: useradd has to stand alone")
    name = words[-1]
    given = dict(itertools.pairwise(words))
    image.uids[name] = int(given["--uid"])
    image.homes[name] = given["--home-dir"]
    home = image.place(given["--home-dir"])
    home.mkdir(mode=0o700, parents=True)
    if os.geteuid() == 0:
        os.chown(home, image.uids[name], image.uids[name])
    say("  no user was added: the number is all that is used")


def doUser(image: Image, project: Path, given: str) -> None:
    """Who runs what follows."""
    check(given in image.uids, f"USER {given}: no useradd has made it")
    image.user = given
    if not image.identity():
        say("  only checked: we are not root, or the Python of this machine is for root alone; it runs as who we are")


def doVolume(image: Image, project: Path, given: str) -> None:
    """A folder that outlives the container: the user of the daemon has to be able to write there."""
    check(given == image.homes.get(image.user), f"VOLUME {given} is not the home of {image.user}, so root's")
    image.volumes.append(given)


def doExpose(image: Image, project: Path, given: str) -> None:
    """Ports."""
    image.ports |= {int(port): freePort() for port in given.split()}


def doStopSignal(image: Image, project: Path, given: str) -> None:
    """How it is ended."""
    check(given in signal.Signals.__members__, f"STOPSIGNAL {given}: no signal")
    image.stopSignal = given


def doHealthcheck(image: Image, project: Path, given: str) -> None:
    """A command; how often it is run is not our affair."""
    _, found, command = given.partition("CMD ")
    check(found, f"HEALTHCHECK {given}: no CMD")
    image.health = asCommand(command)


def doEntrypoint(image: Image, project: Path, given: str) -> None:
    """What is run."""
    image.entrypoint = asCommand(given)


def doCommand(image: Image, project: Path, given: str) -> None:
    """With what it is run."""
    image.command = asCommand(given)


STEPS = {
    "FROM": doFrom,
    "ENV": doEnv,
    "WORKDIR": doWorkdir,
    "COPY": doCopy,
    "RUN": doRun,
    "USER": doUser,
    "VOLUME": doVolume,
    "EXPOSE": doExpose,
    "STOPSIGNAL": doStopSignal,
    "HEALTHCHECK": doHealthcheck,
    "ENTRYPOINT": doEntrypoint,
    "CMD": doCommand,
}
