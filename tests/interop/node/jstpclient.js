'use strict'
/* Clients of npm's package, on a server that the settings tell how to reach. */
const { errorOf, failure, jstp, promised, read, run, same, saw, settings, sleep, until, values } = require('./jstpharness')

const transport = jstp[settings.transport]
const args = settings.transport === 'tls'
  ? [Object.assign({}, settings.args[0], { ca: read(settings.args[0].ca) })]
  : settings.args

const application = new jstp.Application('client', {
  client: {
    sum: function (connection, a, b, callback) { callback(null, a + b) },
    fail: function (connection, callback) { callback(new jstp.RemoteError(70, 'not here', ['info'])) },
    later: function (connection, ms, callback) { setTimeout(callback, ms, null, 'later') }
  }
}, {
  back: { told: function (connection) { heard.push(Array.prototype.slice.call(arguments, 1)) } }
})
let heard = []

const quick = function (connection, reconnect) { setTimeout(reconnect, 10) }

/** A new connection, and what was called back besides. */
const open = async function (options, app) {
  const client = Object.assign({ application, reconnector: function () {} }, options)
  const result = await promised.apply(null, [transport, 'connect', app || 'app', client].concat(args))
  result[0].on('error', function () {}) // without a listener, a reset ends the process
  return result[0]
}

const call = function (connection, iface, method) {
  return promised(connection, 'callMethod', iface, method, Array.prototype.slice.call(arguments, 3))
}

const close = async function (connection) {
  let closed = false
  connection.once('close', function () { closed = true })
  connection.close()
  await until(function () { return closed })
}

