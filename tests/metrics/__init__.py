"""Tests of L{jetjstp.metrics}."""
