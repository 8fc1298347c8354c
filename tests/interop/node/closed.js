'use strict'
/* What peers notice when the daemon closes. */
const { addAll, failure, jet, method, open, run, saw, settings, state, told } = require('./harness')

run({
  'closed': async function () {
    const owner = open()
    const user = open()
    await addAll(owner, [state('s', 1), method('never', function (args, reply) { saw('asked') })])
    const call = failure(user.call('never', [], { timeout: 60 }))
    await user.fetch(new jet.Fetcher().all().on('data', function () {}))
    await told() // the daemon is closing
    await Promise.all([owner.closed(), user.closed()])
    saw('pending', await call)
    saw('set', await failure(user.set('s', 2)))
    const late = new jet.Peer(settings)
    saw('connect', await failure(late.connect()))
  }
})
