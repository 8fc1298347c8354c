// Tries one daemon after the other and tells what each let it do.
const attempt = url => new Promise(resolve => {
  const result = { url, opened: false, messages: [] }
  const socket = new WebSocket(url, 'jet')
  socket.onopen = () => {
    result.opened = true
    socket.send('{"id": 1, "method": "get", "params": {}}')
  }
  socket.onmessage = event => {
    result.messages.push(JSON.parse(event.data).result)
    socket.close()
  }
  socket.onclose = () => resolve(result)
})

const attemptAll = async () => {
  for (const url of settings.urls) {
    report(await attempt(url))
  }
}
attemptAll()
