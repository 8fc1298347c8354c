'use strict'
/* npm's JSTP client on a bus, together with a peer of node-jet on the same daemon. */
const { errorOf, failure, jstp, promised, run, saw, settings, sleep, until } = require('./jstpharness')
const jet = require('node-jet')

const handlers = {}
const application = new jstp.Application('device', {
  jet: {
    set: function (connection, path, value, callback) { handlers.set(path, value, callback) },
    invoke: function (connection, path, args, callback) { handlers.invoke(path, args, callback) }
  }
}, {
  jet: {
    notification: function (connection, id, notification) { heard.push([id, notification.event || notification.n, notification.path, notification.value]) },
    restarted: function (connection, id) { heard.push(['restarted', id]) },
    notAdded: function (connection, path, error) { heard.push(['notAdded', path, error]) }
  }
})
let heard = []

const connect = async function (app) {
  const connection = (await promised.apply(null, [jstp[settings.transport], 'connect', 'jet', {
    application: app === undefined ? application : app,
    connectPolicy: new jstp.SimpleConnectPolicy('ada', 'secret'),
    reconnector: function (connection, reconnect) { away(reconnect) }
  }].concat(settings.jstp)))[0]
  connection.on('error', function () {})
  return connection
}

const call = async function (connection, method) {
  return (await promised(connection, 'callMethod', 'jet', method, Array.prototype.slice.call(arguments, 2)))[0]
}

let away = function (reconnect) { setTimeout(reconnect, 10) }

/** Cut the connection, do something meanwhile, and come back. */
const whileAway = async function (connection, doing) {
  const gone = new Promise(function (resolve) { away = resolve })
  const raw = connection.transport.getRawTransport()
  ;(raw.socket || raw).destroy()
  const reconnect = await gone
  await doing()
  const back = new Promise(function (resolve) { connection.once('reconnect', resolve) })
  reconnect()
  await back
}

const peer = new jet.Peer(settings.jet)

