'use strict'
/*
 * Nodes of smokesignal 0.2. The argument is a list of their options. Commands
 * are lines of standard input, JSON lists: what to do, which node (its index),
 * and more. What happens is told on standard output in the same form.
 */
const smoke = require('smokesignal')

const tell = function (...observation) {
  process.stdout.write(JSON.stringify(observation) + '\n')
}

const nodes = JSON.parse(process.argv[2]).map(function (options, index) {
  const node = smoke.createNode(Object.assign({ address: '127.0.0.1' }, options))
  node.broadcast.on('data', function (chunk) { tell('data', index, chunk.toString()) })
  node.on('new peer', function (peer) {
    peer.on('data', function (chunk) { tell('direct', index, peer.id, chunk.toString()) })
  })
  node.on('disconnect', function () { tell('disconnect', index) })
  return node
})

const commands = {
  start: function (node, index) {
    node.start()
    node.server.once('listening', function () { tell('listening', index, node.id) })
  },
  write: function (node, index, text) { node.broadcast.write(text) },
  addPeer: function (node, index, port) { node.addPeer('127.0.0.1', port) },
  peers: function (node, index) {
    tell('peers', index, node.peers.list.map(function (peer) { return peer.id }))
  }
}

let pending = ''
process.stdin.on('data', function (data) {
  const lines = (pending + data).split('\n')
  pending = lines.pop()
  lines.forEach(function (line) {
    const [what, index, ...rest] = JSON.parse(line)
    commands[what](nodes[index], index, ...rest)
  })
})
process.stdin.on('end', function () { process.exit(0) })
tell('ready')
