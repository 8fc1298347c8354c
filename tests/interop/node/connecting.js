'use strict'
/* Connections: the daemon's description, names, batches, closing. */
const net = require('net')
const { once } = require('events')
const { addAll, brief, failure, follow, followPath, jet, method, open, run, saw, settings, settled, startEmpty, state, until } = require('./harness')

/** The same daemon, addressed as `localhost`. */
const byName = function () {
  return settings.url ? { url: settings.url.replace('127.0.0.1', 'localhost') } : { ip: undefined, port: settings.port }
}

/** A port that somebody listened on a moment ago. */
const unusedPort = async function () {
  const server = net.createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = server.address().port
  server.close()
  await once(server, 'close')
  return port
}

startEmpty()
run({
  'connecting': async function () {
    const peer = open()
    saw('same peer', await peer.connect() === peer)
    saw('isConnected', peer.isConnected())
    const info = peer.daemonInfo
    saw('name', info.name)
    saw('types', [typeof info.version, typeof info.protocolVersion])
    saw('protocolVersion', info.protocolVersion)
    saw('features', info.features)
    saw('access', peer.access)
  },

  'by name': async function () {
    const peer = open(byName())
    await peer.connect()
    saw('name', peer.daemonInfo.name)
  },

  'where nobody listens': async function () {
    const port = await unusedPort()
    const peer = open(settings.url ? { url: 'ws://127.0.0.1:' + port } : { port })
    saw('connect', await failure(peer.connect()))
    saw('set', await failure(peer.set('s', 1)))
  },

  'naming a peer': async function () {
    const peer = open()
    await peer.connect()
    saw('name', await peer.configure({ name: 'frank' }))
    saw('another field', await failure(peer.configure({ debug: true })))
  },

  'other services': async function () {
    const peer = open()
    await peer.connect()
    saw('echo', await peer.jsonrpc.service('echo', { some: ['thing', 1.5] }))
    saw('unknown', await failure(peer.jsonrpc.service('sing', { song: 1 })))
    saw('no params', await failure(peer.jsonrpc.service('add')))
    saw('no path', await failure(peer.jsonrpc.service('set', { value: 1 })))
  },

  'hooks': async function () {
    const sent = []
    const received = []
    const peer = open({
      onSend: function (text, messages) { sent.push(messages.length === 1 && JSON.parse(text).method) },
      onReceive: function (text, message) { received.push(JSON.parse(text).id === message.id) }
    })
    await peer.set('nothing', 1).catch(function () {})
    saw('sent', sent)
    saw('received', received)
  },

  'a batch': async function () {
    const frames = []
    const peer = open({ onSend: function (text, messages) { frames.push(messages.length) } })
    await peer.connect()
    frames.length = 0
    const answers = []
    const rpc = peer.jsonrpc
    peer.batch(function () {
      answers.push(rpc.service('add', { path: 'b/1', value: 1 }))
      answers.push(rpc.service('add', { path: 'b/1', value: 2 }).catch(function (err) { return err.name }))
      answers.push(rpc.service('change', { path: 'b/1', value: 3 }))
      answers.push(rpc.service('change', { path: 'b/1', value: 4 }, null, true))
      answers.push(peer.configure({ name: 'batcher' }))
      answers.push(rpc.service('get', {}))
      answers.push(rpc.service('sing', {}).catch(function (err) { return err.code }))
      answers.push(rpc.service('remove', { path: 'b/1' }))
    })
    saw('answers', await Promise.all(answers))
    saw('messages in a frame', frames)
  },

  'a batch as documented': async function () {
    const owner = open()
    const user = open()
    const events = await followPath(user, 'b/')
    const subjects = [state('b/1', 1), state('b/2', 2), method('b/3', function (args) { return args })]
    await owner.connect()
    let added
    owner.batch(function () { added = addAll(owner, subjects) })
    saw('added', await added)
    let results
    user.batch(function () {
      results = Promise.all([user.set('b/1', 10), user.set('b/2', 20), user.call('b/3', [30]), user.set('b/4', 40).catch(function (err) { return err.name })])
    })
    saw('results', await results)
    await settled(owner, user)
    saw('events', events.map(brief))
  },

  'batches of an owner': async function () {
    const frames = []
    const owner = open({ onSend: function (text, messages) { frames.push(messages.length) } })
    const user = open()
    await owner.add(state('s', 0))
    const events = await followPath(user, 's')
    frames.length = 0
    for (let i = 1; i <= 3; i++) {
      saw('result', await user.set('s', i))
    }
    saw('answer and change in a frame', frames)
    await settled(owner, user)
    saw('events', events.map(brief))
  },

  'closing': async function () {
    const owner = open()
    const user = open()
    const asked = []
    await owner.add(method('never', function (args, reply) { asked.push(args) }))
    await user.connect()
    let closed = false
    user.closed().then(function () { closed = true })
    const call = failure(user.call('never', [1]))
    await until(function () { return asked.length === 1 })
    saw('close', await user.close())
    saw('pending', await call)
    saw('closed', closed)
    saw('isConnected', user.isConnected())
    saw('set', await failure(user.set('s', 1)))
    saw('add', await failure(user.add(state('s', 1))))
    saw('fetch', await failure(user.fetch(new jet.Fetcher().all().on('data', function () {}))))
    saw('get', await failure(user.get({})))
    saw('again', await user.close())
    saw('the others', await owner.get({}))
  },

  'a fetch ends with its peer': async function () {
    const owner = open()
    const user = open()
    const events = await followPath(user, 's')
    await owner.add(state('s', 1))
    await settled(user)
    await user.close()
    saw('set', await owner.set('s', 2))
    await settled(owner)
    saw('events', events.map(brief))
  },

  'many connections': async function () {
    for (let round = 0; round < 3; round++) {
      const peers = []
      for (let i = 0; i < 30; i++) {
        peers.push(open())
      }
      await Promise.all(peers.map(function (peer, i) { return peer.add(state('c/' + i, i)) }))
      saw('states', (await peers[0].get({})).length)
      await Promise.all(peers.map(function (peer) { return peer.close() }))
      const last = open()
      await follow(last, new jet.Fetcher().all())
      while ((await last.get({})).length > 0) {
        await settled(last)
      }
    }
  }
})
