import type { Driver } from '@periodic-flush/core'
import { type Client, noop, type Reserved } from './client.ts'
import { Opened, openedOf, remember } from './opened.ts'
import { reserve } from './reserve.ts'
import { suspect } from './suspect.ts'

// What is asked here passes through the user's own transforms, which may rename each column and change each value: so it
// is told by the number of rows, or taken raw.
const READ_ONLY = "select 1 where pg_is_in_recovery() or current_setting('transaction_read_only') = 'on'"
const ENDS = `select host(inet_client_addr()) || ':' || inet_client_port(),
  host(inet_server_addr()) || ':' || inet_server_port()`

/**
 * How postgres.js clients are opened, checked, retired, closed and cut.
 *
 * @param prepare is called before a client's first connection, and once more after a first query was answered.
 */
export function postgresDriver(
  open: () => Client,
  prepare: (client: Client) => void,
  dispose: () => Promise<void>,
): Driver<Client> {
  let count = 0
  return {
    name: 'postgres',
    pipelines: true,
    dispose,
    open() {
      const client = open()
      prepare(client)
      remember(new Opened(client, count === 0, () => prepare(client)))
      count += 1
      return client
    },
    async check(client, signal) {
      await withAbort(client, signal, client.unsafe('select 1'))
      openedOf(client).answered()
    },
    async writable(client, signal) {
      const rows = await withAbort(client, signal, client.unsafe(READ_ONLY))
      return Array.isArray(rows) && rows.length === 0
    },
    limit: (client) => client.options.max,
    connections: (client) => openedOf(client).sockets.size,
    peers(client) {
      const { sockets, listening } = openedOf(client)
      return listening === undefined ? sockets.peers : [...sockets.peers, ...listening.peers]
    },
    endpoints: ({ options }) =>
      options.path ? [] : options.port.map((port, index) => ({ host: options.host[index] ?? 'localhost', port })),
    suspect,
    warm,
    shrink,
    retire,
    async close(client) {
      const { sockets } = openedOf(client)
      sockets.closing = true
      sockets.retiring = true
      sockets.dropConnecting()
      await sockets.startup.ended()
      if (client.options.ssl) {
        // This says farewell on the idle ones. One that fetches types cannot be told from them, and must not hear of it.
        client.end().catch(noop)
        await sockets.leave()
        return
      }
      // It was cut meanwhile, and a query for types may have been left pending, which the client would reject.
      if (sockets.isCut) return
      // With nothing in flight this says farewell on every connection. Without the timeout it would wait for ever for
      // a connection whose first query was recalled.
      await client.end({ timeout: 0 })
      sockets.dropUnended()
      await sockets.ended(true)
    },
    cut(client) {
      openedOf(client).sockets.cut()
    },
  }
}

async function withAbort<T>(client: Client, signal: AbortSignal, work: PromiseLike<T>): Promise<T> {
  const abort = (): void => {
    openedOf(client).sockets.cut()
  }
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await work
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** One after the other: each handshake blocks the thread for a millisecond. */
async function warm(client: Client, count: number, signal: AbortSignal): Promise<void> {
  const held: Reserved[] = []
  try {
    while (held.length < count && !signal.aborted) {
      const reserved = await withAbort(client, signal, reserve(client, noop))
      held.push(reserved)
    }
  } finally {
    for (const reserved of held) reserved.release()
  }
}

/** Ends up to `count` idle connections of a client that stays in use. */
export async function shrink(client: Client, count: number): Promise<void> {
  for (let ended = 0; ended < count; ended += 1) {
    if (!(await endIdle(client))) return
  }
}

/** Ends one idle connection, if there is one, and if it can be told which socket it has. */
async function endIdle(client: Client): Promise<boolean> {
  const { sockets } = openedOf(client)
  const reserved = await reserveIdle(client)
  if (reserved === undefined) return false
  let socket: ReturnType<typeof sockets.find>
  try {
    const [ends] = await reserved.unsafe(ENDS).raw()
    socket = sockets.find(String(ends?.[0]), String(ends?.[1]))
  } catch {
    // The connection is lost, which is what was wanted.
    return true
  }
  if (socket === undefined) {
    // A proxy in between, or a Unix socket: the server sees other ends than we do.
    reserved.release()
    return false
  }
  await sockets.endOne(socket)
  return true
}

/** A connection that is idle now; natively `reserve` would rather wait or open one. */
async function reserveIdle(client: Client): Promise<Reserved | undefined> {
  const pending = client.reserve()
  const idle = await Promise.race([
    pending,
    new Promise<undefined>((resolve) => setImmediate(() => resolve(undefined))),
  ])
  if (idle === undefined) pending.then((reserved) => reserved.release(), noop)
  return idle
}

async function retire(client: Client, busy: number): Promise<void> {
  const opened = openedOf(client)
  opened.sockets.retiring = true
  // Whatever these were to serve has gone to the fresh client.
  opened.sockets.dropConnecting()
  // close() on a reserved connection marks it as ending for good, and it then outlives its release.
  if (opened.reservations > 0) {
    opened.shrinking = opened.shrinking.catch(noop).then(() => shrink(client, opened.sockets.size - busy))
    return opened.shrinking
  }
  // Resolves only when the busy ones have finished too, so nobody waits for it. Once is enough: the busy ones end as they
  // become idle, and each further call would leave a listener on every socket that is not closed yet.
  opened.closing ??= client.close().catch(noop)
  await opened.sockets.ended(false)
}
