"""Tests of the peer library."""
