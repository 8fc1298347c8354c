'use strict'
/*
 * The daemon of node-jet 3, on WebSocket only: over TCP it dies when a peer
 * leaves. Prints its port as one line, lives until its standard input ends.
 */
const net = require('net')
const { once } = require('events')

const start = async function () {
  const { Daemon } = await import('node-jet-3')
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = server.address().port
  server.close()
  await once(server, 'close')
  new Daemon().listen({ wsPort: port })
  const until = async function () {
    for (;;) {
      const socket = net.connect(port, '127.0.0.1')
      try {
        await once(socket, 'connect')
        return socket.destroy()
      } catch (err) {
        await new Promise(function (resolve) { setTimeout(resolve, 20) })
      }
    }
  }
  await until()
  process.stdout.write(JSON.stringify(port) + '\n')
}

process.stdin.on('end', function () { process.exit(0) })
process.stdin.resume()
start()
