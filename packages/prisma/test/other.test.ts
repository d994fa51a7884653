import { EventEmitter } from 'node:events'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { SqlDriverAdapter, SqlDriverAdapterFactory, SqlQuery, Transaction } from '@prisma/driver-adapter-utils'
import { afterEach, expect, test } from 'vitest'
import { type Flushable, flushingAdapter } from '../src/index.ts'

const statement = (sql: string): SqlQuery => ({ sql, args: [], argTypes: [] })
const hanging = () => new Promise<never>(() => {})
const ends: (() => Promise<unknown>)[] = []
afterEach(() => Promise.all(ends.splice(0).map((end) => end())))

/** An adapter of the public interface alone, and what was asked of each that it connected. */
interface Scripted {
  readonly factory: SqlDriverAdapterFactory & Flushable
  readonly said: string[]
}

/** @param answer gives the rows of a statement; without it there are none. */
function scripted(
  options: Parameters<typeof flushingAdapter>[1] = {},
  answer: (sql: string, connection: number) => unknown[][] | Promise<unknown[][]> = () => [],
  more: Partial<SqlDriverAdapter> = {},
): Scripted {
  const said: string[] = []
  let connections = 0
  const connect = async (): Promise<SqlDriverAdapter> => {
    const connection = ++connections
    said.push(`${connection} connect`)
    const never = (): never => {
      throw new Error('not asked for')
    }
    return {
      ...{ provider: 'sqlite', adapterName: 'mine', executeRaw: never, executeScript: never, startTransaction: never },
      async queryRaw({ sql }) {
        said.push(`${connection} ${sql}`)
        return { columnNames: [], columnTypes: [], rows: await answer(sql, connection) }
      },
      async dispose() {
        said.push(`${connection} dispose`)
      },
      ...more,
    }
  }
  const given: SqlDriverAdapterFactory = { provider: 'sqlite', adapterName: 'mine', connect }
  const factory = flushingAdapter(given, { intervalMs: false, ...options })
  ends.push(() => factory.$flusher.close({ deadlineMs: 0 }))
  return { factory, said }
}

test('an adapter that shows nothing is connected, asked, checked and disposed of, in this order', async () => {
  const { factory, said } = scripted()
  const adapter = await factory.connect()
  await adapter.queryRaw(statement('a'))
  await factory.$flush()
  await adapter.queryRaw(statement('b'))
  await adapter.dispose()
  expect(said).toEqual(['1 connect', '1 a', '2 connect', '2 SELECT 1', '1 dispose', '2 b', '2 dispose'])
})

test('whether another kind of server is writable is not asked: it is taken to be', async () => {
  const { factory, said } = scripted({ require: 'writable' })
  await factory.connect()
  await factory.$flush()
  expect(said).toEqual(['1 connect', '2 connect', '2 SELECT 1', '1 dispose'])
})

test('a timed flush of one that nobody uses is left to its next use', async () => {
  const { factory, said } = scripted()
  const adapter = await factory.connect()
  await adapter.queryRaw(statement('a'))
  await factory.$flush({ lazy: true })
  await factory.$flush({ lazy: true })
  expect(said.splice(0)).toEqual(['1 connect', '1 a', '2 connect', '2 SELECT 1', '1 dispose'])
  await adapter.queryRaw(statement('b'))
  expect(said).toEqual(['3 connect', '3 SELECT 1', '3 b', '2 dispose'])
})

test.each<[string, () => Promise<void>]>([
  ['', async () => {}],
  [', though that fails', () => Promise.reject(new Error('no farewell'))],
])('what is cut is disposed of%s: a fresh one whose check hangs, and one whose statement does', async (_, dispose) => {
  const disposed: string[] = []
  const { factory, said } = scripted({ checkTimeoutMs: 20 }, (sql) => (sql === 'a' ? [] : hanging()), {
    dispose() {
      disposed.push(said.at(-1) ?? '')
      return dispose()
    },
  })
  const adapter = await factory.connect()
  await adapter.queryRaw(statement('a'))
  await expect(factory.$flush()).rejects.toMatchObject({ code: 'TIMEOUT' })
  expect(disposed).toEqual(['2 SELECT 1'])
  const asked = expect(adapter.queryRaw(statement('b'))).rejects.toMatchObject({ code: 'CUT' })
  await factory.$flusher.close({ deadlineMs: 0 })
  await asked
  expect(disposed).toEqual(['2 SELECT 1', '1 b'])
})

test('it holds no more than it shows: no limit, no connections, no peers', async () => {
  const { factory } = scripted()
  await factory.connect()
  expect(factory.$flusher.stats()).toMatchObject({ limit: undefined, connections: 0, peers: [] })
  expect(factory.$flusher.name).toBe('mine')
})

