'use strict'
/*
 * What the JSTP scripts here share: observations as JSON lines on standard
 * output, one a line: [scenario, what, value].
 */
const assert = require('assert')
const fs = require('fs')
const jstp = require('@metarhia/jstp')

const settings = JSON.parse(process.argv[2])

let scenario = ''

const saw = function (what, value) {
  process.stdout.write(JSON.stringify(value === undefined ? [scenario, what] : [scenario, what, value]) + '\n')
}

const sleep = function (ms) {
  return new Promise(function (resolve) { setTimeout(resolve, ms) })
}

/** Wait for something that no answer marks; the test's own deadline ends a wait in vain. */
const until = async function (condition) {
  while (!condition()) await sleep(2)
}

/** Every kind of value that a message may hold. */
const values = [
  null, true, false, 0, 1, -1, 0.5, -1.25e-7, 1e21, 9007199254740991,
  '', 'text', "it's \"quoted\" \\ here", 'line\nbreak\r\t\0\u2028\u2029', 'žluťoučký 馬 \u{1f40e}',
  [], [1, [2, [3, []]]], [undefined, 1], {}, { a: 1, 'b c': { d: [null] }, $e_: 'x', 5: 'five', 'é': 2 },
  [{ __proto__: null, constructor: 1 }], 'x'.repeat(300), new Array(200).fill('y'.repeat(100))
]

/** Whether two values are the same, apart from what objects inherit. */
const same = function (one, other) {
  try {
    assert.deepEqual(JSON.stringify(one), JSON.stringify(other))
    return true
  } catch (err) {
    return false
  }
}

/** An error as a program sees it: code, message and, if there is one, info. */
const errorOf = function (error) {
  if (typeof error === 'number') return [error]
  return error.info === undefined || error.info === null ? [error.code, error.message] : [error.code, error.message, error.info]
}

/** Promises of what npm's functions call back with: the results as a list. */
const promised = function (object, method) {
  const args = Array.prototype.slice.call(arguments, 2)
  return new Promise(function (resolve, reject) {
    object[method].apply(object, args.concat(function (error) {
      if (error) reject(error)
      else resolve(Array.prototype.slice.call(arguments, 1))
    }))
  })
}

/** What a promise is rejected with; throws if it is not. */
const failure = async function (promise) {
  let result
  try {
    result = await promise
  } catch (error) {
    return errorOf(error)
  }
  throw new Error('expected a failure, got ' + JSON.stringify(result))
}

/** Run scenarios one after the other, then leave. */
const run = async function (scenarios) {
  try {
    for (const name of Object.keys(scenarios)) {
      if (settings.scenarios && !settings.scenarios.includes(name)) continue
      scenario = name
      await scenarios[name]()
    }
    process.exit(0)
  } catch (error) {
    process.stderr.write(scenario + ': ' + (error && error.stack || JSON.stringify(error)) + '\n')
    process.exit(1)
  }
}

const read = function (file) { return fs.readFileSync(file) }

module.exports = { errorOf, failure, jstp, promised, read, run, same, saw, settings, sleep, until, values }
