"""
MDSF, the data format of JSTP: JSON5 with C{undefined}, holes in arrays, and
binary and octal numbers.

L{parse} and L{stringify} are for any value. A connection uses
L{decodeMessage} and L{encodeValue}, which do the same for what is on the wire.
"""

from __future__ import annotations

from jetjstp.jstp.mdsf.errors import MDSFSyntaxError, MDSFValueError
from jetjstp.jstp.mdsf.reading import decodeMessage, parse
from jetjstp.jstp.mdsf.undefined import UNDEFINED, Undefined
from jetjstp.jstp.mdsf.wire import encodeValue
from jetjstp.jstp.mdsf.writer import stringify

__all__ = [
    "UNDEFINED",
    "MDSFSyntaxError",
    "MDSFValueError",
    "Undefined",
    "decodeMessage",
    "encodeValue",
    "parse",
    "stringify",
]
