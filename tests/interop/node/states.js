'use strict'
/* States: set handlers of every kind, changes, adding and removing. */
const { addAll, brief, failure, followPath, jet, method, open, run, saw, settled, sleep, startEmpty, state, until } = require('./harness')

/** An owner, a consumer, and what the consumer sees of `path`; the handler is given to 'set' if there is one. */
const scene = async function (path, value, handler) {
  const owner = open()
  const user = open()
  const subject = new jet.State(path, value)
  if (handler) {
    subject.on('set', handler)
  }
  saw('added', await owner.add(subject))
  const events = await followPath(user, path)
  return {
    owner,
    user,
    subject,
    report: async function () {
      await settled(owner, user)
      saw('events', events.map(brief))
    }
  }
}

startEmpty()
run({
  'a handler that accepts': async function () {
    const asked = []
    const s = await scene('s', 1, function (value) { asked.push([value, this.value()]) })
    saw('result', await s.user.set('s', 2))
    saw('result', await s.user.set('s', { deep: [1, { er: null }] }))
    saw('result', await s.user.set('s', 2, { valueAsResult: true }))
    saw('asked', asked)
    saw('owner has', s.subject.value())
    await s.report()
  },

  'acceptAny': async function () {
    const s = await scene('s', 'old', jet.State.acceptAny)
    for (const value of [0, '', false, null, [], {}, 'new']) {
      saw('result', await s.user.set('s', value, { valueAsResult: true }))
    }
    await s.report()
  },

  'a handler that adjusts': async function () {
    const s = await scene('s', 0, function (value) { return { value: Math.min(value, 10) } })
    saw('result', await s.user.set('s', 11))
    saw('result', await s.user.set('s', 12, { valueAsResult: true }))
    saw('result', await s.user.set('s', 3, { valueAsResult: true }))
    saw('owner has', s.subject.value())
    await s.report()
  },

  'a handler that does not notify': async function () {
    const s = await scene('s', 1, function (value) { return { dontNotify: true } })
    saw('result', await s.user.set('s', 2))
    saw('result', await s.user.set('s', 3, { valueAsResult: true }))
    saw('owner has', s.subject.value())
    saw('daemon has', await s.user.get({ path: { equals: 's' } }))
    await s.subject.value(4)
    await s.report()
  },

  'a handler that throws': async function () {
    const s = await scene('s', 1, function (value) {
      switch (value) {
        case 'string': throw 'invalid age' // eslint-disable-line no-throw-literal
        case 'error': throw new Error('went wrong')
        case 'argument': throw new jet.InvalidArgument('too old')
        case 'bare argument': throw new jet.InvalidArgument()
        case 'object': throw { code: 123, message: 'own error', data: { own: true } } // eslint-disable-line no-throw-literal
        default: throw new jet.NotFound()
      }
    })
    for (const value of ['string', 'error', 'argument', 'bare argument', 'object', 'typed']) {
      saw(value, await failure(s.user.set('s', value)))
    }
    await s.report()
  },

  'an asynchronous handler': async function () {
    const s = await scene('s', 1, function (value, reply) {
      setTimeout(function () { reply({ value: value * 2 }) }, 5)
    })
    saw('result', await s.user.set('s', 2))
    saw('result', await s.user.set('s', 3, { valueAsResult: true }))
    await s.report()
  },

  'replies of asynchronous handlers': async function () {
    const replies = {
      nothing: undefined,
      quiet: { dontNotify: true },
      string: { error: 'refused' },
      error: { error: new Error('went wrong') },
      object: { error: { code: 5, message: 'own error' } },
      argument: { error: new jet.InvalidArgument('not this') }
    }
    const s = await scene('s', 'start', function (value, reply) {
      if (value === 'throw') {
        throw new Error('thrown before the reply')
      }
      reply(replies[value])
    })
    saw('nothing', await s.user.set('s', 'nothing'))
    saw('quiet', await s.user.set('s', 'quiet'))
    for (const value of ['string', 'error', 'object', 'argument', 'throw']) {
      saw(value, await failure(s.user.set('s', value)))
    }
    await s.report()
  },

  'answers in another order': async function () {
    const pending = []
    const s = await scene('s', 0, function (value, reply) { pending.push(reply) })
    const order = []
    const all = [1, 2, 3].map(function (value) {
      return s.user.set('s', value, { valueAsResult: true }).then(function (result) { order.push(result) })
    })
    await until(function () { return pending.length === 3 })
    pending.reverse().forEach(function (reply) { reply() })
    await Promise.all(all)
    saw('order', order)
    await s.report()
  },

  'a fetch-only state': async function () {
    const s = await scene('time/now', 1)
    saw('set', await failure(s.user.set('time/now', 5)))
    saw('own set', await failure(s.owner.set('time/now', 5)))
    await s.subject.value(2)
    await s.subject.value(3)
    saw('owner has', s.subject.value())
    await s.report()
  },

  'changes by the owner': async function () {
    const s = await scene('s', 1, jet.State.acceptAny)
    saw('as notification', await s.subject.value(2))
    saw('as request', await s.subject.value(2, true))
    for (const value of ['text', [1], { a: 1 }, false, 0, '']) {
      await s.subject.value(value)
    }
    await s.report()
  },

  'a change before the state is added': async function () {
    const owner = open()
    const user = open()
    const events = await followPath(user, 's')
    const subject = state('s', 1)
    const changed = subject.value(2)
    await settled(owner)
    await owner.add(subject)
    await changed
    await settled(owner, user)
    saw('events', events.map(brief))
  },

  'values of every shape': async function () {
    const owner = open()
    const user = open()
    const values = [
      null, true, false, 0, -1.5, 1e21, 123456789012, '', 'text', 'Grüße, \u4e16\u754c \ud83d\ude00 \u2028 \u0000 "\\', [], {}, [null, [[]]],
      { a: { b: { c: [1, 2, { d: 'e' }] } }, 'key with spaces': 1, '': 2, constructor: 3 }
    ]
    await addAll(owner, values.map(function (value, i) { return state('v/' + i, value) }))
    const events = await followPath(user, 'v/')
    saw('same', JSON.stringify(events.map(function (event) { return event.value })) === JSON.stringify(values))
    for (const value of values) {
      const back = await user.set('v/0', value, { valueAsResult: true })
      if (JSON.stringify(back) !== JSON.stringify(value)) {
        saw('differs', [value, back])
      }
    }
    await settled(owner, user)
    saw('changes', events.length - values.length)
  },

  'a large value': async function () {
    const text = 'x'.repeat(2000000)
    const s = await scene('s', '', jet.State.acceptAny)
    const result = await s.user.set('s', text, { valueAsResult: true })
    saw('length', result.length)
    saw('same', result === text)
    const got = await s.owner.get({ path: { equals: 's' } })
    saw('kept', got[0].value === text)
  },

  'unusual paths': async function () {
    const owner = open()
    const user = open()
    const paths = ['persons/#123', 'with space', 'Grüße/\u4e16\u754c/\ud83d\ude00', '"quoted\\"', '42', 'a'.repeat(1000)]
    await addAll(owner, paths.map(function (path) { return state(path, 0) }))
    for (const path of paths) {
      await user.set(path, 1)
    }
    await settled(owner)
    const got = await user.get({})
    saw('set', got.filter(function (element) { return element.value === 1 }).length)
    saw('same', paths.every(function (path) { return got.some(function (element) { return element.path === path }) }))
  },

  'paths named like members of every object': async function () {
    const owner = open()
    const user = open()
    for (const path of ['constructor', 'toString', 'hasOwnProperty']) {
      saw(path, await owner.add(state(path, 1)).catch(function (err) { return err.name }))
    }
    saw('set', await failure(user.set('valueOf', 1, { timeout: 0.2 })))
    await settled(owner)
  },

  'adding and removing': async function () {
    const owner = open()
    const other = open()
    const user = open()
    const events = await followPath(user, 's')
    const subject = state('s', 1)
    saw('added', await owner.add(subject))
    saw('isAdded', subject.isAdded())
    saw('again', await failure(owner.add(state('s', 2))))
    saw('by another', await failure(other.add(state('s', 3))))
    saw('removed', await owner.remove(subject))
    saw('isAdded', subject.isAdded())
    saw('set', await failure(user.set('s', 4)))
    saw('twice', await failure(subject.remove()))
    saw('re-added', await subject.add())
    saw('set', await user.set('s', 5))
    saw('removed', await subject.remove())
    saw('free for another', await other.add(state('s', 6)))
    await settled(owner, other, user)
    saw('events', events.map(brief))
  },

  "another peer's state": async function () {
    const owner = open()
    const other = open()
    await owner.add(state('s', 1))
    const foreign = state('s', 2)
    await failure(other.add(foreign))
    saw('remove', await failure(foreign.remove()))
    saw('change', await failure(other.jsonrpc.service('change', { path: 's', value: 2 })))
    saw('get', await other.get({ path: { equals: 's' } }))
  },

  'what does not exist': async function () {
    const user = open()
    saw('set', await failure(user.set('nothing', 1)))
    saw('with options', await failure(user.set('nothing', 1, { timeout: 1, valueAsResult: true })))
  },

  'call on a state': async function () {
    const asked = []
    const s = await scene('s', 1, function (value) { asked.push(value) })
    saw('call', await s.user.call('s', { value: 2 }).catch(function (err) { return err }))
    saw('asked', asked)
  },

  'timeouts': async function () {
    let late
    const s = await scene('s', 1, function (value, reply) { late = reply })
    saw('short', await failure(s.user.set('s', 2, { timeout: 0.05 })))
    late({ value: 'late' })
    await settled(s.owner, s.user)
    saw('still served', await failure(s.user.set('s', 3, { timeout: 0.05 })))
    await s.report()
  },

  'a set without interest in the result': async function () {
    const s = await scene('s', 1, jet.State.acceptAny)
    saw('result', await s.user.set('s', 2, { skipResult: true }))
    saw('unknown path', await s.user.set('nothing', 2, { skipResult: true }))
    await settled(s.user, s.owner)
    await s.report()
  },

  'an owner sets its own state': async function () {
    const s = await scene('s', 1, jet.State.acceptAny)
    saw('result', await s.owner.set('s', 2, { valueAsResult: true }))
    await s.report()
  },

  'get': async function () {
    const owner = open()
    const user = open()
    await addAll(owner, [state('g/1', { age: 10 }), new jet.State('g/2', { age: 20 }), method('g/m', function () {})])
    saw('all', await user.get({}))
    saw('path', await user.get({ path: { endsWith: '2' } }))
    saw('field', await user.get({ valueField: { age: { lessThan: 15 } } }))
    saw('sorted', await user.get({ sort: { byValueField: { age: 'number' }, descending: true } }))
    saw('none', await user.get({ path: { equals: 'nothing' } }))
  },

  'a state that ticks': async function () {
    const s = await scene('ticker', 0)
    for (let i = 0; i < 20; i++) {
      s.subject.value(s.subject.value() + 1)
      await sleep(0.002)
    }
    await s.report()
  }
})
