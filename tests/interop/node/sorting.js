'use strict'
/* Sorted fetchers: keys, directions, windows, live movement, arrays and differences. */
const { addAll, copy, follow, jet, method, open, run, saw, settled, startEmpty, state } = require('./harness')

const fetcher = function () { return new jet.Fetcher() }

const addInOrder = async function (owner, values) {
  const states = {}
  for (const path of Object.keys(values)) {
    states[path] = state(path, values[path])
    await owner.add(states[path])
  }
  return states
}

/** A window in short: "path=value path=value"; a hole is "?". */
const row = function (entries) {
  return entries.map(function (entry) {
    return entry ? entry.path + (entry.value === undefined ? '' : '=' + JSON.stringify(entry.value)) + (entry.fetchOnly ? '!' : '') : '?'
  }).join(' ')
}

/** One differential notification in short: "n: index path=value, ...". */
const difference = function (notification) {
  return notification[1] + ': ' + notification[0].map(function (change) { return change.index + ' ' + row([change]) }).join(', ')
}

const windows = async function (values, table) {
  const owner = open()
  const user = open()
  await addInOrder(owner, values)
  for (const what of Object.keys(table)) {
    const got = await follow(user, table[what])
    saw(what, got.map(row))
  }
}

const people = {
  'persons/1': { age: 43, name: { first: 'Jim' } },
  'persons/2': { age: 20, name: { first: 'joe' } },
  'persons/3': { age: 33, name: { first: 'Eve' } },
  'persons/4': { age: 20, name: { first: 'Ada' } },
  'persons/5': { age: 'unknown', name: {} },
  other: { age: 1, name: { first: 'X' } }
}

