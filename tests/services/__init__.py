"""Tests for L{jetjstp.services}."""
