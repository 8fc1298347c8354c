"""Tests for L{jetjstp.links.descriptions}."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.links.descriptions import splitDescription


class SplitDescriptionTests(SynchronousTestCase):
    """L{splitDescription}."""

    def test_split(self) -> None:
        """Positions and keywords are told apart, and backslashes protect what would part them."""
        for description, expected in (
            ("tcp:example.org:80", (["tcp", "example.org", "80"], {})),
            ("tls:h:1:timeout=5:bindAddress=::", (["tls", "h", "1", "", ""], {"timeout": "5", "bindAddress": ""})),
            (r"unix:/a\:b\=c:timeout=1=2", (["unix", "/a:b=c"], {"timeout": "1=2"})),
            ("", ([""], {})),
        ):
            self.assertEqual(splitDescription(description), expected)
