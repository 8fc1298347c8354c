'use strict'
/*
 * Peers of node-jet 3, beside those of node-jet 2 that ./harness has. node-jet
 * 3 is an ES module: it is there once ready() has been waited for.
 */
const { copy, saw, settings } = require('./harness')

const jet3 = {}
let opened = []

const ready = async function () {
  Object.assign(jet3, await import('node-jet-3'))
}

/** A connected peer of node-jet 3. */
const open3 = async function (options) {
  const peer = new jet3.Peer(Object.assign({}, settings, options))
  await peer.connect()
  opened.push(peer)
  return peer
}

const close3 = async function () {
  const peers = opened
  opened = []
  await Promise.all(peers.map(function (peer) { return peer.close() }))
}

/** Scenarios whose node-jet 3 peers are closed at the end of each. */
const closing = function (scenarios) {
  const closed = {}
  Object.keys(scenarios).forEach(function (name) {
    closed[name] = async function () {
      await ready()
      await scenarios[name]()
      await close3()
    }
  })
  return closed
}

/** The name of what a promise was rejected with, and what it says of it. */
const failure3 = async function (promise) {
  let result
  try {
    result = await promise
  } catch (err) {
    return err.name === undefined ? err : [err.code, err.name, err.data.details]
  }
  throw new Error('expected a failure, got ' + JSON.stringify(result))
}

/** Fetch with a fetcher of node-jet 3; what it is told is in the list, the initial state at once. */
const follow3 = async function (peer, fetcher) {
  const events = []
  fetcher.addListener('data', function (data) { events.push(copy(data)) })
  await peer.fetch(fetcher)
  return events
}

const followPath3 = function (peer, prefix) {
  return follow3(peer, new jet3.Fetcher().path('startsWith', prefix))
}

const state3 = function (path, value, onSet, read, write) {
  const state = new jet3.State(path, value, read, write)
  if (onSet) {
    state.addListener('set', onSet)
  }
  return state
}

const method3 = function (path, onCall, write) {
  const method = new jet3.Method(path, write)
  method.addListener('call', onCall)
  return method
}

/** What node-jet 3 peers were told, in short. */
const sawEvents = function (what, events) {
  saw(what, events.map(function (event) {
    return event.event + ' ' + event.path + (event.value === undefined ? '' : ' ' + JSON.stringify(event.value))
  }))
}

/** As settled of ./harness. */
const settled3 = async function () {
  for (const peer of arguments) {
    await peer.info()
  }
}

module.exports = {
  close3, closing, failure3, follow3, followPath3, jet3, method3, open3, ready, sawEvents, settled3, state3
}
