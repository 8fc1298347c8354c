"""Tests of L{jetjstp.jstp.mdsf}."""
