// node-jet's own daemon, to compare with: node nodejet.js PORT [--ws]
'use strict'
const path = require('path')
const where = [__dirname, path.join(__dirname, '..', 'tests', 'interop'), process.cwd()]
const jet = require(require.resolve('node-jet', { paths: where }))

const port = Number(process.argv[2])
const daemon = new jet.Daemon()
daemon.listen(process.argv.includes('--ws') ? { wsPort: port } : { tcpPort: port })
process.on('SIGTERM', () => process.exit(0))
