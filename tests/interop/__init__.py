"""
Real npm C{node-jet} peers, and a real browser, on our daemon over real sockets.

What the peers must see is written in these modules; C{node/*.js} are the peers. With C{JETJSTP_INTEROP_DAEMON=node-jet}
in the environment the same peers run on C{node-jet}'s own daemon, and L{running.differs} names every difference. With
C{JETJSTP_REQUIRE_INTEROP=1} a missing node, npm or Chromium is a failure, otherwise it skips these tests.
"""
