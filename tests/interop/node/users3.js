'use strict'
/* Logins of node-jet 3, and what its owners protect with read and write groups. */
const { failure, open, run, saw } = require('./harness')
const { closing, failure3, followPath3, method3, open3, sawEvents, settled3, state3 } = require('./harness3')

run(closing({
  'groups': async function () {
    const owner = await open3()
    const other = await open3()
    const two = open()
    const asked = []
    await owner.add(state3('t/open', 1))
    await owner.add(state3('t/admin', 1, undefined, 'admin', 'admin'))
    await owner.add(state3('t/all', 1, undefined, 'all', 'admin'))
    await owner.add(state3('t/write', 1, undefined, '', 'admin'))
    await owner.add(state3('t/read', 1, undefined, 'admin', ''))
    await owner.add(method3('t/method', function (args) { asked.push(args) }, 'admin'))
    const events = await followPath3(other, 't/')
    sawEvents('nobody', events.splice(0))
    saw('nobody gets', (await other.get({ path: { startsWith: 't/' } })).map(function (one) { return one.path }))
    saw('nobody sets', await failure3(other.set('t/write', 2)))
    saw('nobody calls', await failure3(other.call('t/method', [1])))
    saw('node-jet 2 sets', await failure(two.set('t/admin', 2)))
    saw('unseen, but open', await other.set('t/read', 2))

    saw('wrong user', await failure3(other.authenticate('nobody', 'x')))
    saw('wrong password', await failure3(other.authenticate('guest', 'x')))
    saw('guest', await other.authenticate('guest', 'g'))
    sawEvents('guest', events.splice(0))
    saw('guest sets', await failure3(other.set('t/write', 2)))

    saw('root', await other.authenticate('root', 'r'))
    sawEvents('root', events.splice(0))
    saw('root sets', await other.set('t/write', 2))
    saw('root calls', await other.call('t/method', [2]))
    saw('asked', asked)
    saw('root adds a user', await failure3(other.addUser('new', 'n', ['all'])))

    await other.authenticate('guest', 'g')
    await settled3(owner, other)
    sawEvents('guest again', events.splice(0))
    saw('node-jet 2', await two.get({}).then(function (found) { return found.map(function (one) { return [one.path, one.fetchOnly] }) }))
  }
}))
