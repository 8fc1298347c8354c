'use strict'
/* Peers of node-jet that share a daemon with ours: an owner, and a user of what ours own. */
const jet = require('node-jet')
const { addAll, brief, failure, follow, followPath, method, open, run, saw, state, told } = require('./harness')

run({
  'mates': async function () {
    const owner = open()
    const user = open()
    const bounded = new jet.State('theirs/bounded', 1).on('set', function (value) {
      if (value > 100) {
        throw new jet.InvalidArgument('too much')
      }
      return { value: value * 2 }
    })
    await addAll(owner, [
      state('theirs/open', { a: 1 }),
      bounded,
      new jet.State('theirs/fixed', 'x'),
      method('theirs/sum', function (args) { return args.reduce(function (sum, x) { return sum + x }, 0) }),
      method('theirs/broken', function () { throw new Error('broken') })
    ])
    saw('ready')
    await told() // ours are there
    const events = await followPath(user, 'ours/')
    const windows = await follow(user, new jet.Fetcher().path('startsWith', 'ours/').sortByValue('number').range(1, 2))
    saw('set', await user.set('ours/bounded', 5, { valueAsResult: true }))
    saw('too much', await failure(user.set('ours/bounded', 500)))
    saw('fixed', await failure(user.set('ours/fixed', 500)))
    saw('sum', await user.call('ours/sum', [1, 2]))
    saw('by name', await user.call('ours/sum', { a: 3, b: 4 }))
    saw('not fitting', (await failure(user.call('ours/sum', [1]))).split(':')[0])
    saw('broken', await failure(user.call('ours/broken', [])))
    saw('nothing', await user.call('ours/nothing', []))
    await user.info()
    saw('events', events.map(brief))
    saw('window', windows[windows.length - 1].map(function (entry) { return [entry.path, entry.value] }))
    await told() // ours are gone
    await user.info()
    saw('removed', events.slice(-5).map(brief))
  }
})
