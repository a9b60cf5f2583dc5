// npm's xmlrpc as a peer: see ../peers.py for what a peer reads and writes.
const readline = require('readline')
const xmlrpc = require('xmlrpc')

const plain = value => value
const makers = {
  int: plain, i8: plain, double: plain, boolean: plain, string: plain, nil: plain,
  // It takes a dateTime for local time, both ways.
  dateTime: text => new Date(text.replace(/^(\d{4})(\d\d)(\d\d)T/, '$1-$2-$3T')),
  base64: text => Buffer.from(text, 'base64'),
  array: items => items.map(made),
  struct: members => mapped(members, made)
}

function mapped (members, change) {
  return Object.fromEntries(Object.entries(members).map(([name, value]) => [name, change(value)]))
}

function made (tagged) {
  const [[type, value]] = Object.entries(tagged)
  return makers[type](value)
}

function dateTime (date) {
  const two = number => String(number).padStart(2, '0')
  return date.getFullYear() + two(date.getMonth() + 1) + two(date.getDate()) + 'T' +
    [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')
}

function told (value) {
  if (value === null) return { nil: null }
  if (Array.isArray(value)) return { array: value.map(told) }
  if (value instanceof Date) return { dateTime: dateTime(value) }
  if (Buffer.isBuffer(value)) return { base64: value.toString('base64') }
  if (typeof value === 'object') return { struct: mapped(value, told) }
  // JavaScript has one type of number: what is whole is an int.
  if (typeof value === 'number') return Number.isInteger(value) ? { int: value } : { double: value }
  return { [typeof value]: value }
}

function outcome (client, step) {
  return new Promise((resolve, reject) => {
    client.methodCall(step.method, step.params.map(made), (error, value) => {
      if (!error) resolve({ result: told(value) })
      else if (error.faultCode === undefined) reject(error)
      else resolve({ fault: { code: error.faultCode, string: error.faultString } })
    })
  })
}

async function main () {
  const client = xmlrpc.createClient({ url: process.argv[2] })
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const answer = outcome(client, JSON.parse(line))
    console.log(JSON.stringify(await answer.catch(error => ({ error: error.message }))))
  }
}

main()
