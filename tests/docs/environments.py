"""
Virtual environments without the network: what is installed finds the dependencies of the environment that runs the
tests.
"""

from __future__ import annotations

import sys
import sysconfig
import venv
from pathlib import Path

__all__ = ["makeEnvironment"]

PIP = """\
#!/bin/sh
# "pip install", without an index and without what an index is needed for.
shift
PIP_ROOT_USER_ACTION=ignore PIP_DISABLE_PIP_VERSION_CHECK=1 exec "{tests}" -m pip --python "{python}" \\
    install --no-index --no-deps --no-build-isolation "$@"
"""

TWISTD = """\
#!{python}
# As Twisted would be installed with it.
from twisted.scripts.twistd import run

run()
"""


def makeEnvironment(home: Path) -> Path:
    """
    Make a virtual environment with C{bin/twistd}, and C{bin/pip}, which knows C{install} only.

    @return: Its interpreter.
    """
    venv.EnvBuilder(symlinks=True).create(home)
    python = home / "bin" / "python"
    [packages] = home.glob("lib/python*/site-packages")
    # A folder named in a .pth file is searched last, and .pth files inside of it, such as that of an editable install
    # of the checkout, have no effect.
    ours = {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}
    (packages / "dependencies.pth").write_text("\n".join(sorted(ours)) + "\n")
    for name, content in (("pip", PIP), ("twistd", TWISTD)):
        command = home / "bin" / name
        command.write_text(content.format(tests=sys.executable, python=python))
        command.chmod(0o755)
    return python


if __name__ == "__main__":
    makeEnvironment(Path(sys.argv[1]))
