'use strict'
/* Pings of the daemon, which node-jet's WebSocket library answers by itself. */
const { open, run, saw, sleep, until } = require('./harness')

run({
  'pings': async function () {
    const peer = open()
    await peer.connect()
    let pings = 0
    peer.jsonrpc.sock.on('ping', function () { pings++ })
    await until(function () { return pings === 5 })
    await sleep(0.1)
    saw('still there', await peer.jsonrpc.service('echo', 'hello'))
  }
})
