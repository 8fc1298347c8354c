'use strict'
/*
 * What every script here shares: peers of the real node-jet, observations as
 * JSON lines on standard output, and barriers that make their order certain.
 *
 * One line an observation: [scenario, what, value]; the value is left out
 * where JavaScript has undefined.
 */
const readline = require('readline')
const jet = require('node-jet')

/** How to reach the daemon: {url} or {ip, port}, as the first argument. */
const settings = JSON.parse(process.argv[2])

let scenario = ''
let opened = []

const saw = function (what, value) {
  const line = value === undefined ? [scenario, what] : [scenario, what, value]
  process.stdout.write(JSON.stringify(line) + '\n')
}

/** A peer that is closed when the scenario ends. */
const open = function (options) {
  const peer = new jet.Peer(Object.assign({}, settings, options))
  peer.connectPromise.catch(function () {}) // who wants to know asks connect()
  opened.push(peer)
  return peer
}

/**
 * Wait until each peer, one after the other, has everything that the daemon
 * sent it before: a daemon answers each connection in order. Peers that acted
 * come first, peers that watched come last.
 */
const settled = async function () {
  for (const peer of arguments) {
    await peer.connect()
    await peer.info()
  }
}

const sleep = function (seconds) {
  return new Promise(function (resolve) { setTimeout(resolve, seconds * 1000) })
}

/** Wait for something that no answer marks; the test's own deadline ends a wait in vain. */
const until = async function (condition) {
  while (!condition()) {
    await sleep(0.005)
  }
}

/** What a promise was rejected with, typed errors by their class; throws if it was not. */
const failure = async function (promise) {
  let result
  try {
    result = await promise
  } catch (err) {
    if (!(err instanceof jet.BaseError)) {
      return err
    }
    const type = err.name.replace('jet.', '')
    if (!(err instanceof Error) || !(err instanceof jet[type])) {
      throw new Error('not an instance of its class: ' + err.name)
    }
    // only these two carry a message from elsewhere
    return err instanceof jet.PeerError || err instanceof jet.InvalidArgument ? type + ': ' + err.message : type
  }
  throw new Error(scenario + ': expected a failure, got ' + JSON.stringify(result))
}

const copy = function (value) {
  return JSON.parse(JSON.stringify(value))
}

/** Fetch with a fetcher and collect what its callback is given: objects for unsorted, argument lists for differential ones. */
const follow = async function (peer, fetcher) {
  const events = []
  fetcher.on('data', function (data, n) {
    events.push(copy(typeof n === 'number' ? [data, n] : data))
  })
  await peer.fetch(fetcher)
  await peer.info()
  return events
}

const followPath = function (peer, prefix) {
  return follow(peer, new jet.Fetcher().path('startsWith', prefix))
}

/** A notification in short: "add a/b 1", with its flag if it has one. */
const brief = function (event) {
  const value = event.value === undefined ? '' : ' ' + JSON.stringify(event.value)
  return event.event + ' ' + event.path + value + (event.fetchOnly ? ' fetchOnly' : '')
}

/** A state that accepts everything. */
const state = function (path, value, access) {
  return new jet.State(path, value, access).on('set', jet.State.acceptAny)
}

const method = function (path, callback, access) {
  return new jet.Method(path, access).on('call', callback)
}

const addAll = function (peer, elements) {
  return Promise.all(elements.map(function (element) { return peer.add(element) }))
}

const lines = []
const waiting = []

/** The next line that the test sends. */
const told = function () {
  return new Promise(function (resolve) {
    if (lines.length > 0) {
      resolve(lines.shift())
    } else {
      waiting.push(resolve)
    }
  })
}

/** Close the peers of a scenario and wait until the daemon has forgotten them. */
const cleared = async function () {
  const peers = opened
  opened = []
  await Promise.all(peers.map(function (peer) {
    return peer.jsonrpc._isOpened ? peer.close() : undefined
  }))
  if (exports.control) {
    while ((await exports.control.get({})).length > 0) {
      await sleep(0.005)
    }
  }
}

/** Run scenarios in turn, then leave; anything uncaught ends the process with a stack on standard error. */
const run = async function (scenarios) {
  const input = readline.createInterface({ input: process.stdin })
  input.on('line', function (line) {
    const next = waiting.shift()
    if (next) {
      next(line)
    } else {
      lines.push(line)
    }
  })
  for (const name of Object.keys(scenarios)) {
    scenario = name
    await scenarios[name]()
    await cleared()
  }
  process.exit(0)
}

/** Make every scenario start on an empty daemon, seen through one more peer; that peer may see everything. */
const startEmpty = function (options) {
  exports.control = new jet.Peer(Object.assign({}, settings, options))
}

module.exports = Object.assign(exports, {
  addAll, brief, copy, failure, follow, followPath, jet, method, open, run, saw, settings, settled, sleep, startEmpty, state, told, until
})
