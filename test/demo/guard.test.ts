import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { networkInterfaces } from 'node:os'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { Chronicle } from '../../examples/failover/src/chronicle.ts'
import { PageServer } from '../../examples/failover/src/page/server.ts'

let page: PageServer
let port: number
let inCharge = true
const done: string[] = []

beforeAll(async () => {
  const act = (verb: string) => async (side?: string) => void done.push(side === undefined ? verb : `${verb} ${side}`)
  const controls = {
    move: act('move'),
    freeze: act('freeze'),
    thaw: act('thaw'),
    kill: act('kill'),
    flush: act('flush'),
  }
  page = await PageServer.open({
    chronicle: new Chronicle(),
    setting: { rate: 50, intervalMs: 2_000, interactive: true },
    port: 0,
    controls: () => (inCharge ? controls : undefined),
  })
  port = Number(new URL(page.address).port)
})
beforeEach(() => {
  done.length = 0
  inCharge = true
})
afterAll(() => page.close())

/** As a browser on this machine would ask, or something that is no browser. */
async function ask(method: string, path: string, headers: Record<string, string> = {}, host = '127.0.0.1') {
  const asking = request({ host, port, method, path, headers, agent: false }).end()
  const [answer]: IncomingMessage[] = await once(asking, 'response')
  if (answer === undefined) throw new Error('Expected an answer')
  // A stream of events never ends by itself.
  if (answer.headers['content-type'] === 'text/event-stream') {
    answer.destroy()
    return { status: answer.statusCode, headers: answer.headers, body: '' }
  }
  return { status: answer.statusCode, headers: answer.headers, body: await text(answer) }
}

const own = () => ({ origin: `http://127.0.0.1:${port}`, 'sec-fetch-site': 'same-origin', 'x-demo-action': 'yes' })

test('the page acts for itself', async () => {
  for (const path of ['move/green', 'freeze/blue', 'thaw/blue', 'kill/green', 'flush']) {
    expect(await ask('POST', `/actions/${path}`, own())).toMatchObject({ status: 200 })
  }
  expect(done).toEqual(['move green', 'freeze blue', 'thaw blue', 'kill green', 'flush'])
})

test('it is found under localhost too', async () => {
  const here = { ...own(), host: `localhost:${port}`, origin: `http://localhost:${port}` }
  expect(await ask('GET', '/', here)).toMatchObject({ status: 200 })
  expect(await ask('POST', '/actions/flush', here)).toMatchObject({ status: 200 })
})

test('it listens on one loopback address, and on no other', async () => {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? [])
  // One that is for a single link needs to be told which.
  const others = all
    .flatMap(({ address, scopeid }) => (scopeid ? [] : [address]))
    .filter((each) => each !== '127.0.0.1')
  for (const address of ['127.0.0.2', ...others]) {
    await expect(ask('GET', '/', {}, address), address).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  }
})

describe('a name that was rebound to this machine', () => {
  test.each([
    ['GET', '/'],
    ['GET', '/main.js'],
    ['GET', '/events'],
    ['POST', '/actions/move/green'],
  ])('gets nothing from %s %s, even where all else is as the page would send it', async (method, path) => {
    for (const host of [
      `rebound.example:${port}`,
      'rebound.example',
      `127.0.0.1.example:${port}`,
      '127.0.0.1',
      '0.0.0.0',
    ]) {
      const headers = { ...own(), host, origin: `http://${host}` }
      expect(await ask(method, path, headers), host).toMatchObject({ status: 421 })
    }
    expect(done).toEqual([])
  })
})

describe('an action is refused', () => {
  const without = (name: string) => Object.fromEntries(Object.entries(own()).filter(([key]) => key !== name))
  test.each([
    ['from another origin', () => ({ ...own(), origin: 'http://elsewhere.example' })],
    ['from another port of this machine', () => ({ ...own(), origin: `http://127.0.0.1:${port - 1}` })],
    ['from a sandboxed frame or a file', () => ({ ...own(), origin: 'null' })],
    ['from another site, by what the browser says', () => ({ ...own(), 'sec-fetch-site': 'cross-site' })],
    ['from another port of the same site', () => ({ ...own(), 'sec-fetch-site': 'same-site' })],
    ['without an origin', () => without('origin')],
    ['without the header of the page', () => without('x-demo-action')],
  ])('%s', async (_, headers) => {
    expect(await ask('POST', '/actions/move/green', headers())).toMatchObject({ status: 403 })
    expect(done).toEqual([])
  })

  test('by any method but POST', async () => {
    expect(await ask('GET', '/actions/move/green', own())).toMatchObject({ status: 405 })
    expect(await ask('PUT', '/actions/move/green', own())).toMatchObject({ status: 405 })
    expect(done).toEqual([])
  })

  test('that does not exist', async () => {
    for (const path of ['move', 'move/red', 'constructor/blue', 'flush/blue', 'move/blue/green', '']) {
      expect(await ask('POST', `/actions/${path}`, own()), path).toMatchObject({ status: 404 })
    }
  })

  test('while a script is in charge', async () => {
    inCharge = false
    expect(await ask('POST', '/actions/move/green', own())).toMatchObject({ status: 409 })
    expect(done).toEqual([])
  })
})

