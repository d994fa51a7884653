export type { Backend, BackendFilter, DatabaseServer, UrlOptions } from './database-server.ts'
export type { Certificate } from './engine.ts'
export { TestingError, type TestingErrorCode } from './errors.ts'
export {
  type FailoverPair,
  type FailoverPairOptions,
  failoverPair,
  type MariadbFailoverPairOptions,
} from './failover.ts'
export { type Gate, type GateOptions, type GateTarget, gate } from './gate.ts'
export {
  type StartMariadbOptions,
  type StartMariadbServersOptions,
  startMariadb,
  startMariadbServers,
} from './mariadb.ts'
export { mariadbAvailable } from './mariadb-engine.ts'
export type { MariadbServer } from './mariadb-server.ts'
export { type LookupFailure, type MovableName, movableName } from './names.ts'
export {
  type PostgresOptions,
  type StartPostgresOptions,
  type StartPostgresServersOptions,
  startPostgres,
  startPostgresServers,
} from './postgres.ts'
export type { Authentication } from './postgres-engine.ts'
export type { PostgresBackend, PostgresBackendFilter, PostgresServer, PostgresUrlOptions } from './postgres-server.ts'
export { type StartPostgresStandbyOptions, startPostgresStandby } from './postgres-standby.ts'
export type { ServerOptions } from './servers.ts'
