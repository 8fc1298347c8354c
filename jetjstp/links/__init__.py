"""
Connections that carry whole messages: L{jetjstp.interfaces.MessageLink} over
streams and over WebSocket.
"""
