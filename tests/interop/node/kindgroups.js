'use strict'
/* What owners of node-jet 2 and 3 protect, and what their users see of that and of what ours protect. */
const { failure, followPath, jet, method, open, run, saw, settled, state, told } = require('./harness')
const { close3, failure3, followPath3, method3, open3, ready, settled3, state3 } = require('./harness3')

const LISTS = { fetchGroups: ['admin'], setGroups: ['admin'], callGroups: ['admin'] }
const OWNERS = ['two', 'three', 'ours']

const paths = function (events) {
  return events.map(function (event) { return event.path }).sort()
}

run({
  'groups': async function () {
    await ready()
    const owner2 = open()
    const owner3 = await open3()
    await owner2.add(state('two/state', 0, LISTS))
    await owner2.add(method('two/method', function () { return 1 }, LISTS))
    await owner3.add(state3('three/state', 0, undefined, 'admin', 'admin'))
    await owner3.add(method3('three/method', function () {}, 'admin'))
    saw('ready')
    await told() // ours are there
    for (const name of [undefined, 'guest', 'root']) {
      const two = open(name && { user: name, password: 'pw' })
      const three = await open3()
      const events3 = await followPath3(three, '')
      if (name) {
        await three.authenticate(name, 'pw')
      }
      const events2 = await followPath(two, '')
      await settled3(three)
      saw('two', paths(events2))
      saw('three', paths(events3))
      for (const owner of OWNERS) {
        const allowed = name === 'root'
        saw('two with ' + owner, allowed
          ? [await two.set(owner + '/state', 2), await two.call(owner + '/method', [])]
          : [await failure(two.set(owner + '/state', 2)), await failure(two.call(owner + '/method', []))])
        saw('three with ' + owner, allowed
          ? [Boolean(await three.set(owner + '/state', 3)), await three.call(owner + '/method', [])]
          : [await failure3(three.set(owner + '/state', 3)), await failure3(three.call(owner + '/method', []))])
      }
    }
    await close3()
  }
})