run({
  'values': async function () {
    const connection = await open()
    const wrong = []
    const descriptions = []
    for (const value of values) {
      const echoed = await call(connection, 'calc', 'echo', value)
      if (!same(echoed[0], value)) wrong.push([value, echoed])
      descriptions.push((await call(connection, 'calc', 'describe', value))[0])
    }
    saw('wrong', wrong)
    saw('descriptions', descriptions.slice(0, -2))
    saw('large', (await call(connection, 'calc', 'echo', 'é'.repeat(700000)))[0].length)
    await close(connection)
  },

  'results': async function () {
    const connection = await open()
    saw('none', await call(connection, 'calc', 'nothing'))
    saw('null', await call(connection, 'calc', 'none'))
    saw('many', await call(connection, 'calc', 'multi'))
    saw('coroutine', await call(connection, 'calc', 'later', 5))
    saw('remote error', await failure(call(connection, 'calc', 'custom')))
    saw('standard error', await failure(call(connection, 'calc', 'standard')))
    saw('broken', await failure(call(connection, 'calc', 'broken')))
    saw('no interface', await failure(call(connection, 'nope', 'x')))
    saw('no method', await failure(call(connection, 'calc', 'nope')))
    saw('inherited', await failure(call(connection, 'calc', '__init__')))
    saw('too many', await failure(call(connection, 'calc', 'echo', 1, 2)))
    saw('too few', await failure(call(connection, 'calc', 'echo')))
    await close(connection)
  },

  'out of order': async function () {
    const connection = await open()
    const order = []
    await Promise.all([40, 20, 1].map(async function (ms) {
      order.push(await call(connection, 'calc', 'later', ms))
    }))
    saw('order', order)
    const many = await Promise.all(Array.from({ length: 300 }, function (_, i) { return call(connection, 'calc', 'echo', i) }))
    saw('many', many.every(function (result, i) { return result[0] === i }))
    await close(connection)
  },

  'proxies': async function () {
    const client = { application, reconnector: function () {} }
    const result = await promised.apply(null, [transport, 'connectAndInspect', 'app', client, ['calc', 'back']].concat(args))
    const connection = result[0]
    const proxies = result[1]
    saw('methods', await promised(connection, 'inspectInterface', 'back').then(function (found) {
      return Object.keys(found[0]).filter(function (name) { return typeof found[0][name] === 'function' })
    }))
    saw('call', await promised(proxies.calc, 'add', 1, 2))
    const events = []
    connection.remoteProxies.back.on('echoed', function () { events.push(Array.prototype.slice.call(arguments)) })
    connection.remoteProxies.back.emit('note', 1, { two: [3] })
    await until(function () { return events.length })
    saw('event', events)
    const partial = await new Promise(function (resolve) {
      transport.connectAndInspect.apply(null, ['app', { reconnector: function () {} }, ['calc', 'nope']].concat(args, function (error, usable) {
        usable.close()
        resolve(error)
      }))
    })
    saw('no interface', errorOf(partial))
    await close(connection)
  },

  'server calls': async function () {
    const connection = await open()
    saw('sum', await call(connection, 'back', 'callMe', 'sum', [3, 4]))
    saw('fail', await failure(call(connection, 'back', 'callMe', 'fail', [])))
    saw('later', await call(connection, 'back', 'callMe', 'later', [5]))
    saw('nothing', await failure(call(connection, 'back', 'callMe', 'nothing', [])))
    saw('inspect', await call(connection, 'back', 'inspectMe'))
    saw('ping', await call(connection, 'back', 'pingMe'))
    heard = []
    await call(connection, 'back', 'tellMe', 1, ['two'])
    saw('event', heard)
    await close(connection)
  },

  'users': async function () {
    const policy = function (login, password) { return { connectPolicy: new jstp.SimpleConnectPolicy(login, password) } }
    for (const name of ['joe', 'hashed']) {
      const connection = await open(policy(name, 's3cret'))
      saw('who', (await call(connection, 'calc', 'who'))[0])
      await close(connection)
    }
    const anonymous = await open()
    saw('anonymous', (await call(anonymous, 'calc', 'who'))[0])
    await close(anonymous)
    for (const attempt of settings.attempts) {
      saw('refused', await failure(open(policy(attempt[0], attempt[1]))))
    }
  },

  'login': async function () {
    const policy = function (login, password) { return { connectPolicy: new jstp.SimpleConnectPolicy(login, password) } }
    const connection = await open(policy('user', 'pass'))
    saw('who', await call(connection, 'calc', 'who'))
    await close(connection)
    saw('wrong', await failure(open(policy('user', 'nonsense'))))
    saw('locked', await failure(open(policy('locked', 'pass'))))
    saw('remote', await failure(open(policy('remote', 'pass'))))
    saw('application', await failure(open({}, 'nope')))
    const anonymous = await open()
    saw('anonymous', await call(anonymous, 'calc', 'who'))
    await close(anonymous)
  },

  'versions': async function () {
    for (const range of ['vapp', 'vapp@1', 'vapp@~1.1.0', 'vapp@1.0.0', 'vapp@>=2 <3']) {
      const connection = await open({}, range)
      saw(range, await call(connection, 'v', 'version'))
      await close(connection)
    }
    saw('none', await failure(open({}, 'vapp@^9')))
  },

  'heartbeat': async function () {
    const connection = await open({ heartbeatInterval: 15 })
    const seen = { ping: 0, pong: 0 }
    connection.on('incomingMessage', function (message) { seen[Object.keys(message)[0]]++ })
    await until(function () { return seen.ping > 0 && seen.pong > 2 })
    await promised(connection, 'ping')
    saw('both sides', true)
    await close(connection)
  },

  'resumed': async function () {
    const connection = await open({ reconnector: quick })
    await call(connection, 'calc', 'remember', 'a')
    const events = []
    connection.on('event', function (iface, name, given) { events.push(given[0]) })
    const before = call(connection, 'calc', 'later', 60).catch(errorOf)
    const during = []
    connection.once('close', function () {
      for (let i = 0; i < 3; i++) during.push(call(connection, 'calc', 'echo', i))
      connection.emitRemoteEvent('back', 'note', ['while away'])
    })
    let restored = false
    connection.once('reconnect', function (error) { restored = !error })
    saw('dropped', errorOf(await new Promise(function (resolve) { connection.callMethod('back', 'drop', [], resolve) })))
    await until(function () { return restored })
    saw('calls', await Promise.all(during))
    await until(function () { return events.length >= 4 })
    saw('events', events)
    saw('lost', await before)
    saw('remembered', await call(connection, 'calc', 'recall'))
    await close(connection)
  },

  'moved': async function () {
    const connection = await open()
    await call(connection, 'calc', 'remember', 'b')
    await promised.apply(null, [transport, 'reconnect', connection].concat(args))
    saw('remembered', await call(connection, 'calc', 'recall'))
    await sleep(30)
    saw('alive', await call(connection, 'calc', 'echo', 1))
    await close(connection)
  }
})
