// A provider made with node-jet's peer, to compare with: node nodepeer.js PORT STATES [--ws]
'use strict'
const path = require('path')
const where = [__dirname, path.join(__dirname, '..', 'tests', 'interop'), process.cwd()]
const jet = require(require.resolve('node-jet', { paths: where }))

const [port, count] = process.argv.slice(2, 4).map(Number)
const webSocket = process.argv.includes('--ws')
const peer = new jet.Peer(webSocket ? { url: `ws://127.0.0.1:${port}` } : { ip: '127.0.0.1', port })

const addAll = async () => {
  await peer.connect()
  const adds = []
  for (let number = 0; number < count; number++) {
    const state = new jet.State(`bench/${number}`, 0)
    state.on('set', function (value) {}) // one parameter, or node-jet waits for a reply
    adds.push(peer.add(state))
  }
  await Promise.all(adds)
  console.log('ready')
}
addAll()
process.on('SIGTERM', () => process.exit(0))
