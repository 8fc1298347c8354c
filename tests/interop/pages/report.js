// First script of each page: tell the test something. Reports arrive in the order of the calls.
let reported = Promise.resolve()
const report = what => {
  reported = reported.then(() => fetch('/result', { method: 'POST', body: JSON.stringify(what) }))
  return reported
}
