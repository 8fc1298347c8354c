"""Tests of L{jetjstp.policies}."""