test('what it talks through is only told from that of the next one', async () => {
  let shown: unknown = { on() {} }
  const { factory, said } = scripted({}, undefined, { underlyingDriver: () => shown } as Partial<SqlDriverAdapter>)
  await factory.connect()
  await expect(factory.$flush()).rejects.toMatchObject({ code: 'SAME_CLIENT' })
  shown = { on() {} }
  await factory.$flush()
  shown = 'nothing to be told apart'
  for (let times = 0; times < 2; times++) await factory.$flush()
  expect(said.filter((what) => what.endsWith('dispose'))).toEqual(['1 dispose', '3 dispose', '4 dispose'])
})

test('what a factory connects for migrations is connected by itself, and is not flushed', async () => {
  const { factory: native } = scripted()
  const adapter = await native.connect()
  const migrating = {
    ...({ provider: 'sqlite', adapterName: 'mine', connect: native.connect, adapter } as const),
    async connectToShadowDb() {
      return this.adapter
    },
  }
  const factory = flushingAdapter(migrating, { intervalMs: false })
  expect(await (factory as unknown as typeof migrating).connectToShadowDb()).toBe(adapter)
  expect(factory.$flusher.stats()).toMatchObject({ state: 'idle' })
})

test.each<[string, boolean, string[], string?]>([
  ['itself', true, ['rollback']],
  ['by a statement of its own', false, ['ROLLBACK', 'rollback']],
  ['by one that fails', false, ['ROLLBACK', 'rollback'], 'ROLLBACK'],
])(
  'a transaction that is cut is rolled back %s, and nothing more is sent in it',
  async (_, usePhantomQuery, ends, bad) => {
    const sent: string[] = []
    const sending = (what: string) => async (): Promise<never> => {
      sent.push(what)
      if (what === bad) throw new Error('lost')
      return undefined as never
    }
    const transaction: Transaction = {
      ...{ provider: 'sqlite', adapterName: 'mine', options: { usePhantomQuery } },
      queryRaw: ({ sql }) => sending(sql)(),
      executeRaw: ({ sql }) => sending(sql)(),
      commit: sending('commit'),
      rollback: sending('rollback'),
      createSavepoint: sending('savepoint'),
    }
    const { factory } = scripted({}, undefined, { startTransaction: async () => transaction })
    const adapter = await factory.connect()
    const tx = await adapter.startTransaction()
    await tx.executeRaw(statement('a'))
    await factory.$flusher.close({ deadlineMs: 0 })
    const uses = [
      () => tx.queryRaw(statement('b')),
      () => tx.executeRaw(statement('COMMIT')),
      () => tx.createSavepoint?.('one'),
      () => tx.commit(),
      () => tx.rollback(),
    ]
    for (const use of uses) await expect(use()).rejects.toMatchObject({ code: 'CUT' })
    expect(sent).toEqual(['a', ...ends])
  },
)

test('a transaction that is being ended when it is cut is left to that', async () => {
  const sent: string[] = []
  const { factory } = scripted({}, undefined, {
    startTransaction: async () => ({
      ...{ provider: 'sqlite', adapterName: 'mine', options: { usePhantomQuery: true } },
      ...{ queryRaw: hanging, executeRaw: hanging },
      commit() {
        sent.push('commit')
        return hanging()
      },
      async rollback() {
        sent.push('rollback')
      },
    }),
  })
  const adapter = await factory.connect()
  const tx = await adapter.startTransaction()
  const committed = expect(tx.commit()).rejects.toMatchObject({ code: 'CUT' })
  await factory.$flusher.close({ deadlineMs: 0 })
  await committed
  expect(sent).toEqual(['commit'])
})

test('a transaction has the savepoints that the adapter’s has, and its lease ends also when its own end fails', async () => {
  const { factory } = scripted({}, undefined, {
    startTransaction: async () => ({
      ...{ provider: 'sqlite', adapterName: 'mine', options: { usePhantomQuery: true } },
      ...{ queryRaw: hanging, executeRaw: hanging, rollback: hanging },
      commit: () => Promise.reject(new Error('no farewell')),
    }),
  })
  const tx = await (await factory.connect()).startTransaction()
  expect([tx.createSavepoint, tx.rollbackToSavepoint, tx.releaseSavepoint]).toEqual([undefined, undefined, undefined])
  await expect(tx.commit()).rejects.toThrow('no farewell')
  expect(factory.$flusher.stats()).toMatchObject({ leases: 0 })
})

test('nothing is left of what was disconnected from, though somebody listens', async () => {
  setFlagsFromString('--expose-gc')
  const collectGarbage: () => void = runInNewContext('gc')
  const shown: WeakRef<EventEmitter>[] = []
  const underlyingDriver = () => {
    const emitter = new EventEmitter()
    shown.push(new WeakRef(emitter))
    return emitter
  }
  const { factory } = scripted({}, undefined, { underlyingDriver } as Partial<SqlDriverAdapter>)
  factory.$flusher.on('swap', () => {})
  for (let times = 0; times < 3; times++) await (await factory.connect()).dispose()
  expect(shown.length).toBeGreaterThanOrEqual(3)
  const left = () => {
    collectGarbage()
    return shown.filter((each) => each.deref() !== undefined).length
  }
  await expect.poll(left).toBe(0)
})
