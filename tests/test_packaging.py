"""
What a user gets who installs the package.

The source distribution is built, from it the wheel, and the wheel is installed
into an environment of its own, which finds the dependencies of the one that
runs the tests, but not the checkout.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import venv
import zipfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent

NOT_SOURCES = shutil.ignore_patterns(
    ".*",
    "*.egg-info",
    "*.pyc",
    "__pycache__",
    "_trial_temp*",
    "build",
    "dist",
    "dropin.cache",
    "node_modules",
    "twistd.*",
)

TWISTD = "from twisted.scripts.twistd import run; run()"


class WheelTests(SynchronousTestCase):
    """The wheel, and what is installed from it."""

    def setUp(self) -> None:
        """Build from a copy, in a folder outside of the checkout: a C{build} folder there may hold what is no more."""
        folder = tempfile.mkdtemp(prefix="jetjstp-")
        self.addCleanup(shutil.rmtree, folder)
        self.folder = Path(folder).resolve()
        source = self.folder / "source"
        shutil.copytree(ROOT, source, ignore=NOT_SOURCES)
        self.run_("-m", "build", "--no-isolation", "--outdir", str(self.folder / "dist"), str(source))
        [self.wheel] = (self.folder / "dist").glob("*.whl")

    def run_(self, *arguments: str, python: str = sys.executable) -> str:
        """Run an interpreter with only its own packages, outside of the checkout; what it printed."""
        return self.execute(python, "-P", *arguments)

    def execute(self, *command: str) -> str:
        """Run a command outside of the checkout; what it printed."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            cwd=self.folder,
            env=environment,
            text=True,
        )
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def install(self) -> str:
        """Install the wheel into a new environment; its interpreter."""
        home = self.folder / "environment"
        venv.EnvBuilder(symlinks=True).create(home)
        python = str(home / "bin" / "python")
        self.run_("-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", str(self.wheel))
        [packages] = home.glob("lib/python*/site-packages")
        # A folder named in a .pth file is searched last, and .pth files inside of it, such as that of an editable
        # install of the checkout, have no effect.
        ours = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
        (packages / "dependencies.pth").write_text("\n".join(sorted(ours)) + "\n")
        return python

    def test_contents(self) -> None:
        """The wheel has the package, its type marker and our plugins: no tests, no docs, nothing of Twisted's own."""
        names = zipfile.ZipFile(self.wheel).namelist()
        folders = {name.split("/")[0] for name in names}
        self.assertEqual({folder for folder in folders if not folder.endswith(".dist-info")}, {"jetjstp", "twisted"})
        self.assertIn("jetjstp/py.typed", names)
        plugins = sorted(path.name for path in (ROOT / "twisted" / "plugins").glob("jetjstp_*.py"))
        self.assertEqual(
            sorted(name for name in names if name.startswith("twisted/")),
            [f"twisted/plugins/{name}" for name in plugins],
        )
        modules = {str(path.relative_to(ROOT)) for path in (ROOT / "jetjstp").rglob("*.py")}
        self.assertEqual({name for name in names if name.startswith("jetjstp/") and name.endswith(".py")}, modules)

    def test_installed(self) -> None:
        """Where the wheel is installed, C{twistd} lists C{jet}, which explains itself; so does C{jetctl}."""
        python = self.install()
        where = self.run_("-c", "import jetjstp; print(jetjstp.__file__)", python=python)
        self.assertTrue(where.startswith(str(self.folder / "environment")), where)
        self.assertRegex(self.run_("-c", TWISTD, "--help", python=python), r"(?m)^ +jet +\S")
        self.assertIn("--listen-websocket", self.run_("-c", TWISTD, "jet", "--help", python=python))
        self.assertIn("users", self.run_("-c", TWISTD, "jet", "--help-auth-policy", python=python))
        version = self.run_("-c", "import jetjstp; print(jetjstp.__version__.public())", python=python)
        self.assertIn(version.strip(), self.run_("-c", TWISTD, "jet", "--version", python=python))
        jetctl = str(Path(python).parent / "jetctl")
        self.assertEqual(self.execute(jetctl, "--version"), f"jetjstp {version}")
        self.assertIn("\nUsage: jetctl [options] COMMAND", self.execute(jetctl, "--help"))
