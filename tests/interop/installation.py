"""Whether the programs that we do not write are here; npm packages are installed once, as the lock file says."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from twisted.trial.unittest import FailTest, SkipTest

FOLDER = Path(__file__).parent
SCRIPTS = FOLDER / "node"
NODE_JET = FOLDER / "node_modules" / "node-jet"

# A machine without network should learn it in seconds, a slow mirror should still do.
_NPM_CI = [
    "npm",
    "ci",
    "--no-audit",
    "--no-fund",
    "--ignore-scripts",
    "--fetch-retry-mintimeout=2000",
    "--fetch-retry-maxtimeout=10000",
]
_NPM_SECONDS = 240


def _installed() -> bool:
    """Whether the versions that package.json pins are in C{node_modules}."""
    wanted: dict[str, str] = json.loads((FOLDER / "package.json").read_text())["dependencies"]
    return all(_version(name) == version.rpartition("@")[2] for name, version in wanted.items())


def _version(name: str) -> str | None:
    """What is in C{node_modules} under a name, which need not be that of the package."""
    try:
        version: str = json.loads((FOLDER / "node_modules" / name / "package.json").read_text())["version"]
    except FileNotFoundError:
        return None
    return version


@cache
def missingNodeJet() -> str | None:
    """Why npm's node-jet cannot be run here, or L{None}; installs it if that is all there is to do."""
    if shutil.which("node") is None:
        return "node is not installed"
    if _installed():
        return None
    if shutil.which("npm") is None:
        return "npm is not installed"
    # Trial's workers come here at the same time: one installs, the others wait and find it done.
    with open(FOLDER / "package-lock.json") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _installed():
            return None
        try:
            npm = subprocess.run(_NPM_CI, cwd=FOLDER, capture_output=True, text=True, timeout=_NPM_SECONDS)
        except subprocess.TimeoutExpired:
            return f"npm ci took longer than {_NPM_SECONDS} s"
    if npm.returncode != 0:
        return f"npm ci failed: {npm.stderr.strip()[-500:]}"
    return None


@cache
def chromium() -> str | None:
    """The path of Chromium, or L{None}."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        path = shutil.which(name)
        if path is not None:
            return path
    return None


def require(missing: str | None) -> None:
    """Skip the running test if something is missing, or let it fail where nothing may be missing."""
    if missing is None:
        return
    if os.environ.get("JETJSTP_REQUIRE_INTEROP") == "1":
        raise FailTest(f"JETJSTP_REQUIRE_INTEROP=1, but {missing}")
    raise SkipTest(missing)
