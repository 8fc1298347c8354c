'use strict'
/*
 * Users and access groups. The daemon knows: john (everything of users and
 * public, as in the documentation), bob (fetches public, nothing else), eve (a
 * user without any lists), root (all groups).
 */
const { addAll, brief, failure, follow, jet, method, open, run, saw, settled, startEmpty, state } = require('./harness')

const as = function (user) {
  return open({ user, password: user + "'s" })
}

/** An owner without a user, and an element of each kind of protection. */
const scene = async function () {
  const owner = open()
  const both = { fetchGroups: ['public'], setGroups: ['users'] }
  const handled = []
  const note = function (what) { handled.push(what) }
  await owner.add(state('open', 0))
  await owner.add(state('closed', 0, {}))
  await owner.add(state('public', 0, both))
  await owner.add(new jet.State('read only', 0, { fetchGroups: ['public'] }))
  await owner.add(state('users', 0, { fetchGroups: ['users'], setGroups: ['admin'] }))
  await owner.add(state('nobody', 0, { fetchGroups: [], setGroups: [] }))
  await owner.add(method('call public', note, { fetchGroups: ['public'], callGroups: ['public'] }))
  await owner.add(method('call users', note, { fetchGroups: ['public'], callGroups: ['users'] }))
  await owner.add(method('call hidden', note, { fetchGroups: ['admin'], callGroups: ['users'] }))
  return { owner, handled }
}

const everything = function () {
  return new jet.Fetcher().all()
}

startEmpty({ user: 'root', password: "root's" })
run({
  'logging in': async function () {
    const john = as('john')
    saw('same peer', await john.connect() === john)
    saw('access', john.access)
    saw('connected', john.isConnected())
    const nobody = open()
    await nobody.connect()
    saw('no access', nobody.access)
    saw('features', nobody.daemonInfo.features.authentication)
  },

  'logins that fail': async function () {
    saw('user', await failure(open({ user: 'mallory', password: 'x' }).connect()))
    saw('password', await failure(open({ user: 'john', password: 'x' }).connect()))
    const refused = open({ user: 'john', password: 'y' })
    saw('operations', await failure(refused.set('s', 1)))
    saw('inherited name', await failure(open({ user: 'constructor', password: 'x' }).connect()))
  },

  'what each sees': async function () {
    const s = await scene()
    const peers = { nobody: open(), bob: as('bob'), john: as('john'), root: as('root') }
    for (const who of Object.keys(peers)) {
      saw(who, (await follow(peers[who], everything())).map(brief))
      saw(who + ' gets the same', (await peers[who].get({})).map(brief))
    }
    saw('the owner', (await follow(s.owner, everything())).map(brief))
  },

  'sorted': async function () {
    await scene()
    const bob = as('bob')
    const views = await follow(bob, new jet.Fetcher().sortByPath().range(1, 20))
    saw('bob', views[0].map(function (entry) { return entry.path + (entry.fetchOnly ? '!' : '') }))
  },

  'what each may set': async function () {
    const s = await scene()
    const peers = { nobody: open(), bob: as('bob'), john: as('john'), owner: s.owner }
    for (const who of Object.keys(peers)) {
      const results = {}
      for (const path of ['open', 'closed', 'public', 'read only', 'users', 'nobody', 'nothing']) {
        results[path] = await peers[who].set(path, 1).catch(function (err) { return err.name })
      }
      saw(who, results)
    }
  },

  'what each may call': async function () {
    const s = await scene()
    const peers = { nobody: open(), bob: as('bob'), john: as('john'), owner: s.owner }
    for (const who of Object.keys(peers)) {
      const results = {}
      for (const path of ['call public', 'call users', 'call hidden']) {
        results[path] = await peers[who].call(path, [who]).catch(function (err) { return err.name })
      }
      saw(who, results)
    }
    saw('handled', s.handled)
  },

  'the errors': async function () {
    await scene()
    const bob = as('bob')
    saw('set', await failure(bob.set('public', 1)))
    saw('call', await failure(bob.call('call users', [])))
  },

  'live': async function () {
    const owner = open()
    const bob = as('bob')
    const john = as('john')
    const nobody = open()
    const views = { bob, john, nobody }
    for (const who of Object.keys(views)) {
      views[who] = await follow(views[who], everything())
    }
    const subjects = [
      state('public', 0, { fetchGroups: ['public'], setGroups: ['users'] }), state('users', 0, { fetchGroups: ['users'] }), state('open', 0)
    ]
    await addAll(owner, subjects)
    for (const one of subjects) {
      await one.value(1)
    }
    saw('set', await john.set('public', 2))
    await subjects[0].remove()
    await settled(owner, bob, john, nobody)
    for (const who of Object.keys(views)) {
      saw(who, views[who].map(brief))
    }
  },

  'another identity': async function () {
    await scene()
    const peer = as('bob')
    saw('as bob', await failure(peer.set('public', 1)))
    saw('wrong password', await failure(peer.authenticate('john', 'x')))
    saw('still bob', (await peer.get({ path: { startsWith: 'call' } })).map(brief))
    saw('auth', await peer.authenticate('john', "john's"))
    saw('as john', await peer.set('public', 1))
    await follow(peer, everything())
    saw('while fetching', await failure(peer.authenticate('bob', "bob's")))
  },

  'a user without lists': async function () {
    await scene()
    const eve = as('eve')
    await eve.connect()
    saw('access', eve.access)
    saw('sees', await eve.get({}).then(function (all) { return all.map(brief) }, function () { return 'failed' }))
  },

  'elements of users': async function () {
    const john = as('john')
    const nobody = open()
    const subject = state('private', 1, { fetchGroups: ['users'], setGroups: ['users'] })
    saw('add', await john.add(subject))
    saw('set', await john.set('private', 2))
    saw('others', await failure(nobody.set('private', 3)))
    saw('others get', await nobody.get({}))
    saw('john gets', await john.get({}))
  }
})