test('no other origin is allowed anything, if a browser asks first', async () => {
  const preflight = { origin: 'http://elsewhere.example', 'access-control-request-headers': 'x-demo-action' }
  const { status, headers } = await ask('OPTIONS', '/actions/move/green', preflight)
  expect(status).toBe(403)
  expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
})

test('no answer, whatever it says, may be read by another origin', async () => {
  const answers = [
    await ask('GET', '/'),
    await ask('GET', '/main.js', { origin: 'http://elsewhere.example' }),
    await ask('GET', '/events', own()),
    await ask('GET', '/events', { origin: 'http://elsewhere.example' }),
    await ask('POST', '/actions/flush', own()),
    await ask('POST', '/actions/flush', { origin: 'http://elsewhere.example' }),
    await ask('POST', '/actions/none', own()),
    await ask('PUT', '/actions/flush', own()),
    await ask('GET', '/', { host: 'elsewhere.example' }),
  ]
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 403, 200, 403, 404, 405, 421])
  for (const { headers } of answers) {
    expect(Object.keys(headers).filter((name) => name.startsWith('access-control'))).toEqual([])
    expect(headers).toMatchObject({
      'cross-origin-resource-policy': 'same-origin',
      'x-content-type-options': 'nosniff',
      'content-security-policy': expect.stringContaining("frame-ancestors 'none'"),
    })
  }
})

test('what a form or a script of another origin can send without asking first does nothing', async () => {
  const foreign = { origin: 'http://elsewhere.example', 'sec-fetch-site': 'cross-site', 'sec-fetch-mode': 'no-cors' }
  for (const type of ['application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', 'text/plain']) {
    // Old browsers tell no site, and some leave out the origin.
    for (const headers of [foreign, { origin: foreign.origin }, { origin: 'null' }, {}]) {
      const sent = { ...headers, 'content-type': type, 'content-length': '0' }
      expect(await ask('POST', '/actions/move/green', sent)).toMatchObject({ status: 403 })
    }
  }
  for (const method of ['GET', 'HEAD']) {
    for (const path of ['/actions/move/green', '/actions/flush', '/?action=flush', '/events?action=flush']) {
      await ask(method, path, { 'sec-fetch-site': 'cross-site' })
      await ask(method, path, { 'sec-fetch-site': 'none' })
    }
  }
  expect(done).toEqual([])
})

test('no way to write a request gets around that', async () => {
  const action = `Origin: http://127.0.0.1:${port}\r\nX-Demo-Action: yes\r\nConnection: close\r\n`
  const here = `Host: 127.0.0.1:${port}\r\n`
  const refused = [
    // Without a name, or with an old protocol, or with two names.
    `POST /actions/flush HTTP/1.1\r\n${action}\r\n`,
    `POST /actions/flush HTTP/1.0\r\n${action}\r\n`,
    `POST /actions/flush HTTP/1.1\r\nHost: elsewhere.example\r\n${here}${action}\r\n`,
    // The name in the line itself goes before the header.
    `POST http://elsewhere.example/actions/flush HTTP/1.1\r\n${here}${action}\r\n`,
    `POST //actions/flush HTTP/1.1\r\n${here}${action}\r\n`,
    `POST /ACTIONS/flush HTTP/1.1\r\n${here}${action}\r\n`,
    `POST /./actions/flush HTTP/1.1\r\n${here}${action}\r\n`,
    `GET /actions/flush HTTP/1.1\r\n${here}${action}X-HTTP-Method-Override: POST\r\n\r\n`,
    `POST /actions/flush HTTP/1.1\r\n${here}${action}Origin: http://elsewhere.example\r\nSec-Fetch-Site: cross-site\r\n\r\n`,
  ]
  for (const text of refused) {
    expect(await sent(text), text).toMatch(/^HTTP\/1\.1 4\d\d /)
    expect(done, text).toEqual([])
  }
  expect(await sent(`POST /actions/flush HTTP/1.1\r\n${here}${action}\r\n`)).toMatch(/^HTTP\/1\.1 200 /)
})

/** What is answered to these very bytes. */
async function sent(bytes: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  socket.end(bytes)
  return await text(socket)
}

test('the events are for the page, and for who types their address', async () => {
  expect(await ask('GET', '/events', { 'sec-fetch-site': 'same-origin' })).toMatchObject({ status: 200 })
  expect(await ask('GET', '/events', { 'sec-fetch-site': 'none' })).toMatchObject({ status: 200 })
  expect(await ask('GET', '/events', { 'sec-fetch-site': 'cross-site' })).toMatchObject({ status: 403 })
  expect(await ask('GET', '/events', { origin: 'http://elsewhere.example' })).toMatchObject({ status: 403 })
})

test('no path leads out of the page', async () => {
  for (const path of ['/../package.json', '/%2e%2e/package.json', '//etc/passwd', '/page/', '/constructor']) {
    expect(await ask('GET', path), path).toMatchObject({ status: 404 })
  }
})

test('nobody may frame the page, and it loads nothing from elsewhere', async () => {
  const { headers, body } = await ask('GET', '/')
  expect(headers['content-security-policy']).toMatch(/default-src 'none'.*frame-ancestors 'none'/)
  expect(body).not.toMatch(/https?:\/\//)
})
