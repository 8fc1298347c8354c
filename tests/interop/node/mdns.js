'use strict'
/*
 * A node of a mesh that is none of ours: multicast DNS by npm multicast-dns, plain sockets of Node.js. The settings are
 * {type, uuid, dials}: the type of service, this node's uuid, and whether it dials what it finds. One observation a
 * line; a line on standard input ends it, with a goodbye.
 */
const net = require('net')
const multicastDns = require('multicast-dns')

const settings = JSON.parse(process.argv[2])
const loopback = '127.0.0.1'
const type = settings.type + '.local'
const own = settings.uuid + '.' + type
const host = settings.uuid.toLowerCase() + '.local'

const saw = function () {
  process.stdout.write(JSON.stringify(Array.from(arguments)) + '\n')
}

const talk = function (what, socket) {
  socket.on('error', function () {}) // 'close' follows
  socket.on('close', function () { saw('closed') })
  socket.on('data', function (data) { saw(what, data.toString()) })
  socket.write('hello from node')
}

const server = net.createServer(function (socket) { talk('accepted', socket) })
server.listen(0, loopback, function () {
  // Without bind it would listen on the address of the interface, where no multicast comes.
  const mdns = multicastDns({ interface: loopback, bind: '0.0.0.0' })
  const same = function (one, other) { return one.toLowerCase() === other.toLowerCase() }
  const records = function (ttl) {
    return [
      { name: type, type: 'PTR', ttl, data: own },
      { name: own, type: 'SRV', ttl, flush: true, data: { priority: 0, weight: 0, port: server.address().port, target: host } },
      { name: own, type: 'TXT', ttl, flush: true, data: [] },
      { name: host, type: 'A', ttl, flush: true, data: loopback }
    ]
  }
  const known = {}
  mdns.on('query', function (query) {
    if (query.questions.some(function (question) { return [type, own, host].some(function (name) { return same(name, question.name) }) })) {
      mdns.respond({ answers: records(120) })
    }
  })
  mdns.on('response', function (response) {
    const all = response.answers.concat(response.additionals)
    for (const pointer of all) {
      if (pointer.type !== 'PTR' || !same(pointer.name, type) || pointer.data === own) continue
      const instance = pointer.data.slice(0, -type.length - 1)
      if (pointer.ttl === 0) {
        if (known[instance]) saw('gone', instance)
        known[instance] = false
        continue
      }
      const place = all.find(function (record) { return record.type === 'SRV' && record.name === pointer.data })
      const address = place && all.find(function (record) { return record.type === 'A' && record.name === place.data.target })
      if (!address || known[instance]) continue
      known[instance] = true
      saw('found', instance, place.data.port, address.data)
      if (settings.dials) {
        net.connect(place.data.port, address.data, function () { talk('dialled', this) })
      }
    }
  })
  mdns.on('ready', function () {
    saw('listening', server.address().port)
    mdns.respond({ answers: records(120) })
    mdns.query({ questions: [{ name: type, type: 'PTR' }] })
  })
  process.stdin.once('data', function () {
    mdns.respond({ answers: records(0) }, function () { process.exit(0) })
  })
})
