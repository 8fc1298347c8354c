'use strict'
/* Peers that leave while others need them. */
const { addAll, brief, failure, followPath, method, open, run, saw, settled, startEmpty, state, until } = require('./harness')

startEmpty()
run({
  'an owner leaves': async function () {
    const owner = open()
    const other = open()
    const user = open()
    const events = await followPath(user, 'o/')
    const subject = state('o/first', 1)
    await owner.add(subject)
    await owner.add(method('o/second', function () {}))
    await owner.add(state('o/third', { a: 1 }))
    await other.add(state('o/other', 0))
    await subject.value(2)
    await settled(owner, user)
    events.length = 0
    await owner.close()
    await until(function () { return events.length >= 3 })
    await settled(user)
    saw('events', events.map(brief))
    saw('set', await failure(user.set('o/first', 3)))
    saw('the other', await user.set('o/other', 1))
    const heir = open()
    saw('free', await heir.add(state('o/first', 'new')))
    saw('set', await user.set('o/first', 'newer', { valueAsResult: true }))
  },

  'an owner leaves with requests pending': async function () {
    const owner = open()
    const user = open()
    const another = open()
    const asked = []
    const never = function (value, reply) { asked.push(value) }
    await addAll(owner, [state('s', 1).on('set', never), method('m', never)])
    const failures = [
      failure(user.set('s', 2, { timeout: 0.5 })), failure(user.call('m', [1], { timeout: 0.5 })), failure(another.call('m', [2], { timeout: 0.5 }))
    ]
    await until(function () { return asked.length === 3 })
    await owner.close()
    saw('failures', await Promise.all(failures))
    saw('afterwards', await failure(user.set('s', 2)))
    await settled(user, another)
  },

  'a caller leaves before the answer': async function () {
    const owner = open()
    const user = open()
    const replies = []
    await owner.add(method('m', function (args, reply) { replies.push(reply) }))
    const call = failure(user.call('m', ['gone']))
    await until(function () { return replies.length === 1 })
    await user.close()
    saw('call', await call)
    replies[0]({ result: 'too late' })
    await settled(owner)
    const next = open()
    const result = next.call('m', ['here'])
    await until(function () { return replies.length === 2 })
    replies[1]({ result: 'in time' })
    saw('next', await result)
  },

  'a peer comes back': async function () {
    const user = open()
    const events = await followPath(user, 's')
    for (let i = 0; i < 3; i++) {
      const owner = open()
      await owner.add(state('s', i))
      saw('set', await user.set('s', i + 10, { valueAsResult: true }))
      await owner.close()
      await until(function () { return events.length === 3 * (i + 1) })
    }
    saw('events', events.map(brief))
  }
})
