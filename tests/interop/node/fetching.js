'use strict'
/* Fetchers without sort: every rule, live movement, lifetimes. */
const { addAll, brief, failure, follow, jet, method, open, run, saw, settled, startEmpty, state } = require('./harness')

const fetcher = function () { return new jet.Fetcher() }

const statesOf = function (values) {
  return Object.keys(values).map(function (path) { return state(path, values[path]) })
}

/** What each fetcher of a table finds, as paths in order of adding, and that get() finds the same. */
const found = async function (values, table) {
  const owner = open()
  const user = open()
  for (const one of statesOf(values)) {
    await owner.add(one)
  }
  for (const what of Object.keys(table)) {
    const events = await follow(user, table[what])
    const paths = events.map(function (event) { return event.path })
    saw(what, paths.join(' '))
    const got = await user.get(table[what].rule)
    if (JSON.stringify(got.map(function (element) { return element.path })) !== JSON.stringify(paths)) {
      saw(what + ': get differs', got)
    }
  }
}

startEmpty()
run({
  'path rules': async function () {
    await found({ alpha: 1, 'alpha/beta': 2, Alphabet: 3, 'gamma/alpha': 4, beta: 5, 'Äpfel/GROSS': 6 }, {
      all: fetcher().all(),
      'no rule': fetcher(),
      equals: fetcher().path('equals', 'alpha'),
      equalsNot: fetcher().path('equalsNot', 'alpha'),
      startsWith: fetcher().path('startsWith', 'alpha'),
      startsNotWith: fetcher().path('startsNotWith', 'alpha'),
      endsWith: fetcher().path('endsWith', 'alpha'),
      endsNotWith: fetcher().path('endsNotWith', 'alpha'),
      contains: fetcher().path('contains', 'bet'),
      containsNot: fetcher().path('containsNot', 'bet'),
      containsOneOf: fetcher().path('containsOneOf', ['gam', 'bet']),
      containsAllOf: fetcher().path('containsAllOf', ['alpha', 'bet']),
      equalsOneOf: fetcher().path('equalsOneOf', ['beta', 'alpha', 'nothing']),
      equalsNotOneOf: fetcher().path('equalsNotOneOf', ['beta', 'alpha', 'nothing']),
      'equalsOneOf nothing': fetcher().path('equalsOneOf', []),
      'containsAllOf nothing': fetcher().path('containsAllOf', []),
      'two predicates': fetcher().path('startsWith', 'a').path('contains', '/'),
      'three predicates': fetcher().path('contains', 'a').path('endsNotWith', 'alpha').path('equalsNot', 'beta'),
      'the empty start': fetcher().path('startsWith', ''),
      'an unknown predicate': fetcher().path('sounds', 'like').path('startsWith', 'beta')
    })
  },

  'path rules without case': async function () {
    await found({ alpha: 1, 'alpha/beta': 2, Alphabet: 3, 'gamma/ALPHA': 4, beta: 5, 'Äpfel/GROSS': 6 }, {
      equals: fetcher().path('equals', 'ALPHA').pathCaseInsensitive(),
      equalsNot: fetcher().path('equalsNot', 'ALPHA').pathCaseInsensitive(),
      startsWith: fetcher().pathCaseInsensitive().path('startsWith', 'aLPHA'),
      endsWith: fetcher().path('endsWith', 'alPHA').pathCaseInsensitive(),
      contains: fetcher().path('contains', 'BET').pathCaseInsensitive(),
      containsOneOf: fetcher().path('containsOneOf', ['GAM', 'BET']).pathCaseInsensitive(),
      equalsOneOf: fetcher().path('equalsOneOf', ['BETA', 'Alpha']).pathCaseInsensitive(),
      umlaut: fetcher().path('startsWith', 'äPFEL').pathCaseInsensitive(),
      'with an expression': fetcher().expression({ path: { caseInsensitive: true, startsWith: 'ALPHA', contains: 'T' } })
    })
  },

  'value rules': async function () {
    await found({ n1: 1, n5: 5, n9: 9, s5: '5', abc: 'abc', yes: true, no: false, nil: null, obj: { a: 1 }, arr: [5] }, {
      'equals number': fetcher().value('equals', 5),
      'equals string': fetcher().value('equals', '5'),
      'equals boolean': fetcher().value('equals', true),
      equalsNot: fetcher().value('equalsNot', 5),
      'equals an object': fetcher().value('equals', { a: 1 }),
      'lessThan and number': fetcher().value('lessThan', 6).value('isType', 'number'),
      'greaterThan and number': fetcher().value('greaterThan', 1).value('isType', 'number'),
      between: fetcher().value('greaterThan', 1).value('lessThan', 9).value('isType', 'number'),
      'greaterThan string': fetcher().value('greaterThan', '6').value('isType', 'string'),
      'isType number': fetcher().value('isType', 'number'),
      'isType string': fetcher().value('isType', 'string'),
      'isType boolean': fetcher().value('isType', 'boolean'),
      'isType object': fetcher().value('isType', 'object'),
      'with a path': fetcher().path('startsWith', 'n').value('greaterThan', 1).value('isType', 'number')
    })
  },

  'values of different types do not compare': async function () {
    await found({ n5: 5, s5: '5', yes: true, nil: null }, {
      lessThan: fetcher().value('lessThan', 6),
      greaterThan: fetcher().value('greaterThan', '4')
    })
  },

  'key rules': async function () {
    await found({
      jim: { age: 33, name: { first: 'Jim', last: 'Knopf' }, tags: ['a', 'b'], retired: false },
      joe: { age: 40, name: { first: 'Joe' }, tags: [] },
      eve: { age: '40', relatives: { father: { age: 66 } } },
      plain: 40,
      list: [40, { x: 1 }],
      nil: null,
      empty: {}
    }, {
      equals: fetcher().key('age', 'equals', 40),
      equalsNot: fetcher().key('age', 'equalsNot', 40),
      lessThan: fetcher().key('age', 'lessThan', 40).key('name.first', 'isType', 'string'),
      greaterThan: fetcher().key('relatives.father.age', 'greaterThan', 65),
      isType: fetcher().key('age', 'isType', 'string'),
      'value with three arguments': fetcher().value('name.first', 'equals', 'Jim'),
      'two keys': fetcher().key('age', 'isType', 'number').key('name.last', 'equals', 'Knopf'),
      'a boolean': fetcher().key('retired', 'equals', false),
      'an index': fetcher().key('tags[1]', 'equals', 'b'),
      'an index first': fetcher().key('[1].x', 'equals', 1),
      'with a path': fetcher().path('startsWith', 'j').key('age', 'equals', 40),
      'two operators': fetcher().expression({ valueField: { age: { greaterThan: 30, lessThan: 40 } } }),
      'the documented expression': fetcher().expression({
        path: { caseInsensitive: true, startsWith: 'J' },
        valueField: { 'name.first': { isType: 'string' }, age: { lessThan: 40 } }
      })
    })
  },

  'unknown operators': async function () {
    const user = open()
    saw('value', await failure(user.fetch(fetcher().value('sounds', 'like').on('data', function () {}))))
    saw('key', await failure(user.fetch(fetcher().key('age', 'sounds', 'like').on('data', function () {}))))
  },

  'path rules live': async function () {
    const owner = open()
    const user = open()
    const events = await follow(user, fetcher().path('startsWith', 'a/'))
    const everything = await follow(user, fetcher().all())
    const states = statesOf({ 'a/1': 1, 'b/1': 1, 'a/2': 2 })
    await addAll(owner, states)
    await states[0].value(10)
    await states[1].value(11)
    await states[2].remove()
    await states[2].add()
    await owner.add(method('a/m', function () {}))
    await settled(owner, user)
    saw('some', events.map(brief))
    saw('all', everything.map(brief))
  },

  'value rules live': async function () {
    const owner = open()
    const user = open()
    const events = await follow(user, fetcher().value('greaterThan', 10).value('isType', 'number'))
    const withPath = await follow(user, fetcher().path('startsWith', 'a').value('equals', 'on'))
    const subject = state('a', 5)
    await owner.add(subject)
    for (const value of [6, 11, 12, 3, 4, 20, 'on', 'on', 'off', 'on']) {
      await subject.value(value)
    }
    await subject.remove()
    const other = state('b', 50)
    await owner.add(other)
    await other.value(51)
    await other.remove()
    await settled(owner, user)
    saw('value', events.map(brief))
    saw('path and value', withPath.map(brief))
  },

  'key rules live': async function () {
    const owner = open()
    const user = open()
    const events = await follow(user, fetcher().path('startsWith', 'persons/').key('age', 'greaterThan', 17))
    const subject = state('persons/1', { age: 16 })
    await owner.add(subject)
    for (const value of [{ age: 17 }, { age: 18 }, { age: 18, name: 'Eve' }, { name: 'Eve' }, 'gone', { age: 50 }]) {
      await subject.value(value)
    }
    await subject.remove()
    await settled(owner, user)
    saw('events', events.map(brief))
  },

  'flags of fetch-only states': async function () {
    const owner = open()
    const user = open()
    const subject = new jet.State('r', 1)
    await owner.add(subject)
    const events = await follow(user, fetcher().value('greaterThan', 0))
    await subject.value(-1)
    await subject.value(2)
    await subject.value(3)
    await subject.remove()
    await settled(owner, user)
    saw('events', events.map(brief))
  },

  'unfetch and fetch again': async function () {
    const owner = open()
    const user = open()
    const subject = state('s', 1)
    await owner.add(subject)
    const some = fetcher().path('equals', 's')
    saw('isFetching', some.isFetching())
    const events = await follow(user, some)
    saw('isFetching', some.isFetching())
    saw('unfetch', await user.unfetch(some))
    saw('isFetching', some.isFetching())
    await subject.value(2)
    await settled(owner, user)
    saw('events', events.map(brief))
    saw('fetch', await user.fetch(some))
    await subject.value(3)
    await settled(owner, user)
    saw('events', events.map(brief))
    saw('own unfetch', await some.unfetch())
    saw('again', await some.unfetch())
    await subject.value(4)
    await settled(owner, user)
    saw('count', events.length)
  },

  'unfetch before fetch': async function () {
    const user = open()
    const some = fetcher().all()
    saw('unfetch', await user.unfetch(some))
    saw('isFetching', some.isFetching())
  },

  'the same fetcher twice': async function () {
    const owner = open()
    const user = open()
    const first = state('s/1', 1)
    await owner.add(first)
    const some = fetcher().path('startsWith', 's/')
    const events = await follow(user, some)
    saw('again', await user.fetch(some))
    await first.value(2)
    await owner.add(state('s/2', 1))
    await settled(owner, user)
    saw('events', events.map(brief))
  },

  'unfetch inside the callback': async function () {
    const owner = open()
    const user = open()
    const subject = state('s', 1)
    const events = []
    await user.fetch(fetcher().path('equals', 's').on('data', function (data) {
      events.push(brief(data))
      if (data.event === 'remove') {
        this.unfetch()
      }
    }))
    await owner.add(subject)
    await subject.remove()
    await settled(owner, user, user)
    await subject.add()
    await settled(owner, user)
    saw('events', events)
  },

  'several fetchers of a peer': async function () {
    const owner = open()
    const user = open()
    const order = []
    for (const name of ['first', 'second', 'third']) {
      await user.fetch(fetcher().path('equals', 's').on('data', function (data) { order.push(name + ' ' + data.event) }))
    }
    const subject = state('s', 1)
    await owner.add(subject)
    await subject.value(2)
    await settled(owner, user)
    saw('order', order)
  },

  'a fetch as notification': async function () {
    const owner = open()
    const user = open()
    const subject = state('s', 1)
    await owner.add(subject)
    const events = []
    saw('fetch', await user.fetch(fetcher().path('equals', 's').on('data', function (data) { events.push(brief(data)) }), true))
    await settled(user)
    await subject.value(2)
    await settled(owner, user)
    saw('events', events)
  },

  'everything before the connection is up': async function () {
    const owner = open()
    const user = open()
    const events = []
    const subject = state('s', 1)
    owner.add(subject)
    await settled(owner)
    user.fetch(fetcher().all().on('data', function (data) { events.push(brief(data)) }))
    saw('set', await user.set('s', 2))
    await settled(user)
    saw('events', events)
  },

  'many peers at once': async function () {
    const peers = []
    for (let i = 0; i < 20; i++) {
      peers.push(open())
    }
    const views = await Promise.all(peers.map(function (peer) { return follow(peer, fetcher().path('startsWith', 'peers/')) }))
    const states = peers.map(function (peer, i) { return state('peers/' + i, 0) })
    await Promise.all(peers.map(function (peer, i) { return peer.add(states[i]) }))
    await Promise.all(peers.map(function (peer, i) { return peer.set('peers/' + (i + 1) % 20, i) }))
    await settled.apply(undefined, peers.concat(peers))
    saw('notifications each', views.map(function (view) { return view.length }).filter(function (n) { return n !== 40 }))
    const last = {}
    views[7].forEach(function (event) { last[event.path] = event.value })
    saw('last', Object.keys(last).every(function (path) { return last[path] === (Number(path.slice(6)) + 19) % 20 }))
  },

  'a thousand states': async function () {
    const owner = open()
    const user = open()
    const states = []
    for (let i = 0; i < 1000; i++) {
      states.push(state('many/' + i, i))
    }
    await addAll(owner, states)
    const events = await follow(user, fetcher().path('startsWith', 'many/'))
    for (const one of states) {
      one.value(one.value() + 1)
    }
    await settled(owner, user)
    saw('count', events.length)
    saw('in order', events.every(function (event, i) { return event.path === 'many/' + (i % 1000) }))
    saw('values', events.every(function (event, i) { return event.value === (i < 1000 ? i : i - 999) }))
  }
})