run({
  'peer owns': async function () {
    await peer.connect()
    const level = new jet.State('tank/level', 3)
    level.on('set', function (value) { if (value > 10) throw { code: 77, message: 'too much', data: { max: 10 } } })
    const sum = new jet.Method('tank/sum')
    sum.on('call', function (args) { return args[0] + args[1] })
    await Promise.all([peer.add(level), peer.add(sum)])
    const connection = await connect()
    saw('info', (await call(connection, 'info')).features.fetch)
    saw('get', await call(connection, 'get', { path: { startsWith: 'tank' }, value: { greaterThan: 2 } }))
    saw('fetch', await call(connection, 'fetch', 'level', { path: { equals: 'tank/level' } }))
    saw('set', await call(connection, 'set', 'tank/level', 4))
    saw('wanted', await call(connection, 'set', 'tank/level', 5, { valueAsResult: true, timeout: 2 }))
    saw('invoke', await call(connection, 'invoke', 'tank/sum', [1, 2]))
    await until(function () { return heard.length === 3 })
    saw('heard', heard)
    saw('no such path', await failure(call(connection, 'set', 'tank/nothing', 1)))
    saw('refused', (await failure(call(connection, 'set', 'tank/level', 11)))[0])
    saw('unfetch', await call(connection, 'unfetch', 'level'))
    heard = []
    saw('number', await call(connection, 'fetch', 7, { sort: { byPath: true, from: 1, to: 1 }, path: { startsWith: 'tank' } }))
    saw('chosen', await call(connection, 'fetch', null, { path: { equals: 'tank/sum' } }))
    await until(function () { return heard.length === 2 })
    saw('heard', heard)
    connection.close()
  },

  'proxy': async function () {
    const client = { connectPolicy: new jstp.SimpleConnectPolicy('ada', 'secret'), reconnector: function () {} }
    const result = await promised.apply(null, [jstp[settings.transport], 'connectAndInspect', 'jet', client, ['jet']].concat(settings.jstp))
    const bus = result[1].jet
    const events = []
    bus.on('notification', function (id, notification) { events.push([id, notification.value]) })
    saw('result', await promised(bus, 'fetch', 'f', { path: { equals: 'tank/level' } }))
    await until(function () { return events.length === 1 })
    saw('events', events)
    result[0].close()
  },

  'client owns': async function () {
    heard = []
    const connection = await connect()
    handlers.set = function (path, value, callback) {
      if (value === 'no') callback(new jstp.RemoteError(901, 'not that', [{ path: path }]))
      else connection.callMethod('jet', 'change', [path, value], function () { callback(null) })
    }
    handlers.invoke = function (path, args, callback) { callback(null, [path, args]) }
    saw('add', await call(connection, 'add', { path: 'device/a', value: { on: false } }))
    saw('add', await call(connection, 'add', { path: 'device/m' }))
    saw('again', (await failure(call(connection, 'add', { path: 'device/a', value: 1 })))[2])
    const seen = []
    const fetcher = new jet.Fetcher().path('startsWith', 'device').on('data', function (data) { seen.push([data.event, data.path, data.value]) })
    await peer.fetch(fetcher)
    await peer.set('device/a', { on: true })
    saw('call', await peer.call('device/m', [1, 'x']))
    try { await peer.set('device/a', 'no') } catch (error) { saw('refused', [error.code, error.message, error.data]) }
    await call(connection, 'change', 'device/a', null)
    await call(connection, 'remove', 'device/m')
    await until(function () { return seen.length === 5 })
    saw('seen', seen)
    await peer.unfetch(fetcher)
    connection.close()
  },

  'no methods': async function () {
    const connection = await connect(null)
    await call(connection, 'add', { path: 'bare', value: 1 })
    try { await peer.set('bare', 2) } catch (error) { saw('error', [error.name, error.message]) }
    connection.close()
  },

  'survives': async function () {
    heard = []
    const connection = await connect()
    const a = new jet.State('s/a', 0)
    const b = new jet.State('s/b', 0)
    await Promise.all([peer.add(a), peer.add(b)])
    await call(connection, 'fetch', 'all', { path: { startsWith: 's/' } })
    await call(connection, 'fetch', 'newest', { path: { startsWith: 's/' }, coalesce: true })
    await until(function () { return heard.length === 4 })
    heard = []
    await whileAway(connection, async function () {
      for (let i = 1; i <= 5; i++) a.value(i)
      await peer.remove(b)
      a.value(6)
      await peer.info()
    })
    await until(function () { return heard.length >= 9 })
    a.value(7)
    await until(function () { return heard.length >= 11 })
    saw('all', heard.filter(function (event) { return event[0] === 'all' }).map(function (event) { return event.slice(1) }))
    saw('newest', heard.filter(function (event) { return event[0] === 'newest' }).map(function (event) { return event.slice(1) }))
    connection.close()
  },

  'presence': async function () {
    heard = []
    const connection = await connect()
    await call(connection, 'add', { path: 'p/a', value: 1 })
    await call(connection, 'add', { path: 'p/b', value: 2 })
    const seen = []
    const fetcher = new jet.Fetcher().path('startsWith', 'p/').on('data', function (data) { seen.push([data.event, data.path, data.value]) })
    await peer.fetch(fetcher)
    await whileAway(connection, async function () {
      await until(function () { return seen.length === 4 }) // the grace of this test's server is short
      await peer.add(new jet.State('p/b', 'mine'))
    })
    await until(function () { return seen.length === 6 && heard.length === 1 })
    saw('seen', seen)
    saw('heard', heard)
    connection.close()
  },

  'server restarted': async function () {
    heard = []
    const connection = await connect()
    await call(connection, 'fetch', 'level', { path: { equals: 'tank/level' } })
    await until(function () { return heard.length === 1 })
    heard = []
    await whileAway(connection, async function () {
      process.stdout.write('"restart"\n')
      await new Promise(function (resolve) { process.stdin.once('data', resolve) })
    })
    await until(function () { return heard.length === 2 })
    saw('heard', heard)
    connection.close()
  }
})
