import type { Driver } from '@periodic-flush/core'
import type { OpenedPool } from './opened-pool.ts'

const READ_ONLY = new Set([1290, 1792, 1836])
const SHUTDOWN = new Set([1053, 1927])
const LOST = new Set([
  'PROTOCOL_CONNECTION_LOST',
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
])

/** Which of these a server has depends on its kind and version, so it is asked for all. */
const WRITABLE = `show variables where variable_name in
  ('read_only', 'super_read_only', 'innodb_read_only', 'transaction_read_only', 'tx_read_only')`

/**
 * How pools are opened, checked, retired, closed and cut; `opened` tells what is known of one that `open` gave, `dispose`
 * ends what was made and never opened.
 */
export function mysql2Driver<Pool>(
  open: () => Pool | Promise<Pool>,
  opened: (pool: Pool) => OpenedPool,
  dispose: () => Promise<void>,
): Driver<Pool> {
  return {
    name: 'mysql2',
    open,
    async check(pool, signal) {
      await withAbort(opened(pool), signal, 'select 1')
    },
    async writable(pool, signal) {
      const rows = await withAbort(opened(pool), signal, WRITABLE)
      return rows.every(([, value]) => value === 'OFF')
    },
    limit: (pool) => opened(pool).native.config.connectionLimit || Number.POSITIVE_INFINITY,
    connections: (pool) => opened(pool).sockets.size,
    peers: (pool) => opened(pool).sockets.peers,
    endpoints(pool) {
      const { socketPath, host, port } = opened(pool).native.config.connectionConfig
      return socketPath ? [] : [{ host, port }]
    },
    suspect,
    warm: (pool, count, signal) => opened(pool).warm(count, signal),
    shrink: (pool, count) => opened(pool).shrink(count),
    retire: (pool) => opened(pool).retire(),
    close: (pool) => opened(pool).close(),
    cut: (pool) => opened(pool).cut(),
    dispose,
  }
}

async function withAbort(pool: OpenedPool, signal: AbortSignal, sql: string): ReturnType<OpenedPool['ask']> {
  const abort = () => pool.sockets.cut()
  signal.throwIfAborted()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await pool.ask(sql)
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** What an error says about the server. */
export function suspect(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const { errno, code } = error as { errno?: unknown; code?: unknown }
  if (typeof errno === 'number' && READ_ONLY.has(errno)) return 'read-only'
  if (typeof errno === 'number' && SHUTDOWN.has(errno)) return 'shutdown'
  return typeof code === 'string' && LOST.has(code) ? 'lost' : undefined
}
