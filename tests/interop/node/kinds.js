'use strict'
/*
 * An owner and a user of node-jet 2 and of node-jet 3 each, on a daemon that
 * they share with peers of ours. The test says when the next part is due.
 */
const {
  addAll, brief, failure, follow, followPath, jet, method, open, run, saw, settled, state, told, until
} = require('./harness')
const {
  close3, failure3, follow3, followPath3, jet3, method3, open3, ready, sawEvents, settled3, state3
} = require('./harness3')

const OWNERS = ['two', 'three', 'ours']

const bounded = function (value) {
  if (value > 100) {
    throw new jet.InvalidArgument('too high')
  }
}

const bounded3 = function (value) {
  if (value > 100) {
    throw new Error('too high')
  }
}

const paths = function (entries) {
  return entries.map(function (entry) { return entry.path }).sort()
}

/** What a user does with the states and methods of each owner; value tells it from other users. */
const use = async function (name, user, value, failed) {
  for (const owner of OWNERS) {
    const what = name + ' with ' + owner + ': '
    saw(what + 'set', await user.set(owner + '/plain', value))
    saw(what + 'refused', await failed(user.set(owner + '/bounded', 101)))
    saw(what + 'call', await user.call(owner + '/sum', [1, value]))
    saw(what + 'wrong kind', await failed(user.call(owner + '/plain', [])))
    saw(what + 'unknown', await failed(user.set(owner + '/none', 1)))
    saw(what + 'occupied', await failed(user.add(name === 'two' ? state(owner + '/plain', 0) : state3(owner + '/plain', 0))))
  }
}

run({
  'kinds': async function () {
    await ready()
    const owner2 = open()
    const owner3 = await open3()
    const user2 = open()
    const user3 = await open3()
    await addAll(owner2, [
      state('two/plain', 0),
      new jet.State('two/bounded', 0).on('set', bounded),
      method('two/sum', function (args) { return args[0] + args[1] })
    ])
    const short3 = state3('three/short', 0)
    await owner3.add(state3('three/plain', 0))
    await owner3.add(state3('three/bounded', 0, bounded3))
    await owner3.add(method3('three/sum', function (args) { saw('three is called', args) }))
    await owner3.add(short3)
    saw('ready')
    await told() // ours are there
    const events2 = await followPath(user2, '')
    const events3 = await followPath3(user3, '')
    saw('two', paths(events2.splice(0)))
    saw('three', paths(events3.splice(0)))
    saw('three gets', paths(await user3.get({ path: { containsAllOf: ['/', 'plain'] } })))
    saw('three finds', paths(await follow3(user3, new jet3.Fetcher().path('startsNotWith', 't').path('containsOneOf', ['plain', 'bounded']))))
    saw('three has low', paths(await follow3(user3, new jet3.Fetcher().path('endsWith', '/plain').value('lessThan', 2))))
    const sorted = await follow(user2, new jet.Fetcher().path('endsWith', '/plain').sortByPath().range(1, 3))
    saw('two sorts', sorted[0].map(function (entry) { return entry.path }))
    saw('used by', 'two')
    await use('two', user2, 2, failure)
    saw('used by', 'three')
    await use('three', user3, 3, failure3)
    await settled(user2)
    await settled3(user3)
    saw('two', events2.splice(0).map(brief))
    sawEvents('three', events3.splice(0))
    saw('used by', 'ours')
    await told() // ours have used what is here
    await settled(owner2)
    await settled3(owner3)
    await settled(user2)
    await settled3(user3)
    saw('two', events2.splice(0).map(brief))
    sawEvents('three', events3.splice(0))
    await owner3.remove(short3)
    await told() // ours are gone
    await settled(user2)
    await settled3(user3)
    saw('two', events2.splice(0).map(brief))
    sawEvents('three', events3.splice(0))
    await owner2.close()
    await owner3.close()
    await until(function () { return events2.length >= 6 && events3.length >= 4 })
    saw('two', events2.map(brief).sort())
    saw('three', events3.map(function (event) { return event.event + ' ' + event.path }).sort())
    await close3()
  }
})
