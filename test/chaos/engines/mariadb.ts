import { type MariadbServer, startMariadbServers } from '@periodic-flush/testing'
import { CONNECTIONS, type Engine, HOSTS, USER } from '../engine.ts'

/** The fewest connections that MariaDB can be limited to. */
const FEWEST = 10

export const mariadbEngine: Engine<MariadbServer> = {
  name: 'mariadb',
  start: (tls) =>
    startMariadbServers(HOSTS, {
      tls,
      names: ['blue', 'green'],
      maxConnections: CONNECTIONS,
      settings: { max_heap_table_size: '16384' },
    }),
  async prepare(server, password) {
    await server.query(`
      create table ledger (id varchar(64) not null, part int not null) engine = innodb;
      create table brim (filler varchar(1000)) engine = memory;
      create user ${USER} identified by '${password}';
      grant insert, select on test.* to ${USER};
      set global require_secure_transport = off`)
  },
  appendMany: (id, parts) => `insert into ledger (id, part) select '${id}', seq from seq_1_to_${parts} returning part`,
  // A table that is kept in memory and has reached its size: error 1114, which is what it says of a full disk too.
  overflow: "insert into brim select repeat('x', 1000) from seq_1_to_100",
  setPassword: (server, password) => server.query(`set password for ${USER} = password('${password}')`),
  requireTls: (server, on) => server.query(`set global require_secure_transport = ${on ? 'on' : 'off'}`),
  async exhaust(server) {
    await server.query(`set global max_connections = ${FEWEST}`)
    return () => server.query(`set global max_connections = ${CONNECTIONS}`)
  },
  // Killed outright it would stay away; and what it acknowledged a moment ago would be lost, since it is told not to flush.
  crash: (server) => server.restart(),
}
