"""
Tests for L{jetjstp.jet.index}: it finds what a look at all fetches would find.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet import index as indexModule
from jetjstp.jet.index import LONGEST, FetchIndex
from jetjstp.jet.paths import PathRule, compilePath
from tests.jet.conversations import deterministicAndFew
from tests.jet.test_paths import rules, words


class Filed(NamedTuple):
    """A fetch, as far as the index goes."""

    serial: int
    pathRule: PathRule


def fits(fetch: Filed, path: str) -> bool:
    """Whether a path fits the rule of a fetch."""
    test = fetch.pathRule.matches
    return test is None or test(path)


def filed(*pathRules: dict[str, Any]) -> tuple[FetchIndex[Filed], list[Filed]]:
    """An index of fetches with these rules, and the fetches."""
    index: FetchIndex[Filed] = FetchIndex()
    fetches = [Filed(serial, compilePath(rule)) for serial, rule in enumerate(pathRules)]
    for fetch in fetches:
        index.add(fetch)
    return index, fetches


class FetchIndexTests(SynchronousTestCase):
    """Tests for L{FetchIndex}."""

    @given(
        st.lists(rules(), min_size=2, max_size=8),
        st.lists(st.integers(0, 7)),
        st.lists(words, min_size=2, max_size=4),
        st.sampled_from([1, 2, LONGEST]),
    )
    @deterministicAndFew
    def test_scan(self, pathRules: list[dict[str, Any]], leaving: list[int], paths: list[str], longest: int) -> None:
        """
        It finds the fetches whose rule holds, in the order of their set-up, also after others have gone, and whatever
        part of the prefixes they are filed by.
        """
        with patch.object(indexModule, "LONGEST", longest):
            self.checkScan(pathRules, leaving, paths)

    def checkScan(self, pathRules: list[dict[str, Any]], leaving: list[int], paths: list[str]) -> None:
        index, fetches = filed(*pathRules)
        for number in [None, *leaving]:
            if number is not None:
                if number >= len(fetches):
                    continue
                index.discard(fetches.pop(number))
            named = [each for fetch in fetches for each in fetch.pathRule.exact or ()]
            for path in [*paths, *named, *(name.upper() for name in named)]:
                self.assertEqual(index.find(path), [fetch for fetch in fetches if fits(fetch, path)])

    def test_order(self) -> None:
        """Where a fetch is filed does not matter for the order."""
        index, fetches = filed(
            {"startsWith": "a"},
            {"contains": "b"},
            {"equals": "AB", "caseInsensitive": True},
            {},
            {"equals": "ab"},
            {"startsWith": "AB", "caseInsensitive": True},
            {"equalsOneOf": ["x", "ab"]},
        )
        self.assertEqual(index.find("ab"), fetches)

    def test_likeOthers(self) -> None:
        """Of fetches with one rule each is found, and each goes on its own."""
        for rule in ({"equals": "a"}, {"startsWith": "a"}, {"contains": "a"}):
            index, fetches = filed(rule, rule, rule)
            self.assertEqual(index.find("a"), fetches)
            index.discard(fetches[1])
            self.assertEqual(index.find("a"), [fetches[0], fetches[2]])
            index.discard(fetches[0])
            index.discard(fetches[2])
            self.assertEqual(index.find("a"), [])

    def test_onlyThoseInQuestion(self) -> None:
        """Fetches of other paths are not even asked: adding an element does not cost what all fetches cost."""
        asked = []

        def ask(path: str) -> bool:
            asked.append(path)
            return True

        index: FetchIndex[Filed] = FetchIndex()
        for number in range(100):
            index.add(Filed(number, PathRule(ask, exact=frozenset((f"x{number}",)))))
            index.add(Filed(number, PathRule(ask, prefix=f"y{number}/")))
            index.add(Filed(number, PathRule(ask, exact=frozenset((f"z{number}",)), folded=True)))
        self.assertEqual(index.find("w"), [])
        self.assertEqual(asked, [])
        self.assertEqual([fetch.serial for fetch in index.find("y7/a")], [7])
        self.assertEqual([fetch.serial for fetch in index.find("Z9")], [9])
        self.assertEqual(asked, ["y7/a", "Z9"])

    def test_manyLengths(self) -> None:
        """Prefixes of thousands of lengths are looked for a limited number of times, and found all the same."""
        index, fetches = filed(*({"startsWith": "a" * length} for length in range(1, 500)))
        self.assertEqual(len(index._plain.lengths), LONGEST)
        self.assertEqual(index.find("a" * 300), fetches[:300])
        self.assertEqual(index.find("a" * (LONGEST - 1) + "b" * 300), fetches[: LONGEST - 1])
        for fetch in fetches:
            index.discard(fetch)
        self.assertEqual((index._plain.prefixes, dict(index._plain.lengths)), ({}, {}))

    def test_lettingGo(self) -> None:
        """An index whose fetches have all gone is as if there had been none: their paths are not kept."""
        index, fetches = filed(
            {"startsWith": "ab"}, {"equalsOneOf": ["a", "b"]}, {}, {"equals": "x"}, {"startsWith": ""}
        )
        for fetch in fetches:
            index.discard(fetch)
        for path in ("", "a", "ab", "x"):
            self.assertEqual(index.find(path), [])
        for shelf in (index._plain, index._folded):
            self.assertEqual((shelf.exact, shelf.prefixes, dict(shelf.lengths)), ({}, {}, {}))
