'use strict'
/* A peer with a name and a login, for the events of the daemon. */
const { open, run, saw, state, told } = require('./harness')

run({
  'visitor': async function () {
    const peer = open({ user: 'john', password: "john's" })
    await peer.connect()
    await peer.configure({ name: 'frank' })
    await peer.add(state('s', 1))
    saw('ready')
    await told()
    await peer.close()
    saw('left')
    await told()
  }
})
