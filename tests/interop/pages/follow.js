// Follows the states of a room and switches the heating on when it gets cold, with nothing but a plain WebSocket.
const socket = new WebSocket('ws://' + location.host, 'jet')
const send = message => socket.send(JSON.stringify(message))
let seen = []

const tell = () => {
  report({ protocol: socket.protocol, seen })
  seen = []
}

let announced = 0

socket.onopen = () => send({ id: 1, method: 'fetch', params: { id: 'room', path: { startsWith: 'room/' } } })
socket.onclose = event => report({ closed: event.code })
socket.onmessage = event => {
  const message = JSON.parse(event.data)
  seen.push(message)
  if (message.method !== 'room') {
    return
  }
  const { event: what, path, value } = message.params
  if (what === 'add' && ++announced === 2) {
    tell()
  } else if (what === 'change' && path === 'room/temperature' && value < 10) {
    send({ id: 'cold', method: 'set', params: { path: 'room/heating', value: settings.warmth } })
  } else if (what === 'remove') {
    tell()
  }
}
