"""
The layer rule, held by reading the imports.

A module imports only lower layers, or modules of its own height in its own
folder without cycles. Up to layer 3 everything is pure: no networking, no
reactor, no zope, no Autobahn. C{docs/development/architecture.rst} says why.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

ROOT = Path(__file__).resolve().parent.parent

LAYERS = {
    # 0: what everything may use
    "jetjstp": 0,
    "jetjstp._version": 0,
    "jetjstp.causes": 0,
    "jetjstp.errors": 0,
    "jetjstp.figure": 0,
    "jetjstp.lazynames": 0,
    # 1: bytes and messages
    "jetjstp.bounds": 1,
    "jetjstp.framing": 1,
    "jetjstp.loglines": 1,
    "jetjstp.jstp.mdsf": 1,
    "jetjstp.jstp.mdsf.*": 1,
    "jetjstp.rarefailures": 1,
    "jetjstp.reachable": 1,
    # 2: what the messages mean
    "jetjstp.jet.daemonkinds": 2,
    "jetjstp.jet.dialects": 2,
    "jetjstp.jet.errors": 2,
    "jetjstp.jet.incoming": 2,
    "jetjstp.jet.jsontext": 2,
    "jetjstp.jet.jsonvalues": 2,
    "jetjstp.jet.limits": 2,
    "jetjstp.jet.nodejet3": 2,
    "jetjstp.jet.peererrors": 2,
    "jetjstp.jet.requests": 2,
    "jetjstp.jet.urls": 2,
    "jetjstp.jstp.errors": 2,
    "jetjstp.jstp.limits": 2,
    "jetjstp.jstp.results": 2,
    "jetjstp.jstp.session": 2,
    "jetjstp.smokesignal.addresses": 2,
    "jetjstp.smokesignal.errors": 2,
    "jetjstp.smokesignal.ids": 2,
    "jetjstp.smokesignal.limits": 2,
    "jetjstp.smokesignal.messages": 2,
    "jetjstp.smokesignal.normal": 2,
    "jetjstp.smokesignal.packets": 2,
    "jetjstp.tcpnet.errors": 2,
    "jetjstp.tcpnet.limits": 2,
    "jetjstp.tcpnet.naming": 2,
    # 3: rules and cores
    "jetjstp.jet.*": 3,
    "jetjstp.jstp.*": 3,
    "jetjstp.smokesignal.*": 3,
    "jetjstp.tcpnet.*": 3,
    # 4: what joins the cores to time, to links and to user code
    "jetjstp.discovery": 4,
    "jetjstp.driver": 4,
    "jetjstp.embedding": 4,
    "jetjstp.emitter": 4,
    "jetjstp.interfaces": 4,
    "jetjstp.jstp.calling": 4,
    "jetjstp.jstp.recording": 4,
    "jetjstp.logins": 4,
    # 5: what plugs into those seams: the only code that touches a transport, who may come in, how others are found
    "jetjstp.browsing": 5,
    "jetjstp.links": 5,
    "jetjstp.links.*": 5,
    "jetjstp.memorydiscovery": 5,
    "jetjstp.policies": 5,
    "jetjstp.policies.*": 5,
    "jetjstp.storage": 5,
    "jetjstp.storage.*": 5,
    # 6: links meet cores
    "jetjstp.jet.connecting": 6,
    "jetjstp.jet.gate": 6,
    "jetjstp.jet.protocol": 6,
    "jetjstp.jstp.carrier": 6,
    "jetjstp.jstp.heartbeat": 6,
    "jetjstp.jstp.line": 6,
    "jetjstp.jstp.listening": 6,
    "jetjstp.jstp.targets": 6,
    "jetjstp.multicast": 6,
    "jetjstp.smokesignal.attempts": 6,
    "jetjstp.smokesignal.checking": 6,
    "jetjstp.smokesignal.logs": 6,
    "jetjstp.smokesignal.network": 6,
    "jetjstp.smokesignal.protocol": 6,
    "jetjstp.smokesignal.seeding": 6,
    "jetjstp.smokesignal.wireevents": 6,
    "jetjstp.tcpnet.connection": 6,
    "jetjstp.tcpnet.linking": 6,
    # 7: what applications use
    "jetjstp.jet": 7,
    "jetjstp.jet.announcing": 7,
    "jetjstp.jet.answering": 7,
    "jetjstp.jet.content": 7,
    "jetjstp.jet.daemon": 7,
    "jetjstp.jet.fetcher": 7,
    "jetjstp.jet.figures": 7,
    "jetjstp.jet.finding": 7,
    "jetjstp.jet.peer": 7,
    "jetjstp.jet.peerservice": 7,
    "jetjstp.jet.presence": 7,
    "jetjstp.jstp": 7,
    "jetjstp.jstp.accepting": 7,
    "jetjstp.jstp.client": 7,
    "jetjstp.jstp.clientside": 7,
    "jetjstp.jstp.connection": 7,
    "jetjstp.jstp.dialing": 7,
    "jetjstp.jstp.figures": 7,
    "jetjstp.jstp.keeping": 7,
    "jetjstp.jstp.logins": 7,
    "jetjstp.jstp.net": 7,
    "jetjstp.jstp.offering": 7,
    "jetjstp.jstp.proxies": 7,
    "jetjstp.jstp.server": 7,
    "jetjstp.jstp.serving": 7,
    "jetjstp.jstp.waiting": 7,
    "jetjstp.jstp.ws": 7,
    "jetjstp.lastwords": 7,
    "jetjstp.smokesignal": 7,
    "jetjstp.smokesignal.announcing": 7,
    "jetjstp.smokesignal.broadcast": 7,
    "jetjstp.smokesignal.creating": 7,
    "jetjstp.smokesignal.localip": 7,
    "jetjstp.smokesignal.peerlist": 7,
    "jetjstp.smokesignal.publicnode": 7,
    "jetjstp.strplugin": 7,
    "jetjstp.tcpnet": 7,
    "jetjstp.tcpnet.service": 7,
    # 8: what joins the systems, and what people use at the command line
    "jetjstp.cli": 8,
    "jetjstp.cli.*": 8,
    "jetjstp.gateway": 8,
    "jetjstp.gateway.*": 8,
    "jetjstp.metrics": 8,
    "jetjstp.metrics.*": 8,
    # 9: what twistd uses
    "jetjstp.services": 9,
    "jetjstp.services.*": 9,
    "jetjstp.smokesignal.service": 9,
    # 10: on top of everything, used by tests only
    "jetjstp.testing": 10,
    "jetjstp.testing.*": 10,
}
"""The height of each module; C{folder.*} is that of the modules which are not named."""

SYSTEMS = ("jet", "jstp", "smokesignal", "tcpnet")

PURE_UP_TO = 3

IMPURE = ("twisted.internet", "twisted.application", "twisted.plugin", "autobahn", "txaio", "zope")
"""Nothing of these below layer 4: cores are called and compared, they need no reactor to be tested."""

PLUGIN_FILES = sorted((ROOT / "twisted" / "plugins").glob("*.py"))

FRESH_IMPORTS = """
import importlib, json, os, sys

