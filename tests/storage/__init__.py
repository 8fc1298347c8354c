"""Tests of L{jetjstp.storage}."""
