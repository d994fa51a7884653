export { TestingError, type TestingErrorCode } from './errors.ts'
export { type FailoverPair, type FailoverPairOptions, failoverPair } from './failover.ts'
export { type Gate, type GateOptions, type GateTarget, gate } from './gate.ts'
export { type LookupFailure, type MovableName, movableName } from './names.ts'
export type { Backend, BackendFilter, PostgresServer, UrlOptions } from './postgres-server.ts'
export type { Authentication } from './postmaster.ts'
export {
  type ServerOptions,
  type StartPostgresOptions,
  type StartPostgresServersOptions,
  startPostgres,
  startPostgresServers,
} from './servers.ts'
