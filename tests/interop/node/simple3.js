'use strict'
/* node-jet 3 peers on a daemon in simple mode. */
const { open, run, saw } = require('./harness')
const { closing, follow3, jet3, open3, sawEvents, settled3, state3 } = require('./harness3')

run(closing({
  'simple': async function () {
    const owner = await open3()
    const other = await open3()
    const a = state3('t/a', 1)
    await owner.add(a)
    await owner.add(state3('u/a', 1))
    saw('fetch', (await other.info()).features.fetch)
    const events = await follow3(other, new jet3.Fetcher().path('startsWith', 't/'))
    const more = await follow3(other, new jet3.Fetcher().path('startsWith', 'u/'))
    a.value(2)
    await settled3(owner, other)
    sawEvents('events', events)
    sawEvents('more', more)
    saw('two', (await open().get({})).length)
  }
}))
