"""Everything is in setup.cfg; this file is what setuptools starts from."""

from setuptools import setup

setup()
