"""Tests of L{jetjstp.jstp.applications}."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jstp.applications import Application, AppsIndex, checkSessionStorage, createAppsIndex
from jetjstp.jstp.errors import ERR_INTERFACE_NOT_FOUND, ERR_INVALID_SIGNATURE, ERR_METHOD_NOT_FOUND
from jetjstp.jstp.mdsf.undefined import UNDEFINED


def divide(connection: Any, dividend: Any, divisor: Any) -> Any:
    """A method with two arguments."""
    return dividend / divisor


def application(function: Any) -> Application:
    """An application whose only method is C{i.m}."""
    return Application("app", {"i": {"m": function}})


class Storage:
    """The least that a session storage is."""

    def get(self, id: str) -> None:
        """Nothing is there."""

    def set(self, id: str, session: Any) -> None:
        """Nothing is kept."""


class ConstructionTests(SynchronousTestCase):
    """What L{Application} takes."""

    def assertRefused(self, kind: type[Exception], words: list[str], *args: Any, **keywords: Any) -> None:
        """The application is refused with an error that has all the words."""
        message = str(self.assertRaises(kind, Application, *args, **keywords))
        for word in words:
            self.assertIn(word, message)

    def test_defaults(self) -> None:
        """A name and an API are enough."""
        app = Application("app", {})
        self.assertEqual((app.name, app.version, app.sessionStorageProvider), ("app", "1.0.0", None))
        self.assertEqual(dict(app.interfaces), {})
        self.assertEqual(repr(app), "<Application app@1.0.0>")

    def test_version(self) -> None:
        """The version is an argument or a part of the name, which wins."""
        self.assertEqual(Application("app", {}, version="2.0.0").version, "2.0.0")
        self.assertEqual(Application("app@2.0.0-rc.1", {}).version, "2.0.0-rc.1")
        self.assertEqual(Application("app@2.0.0", {}, {}, "3.0.0").version, "2.0.0")
        self.assertEqual(Application("app@", {}, None, "3.0.0").version, "3.0.0")
        self.assertEqual(Application("app", {}, version="v1.0.0").version, "v1.0.0")

    def test_wrongVersion(self) -> None:
        """What is no exact version is refused, by name."""
        self.assertRefused(ValueError, ["'app'", "'^1.0.0'"], "app@^1.0.0", {})
        self.assertRefused(ValueError, ["'app'", "'1'"], "app", {}, None, "1")
        self.assertRefused(TypeError, ["version", "a int"], "app", {}, None, 1)
        self.assertRefused(TypeError, ["version", "a Storage"], "app", {}, None, Storage())

    def test_wrongName(self) -> None:
        """The name is a text with something in it."""
        self.assertRefused(ValueError, ["name", "empty"], "", {})
        self.assertRefused(ValueError, ["name", "empty", "'@1.0.0'"], "@1.0.0", {})
        self.assertRefused(TypeError, ["name", "None"], None, {})

    def test_wrongShape(self) -> None:
        """The API and the handlers are mappings of mappings; the error says which is not."""
        self.assertRefused(TypeError, ["api", "'app'", "a list"], "app", [])
        self.assertRefused(TypeError, ["api", "None"], "app", None)
        self.assertRefused(TypeError, ["api", "'calc'", "a function"], "app", {"calc": divide})
        self.assertRefused(TypeError, ["eventHandlers", "'calc'", "None"], "app", {}, {"calc": None})
        self.assertRefused(TypeError, ["eventHandlers", "a str"], "app", {}, "calc")

    def test_wrongNamesOfFunctions(self) -> None:
        """Names that no message can carry are refused, by name."""
        for name in ["call", "0", "12345"]:
            self.assertRefused(ValueError, ["api", "method", f"calc.{name}"], "app", {"calc": {name: divide}})
        for name in ["event", "0"]:
            self.assertRefused(ValueError, ["eventHandlers", f"calc.{name}"], "app", {}, {"calc": {name: divide}})
        self.assertRefused(ValueError, ["empty"], "app", {"calc": {"": divide}})
        self.assertRefused(ValueError, ["empty"], "app", {"": {"divide": divide}})
        self.assertRefused(TypeError, ["calc.5"], "app", {"calc": {5: divide}})
        self.assertRefused(TypeError, ["interface", "5"], "app", {5: {"divide": divide}})

    def test_namesThatPass(self) -> None:
        """Names that only look odd can be called."""
        names = ["event", "01", "-1", "1.5", "_private", "__class__", "constructor", "with blank", "é", "inspect"]
        app = Application("app", {"0": dict.fromkeys(names, divide)}, {"call": {"call": divide}})
        for name in names:
            self.assertIs(app.method("0", name, 2), divide)
        self.assertIs(app.handler("call", "call", 2), divide)

    def test_notCallable(self) -> None:
        """What cannot be called is refused, by name."""
        self.assertRefused(TypeError, ["api", "method calc.divide", "a int"], "app", {"calc": {"divide": 5}})
        self.assertRefused(TypeError, ["event calc.note", "None"], "app", {}, {"calc": {"note": None}})

    def test_cannotBeCalledByPeers(self) -> None:
        """Functions that take no connection, or need arguments by name, are refused, by name."""

        def byName(connection: Any, *, unit: str) -> None: ...

        def onlyByName(*, unit: str = "m") -> None: ...

        self.assertRefused(ValueError, ["calc.m", "connection"], "app", {"calc": {"m": lambda: 42}})
        self.assertRefused(ValueError, ["calc.m", "connection"], "app", {"calc": {"m": onlyByName}})
        self.assertRefused(ValueError, ["calc.m", "'unit'"], "app", {"calc": {"m": byName}})

    def test_callbacks(self) -> None:
        """A method that waits for a callback, as npm's do, would never be called."""
        for method in (
            lambda connection, name, callback: None,
            lambda connection, cb: None,
        ):
            error = self.assertRaises(ValueError, Application, "app", {"i": {"m": method}})
            self.assertIn("returned", str(error))
        Application("app", {"i": {"m": lambda connection, **callback: None}})

    def test_sessionStorage(self) -> None:
        """A session storage is kept as it is; what is none is refused."""
        storage = Storage()
        self.assertIs(Application("app", {}, sessionStorageProvider=storage).sessionStorageProvider, storage)
        self.assertRefused(TypeError, ["sessionStorageProvider", "'get'", "a object"], "app", {}, None, None, object())
        self.assertRaises(TypeError, checkSessionStorage, {})
        checkSessionStorage(storage)

    def test_copied(self) -> None:
        """What is added to the API later cannot be called, and the interfaces cannot be changed."""
        methods: dict[str, Callable[..., Any]] = {"divide": divide}
        app = Application("app", {"calc": methods})
        methods["more"] = divide
        self.assertEqual(app.method("calc", "more", 2), ERR_METHOD_NOT_FOUND)
        interfaces: Any = app.interfaces
        with self.assertRaises(TypeError):
            interfaces["calc"]["more"] = divide
        with self.assertRaises(TypeError):
            interfaces["more"] = methods


