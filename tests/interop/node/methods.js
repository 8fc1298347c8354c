'use strict'
/* Methods: arguments, results, errors, synchronous and asynchronous. */
const { addAll, brief, failure, followPath, jet, method, open, run, saw, settled, startEmpty, state, until } = require('./harness')

const scene = async function (callback, path) {
  const owner = open()
  const user = open()
  const subject = method(path || 'm', callback)
  await owner.add(subject)
  return { owner, user, subject }
}

startEmpty()
run({
  'arguments': async function () {
    const s = await scene(function (args) { return [args === undefined, args] })
    saw('none', await s.user.call('m'))
    saw('empty', await s.user.call('m', []))
    saw('array', await s.user.call('m', [1, 'two', { three: [null] }]))
    saw('object', await s.user.call('m', { first: 'John', last: 'Mitchell' }))
    saw('string', await s.user.call('m', 'text'))
    saw('number', await s.user.call('m', 7))
  },

  'results': async function () {
    const results = [0, '', false, null, true, 1.5, 'text', [], {}, [{ a: null }]]
    const s = await scene(function (args) { return results[args[0]] })
    const got = []
    for (let i = 0; i < results.length; i++) {
      got.push(await s.user.call('m', [i]))
    }
    saw('results', got)
    saw('undefined', await s.user.call('m', [99]))
  },

  'sum': async function () {
    const s = await scene(function (numbers) { return numbers.reduce(function (a, b) { return a + b }) }, 'sum')
    saw('sum', await s.user.call('sum', [1, 2, 3, 4, 5], { timeout: 7 }))
  },

  'errors': async function () {
    const s = await scene(function (args) {
      switch (args[0]) {
        case 'string': throw 'John is dismissed' // eslint-disable-line no-throw-literal
        case 'error': throw new TypeError('went wrong')
        case 'argument': throw new jet.InvalidArgument('not that one')
        case 'object': throw { code: -1, message: 'own error', data: [1, 2] } // eslint-disable-line no-throw-literal
        case 'without data': throw { code: 7, message: 'own error' } // eslint-disable-line no-throw-literal
      }
    })
    for (const kind of ['string', 'error', 'argument', 'object', 'without data']) {
      saw(kind, await failure(s.user.call('m', [kind])))
    }
  },

  'asynchronous replies': async function () {
    const replies = {
      result: { result: 'fine' },
      zero: { result: 0 },
      string: { error: 'refused' },
      argument: { error: new jet.InvalidArgument() },
      object: { error: { code: 5, message: 'own error' } },
      both: { result: 1, error: 'error wins' },
      neither: {}
    }
    const s = await scene(function (args, reply) {
      if (args[0] === 'throw') {
        throw new Error('thrown before the reply')
      }
      setTimeout(function () { reply(replies[args[0]]) }, 2)
    })
    saw('result', await s.user.call('m', ['result']))
    saw('zero', await s.user.call('m', ['zero']))
    for (const kind of ['string', 'argument', 'object', 'both', 'neither', 'throw']) {
      saw(kind, await failure(s.user.call('m', [kind])))
    }
  },

  'many at once': async function () {
    const pending = []
    const s = await scene(function (args, reply) {
      pending.push(function () { reply({ result: args[0] }) })
    })
    const order = []
    const calls = []
    for (let i = 0; i < 50; i++) {
      calls.push(s.user.call('m', [i]).then(function (result) {
        order.push(result)
        return result
      }))
    }
    await until(function () { return pending.length === 50 })
    pending.reverse().forEach(function (answer) { answer() })
    const results = await Promise.all(calls)
    saw('each its own', results.every(function (result, i) { return result === i }))
    saw('first and last', [order[0], order[49]])
  },

  'from many peers': async function () {
    const s = await scene(function (args) { return 'for ' + args[0] })
    const users = []
    for (let i = 0; i < 10; i++) {
      users.push(open())
    }
    const results = await Promise.all(users.map(function (user, i) { return user.call('m', [i]) }))
    saw('results', results)
  },

  'timeouts': async function () {
    const replies = []
    const s = await scene(function (args, reply) { replies.push(reply) })
    saw('short', await failure(s.user.call('m', [], { timeout: 0.05 })))
    const two = [s.user.call('m', [], { timeout: 0.05 }), s.user.call('m', [], { timeout: 5 })]
    saw('first', await failure(two[0]))
    replies.forEach(function (reply, i) { reply({ result: i }) })
    saw('second', await two[1])
  },

  'what does not exist': async function () {
    const s = await scene(function () {})
    saw('call', await failure(s.user.call('nothing', [1])))
    await s.subject.remove()
    saw('removed', await failure(s.user.call('m')))
    saw('removed twice', await failure(s.subject.remove()))
    saw('re-added', await s.subject.add())
    saw('call', await s.user.call('m'))
    saw('occupied', await failure(s.user.add(method('m', function () {}))))
  },

  'removed while a call is pending': async function () {
    let answer
    const s = await scene(function (args, reply) { answer = reply })
    const call = s.user.call('m')
    await until(function () { return answer })
    await s.subject.remove()
    answer({ result: 'all the same' })
    saw('result', await call)
  },

  'set on a method': async function () {
    const asked = []
    const s = await scene(function (args) { asked.push(args) })
    saw('set', await s.user.set('m', 1).catch(function (err) { return err }))
    saw('asked', asked)
  },

  'own methods': async function () {
    const s = await scene(function (args) { return args })
    saw('result', await s.owner.call('m', ['to myself']))
  },

  'methods that call others': async function () {
    const a = open()
    const b = open()
    const c = open()
    await b.add(method('inner', function (args) { return args[0] * 2 }))
    await a.add(method('outer', function (args, reply) {
      a.call('inner', args).then(function (result) { reply({ result: result + 1 }) })
    }))
    saw('result', await c.call('outer', [20]))
  },

  'a call without interest in the result': async function () {
    const asked = []
    const s = await scene(function (args) { asked.push(args) })
    saw('result', await s.user.call('m', [1], { skipResult: true }))
    saw('unknown path', await s.user.call('nothing', [1], { skipResult: true }))
    await settled(s.user, s.owner)
    saw('asked', asked)
  },

  'methods in fetches': async function () {
    const owner = open()
    const user = open()
    const events = await followPath(user, 'm')
    const subject = method('m/1', function () {})
    await addAll(owner, [subject, state('m/2', 1)])
    await subject.remove()
    await settled(owner, user)
    saw('events', events.map(brief))
    saw('isAdded', subject.isAdded())
  }
})
