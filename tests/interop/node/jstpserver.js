'use strict'
/*
 * A server of npm's package, on each of the transports that the settings ask
 * for. The first line has where it listens, by transport.
 */
const util = require('util')
const { jstp, read, settings } = require('./jstpharness')

let echoed = 0

const api = {
  calc: {
    echo: function (connection, value, callback) { callback(null, value) },
    describe: function (connection, value, callback) { callback(null, util.inspect(value, { depth: 9, breakLength: Infinity })) },
    add: function (connection, a, b, callback) { callback(null, a + b) },
    nothing: function (connection, callback) { callback() },
    multi: function (connection, callback) { callback(null, 1, 'two', [3]) },
    later: function (connection, ms, callback) { setTimeout(callback, ms, null, ms) },
    plain: async function (connection) { throw new jstp.RemoteError(51, 'async', [{ a: 1 }]) },
    text: function (connection, callback) { callback('only text') },
    who: function (connection, callback) { callback(null, connection.username || null, connection.application.version) },
    remember: function (connection, value, callback) { connection.session.set('value', value); callback() },
    recall: function (connection, callback) { callback(null, connection.session.get('value')) }
  },
  back: {
    callMe: function (connection, method, args, callback) { connection.callMethod('client', method, args, callback) },
    inspectMe: function (connection, callback) {
      connection.inspectInterface('client', function (error, proxy) {
        callback(error, proxy && Object.keys(proxy).filter(function (name) { return typeof proxy[name] === 'function' }))
      })
    },
    pingMe: function (connection, callback) { connection.ping(callback) },
    tellMe: function (connection, a, b, callback) { connection.emitRemoteEvent('back', 'told', [a, b]); callback() },
    count: function (connection, callback) { callback(null, echoed) },
    drop: function (connection, callback) {
      connection.once('close', function () {
        for (let i = 1; i < 4; i++) connection.emitRemoteEvent('back', 'tick', [i])
      })
      const raw = connection.getTransport()
      ;(raw.socket || raw).destroy()
    }
  }
}

const handlers = {
  back: {
    note: function (connection, a, b) { echoed++; connection.emitRemoteEvent('back', 'echoed', [a, b]) }
  }
}

const versioned = function (version) {
  return new jstp.Application('vapp', {
    v: { version: function (connection, callback) { callback(null, version) } }
  }, {}, version)
}

const authenticate = function (connection, app, strategy, credentials, callback) {
  const user = credentials[0]
  if (strategy === 'login' && user === 'user' && credentials[1] === 'pass') callback(null, user)
  else if (user === 'remote') callback(new jstp.RemoteError(99, 'Come back later', [{ after: 5 }]))
  else callback(new Error('Bad password'))
}

const options = function () {
  return Object.assign({
    applications: [
      new jstp.Application('app', api, handlers),
      versioned('1.0.0'), versioned('1.1.0'), versioned('1.1.5'), versioned('2.0.0')
    ],
    authPolicy: authenticate,
    heartbeatInterval: 15
  }, settings.certificate && { key: read(settings.certificate), cert: read(settings.certificate) })
}

const listening = {}
const names = Object.keys(settings.listen)
names.forEach(function (name) {
  const module = name === 'unix' ? 'net' : name
  const server = jstp[module].createServer(options())
  const where = settings.listen[name]
  const ready = function () {
    listening[name] = server.address()
    if (Object.keys(listening).length === names.length) process.stdout.write(JSON.stringify(listening) + '\n')
  }
  if (name === 'unix') server.listen(where, ready)
  else server.listen(0, '127.0.0.1', ready)
})
