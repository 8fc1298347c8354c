'use strict'
/* Peers of node-jet 3, among themselves and together with peers of node-jet 2. */
const { addAll, brief, failure, followPath, jet, method, open, run, saw, settled, startEmpty, state, until } = require('./harness')
const {
  close3, closing, failure3, follow3, followPath3, jet3, method3, open3, sawEvents, settled3, state3
} = require('./harness3')

startEmpty()

const tooHigh = function (value) {
  if (value > 100) {
    throw new Error('too high')
  }
}

run(closing({
  'info': async function () {
    const peer = await open3()
    const info = await peer.info()
    saw('features', info.features)
    saw('configure', await peer.configure({ name: 'three' }))
  },

  'three with three': async function () {
    const owner = await open3()
    const other = await open3()
    const asked = []
    const events = await followPath3(other, 't/')
    const a = state3('t/a', 1, tooHigh)
    await owner.add(a)
    await owner.add(method3('t/m', function (args) { asked.push(args) }))
    await owner.add(state3('t/b', { x: [null] }))
    saw('initial', (await followPath3(other, 't/')).map(function (event) { return event.path }))
    saw('set', await other.set('t/a', 2))
    saw('value', a.value())
    saw('refused', await failure3(other.set('t/a', 101)))
    saw('call', await other.call('t/m', [1, { two: 2 }]))
    saw('call', await other.call('t/m'))
    saw('asked', asked)
    a.value(3)
    await owner.info()
    saw('get', await other.get({ path: { startsWith: 't/' } }))
    saw('occupied', await failure3(other.add(state3('t/a', 0))))
    saw('unknown', await failure3(other.set('t/nothing', 1)))
    saw('unknown', await failure3(other.call('t/nothing', [])))
    saw('wrong kind', await failure3(other.set('t/m', 1)))
    saw('foreign', await failure3(other.remove(state3('t/a', 0))))
    await owner.remove(a)
    saw('removed', await failure3(other.set('t/a', 2)))
    saw('removed', await failure3(owner.remove(a)))
    await settled3(owner, other)
    sawEvents('events', events)
  },

  'two with three as owner': async function () {
    const owner = await open3()
    const two = open()
    const asked = []
    const events = await followPath(two, 't/')
    const a = state3('t/a', 1, tooHigh)
    await owner.add(a)
    await owner.add(method3('t/m', function (args) {
      asked.push(args)
      if (args.length === 0) {
        throw new Error('nothing to do')
      }
    }))
    saw('set', await two.set('t/a', 2))
    saw('set', await two.set('t/a', 3, { valueAsResult: true }))
    saw('refused', await failure(two.set('t/a', 101)))
    saw('call', await two.call('t/m', [1, 2]))
    saw('refused', await failure(two.call('t/m')))
    saw('asked', asked)
    saw('wrong kind', (await failure(two.call('t/a'))).data)
    saw('occupied', await failure(two.add(state('t/a', 1))))
    a.value(4)
    await settled3(owner)
    await owner.remove(a)
    await owner.close()
    await until(function () { return events.length >= 7 })
    saw('events', events.map(brief))
  },

  'three with two as owner': async function () {
    const owner = open()
    const three = await open3()
    const fixed = new jet.State('t/fixed', true)
    await addAll(owner, [
      new jet.State('t/plain', 1).on('set', function (value) {}),
      new jet.State('t/adjusted', 1).on('set', function (value) { return { value: value * 10 } }),
      new jet.State('t/picky', 1).on('set', function (value) {
        throw value < 0 ? new jet.InvalidArgument('not below zero') : new Error('went wrong')
      }),
      new jet.State('t/own', 1).on('set', function (value) { throw { code: 7, message: 'own error' } }),
      fixed,
      method('t/sum', function (args) { return args.reduce(function (a, b) { return a + b }, 0) })
    ])
    const events = await followPath3(three, 't/')
    sawEvents('initial', events.splice(0))
    saw('set', await three.set('t/plain', 2))
    saw('set', await three.set('t/adjusted', 2))
    saw('refused', await failure3(three.set('t/picky', -1)))
    saw('failed', await failure3(three.set('t/picky', 1)))
    saw('own', await failure3(three.set('t/own', 1)))
    saw('fetchOnly', await failure3(three.set('t/fixed', false)))
    saw('call', await three.call('t/sum', [1, 2, 3]))
    saw('call', await three.call('t/sum'))
    saw('wrong kind', await failure3(three.call('t/plain', [])))
    saw('get', await three.get({ path: { equalsOneOf: ['t/sum', 't/fixed'] } }))
    await owner.remove(fixed)
    await owner.close()
    await until(function () { return events.length >= 7 })
    sawEvents('events', events)
  },

  'path rules': async function () {
    const owner = await open3()
    const other = await open3()
    for (const path of ['t/One', 't/two', 'u/one']) {
      await owner.add(state3(path, 0))
    }
    const rules = [
      ['equals', 't/two'], ['equalsNot', 't/two'], ['startsWith', 't/'], ['startsNotWith', 't/'], ['endsWith', 'wo'],
      ['endsNotWith', 'e'], ['contains', '/o'], ['containsNot', '/o'], ['containsAllOf', ['u', 'n']],
      ['containsOneOf', ['w', 'O']], ['equalsOneOf', ['u/one', 'nothing']], ['equalsNotOneOf', ['u/one']]
    ]
    for (const rule of rules) {
      const found = await follow3(other, new jet3.Fetcher().path(rule[0], rule[1]))
      saw(rule[0], found.map(function (event) { return event.path }))
    }
    sawEvents('both', await follow3(other, new jet3.Fetcher().path('startsWith', 'T/').path('endsWith', 'ONE').path('caseInsensitive', true)))
    saw('unknown', await failure3(other.fetch(new jet3.Fetcher().path('sounds', 'like'))))
  },

  'value rules': async function () {
    const owner = await open3()
    const other = await open3()
    const a = state3('t/a', 1)
    const b = state3('t/b', { name: { first: 'Jim' }, ages: [7] })
    await owner.add(a)
    await owner.add(b)
    await owner.add(method3('t/m', function () {}))
    const fetcher = function () { return new jet3.Fetcher().path('startsWith', 't/') }
    const high = await follow3(other, fetcher().value('greaterThan', 5))
    const jims = await follow3(other, fetcher().value('equals', 'Jim', 'name.first').value('lessThan', 10, 'ages.0'))
    const sorted = await follow3(other, fetcher().value('isType', 'object').sortByValue('name').range(1, 3).descending())
    a.value(6)
    a.value(7)
    a.value(5)
    b.value({ name: { first: 'Joe' }, ages: [8] })
    a.value(9)
    await settled3(owner, other)
    sawEvents('high', high)
    sawEvents('jims', jims)
    sawEvents('sorted', sorted)
    saw('unknown', await failure3(other.fetch(fetcher().value('resembles', 5))))
  },

  'unfetch': async function () {
    const owner = await open3()
    const other = await open3()
    const a = state3('t/a', 1)
    await owner.add(a)
    const fetcher = new jet3.Fetcher().path('startsWith', 't/')
    const events = await follow3(other, fetcher)
    a.value(2)
    await settled3(owner, other)
    await other.unfetch(fetcher)
    a.value(3)
    await settled3(owner, other)
    sawEvents('events', events)
    await other.fetch(fetcher)
    sawEvents('again', events)
  },

  'batches': async function () {
    const owner = await open3()
    const two = open()
    const events = await followPath(two, 't/')
    const done = []
    const states = [1, 2, 3].map(function (number) { return state3('t/' + number, number) })
    owner.batch(function () {
      states.forEach(function (one) { done.push(owner.add(one)) })
      done.push(owner.get({ path: { startsWith: 't/' } }))
    })
    saw('got', (await Promise.all(done))[3])
    owner.batch(function () { states.forEach(function (one) { one.value(10) }) })
    await settled3(owner)
    saw('sets', await Promise.all([1, 2, 3].map(function (number) { return two.set('t/' + number, number + 20) })))
    await settled(two)
    saw('events', events.map(brief))
  },

  'a value that comes later': async function () {
    const owner = await open3()
    const other = await open3()
    const events = await followPath3(other, 't/')
    const a = state3('t/a', undefined)
    await owner.add(a)
    a.value(1)
    a.value(2)
    await settled3(owner, other)
    sawEvents('events', events)
    saw('set', await other.set('t/a', 3))
  },

  'an owner that leaves': async function () {
    const owner2 = open()
    const owner3 = await open3()
    const three = await open3()
    const two = open()
    let called
    const wasCalled = new Promise(function (resolve) { called = resolve })
    await owner2.add(method('t/slow', function (args, reply) { called() }))
    await owner2.add(state('t/two', 2))
    await owner3.add(state3('t/three', 3))
    const events3 = await followPath3(three, 't/')
    const events2 = await followPath(two, 't/')
    const pending = failure3(three.call('t/slow', []))
    await wasCalled
    await owner2.close()
    saw('pending', await pending)
    await owner3.close()
    await until(function () { return events3.length >= 4 && events2.length >= 6 })
    sawEvents('three', events3)
    saw('two', events2.map(brief))
    await close3()
    saw('closed', await failure3(three.set('t/three', 1)))
  }
}))
