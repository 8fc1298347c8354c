"""Tests of L{jetjstp.gateway}."""