def importAlone(name):
    importlib.import_module(name)
    return sorted(sys.modules)

def inChild(name):
    receiving, sending = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receiving)
        try:
            outcome = {"modules": importAlone(name)}
        except BaseException as error:
            outcome = {"error": repr(error)}
        with os.fdopen(sending, "w") as pipe:
            json.dump(outcome, pipe)
        os._exit(0)
    os.close(sending)
    with os.fdopen(receiving) as pipe:
        outcome = json.load(pipe)
    os.waitpid(child, 0)
    return outcome

light, others, heavy = json.load(sys.stdin)
outcomes = {name: inChild(name) for name in light}
for name in heavy:
    importlib.import_module(name)
outcomes.update((name, inChild(name)) for name in others)
json.dump(outcomes, sys.stdout)
"""
"""
Imports modules, each in a process where nothing of ours was imported before.
Children are forked from a process that, for all but the first ones, has the
heavy packages of others already loaded: a fresh interpreter each would be slow.
"""


def moduleName(path: Path) -> str:
    """The dotted name of a file of the package."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {moduleName(path): path for path in sorted((ROOT / "jetjstp").rglob("*.py"))}


def layerOf(name: str) -> int | None:
    """The height of a module by the table, its folder's if it is not named itself."""
    folder = name.rpartition(".")[0]
    return LAYERS.get(name, LAYERS.get(f"{folder}.*"))


