"""Where daemons are."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from jetjstp.jet.urls import Place, parseUrl


class UrlTests(SynchronousTestCase):
    """One grammar for peers and programs."""

    def test_kinds(self) -> None:
        """Each kind, with and without a port."""
        for url, place in (
            ("jet://h", Place("h", 11122)),
            ("jet://h:1/", Place("h", 1)),
            ("jets://[::1]:5", Place("::1", 5, True)),
            ("unix:/run/jet.sock", Place("", 0, unixPath="/run/jet.sock")),
            ("unix:///run/jet.sock", Place("", 0, unixPath="/run/jet.sock")),
            ("ws://h", Place("h", 11123, webSocketUrl="ws://h:11123/")),
            ("wss://h:443/api/jet/?a=b", Place("h", 443, True, webSocketUrl="wss://h:443/api/jet/?a=b")),
            ("ws://[::1]/x", Place("::1", 11123, webSocketUrl="ws://[::1]:11123/x")),
        ):
            self.assertEqual(parseUrl(url), place)

    def test_others(self) -> None:
        """Anything else is refused, with the kinds that there are; a password is not repeated."""
        for url in ("", "http://h", "h:11122", "jet://", "jet://h/path", "jet://h:x", "ws://h#x", "unix:"):
            with self.assertRaises(ValueError) as caught:
                parseUrl(url)
            self.assertTrue(str(caught.exception))
        for url in ("jet://ann:hunter2@h", "jet:ann:hunter2@h", "ann:hunter2@h"):
            with self.assertRaises(ValueError) as caught:
                parseUrl(url)
            self.assertNotIn("hunter2", str(caught.exception))