class LookupTests(SynchronousTestCase):
    """L{Application.method}, L{Application.handler} and L{Application.getMethods}."""

    def setUp(self) -> None:
        """An application with methods and a handler."""
        self.app = Application(
            "app", {"calc": {"divide": divide, "answer": lambda connection: 42}, "none": {}}, {"calc": {"note": divide}}
        )

    def test_found(self) -> None:
        """A method is found by its names and the number of arguments."""
        self.assertIs(self.app.method("calc", "divide", 2), divide)
        self.assertIs(self.app.handler("calc", "note", 2), divide)

    def test_orderOfChecks(self) -> None:
        """The interface is looked at first, then the method, then the arguments."""
        cases: list[tuple[object, object, int, int]] = [
            ("nope", "divide", -1, ERR_INTERFACE_NOT_FOUND),
            ("calc", "nope", -1, ERR_METHOD_NOT_FOUND),
            ("calc", "divide", -1, ERR_INVALID_SIGNATURE),
            ("calc", "divide", 1, ERR_INVALID_SIGNATURE),
            ("calc", "divide", 3, ERR_INVALID_SIGNATURE),
            ("calc", "answer", -1, ERR_INVALID_SIGNATURE),
            ("none", "divide", 2, ERR_METHOD_NOT_FOUND),
        ]
        for interface, name, count, code in cases:
            self.assertEqual(self.app.method(interface, name, count), code, (interface, name, count))

    def test_handlers(self) -> None:
        """Handlers and methods are apart."""
        self.assertEqual(self.app.handler("calc", "divide", 2), ERR_METHOD_NOT_FOUND)
        self.assertEqual(self.app.handler("none", "note", 2), ERR_INTERFACE_NOT_FOUND)
        self.assertEqual(self.app.handler("calc", "note", 1), ERR_INVALID_SIGNATURE)
        self.assertEqual(self.app.method("calc", "note", 2), ERR_METHOD_NOT_FOUND)

    def test_wrongTypes(self) -> None:
        """Whatever a peer sends for a name, it is no name of ours."""
        others: list[object] = [None, UNDEFINED, 5, 1.5, True, [], ["calc"], {}, {"calc": 1}]
        for other in others:
            self.assertEqual(self.app.method(other, "divide", 2), ERR_INTERFACE_NOT_FOUND)
            self.assertEqual(self.app.method("calc", other, 2), ERR_METHOD_NOT_FOUND)
            self.assertEqual(self.app.method(other, other, 2), ERR_INTERFACE_NOT_FOUND)
            self.assertEqual(self.app.handler(other, other, 2), ERR_INTERFACE_NOT_FOUND)
            self.assertIsNone(self.app.getMethods(other))

    def test_onlyDeclaredNames(self) -> None:
        """Attributes of the objects behind the names are out of reach."""
        for name in ["__class__", "__init__", "get", "items", "keys", "method", "name", "constructor", "__proto__"]:
            self.assertEqual(self.app.method(name, name, 0), ERR_INTERFACE_NOT_FOUND)
            self.assertEqual(self.app.method("calc", name, 0), ERR_METHOD_NOT_FOUND)
            self.assertIsNone(self.app.getMethods(name))

    def test_getMethods(self) -> None:
        """The methods of an interface are named in the order in which they were declared."""
        self.assertEqual(self.app.getMethods("calc"), ["divide", "answer"])
        self.assertEqual(self.app.getMethods("none"), [])
        self.assertIsNone(self.app.getMethods("nope"))

    def test_interfaces(self) -> None:
        """The interfaces hold the functions themselves."""
        self.assertEqual(list(self.app.interfaces), ["calc", "none"])
        self.assertIs(self.app.interfaces["calc"]["divide"], divide)