def systemOf(name: str) -> str | None:
    """Which of the four systems a module belongs to, if any."""
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[1] in SYSTEMS else None


def folderOf(name: str) -> str:
    """The folder that a module is in; a package is in its own."""
    return name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]


def walkModuleLevel(tree: ast.AST) -> Iterator[ast.AST]:
    """All nodes that run when the module is imported: everything outside of functions."""
    for node in ast.iter_child_nodes(tree):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            yield node
            yield from walkModuleLevel(node)


def typesOnly(tree: ast.AST) -> set[ast.AST]:
    """All nodes that only type checkers see."""
    return {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for statement in node.body
        for inner in ast.walk(statement)
    }


def importsOf(path: Path, package: str, types: bool = True) -> Iterator[tuple[int, str]]:
    """
    Everything that a file imports, wherever in it, as line and dotted name.

    C{from a import b} gives C{a.b} if that is a module of ours, else C{a}; for
    the packages of others it gives C{a.b}, for C{b} may be a module.

    @param types: Whether imports count that only type checkers see.
    """
    tree = ast.parse(path.read_text("utf-8"))
    skipped = set() if types else typesOnly(tree)
    for node in ast.walk(tree):
        if node in skipped:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")
                above = above[: len(above) - node.level + 1]
                base = ".".join([*above, base] if base else above)
            for alias in node.names:
                full = f"{base}.{alias.name}"
                ours = base.split(".")[0] == "jetjstp"
                yield node.lineno, full if not ours or full in MODULES else base


def importsByModule(types: bool = True) -> dict[str, list[tuple[int, str]]]:
    """The imports of every module of the package."""
    return {
        name: list(importsOf(path, name if path.name == "__init__.py" else name.rpartition(".")[0], types))
        for name, path in MODULES.items()
    }


