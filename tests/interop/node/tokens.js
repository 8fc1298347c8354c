'use strict'
/* Identities from the headers of the WebSocket upgrade request, without a login. */
const { brief, failure, follow, jet, open, run, saw, state } = require('./harness')

const bearing = function (token) {
  return open({ headers: { authorization: token } })
}

run({
  'tokens': async function () {
    const owner = bearing('token of john')
    await owner.connect()
    saw('access', owner.access)
    await owner.add(state('s', 1, { fetchGroups: ['public'], setGroups: ['users'] }))
    const reader = bearing('token of bob')
    saw('reader', (await follow(reader, new jet.Fetcher().all())).map(brief))
    saw('reader sets', await failure(reader.set('s', 2)))
    saw('owner sets', await owner.set('s', 3))
    saw('no token', await failure(open().connect()))
    saw('another token', await failure(bearing('token of mallory').connect()))
  }
})
