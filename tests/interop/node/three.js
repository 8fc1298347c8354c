'use strict'
/* A node-jet 3 peer with one state, which sets that of another; it goes on when it is told to, and never closes. */
const { run, saw, told } = require('./harness')
const { failure3, followPath3, method3, open3, ready, sawEvents, settled3, state3 } = require('./harness3')

run({
  'three': async function () {
    await ready()
    const peer = await open3()
    await peer.add(state3('t/three', 1, function (value) { saw('asked', value) }))
    await peer.add(method3('t/method', function (args) { saw('called', args) }))
    const events = await followPath3(peer, 't/')
    sawEvents('initial', events.splice(0))
    saw('set', await peer.set('t/raw', 2))
    saw('unknown', await failure3(peer.set('t/nothing', 2)))
    await settled3(peer)
    sawEvents('events', events.splice(0))
    await told()
    sawEvents('events', events.splice(0))
  }
})