def isWithin(name: str, packages: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of the packages or below it."""
    return any(name == package or name.startswith(package + ".") for package in packages)


class LayerTests(SynchronousTestCase):
    """What a module may import."""

    def setUp(self) -> None:
        """Read the imports of all modules."""
        self.imports = importsByModule()

    def assertNone(self, faults: list[str], rule: str) -> None:
        """Fail with all faults, a line each."""
        if faults:
            self.fail("\n".join([rule, *faults]))

    def test_everyModuleHasALayer(self) -> None:
        """Each module is in the table, by its own name or through its folder."""
        self.assertNone([name for name in MODULES if layerOf(name) is None], "not in the table of layers:")

    def test_theTableHasNoDeadEntries(self) -> None:
        """Each module and each folder that the table names exists."""
        named = {name.removesuffix(".*") for name in LAYERS}
        self.assertNone(sorted(named - set(MODULES)), "in the table of layers, but not there:")

    def test_importsGoDown(self) -> None:
        """A module imports lower layers, or modules of its own height in its own folder."""
        faults = []
        for name, imports in self.imports.items():
            for line, other in imports:
                mine, its = layerOf(name), layerOf(other) if other in MODULES else None
                if mine is None or its is None or its < mine:
                    continue
                if its > mine or folderOf(name) != folderOf(other):
                    faults.append(f"{name}:{line} (layer {mine}) imports {other} (layer {its})")
        self.assertNone(faults, "imports that do not go down:")

    def test_importsOfOursExist(self) -> None:
        """Whatever is imported from the package is a module of it, so that no import escapes the table."""
        faults = [
            f"{name}:{line} imports {other}"
            for name, imports in self.imports.items()
            for line, other in imports
            if isWithin(other, ("jetjstp",)) and other not in MODULES
        ]
        self.assertNone(faults, "imports of modules that are not there:")

    def test_noCycles(self) -> None:
        """No module imports itself through others; types of two modules may refer to each other."""
        graph = {
            name: {other for _, other in imports if other in MODULES and other != "jetjstp"}
            for name, imports in importsByModule(types=False).items()
        }
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            self.fail("a cycle: " + " imports ".join(reversed(error.args[1])))

    def test_coresArePure(self) -> None:
        """Up to layer 3 nothing of Twisted's networking, of zope or of Autobahn is imported, for types neither."""
        faults = [
            f"{name}:{line} imports {other}"
            for name, imports in self.imports.items()
            for line, other in imports
            if (layerOf(name) or 0) <= PURE_UP_TO and isWithin(other, IMPURE)
        ]
        self.assertNone(faults, "cores that are not pure:")

    def test_systemsDoNotKnowEachOther(self) -> None:
        """The four systems never import one another."""
        faults = [
            f"{name}:{line} imports {other}"
            for name, imports in self.imports.items()
            for line, other in imports
            if systemOf(name) and systemOf(other) and systemOf(name) != systemOf(other)
        ]
        self.assertNone(faults, "systems that import each other:")

    def test_nothingUsesTheTestKit(self) -> None:
        """Nothing in the package imports L{jetjstp.testing}."""
        faults = [
            f"{name}:{line}"
            for name, imports in self.imports.items()
            for line, other in imports
            if isWithin(other, ("jetjstp.testing",)) and not isWithin(name, ("jetjstp.testing",))
        ]
        self.assertNone(faults, "imports of jetjstp.testing:")

    def test_noReactorAtModuleLevel(self) -> None:
        """Importing installs no reactor: C{reactor} is imported inside of functions only, in plugins too."""
        faults = []
        for path in [*MODULES.values(), *PLUGIN_FILES]:
            for node in walkModuleLevel(ast.parse(path.read_text("utf-8"))):
                names: list[str] = []
                if isinstance(node, ast.ImportFrom):
                    names = [f"{node.module}.{alias.name}" for alias in node.names]
                elif isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                if "twisted.internet.reactor" in names:
                    faults.append(f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}")
        self.assertNone(faults, "the reactor is imported at module level:")

    def test_onlyLinksTouchTransports(self) -> None:
        """The attribute C{transport} is used in C{links/} and nowhere else."""
        faults = [
            f"{name}:{node.lineno}"
            for name, path in MODULES.items()
            if not isWithin(name, ("jetjstp.links", "jetjstp.testing"))
            for node in ast.walk(ast.parse(path.read_text("utf-8")))
            if isinstance(node, ast.Attribute) and node.attr == "transport"
        ]
        self.assertNone(faults, "transports outside of links/:")


class FreshImportTests(SynchronousTestCase):
    """What importing a module does to a process that has imported nothing yet."""

    light = ["jetjstp", "jetjstp.interfaces"]
    heavy = ["autobahn.twisted.websocket", "autobahn.twisted.resource", "msgspec", "twisted.internet.endpoints"]

    def importEach(self, light: list[str], others: list[str]) -> dict[str, dict[str, list[str]]]:
        """Import each module alone; what was loaded then, or the error, by module."""
        done = subprocess.run(
            [sys.executable, "-c", FRESH_IMPORTS],
            input=json.dumps([light, others, self.heavy if others else []]),
            capture_output=True,
            check=False,
            cwd=ROOT,
            text=True,
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        outcomes: dict[str, dict[str, list[str]]] = json.loads(done.stdout)
        for name, outcome in outcomes.items():
            self.assertNotIn("error", outcome, f"importing {name} alone: {outcome.get('error')}")
        return outcomes

    def test_eachModuleImportsAlone(self) -> None:
        """Each module can be the first one that is imported, and installs no reactor."""
        outcomes = self.importEach([], list(MODULES))
        self.assertEqual(sorted(outcomes), sorted(MODULES))
        for name, outcome in outcomes.items():
            self.assertNotIn("twisted.internet.reactor", outcome["modules"], f"{name} installs a reactor")

    def test_whatEveryTwistdRunLoadsIsLight(self) -> None:
        """The modules that the plugin cache refers to load no reactor, no Autobahn and no JSON library."""
        heavy = {"autobahn", "txaio", "msgspec", "twisted.internet.reactor"}
        for name, outcome in self.importEach(self.light, []).items():
            self.assertEqual(heavy & set(outcome["modules"]), set(), f"{name} is loaded by every twistd run")
