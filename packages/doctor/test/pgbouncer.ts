import { chmodSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import type { PostgresServer } from '@periodic-flush/testing'
import { type Broker, installed, startBroker } from '../../fleet/test/broker.ts'
import { freePort } from '../../testing/src/free-port.ts'

export const pgbouncerInstalled = installed('pgbouncer')

/** A PgBouncer in front of a server, at 127.0.0.1, in which `admin` may ask it for itself. */
export class Pgbouncer implements AsyncDisposable {
  readonly port: number
  readonly #broker: Broker

  private constructor(port: number, broker: Broker) {
    this.port = port
    this.#broker = broker
  }

  static async start({ host, port, user, password }: PostgresServer, admin: string): Promise<Pgbouncer> {
    const listen = await freePort(['127.0.0.1'], undefined)
    const configure = (directory: string): string[] => {
      const users = join(directory, 'users.txt')
      const settings = join(directory, 'pgbouncer.ini')
      writeFileSync(users, `"${user}" "${password}"\n`)
      writeFileSync(
        settings,
        `[databases]
* = host=${host} port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listen}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
admin_users = ${admin}
`,
      )
      // It refuses to run as root, and reads these as somebody else.
      chmodSync(directory, 0o755)
      return [...(userInfo().uid === 0 ? ['-u', 'nobody'] : []), settings]
    }
    return new Pgbouncer(listen, await startBroker('pgbouncer', configure, 'process up'))
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(this.#broker[Symbol.asyncDispose]())
  }
}
