"""Tests of L{jetjstp.services}."""
