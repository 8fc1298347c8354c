"""Tests of L{jetjstp.jet}."""
