"""Tests of jetjstp: C{python -m twisted.trial -j2 tests}."""
