"""Tests of L{jetjstp.tcpnet}."""