class ArityTests(SynchronousTestCase):
    """How many arguments a function takes."""

    def assertTakes(self, function: Any, numbers: set[int]) -> None:
        """Of zero to five arguments, the function takes these numbers."""
        app = application(function)
        taken = {count for count in range(6) if app.method("i", "m", count) is function}
        self.assertEqual(taken, numbers)
        self.assertEqual(app.method("i", "m", -1), ERR_INVALID_SIGNATURE)

    def test_exact(self) -> None:
        """Without defaults, there is one number."""
        self.assertTakes(lambda connection: 0, {0})
        self.assertTakes(lambda connection, a, b: 0, {2})

    def test_defaults(self) -> None:
        """Arguments with defaults may be left out."""
        self.assertTakes(lambda connection, a, b=1, c=2: 0, {1, 2, 3})
        self.assertTakes(lambda connection=None: 0, {0})

    def test_positionalOnly(self) -> None:
        """Parameters that have no name for callers count, too."""

        def method(connection: Any, a: Any, /, b: Any = None) -> None: ...

        self.assertTakes(method, {1, 2})

    def test_any(self) -> None:
        """With a star, there is no upper bound."""
        self.assertTakes(lambda connection, a, b, *rest: 0, {2, 3, 4, 5})
        self.assertTakes(lambda *everything: 0, {0, 1, 2, 3, 4, 5})

    def test_byNameOnly(self) -> None:
        """Parameters that can only be given by name do not count."""

        def method(connection: Any, a: Any, *, unit: str = "m", **others: Any) -> None: ...

        self.assertTakes(method, {1})

    def test_boundMethods(self) -> None:
        """The object that a method is bound to does not count."""

        class Calculator:
            def add(self, connection: Any, a: Any, b: Any) -> Any:
                return a + b

            @classmethod
            def make(cls, connection: Any) -> Calculator:
                return cls()

            @staticmethod
            def negate(connection: Any, a: Any) -> Any:
                return -a

            def __call__(self, connection: Any, a: Any = 0) -> Any:
                return a

        self.assertTakes(Calculator(), {0, 1})
        self.assertTakes(Calculator.negate, {1})
        make = Calculator.make
        self.assertTakes(make, {0})
        add = Calculator().add
        self.assertTakes(add, {2})

    def test_partial(self) -> None:
        """What was given already does not count."""

        def method(log: Any, connection: Any, a: Any, b: Any = 0) -> None: ...

        self.assertTakes(functools.partial(method, []), {1, 2})
        self.assertTakes(functools.partial(method, [], b=5), {1})

    def test_coroutineFunctions(self) -> None:
        """Coroutine functions are no exception."""

        async def method(connection: Any, a: Any) -> None: ...

        self.assertTakes(method, {1})

    def test_wrapped(self) -> None:
        """A wrapper is taken for what it wraps."""

        @functools.wraps(divide)
        def method(*args: Any) -> Any:
            return divide(*args)

        self.assertTakes(method, {2})

    def test_withoutSignature(self) -> None:
        """Functions that do not tell how they are called get any number of arguments."""
        self.assertTakes(max, {0, 1, 2, 3, 4, 5})
        self.assertTakes(Mock(), {0, 1, 2, 3, 4, 5})

    @given(st.integers(0, 4), st.integers(0, 4), st.booleans(), st.integers(-1, 12))
    def test_agreesWithPython(self, required: int, optional: int, hasRest: bool, count: int) -> None:
        """A number of arguments is taken just if the call would work."""
        parameters = ["connection", *(f"a{n}" for n in range(required)), *(f"b{n}=0" for n in range(optional))]
        source = f"lambda {', '.join(parameters + ['*rest'] * hasRest)}: 0"
        function = eval(source)
        try:
            works = count >= 0 and function(None, *[0] * count) == 0
        except TypeError:
            works = False
        self.assertEqual(application(function).method("i", "m", count) is function, works, source)


