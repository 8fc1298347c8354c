``twistd jet`` runs a Jet daemon for ``node-jet`` 2 peers over TCP and WebSocket, with users, access groups, and limits for everything that a peer can make grow; ``jetjstp.jet.Daemon`` embeds it.
