'use strict'
/* A daemon in simple fetch mode: the peer filters and sorts itself. */
const { addAll, brief, follow, jet, method, open, run, saw, settled, sleep, startEmpty, state, until } = require('./harness')

startEmpty()
run({
  'simple mode': async function () {
    const owner = open()
    const user = open()
    await user.connect()
    saw('mode', user.daemonInfo.features.fetch)
    const states = [state('a/1', 5), new jet.State('a/2', 20), state('b/1', 30)]
    await addAll(owner, states)
    await owner.add(method('a/m', function () {}))
    const byPath = await follow(user, new jet.Fetcher().path('startsWith', 'a/'))
    const byValue = await follow(user, new jet.Fetcher().value('greaterThan', 10))
    const sorted = await follow(user, new jet.Fetcher().sortByValue('number').descending().range(1, 2))
    await states[0].value(25)
    await states[2].value(1)
    await states[1].remove()
    saw('set', await user.set('a/1', 26))
    await settled(owner, user)
    saw('by path', byPath.map(brief))
    saw('by value', byValue.map(brief))
    saw('sorted', sorted.map(function (entries) { return entries.map(function (entry) { return entry.path + '=' + entry.value }) }))
    saw('get', (await user.get({ path: { startsWith: 'b/' } })).map(brief))
  },

  'unfetch': async function () {
    const owner = open()
    const user = open()
    const subject = state('s', 1)
    await owner.add(subject)
    const some = new jet.Fetcher().path('equals', 's')
    const events = await follow(user, some)
    saw('isFetching', some.isFetching())
    await user.unfetch(some)
    saw('isFetching', some.isFetching())
    await subject.value(2)
    await settled(owner, user)
    saw('events', events.map(brief))
  },

  'the owner leaves': async function () {
    const owner = open()
    const user = open()
    await addAll(owner, [state('s/1', 1), state('s/2', 2)])
    const events = await follow(user, new jet.Fetcher().path('startsWith', 's/'))
    await owner.close()
    await until(function () { return events.length === 4 })
    saw('events', events.map(brief))
  },

  'on the wire': async function () {
    const owner = open()
    const received = []
    const user = open({ onReceive: function (text, message) { received.push(message) } })
    await user.connect()
    await owner.add(new jet.State('s', 1))
    received.length = 0
    const rpc = user.jsonrpc
    saw('unfetch', await rpc.service('unfetch', {}).catch(function (err) { return err.data }))
    saw('fetch', await rpc.service('fetch', {}))
    saw('again', await rpc.service('fetch').catch(function (err) { return err.data }))
    await settled(user)
    saw('notifications', received.filter(function (message) { return message.method }))
    saw('unfetch', await rpc.service('unfetch', {}))
    await sleep(0)
  }
})
