import { type MariadbServer, type PostgresServer, startMariadb, startPostgres } from '@periodic-flush/testing'
import { PrismaMariaDb } from '@prisma/adapter-mariadb'
import { PrismaPg } from '@prisma/adapter-pg'
import type {
  SqlDriverAdapter,
  SqlDriverAdapterFactory,
  SqlQuery,
  SqlQueryable,
  Transaction,
} from '@prisma/driver-adapter-utils'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { mariadbInstalled } from '../../../test/mariadb-installed.ts'
import { type Flushable, flushingAdapter } from '../src/index.ts'

const statement = (sql: string, ...args: number[]): SqlQuery => ({
  sql,
  args,
  argTypes: args.map(() => ({ scalarType: 'int', arity: 'scalar' })),
})

/** What a call gives, or how it fails: an adapter's error tells by its cause. */
async function outcome(work: () => unknown): Promise<unknown> {
  try {
    return await work()
  } catch (error) {
    return { name: (error as Error).name, message: (error as Error).message, cause: (error as Error).cause }
  }
}

/** One use of each member that an adapter and its transactions share; what it gives is compared. */
const shared: Record<string, (of: SqlQueryable, parameter: string) => unknown> = {
  'provider, adapterName': ({ provider, adapterName }) => [provider, adapterName],
  queryRaw: (of) => of.queryRaw(statement('select 1 as a, null as b')),
  'queryRaw with arguments': (of, parameter) => of.queryRaw(statement(`select ${parameter} + 1 as a`, 2)),
  executeRaw: async (of, parameter) => [
    await of.executeRaw(statement(`insert into numbers values (${parameter})`, 3)),
    await of.executeRaw(statement('delete from numbers where n = 3')),
  ],
}

const failing: typeof shared = {
  'a statement that fails': (of) => of.queryRaw(statement('select * from nothing')),
}

/** And of those that only an adapter has. */
const ofAdapter: Record<string, (adapter: SqlDriverAdapter) => unknown> = {
  getConnectionInfo: (adapter) => adapter.getConnectionInfo?.(),
  executeScript: (adapter) => adapter.executeScript('select 1; select 2'),
  'executeScript that fails': (adapter) => adapter.executeScript('select 1; select * from nothing'),
  'startTransaction, options, commit': async (adapter) => {
    const tx = await begun(adapter)
    await tx.executeRaw(statement('insert into numbers values (1)'))
    await commit(tx)
    return [tx.options, await adapter.executeRaw(statement('delete from numbers'))]
  },
  'startTransaction, rollback': async (adapter) => {
    const tx = await begun(adapter)
    await tx.executeRaw(statement('insert into numbers values (1)'))
    await rollback(tx)
    return adapter.executeRaw(statement('delete from numbers'))
  },
  'startTransaction with an isolation level that there is not': (adapter) => adapter.startTransaction('SNAPSHOT'),
}

/** And of those that only a transaction has. */
const ofTransaction: Record<string, (tx: Transaction) => unknown> = {
  'createSavepoint, rollbackToSavepoint, releaseSavepoint': async (tx) => {
    await tx.createSavepoint?.('mine')
    await tx.executeRaw(statement('insert into numbers values (4)'))
    await tx.rollbackToSavepoint?.('mine')
    await tx.releaseSavepoint?.('mine')
    return (await tx.queryRaw(statement('select n from numbers'))).rows
  },
}

const begun = (adapter: SqlDriverAdapter) => adapter.startTransaction('SERIALIZABLE')

/** Prisma sends these itself where an adapter does not. */
async function commit(tx: Transaction): Promise<void> {
  if (!tx.options.usePhantomQuery) await tx.executeRaw(statement('commit'))
  await tx.commit()
}

async function rollback(tx: Transaction): Promise<void> {
  if (!tx.options.usePhantomQuery) await tx.executeRaw(statement('rollback'))
  await tx.rollback()
}

/** The members of something, without those of every object. */
function membersOf(value: object): string[] {
  const members = new Set(Object.keys(value))
  for (let at = Object.getPrototypeOf(value); at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) members.add(name)
  }
  members.delete('constructor')
  return [...members].sort()
}

const queryable = ['adapterName', 'executeRaw', 'provider', 'queryRaw']
const adapterMembers = [
  ...queryable,
  ...['dispose', 'executeScript', 'getConnectionInfo', 'startTransaction', 'underlyingDriver'],
].sort()
const transactionMembers = [
  ...queryable,
  ...['commit', 'createSavepoint', 'options', 'releaseSavepoint', 'rollback', 'rollbackToSavepoint'],
].sort()

