// npm's own JSTP server, to compare with: node nodejstp.js PORT [--ws]
'use strict'
const path = require('path')
const where = [__dirname, path.join(__dirname, '..', 'tests', 'interop'), process.cwd()]
const jstp = require(require.resolve('@metarhia/jstp', { paths: where }))

const port = Number(process.argv[2])
const application = new jstp.Application('app', { iface: { method: (connection, argument, callback) => callback(null) } })
const transport = process.argv.includes('--ws') ? jstp.ws : jstp.net
transport.createServer([application]).listen(port, '127.0.0.1')
process.on('SIGTERM', () => process.exit(0))
