"""
Text that is not MDSF, and values that have no text.
"""

from __future__ import annotations

from jetjstp.errors import LocalProtocolError, RemoteProtocolError

__all__ = ["MDSFSyntaxError", "MDSFValueError"]


class MDSFSyntaxError(RemoteProtocolError, ValueError):
    """
    A text is not MDSF, or nested too deeply.

    @ivar reason: What is wrong.
    @ivar position: Where, counted in characters from the beginning.
    """

    def __init__(self, reason: str, position: int) -> None:
        super().__init__(reason, position)
        self.reason = reason
        self.position = position

    def __str__(self) -> str:
        """Both of them."""
        return f"{self.reason} (at character {self.position})"


class MDSFValueError(LocalProtocolError, ValueError):
    """A value cannot be written, though its type could: NaN where it is refused, too much nesting, a naive datetime."""
