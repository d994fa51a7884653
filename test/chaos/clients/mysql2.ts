import { withPeriodicFlush as flushingDatabase } from '@periodic-flush/drizzle/mysql2'
import { withPeriodicFlush } from '@periodic-flush/mysql2'
import { sql as part } from 'drizzle-orm'
import { int, mysqlTable, varchar } from 'drizzle-orm/mysql-core'
import { drizzle } from 'drizzle-orm/mysql2'
import { sql as partOfRc } from 'drizzle-orm-rc'
import { int as intOfRc, mysqlTable as mysqlTableOfRc, varchar as varcharOfRc } from 'drizzle-orm-rc/mysql-core'
import { drizzle as drizzleOfRc } from 'drizzle-orm-rc/mysql2'
import { createPool as createCallbackPool, type PoolConnection } from 'mysql2'
import { createPool, type Pool } from 'mysql2/promise'
import type { Kind, Opening } from '../client.ts'
import { prepares, runs, transacts } from './drizzle.ts'

const config = ({ account, max }: Opening) => {
  const { ca, ...where } = account()
  return { ...where, connectionLimit: max, ...(ca !== undefined && { ssl: { ca, verifyIdentity: true } }) }
}

const opened = (opening: Opening) => (): Pool => createPool(config(opening))

const append = 'insert into ledger (id, part) values (?, 1)'

type Callback<T> = (error: Error | null, result: T) => void

/** Calls what ends with a callback. */
const called = <T = unknown>(call: (done: Callback<T>) => void): Promise<T> =>
  new Promise((resolve, reject) => call((error, result) => (error === null ? resolve(result) : reject(error))))

export const mysql2Kind: Kind = {
  name: 'mysql2',
  engine: 'mariadb',
  open(opening) {
    const pool = withPeriodicFlush(() => createCallbackPool(config(opening)), opening.options)
    return {
      run: (text) => called((done) => pool.query(text, done)),
      prepared: (id) => called((done) => pool.execute(append, [id], done)),
      async transaction(work) {
        const connection = await called<PoolConnection>((done) => pool.getConnection(done))
        try {
          await called((done) => connection.beginTransaction((error) => done(error, undefined)))
          await work((text) => called((done) => connection.query(text, done)))
          await called((done) => connection.commit((error) => done(error, undefined)))
          connection.release()
        } catch (error) {
          connection.destroy()
          throw error
        }
      },
      stream: (text) => pool.query(text).stream(),
      $flusher: pool.$flusher,
    }
  },
}

export const mysql2PromiseKind: Kind = {
  name: 'mysql2/promise',
  engine: 'mariadb',
  open(opening) {
    const pool = withPeriodicFlush(opened(opening), opening.options)
    return {
      run: (text) => pool.query(text),
      prepared: (id) => pool.execute(append, [id]),
      async transaction(work) {
        const connection = await pool.getConnection()
        try {
          await connection.beginTransaction()
          await work((text) => connection.query(text))
          await connection.commit()
          connection.release()
        } catch (error) {
          connection.destroy()
          throw error
        }
      },
      $flusher: pool.$flusher,
    }
  },
}

export const drizzleMysql2Kind: Kind = {
  name: 'drizzle/mysql2',
  engine: 'mariadb',
  open(opening) {
    const db = flushingDatabase(opened(opening), (pool) => drizzle(pool), opening.options)
    const ledger = mysqlTable('ledger', { id: varchar({ length: 64 }), part: int() })
    const insert = db
      .insert(ledger)
      .values({ id: part.placeholder('id'), part: 1 })
      .prepare()
    return { ...runs(db), ...transacts(db), ...prepares(insert), $flusher: db.$flusher }
  },
}

export const drizzleRcMysql2Kind: Kind = {
  name: 'drizzle-rc/mysql2',
  engine: 'mariadb',
  open(opening) {
    const db = flushingDatabase(opened(opening), (client) => drizzleOfRc({ client }), opening.options)
    const ledger = mysqlTableOfRc('ledger', { id: varcharOfRc({ length: 64 }), part: intOfRc() })
    const insert = db
      .insert(ledger)
      .values({ id: partOfRc.placeholder('id'), part: 1 })
      .prepare()
    return { ...runs(db), ...transacts(db), ...prepares(insert), $flusher: db.$flusher }
  },
}
