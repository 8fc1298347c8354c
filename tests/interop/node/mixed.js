'use strict'
/* Peers of both transports on one daemon; the settings are those of both. */
const { addAll, brief, failure, followPath, jet, method, open, run, saw, settings, settled, state } = require('./harness')

run({
  'mixed': async function () {
    const tcp = open(settings.tcp)
    const webSocket = open(settings.webSocket)
    const views = { tcp: await followPath(tcp, 'm/'), webSocket: await followPath(webSocket, 'm/') }
    await addAll(tcp, [state('m/tcp', 1), new jet.State('m/fixed', 'Grüße \ud83d\ude00'), method('m/double', function (n) { return n * 2 })])
    await webSocket.add(state('m/ws', 1))
    saw('set', await webSocket.set('m/tcp', 2, { valueAsResult: true }))
    saw('set', await tcp.set('m/ws', 'x'.repeat(100000), { valueAsResult: true }).then(function (text) { return text.length }))
    saw('set', await tcp.set('m/ws', 3))
    saw('call', await webSocket.call('m/double', 21))
    saw('occupied', await failure(webSocket.add(state('m/tcp', 0))))
    await settled(tcp, webSocket, tcp)
    await tcp.close()
    while (views.webSocket.length < 10) {
      await settled(webSocket)
    }
    for (const name of Object.keys(views)) {
      saw(name, views[name].map(brief).map(function (text) { return text.length < 100 ? text : text.length }))
    }
  }
})
