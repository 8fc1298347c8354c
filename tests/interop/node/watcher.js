'use strict'
/* Watches the states of victim.js die. */
const { brief, failure, followPath, open, run, saw, state, told } = require('./harness')

run({
  'watcher': async function () {
    const peer = open()
    await peer.add(state('watcher', 1))
    const events = await followPath(peer, 'victim/')
    saw('before', events.map(brief))
    const started = Date.now()
    const call = failure(peer.call('victim/m', ['help'], { timeout: 60 }))
    await told() // the victim is dead
    while (events.length < 6) {
      await peer.info()
    }
    saw('events', events.slice(3).map(brief))
    saw('pending call', await call)
    saw('soon', Date.now() - started < 5000)
    saw('set', await failure(peer.set('victim/a', 3)))
    saw('left', await peer.get({}))
  }
})
