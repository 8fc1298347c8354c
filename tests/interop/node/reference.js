'use strict'
/*
 * The daemon of node-jet itself, to check these tests against the reference:
 * prints its ports as one line, lives until its standard input ends. It takes
 * the ports that it is given, or free ones.
 */
const jet = require('node-jet')
const net = require('net')
const { once } = require('events')

const options = JSON.parse(process.argv[2])

/** Ports that are free; node-jet cannot listen on port 0. */
const freePorts = async function (count) {
  const servers = []
  for (let i = 0; i < count; i++) {
    const server = net.createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    servers.push(server)
  }
  return Promise.all(servers.map(async function (server) {
    const port = server.address().port
    server.close()
    await once(server, 'close')
    return port
  }))
}

const start = async function () {
  const tokens = options.tokens
  const [tcpPort, wsPort] = options.ports || await freePorts(2)
  const listen = { tcpPort, wsPort, wsPingInterval: options.pingInterval * 1000 }
  if (tokens) {
    listen.wsGetAuthentication = function (info) {
      return tokens[info.req.headers.authorization] || false
    }
  }
  const daemon = new jet.Daemon(options)
  daemon.listen(listen)
  await Promise.all([once(daemon.listener, 'listening'), once(daemon.wsServer, 'listening')])
  process.stdout.write(JSON.stringify([tcpPort, wsPort]) + '\n')
}

process.stdin.on('end', function () { process.exit(0) })
process.stdin.resume()
start()
