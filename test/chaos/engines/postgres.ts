import { type PostgresServer, startPostgresServers } from '@periodic-flush/testing'
import { Client } from 'pg'
import { CONNECTIONS, type Engine, HOSTS, USER } from '../engine.ts'

/** Lets the account in by this kind of connection only; whoever looks after the server is not concerned. */
async function admit(server: PostgresServer, connection: 'hostssl' | 'hostnossl'): Promise<unknown> {
  const lines = [`${connection} all ${USER} all scram-sha-256`, `hostnossl all ${USER} all reject`]
  const others = [`hostssl all ${USER} all reject`, 'host all hog all trust', 'hostssl all all all scram-sha-256']
  const values = [...lines, ...others].map((line) => `('${line}')`).join(', ')
  const [row] = await server.query<{ hba_file: string }>('show hba_file')
  await server.query(`copy (values ${values}) to '${row?.hba_file}'`)
  return server.query('select pg_reload_conf()')
}

/** A connection that is not of those who are watched. */
function hogOf({ host, port, database }: PostgresServer): Client {
  const hog = new Client({ host, port, database, user: 'hog' })
  hog.on('error', () => undefined)
  return hog
}

/** PostgreSQL, which keeps what it has acknowledged even when a backend is killed. */
export const postgresEngine: Engine<PostgresServer> = {
  name: 'postgres',
  start: (tls) =>
    startPostgresServers(HOSTS, {
      tls,
      names: ['blue', 'green'],
      maxConnections: CONNECTIONS,
      settings: { synchronous_commit: 'on', superuser_reserved_connections: '10' },
    }),
  async prepare(server, password) {
    await server.query(`
      create table ledger (id text not null, part int not null);
      create role ${USER} login password '${password}' in role pg_write_server_files;
      grant insert, select on ledger to ${USER};
      create role hog login`)
    await admit(server, 'hostnossl')
  },
  appendMany: (id, parts) =>
    `insert into ledger (id, part) select '${id}', n from generate_series(1, ${parts}) n returning part`,
  // The kernel says ENOSPC on every write to this device, and the server reports that as SQLSTATE 53100.
  overflow: "copy (select n from generate_series(1, 10000) n) to '/dev/full'",
  setPassword: (server, password) => server.query(`alter role ${USER} password '${password}'`),
  requireTls: (server, on) => admit(server, on ? 'hostssl' : 'hostnossl'),
  async exhaust(server) {
    const hogs: Client[] = []
    const connect = async (): Promise<void> => {
      for (;;) {
        const hog = hogOf(server)
        await hog.connect()
        hogs.push(hog)
      }
    }
    const refused = await Promise.allSettled([1, 2, 3, 4].map(connect))
    for (const outcome of refused) {
      if (outcome.status === 'rejected' && outcome.reason?.code !== '53300') throw outcome.reason
    }
    return () => Promise.all(hogs.map((hog) => hog.end()))
  },
  async crash(server) {
    const [witness, victim] = [hogOf(server), hogOf(server)]
    await Promise.all([witness.connect(), victim.connect()])
    const { rows } = await victim.query('select pg_backend_pid() as pid')
    // A backend that is killed ends all others, but only once the server has noticed.
    const noticed = new Promise<void>((resolve) => witness.once('end', () => resolve()))
    process.kill(rows[0].pid, 'SIGKILL')
    await noticed
  },
}
