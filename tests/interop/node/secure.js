'use strict'
/* wss:// with a certificate that nobody signed. */
const { failure, open, run, saw, state } = require('./harness')

run({
  'secure': async function () {
    const peer = open({ rejectUnauthorized: false })
    await peer.connect()
    saw('features', peer.daemonInfo.features)
    await peer.add(state('s', 1))
    saw('set', await peer.set('s', 'x'.repeat(200000), { valueAsResult: true }).then(function (text) { return text.length }))
    saw('checked', await failure(open({ rejectUnauthorized: true }).connect()))
  }
})