interface Engine {
  name: string
  installed: boolean
  parameter: string
  start(): Promise<PostgresServer | MariadbServer>
  factory(url: string): SqlDriverAdapterFactory
  /** What its types keep for itself. */
  internals: { factory: string[]; adapter: string[]; transaction: string[] }
}

const engines: Engine[] = [
  {
    name: 'adapter-pg',
    installed: true,
    parameter: '$1::int',
    start: () => startPostgres(),
    factory: (url) => new PrismaPg({ connectionString: url, max: 3 }, { schema: 'public' }),
    internals: {
      factory: ['config', 'connectToShadowDb', 'externalPool', 'options'],
      adapter: ['client', 'onError', 'performIO', 'pgOptions', 'release'],
      transaction: ['cleanup', 'client', 'onError', 'performIO', 'pgOptions'],
    },
  },
  {
    name: 'adapter-mariadb',
    installed: mariadbInstalled,
    parameter: '?',
    start: () => startMariadb(),
    factory: (url) => new PrismaMariaDb(`${url}?connectionLimit=3`, { database: 'app' }),
    internals: {
      factory: [],
      adapter: ['capabilities', 'client', 'mariadbOptions', 'onError', 'performIO', 'release'],
      transaction: ['cleanup', 'client', 'conn', 'mariadbOptions', 'onError', 'performIO'],
    },
  },
]

describe.each(engines.filter(({ installed }) => installed))('on $name', (engine) => {
  const { parameter, internals } = engine
  let server: PostgresServer | MariadbServer
  const disposals: (() => Promise<void>)[] = []
  beforeAll(async () => {
    server = await engine.start()
    await server.query('create table numbers (n int)')
  })
  afterEach(() => Promise.all(disposals.splice(0).map((dispose) => dispose())))
  afterAll(() => server.stop())

  const connected = async (factory: SqlDriverAdapterFactory): Promise<SqlDriverAdapter> => {
    const adapter = await factory.connect()
    disposals.push(() => adapter.dispose())
    return adapter
  }
  const native = () => connected(engine.factory(server.url()))
  const flushing = (options: Parameters<typeof flushingAdapter>[1]): SqlDriverAdapterFactory & Flushable =>
    flushingAdapter(engine.factory(server.url()), { intervalMs: false, ...options })

  test('the members are those that the pinned version has, and all of them are there', async () => {
    // A member that a new version brings must be thought of.
    const factory = engine.factory(server.url())
    expect(membersOf(factory)).toEqual(['adapterName', 'connect', 'provider', ...internals.factory].sort())
    const adapter = await connected(factory)
    expect(membersOf(adapter)).toEqual([...adapterMembers, ...internals.adapter].sort())
    const tx = await adapter.startTransaction()
    expect(membersOf(tx)).toEqual([...transactionMembers, ...internals.transaction].sort())
    await rollback(tx)

    const wrapped = flushing({})
    const migrates = internals.factory.filter((name) => name === 'connectToShadowDb')
    expect(membersOf(wrapped)).toEqual(['$flush', '$flusher', 'adapterName', 'connect', 'provider', ...migrates].sort())
    const facade = await connected(wrapped)
    expect(membersOf(facade)).toEqual(adapterMembers)
    const inside = await facade.startTransaction()
    expect(membersOf(inside)).toEqual(transactionMembers)
    await rollback(inside)
  })

  test.each(Object.entries({ ...shared, ...failing, ...ofAdapter }))(
    'flushed every 50 ms: %s gives what it gives natively',
    async (_, use) => {
      const bare = await native()
      const expected = await outcome(() => use(bare, parameter))
      const factory = flushing({ intervalMs: 50, jitter: 0 })
      const adapter = await connected(factory)
      do {
        await adapter.queryRaw(statement('select 1'))
        expect(await outcome(() => use(adapter, parameter))).toEqual(expected)
      } while (factory.$flusher.stats().flushes < 3)
    },
  )

  test.each(Object.entries({ ...shared, ...ofTransaction }))(
    'in the middle of a transaction: %s gives what it gives natively, before a flush and after it',
    async (_, use) => {
      const bare = await begun(await native())
      const expected = await outcome(() => use(bare as Transaction & SqlDriverAdapter, parameter))
      await rollback(bare)
      const factory = flushing({})
      const tx = await begun(await connected(factory))
      expect(await outcome(() => use(tx, parameter))).toEqual(expected)
      await factory.$flush({ wait: 'swapped' })
      expect(await outcome(() => use(tx, parameter))).toEqual(expected)
      await rollback(tx)
      await expect.poll(() => factory.$flusher.stats().retiring).toEqual([])
    },
  )
})
