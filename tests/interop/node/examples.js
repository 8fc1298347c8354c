'use strict'
/* The programs that node-jet's README and its example folder show. */
const { copy, follow, jet, open, run, saw, settled, sleep, startEmpty, until } = require('./harness')

startEmpty()
run({
  'the synopsis': async function () {
    const peer = open()
    const greeted = []
    const greet = new jet.Method('greet')
    greet.on('call', function (who) { greeted.push(who) })
    peer.add(greet)

    let person = { name: 'Jim', age: 50 }
    const jim = new jet.State('persons/#123', person)
    jim.on('set', function (changedPerson) { person = changedPerson })
    peer.add(jim)

    const nowState = new jet.State('time/now', 0)
    await peer.add(nowState)
    const ticking = setInterval(function () { nowState.value(nowState.value() + 1) }, 2)

    const consumer = open()
    const youngest = []
    consumer.fetch(new jet.Fetcher()
      .path('startsWith', 'persons/')
      .sortByKey('age', 'number')
      .ascending()
      .range(1, 20)
      .on('data', function (persons) { youngest.push(copy(persons)) }))
    const times = await follow(consumer, new jet.Fetcher().path('equals', 'time/now'))
    saw('call', await consumer.call('greet', ['Steve']))
    saw('greeted', greeted)
    saw('set', await consumer.set('persons/#123', { name: 'Jose', age: 33 }))
    saw('person', person)
    await until(function () { return youngest.length === 2 && times.length > 5 })
    clearInterval(ticking)
    saw('youngest', youngest)
    saw('time passes', times.every(function (event, i) { return i === 0 || event.value === times[i - 1].value + 1 }))
    await sleep(0.01)
  },

  'the todo application': async function () {
    const server = open()
    const todos = {}
    let todoId = 0
    const addTodo = new jet.Method('todo/add').on('call', function (args) {
      if (typeof args[0] !== 'string') {
        throw new Error('title must be a string')
      }
      const todo = { id: todoId++, title: args[0], completed: false }
      const todoState = new jet.State('todo/#' + todo.id, todo)
      todoState.on('set', function (requested) {
        Object.assign(todo, requested)
        return { value: todo }
      })
      todos[todo.id] = todoState
      server.add(todoState)
    })
    const removeTodo = new jet.Method('todo/remove').on('call', function (ids) {
      ids.forEach(function (id) {
        todos[id].remove()
        delete todos[id]
      })
    })
    const setCompleted = new jet.Method('todo/setCompleted').on('call', function (args) {
      Object.keys(todos).forEach(function (id) {
        const current = todos[id].value()
        if (current.completed !== args[0]) {
          current.completed = args[0]
          todos[id].value(current)
        }
      })
    })
    await Promise.all([server.connect(), server.add(addTodo), server.add(removeTodo), server.add(setCompleted)])

    const client = open()
    const views = await follow(client, new jet.Fetcher().path('startsWith', 'todo/#').sortByKey('id', 'number').range(1, 30))
    const shown = function () {
      return views[views.length - 1].map(function (todo) { return todo.value.title + (todo.value.completed ? ' done' : '') }).join(', ')
    }
    for (const title of ['milk', 'bread', 'cheese']) {
      saw('add', await client.call('todo/add', [title]))
    }
    await settled(server, client)
    saw('shown', shown())
    saw('set', await client.set('todo/#1', { title: 'rye bread' }))
    saw('set', await client.set('todo/#2', { completed: true }, { valueAsResult: true }))
    saw('not a title', await client.call('todo/add', [7]).catch(function (err) { return err.name + ' ' + err.message }))
    await settled(server, client)
    saw('shown', shown())
    await client.call('todo/remove', [0])
    await settled(server, client)
    saw('shown', shown())
    await client.call('todo/setCompleted', [true])
    await settled(server, client)
    saw('shown', shown())
  },

  'the chat': async function () {
    const server = open()
    const messages = new jet.State('chat/messages', [])
    const append = new jet.Method('chat/append').on('call', function (args) {
      const all = messages.value()
      all.push(args.message)
      messages.value(all)
    })
    const clear = new jet.Method('chat/clear').on('call', function () { messages.value([]) })
    await Promise.all([server.connect(), server.add(messages), server.add(append), server.add(clear)])
    const ann = open()
    const ben = open()
    const seen = await follow(ann, new jet.Fetcher().path('equals', 'chat/messages'))
    await ben.call('chat/append', { message: 'hello' })
    await ann.call('chat/append', { message: 'who is there?' })
    await settled(server, ann)
    await ben.call('chat/clear')
    await settled(server, ann)
    saw('seen', seen.map(function (event) { return event.value }))
    saw('messages cannot be set', await ben.set('chat/messages', []).catch(function (err) { return err.name }))
  }
})
