'use strict'
/* An owner that the test kills: says when it is ready, then answers nothing and waits for its end. */
const { addAll, method, open, run, saw, state, told } = require('./harness')

run({
  'victim': async function () {
    const owner = open()
    await addAll(owner, [state('victim/a', 1), state('victim/b', { alive: true }), method('victim/m', function (args, reply) { saw('asked', args) })])
    await owner.set('victim/a', 2)
    saw('ready')
    await told()
  }
})
