"""
Jet, JSTP, smokesignal and tcpnet for Twisted.

The systems are the subpackages. This module and L{jetjstp.interfaces} are
loaded by every C{twistd} run on a machine that has the package, whatever it
runs: they import nothing heavy.
"""

from jetjstp._version import __version__

__all__ = ["__version__"]