startEmpty()
run({
  'by path': async function () {
    await windows({ b: 2, a: 3, C: 1, 'ä': 4, a10: 5, a9: 6 }, {
      ascending: fetcher().sortByPath().ascending().range(1, 20),
      descending: fetcher().sortByPath().descending().range(1, 20),
      'no direction': fetcher().sortByPath().range(1, 20),
      'first two': fetcher().sortByPath().range(1, 2),
      'from the third': fetcher().sortByPath().range(3, 4),
      'only from': fetcher().sortByPath().range(2),
      'beyond the end': fetcher().sortByPath().range(10, 20),
      'one place': fetcher().sortByPath().range(2, 2),
      'with a path rule': fetcher().path('startsWith', 'a').sortByPath().range(1, 20),
      'with a value rule': fetcher().value('greaterThan', 3).value('isType', 'number').sortByPath().range(1, 20),
      'nothing matches': fetcher().path('equals', 'nothing').sortByPath().range(1, 20)
    })
  },

  'by value': async function () {
    await windows({ n3: 3, n1: 1, s: 'text', n10: 10, S: 'Text', n2: 2, no: false, yes: true, s10: '10', nil: null }, {
      numbers: fetcher().sortByValue('number').range(1, 20),
      'numbers descending': fetcher().sortByValue('number').descending().range(1, 20),
      'highest two': fetcher().sortByValue('number').descending().range(1, 2),
      strings: fetcher().sortByValue('string').range(1, 20),
      booleans: fetcher().sortByValue('boolean').range(1, 20)
    })
  },

  'by key': async function () {
    const found = {
      number: fetcher().path('startsWith', 'persons/').sortByKey('age', 'number').range(1, 20),
      string: fetcher().sortByKey('name.first', 'string').range(1, 20),
      'two arguments': fetcher().sortByValue('name.first', 'string').descending().range(1, 2),
      'the youngest': fetcher().path('startsWith', 'persons/').sortByKey('age', 'number').ascending().range(1, 2),
      'an expression': fetcher().expression({
        path: { startsWith: 'persons/' }, sort: { asArray: true, byValueField: { age: 'number' }, descending: true, from: 1, to: 100 }
      })
    }
    const owner = open()
    const user = open()
    await addInOrder(owner, people)
    for (const what of Object.keys(found)) {
      const got = await follow(user, found[what])
      saw(what, got.map(function (entries) { return entries.map(function (entry) { return entry.path }).join(' ') }))
    }
  },

  'entries of an array': async function () {
    const owner = open()
    const user = open()
    await owner.add(new jet.State('s/2', 20))
    await owner.add(state('s/1', 10))
    await owner.add(method('s/m', function () {}))
    saw('entries', await follow(user, fetcher().path('startsWith', 's/').sortByPath().range(2, 9)))
  },

  'live array': async function () {
    const owner = open()
    const user = open()
    const states = await addInOrder(owner, { a: 50, b: 40, c: 30 })
    const got = await follow(user, fetcher().sortByValue('number').range(1, 3))
    await states.a.value(10) // from the last place to the first
    await states.b.value(41) // stays where it is
    await states.b.value(41) // an equal value
    await owner.add(state('d', 20)) // pushes one out
    await owner.add(state('e', 99)) // behind the window
    await states.c.value(98) // from inside to behind it
    await states.a.remove() // one comes in
    await states.b.value('text') // no longer of the type
    await states.b.value(1) // and back
    await settled(owner, user)
    saw('windows', got.map(row))
  },

  'live window in the middle': async function () {
    const owner = open()
    const user = open()
    const states = await addInOrder(owner, { a: 1, b: 2, c: 3, d: 4, e: 5 })
    const got = await follow(user, fetcher().sortByValue('number').range(2, 3))
    await states.a.value(1.5) // in front of the window
    await states.e.value(0) // from behind it to its front
    await states.b.value(10) // from inside to behind
    await states.e.remove()
    await states.a.remove()
    await states.c.remove()
    await states.d.remove()
    await states.b.remove()
    await settled(owner, user)
    saw('windows', got.map(row))
  },

  'a window that shrinks and grows': async function () {
    const owner = open()
    const user = open()
    const states = await addInOrder(owner, { a: 1, b: 2, c: 3 })
    const got = await follow(user, fetcher().sortByPath().range(1, 3))
    await states.a.remove()
    await states.a.add()
    await settled(owner, user)
    saw('windows', got.map(row))
  },

  'jumps across a window': async function () {
    const owner = open()
    const user = open()
    const states = await addInOrder(owner, { a: 1, b: 2, c: 3, d: 4, e: 5 })
    const got = await follow(user, fetcher().sortByValue('number').range(2, 4))
    await states.a.value(3.5) // from in front into it
    await states.a.value(0) // and out again
    await states.a.value(9) // from in front to behind
    await settled(owner, user)
    saw('windows', got.map(row))
  },

  'equal keys': async function () {
    const owner = open()
    const user = open()
    const states = await addInOrder(owner, { c: 1, a: 1, b: 1 })
    const up = await follow(user, fetcher().sortByValue('number').range(1, 9))
    const down = await follow(user, fetcher().sortByValue('number').descending().range(1, 9))
    await states.a.value(2)
    await states.a.value(1)
    await settled(owner, user)
    saw('ascending', up.map(row))
    saw('descending', down.map(row))
  },

  'differences': async function () {
    const owner = open()
    const user = open()
    const states = await addInOrder(owner, { a: 1, b: 2, c: 3 })
    const got = await follow(user, fetcher().sortByValue('number').differential().range(1, 10))
    await states.b.value(2.5)
    await states.b.value(0)
    await owner.add(new jet.State('d', 0.5))
    await states.a.remove()
    await states.c.value('text')
    await settled(owner, user)
    saw('notifications', got.map(difference))
  },

  'differences without a range': async function () {
    const owner = open()
    const user = open()
    const values = {}
    for (let i = 0; i < 12; i++) {
      values['s' + String.fromCharCode(97 + i)] = i
    }
    await addInOrder(owner, values)
    const got = await follow(user, fetcher().sortByPath().differential())
    saw('notifications', got.map(difference))
  },

  'differences within a range': async function () {
    const owner = open()
    const user = open()
    const states = await addInOrder(owner, { a: 1, b: 2, c: 3, d: 4 })
    const got = await follow(user, fetcher().sortByPath().descending().differential().range(2, 3))
    await states.c.value(30)
    await states.a.value(10)
    await states.d.remove()
    await settled(owner, user)
    saw('notifications', got.map(difference))
  },

  'unfetch and fetch again': async function () {
    const owner = open()
    const user = open()
    const states = await addInOrder(owner, { a: 1, b: 2 })
    const some = fetcher().sortByValue('number').differential().range(1, 9)
    const got = await follow(user, some)
    saw('unfetch', await user.unfetch(some))
    await states.a.value(3)
    await settled(owner, user)
    await user.fetch(some)
    await states.a.value(0)
    await settled(owner, user)
    saw('notifications', got.map(difference))
  },

  'the owner leaves': async function () {
    const owner = open()
    const other = open()
    const user = open()
    await addInOrder(owner, { a: 1, b: 2, c: 3 })
    await other.add(state('d', 4))
    const got = await follow(user, fetcher().sortByPath().range(1, 9))
    await owner.close()
    while (copy(got[got.length - 1]).length > 1) {
      await settled(user)
    }
    saw('last', row(got[got.length - 1]))
  },

  'the youngest persons': async function () {
    const owner = open()
    const user = open()
    const views = await follow(user, fetcher().path('startsWith', 'persons/').sortByKey('age', 'number').ascending().range(1, 20))
    const all = []
    for (let i = 0; i < 30; i++) {
      const one = state('persons/#' + i, { age: (i * 7) % 30 })
      all.push(one)
    }
    await addAll(owner, all)
    for (let i = 0; i < 30; i++) {
      await user.set('persons/#' + i, { age: 100 - i })
    }
    await settled(owner, user)
    saw('ages', views[views.length - 1].map(function (entry) { return entry.value.age }))
    saw('never out of order', views.every(function (entries) {
      return entries.every(function (entry, i) { return i === 0 || (entry && entries[i - 1].value.age <= entry.value.age) })
    }))
    saw('never with holes', views.every(function (entries) { return entries.every(Boolean) && entries.length <= 20 }))
  }
})