class IndexTests(SynchronousTestCase):
    """L{createAppsIndex} and L{AppsIndex}."""

    def setUp(self) -> None:
        """An application in some versions, and another one."""
        versions = ["1.0.0", "3.0.0-beta.1", "1.1.5", "1.1.0", "2.0.0"]
        self.apps = {version: Application("vapp", {}, version=version) for version in versions}
        self.other = Application("other", {})
        self.index = createAppsIndex([*self.apps.values(), self.other])

    def test_all(self) -> None:
        """The index holds all applications in their order."""
        self.assertEqual(list(self.index), [*self.apps.values(), self.other])
        self.assertEqual(len(self.index), 6)

    def test_find(self) -> None:
        """An application is found by its name and what is asked of its version."""
        for asked, version in [
            (None, "3.0.0-beta.1"),
            ("", "3.0.0-beta.1"),
            (UNDEFINED, "3.0.0-beta.1"),
            (0, "3.0.0-beta.1"),
            ("1.1.0", "1.1.0"),
            ("^1.0.0", "1.1.5"),
            ("*", "2.0.0"),
        ]:
            self.assertIs(self.index.find("vapp", asked), self.apps[version], asked)
        self.assertIs(self.index.find("other"), self.other)

    def test_notFound(self) -> None:
        """Unknown names, and versions that are not there, find nothing; nor does what is no text."""
        for version in ["^4.0.0", "v1.0.0", "latest", "not a range", 1, True, ["1.0.0"], {"a": 1}]:
            self.assertIsNone(self.index.find("vapp", version), version)
        others: list[object] = ["nope", "", "__class__", None, UNDEFINED, 5, ["vapp"], {}]
        for name in others:
            self.assertIsNone(self.index.find(name), name)
            self.assertIsNone(self.index.find(name, "1.0.0"), name)

    def test_latest(self) -> None:
        """The latest version may be a prerelease."""
        self.assertIs(self.index.latest("vapp"), self.apps["3.0.0-beta.1"])
        self.assertIs(self.index.latest("other"), self.other)
        self.assertIsNone(self.index.latest("nope"))

    def test_forms(self) -> None:
        """An index is taken as it is; one application may stand alone; anything iterable will do."""
        self.assertIs(createAppsIndex(self.index), self.index)
        self.assertEqual(list(createAppsIndex(self.other)), [self.other])
        self.assertEqual(list(createAppsIndex(iter([self.other]))), [self.other])
        self.assertEqual(list(createAppsIndex([])), [])

    def test_twice(self) -> None:
        """No two applications have the same name and version."""
        error = self.assertRaises(ValueError, createAppsIndex, [Application("app", {}), Application("app@1.0.0", {})])
        self.assertIn("'app'", str(error))
        self.assertIn("1.0.0", str(error))
        AppsIndex([Application("app", {}), Application("app@v1.0.0", {})])

    def test_wrongTypes(self) -> None:
        """Something else than applications is refused, and named."""
        wrong: list[tuple[Any, str]] = [
            ([{}], "a dict"),
            (["app"], "a str"),
            ("app", "a str"),
            (None, "None"),
            (5, "a int"),
        ]
        for applications, kind in wrong:
            self.assertIn(kind, str(self.assertRaises(TypeError, createAppsIndex, applications)))
