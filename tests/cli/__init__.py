"""Tests of C{jetjstp.cli}."""
