import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Gate, gate } from '../src/index.ts'

/** Says back what it is told. */
let echo: Server
let arrived: Set<Socket>
let entrance: Gate

beforeEach(async () => {
  arrived = new Set()
  echo = createServer((socket) => {
    arrived.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => arrived.delete(socket))
    socket.pipe(socket)
  })
  echo.listen(0, '127.0.0.1')
  await once(echo, 'listening')
  const bound = echo.address()
  if (bound === null || typeof bound === 'string') throw new TypeError('Expected a port')
  entrance = await gate({ host: '127.0.0.1', port: bound.port })
})

afterEach(async () => {
  await entrance.close()
  await new Promise((resolve) => echo.close(resolve))
})

async function connected(): Promise<Socket> {
  const socket = connect(entrance.port, entrance.host)
  await once(socket, 'connect')
  return socket
}

async function said(socket: Socket): Promise<string> {
  const [data] = await once(socket, 'data')
  return String(data)
}

async function ask(socket: Socket, text: string): Promise<string> {
  socket.write(text)
  return await said(socket)
}

function failure(socket: Socket): Promise<unknown> {
  return new Promise((resolve) => socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code)))
}

test('what goes in comes back, and the end of one side reaches the other', async () => {
  const socket = await connected()
  expect(await ask(socket, 'hello')).toBe('hello')
  expect(entrance.connections).toBe(1)
  const ended = once(socket, 'close')
  socket.end('bye')
  expect(await said(socket)).toBe('bye')
  await ended
  await expect.poll(() => [entrance.connections, arrived.size]).toEqual([0, 0])
})

test('a side that has ended still gets what the other one sends', async () => {
  const received = new Promise((resolve) => {
    echo.removeAllListeners('connection').once('connection', (socket) => {
      socket.allowHalfOpen = true
      socket.end('bye')
      socket.once('data', (data) => {
        resolve(String(data))
        socket.destroy()
      })
    })
  })
  const socket = connect({ port: entrance.port, host: entrance.host, allowHalfOpen: true })
  expect(await said(socket)).toBe('bye')
  await once(socket, 'end')
  socket.end('and yet')
  expect(await received).toBe('and yet')
})

test('an end with much still under way loses nothing', async () => {
  const socket = await connected()
  const length = 5_000_000
  let received = 0
  socket.on('data', (data) => {
    received += data.length
  })
  socket.end(Buffer.alloc(length))
  await once(socket, 'close')
  expect(received).toBe(length)
})

test('a gate that refuses lets open connections be, and accepts again on the same port', async () => {
  const open = await connected()
  const { port } = entrance
  await entrance.refuse()
  expect(await failure(connect(port, entrance.host))).toBe('ECONNREFUSED')
  expect(await ask(open, 'still here')).toBe('still here')
  await entrance.accept()
  expect(entrance.port).toBe(port)
  const fresh = await connected()
  expect(await ask(fresh, 'back')).toBe('back')
  open.destroy()
  fresh.destroy()
})

test('a connection that hangs gets no answer, not even after others are accepted again', async () => {
  const open = await connected()
  await entrance.hang()
  const hanging = await connected()
  let answered = false
  hanging.on('data', () => {
    answered = true
  })
  hanging.write('anybody?')
  expect(await ask(open, 'me')).toBe('me')
  await entrance.accept()
  const fresh = await connected()
  expect(await ask(fresh, 'here')).toBe('here')
  expect(answered).toBe(false)
  expect(arrived.size).toBe(2)
  expect(entrance.connections).toBe(3)
  hanging.destroy()
  await expect.poll(() => entrance.connections).toBe(2)
  open.destroy()
  fresh.destroy()
})

test('a slow gate relays new connections later, and open ones as before', async () => {
  const open = await connected()
  await entrance.slow(2_000_000_000)
  const late = await connected()
  late.write('later')
  expect(await ask(open, 'now')).toBe('now')
  await entrance.slow(1)
  const soon = await connected()
  expect(await ask(soon, 'soon')).toBe('soon')
  expect(arrived.size).toBe(2)
  for (const socket of [open, late, soon]) socket.destroy()
})

test('stalled connections go on where they stood when they are resumed', async () => {
  const stalled = await connected()
  expect(await ask(stalled, 'before')).toBe('before')
  await entrance.stall()
  let answered = false
  const answer = said(stalled).finally(() => {
    answered = true
  })
  stalled.write('meanwhile')
  const fresh = await connected()
  for (let asked = 0; asked < 20; asked += 1) expect(await ask(fresh, 'new')).toBe('new')
  expect(answered).toBe(false)
  await entrance.resume()
  expect(await answer).toBe('meanwhile')
  stalled.destroy()
  fresh.destroy()
})

test('a reset reaches client and server as one', async () => {
  const socket = await connected()
  await ask(socket, 'hello')
  await entrance.hang()
  const hanging = await connected()
  const [server] = arrived
  if (!server) throw new TypeError('Expected a connection')
  const failures = Promise.all([failure(socket), failure(hanging), failure(server)])
  await expect.poll(() => entrance.connections).toBe(2)
  await entrance.reset()
  expect(entrance.connections).toBe(0)
  expect(await failures).toEqual(['ECONNRESET', 'ECONNRESET', 'ECONNRESET'])
  await entrance.accept()
  const fresh = await connected()
  expect(await ask(fresh, 'again')).toBe('again')
  fresh.destroy()
})

test('a server that is not there resets the client', async () => {
  await new Promise((resolve) => echo.close(resolve))
  const socket = await connected()
  expect(await failure(socket)).toBe('ECONNRESET')
})

test('the fault called last is the one in force, whatever came before', async () => {
  await Promise.all([entrance.refuse(), entrance.hang(), entrance.refuse(), entrance.accept()])
  const socket = await connected()
  expect(await ask(socket, 'hello')).toBe('hello')
  socket.destroy()
})

test('a closed gate breaks its connections, frees its port and says so afterwards', async () => {
  const socket = await connected()
  const broken = failure(socket)
  const closing = entrance.close()
  expect(entrance.close()).toBe(closing)
  await closing
  expect(await broken).toBe('ECONNRESET')
  expect(await failure(connect(entrance.port, entrance.host))).toBe('ECONNREFUSED')
  await expect(entrance.accept()).rejects.toMatchObject({ code: 'GATE_CLOSED' })
  await expect(entrance.reset()).rejects.toMatchObject({ code: 'GATE_CLOSED' })
})

test('a port that is taken is named, and the gate can try again', async () => {
  await expect(gate(entrance, { port: entrance.port })).rejects.toMatchObject({ code: 'PORT_TAKEN' })
  await entrance.refuse()
  const holder = createServer().listen(entrance.port, entrance.host)
  await once(holder, 'listening')
  await expect(entrance.accept()).rejects.toMatchObject({ code: 'PORT_TAKEN' })
  await new Promise((resolve) => holder.close(resolve))
  await entrance.accept()
  const socket = await connected()
  expect(await ask(socket, 'hello')).toBe('hello')
  socket.destroy()
})
