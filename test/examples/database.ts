import { readFile } from 'node:fs/promises'
import { type DatabaseServer, failoverPair, startMariadb, startPostgres } from '@periodic-flush/testing'
import { createConnection } from 'mysql2/promise'
import { Client } from 'pg'
import { mariadbInstalled } from '../mariadb-installed.ts'

/** What the tests of an example need of its kind of database. */
export interface Database {
  /** Whether this machine has the server. */
  readonly installed: boolean
  start(): Promise<DatabaseServer>
  startPair(): Promise<{ blue: DatabaseServer; green: DatabaseServer; url(): string } & AsyncDisposable>
  /** Keeps everybody else out of a table until it is disposed of. */
  lock(url: string, table: string): Promise<AsyncDisposable>
}

export const postgres: Database = {
  installed: true,
  start: () => startPostgres(),
  startPair: () => failoverPair(),
  async lock(url, table) {
    const client = new Client(url)
    await client.connect()
    await client.query(`begin; lock table "${table}"`)
    return { [Symbol.asyncDispose]: () => client.end() }
  },
}

export const mariadb: Database = {
  installed: mariadbInstalled,
  start: () => startMariadb(),
  startPair: () => failoverPair({ engine: 'mariadb' }),
  async lock(url, table) {
    const connection = await createConnection(url)
    await connection.query(`lock tables ${table} write`)
    return { [Symbol.asyncDispose]: () => connection.end() }
  },
}

/** Makes the table of an example by its own migration. */
export async function createTable(server: DatabaseServer, migration: string): Promise<void> {
  await server.query(await readFile(new URL(`../../examples/${migration}`, import.meta.url), 'utf8'))
}
