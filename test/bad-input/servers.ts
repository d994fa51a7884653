import {
  type FailoverPair,
  failoverPair,
  type Gate,
  gate,
  type MariadbServer,
  type MovableName,
  movableName,
  type PostgresServer,
  startMariadb,
  startMariadbServers,
  startPostgres,
  startPostgresServers,
  startPostgresStandby,
} from '@periodic-flush/testing'
import fc from 'fast-check'
import { type Case, of } from './case.ts'
import type { Entry } from './entries.ts'
import { anything, noArray, noBoolean, noString, noTime, noWord, odd, oddBeside, oddOptions, SECRET } from './values.ts'

/** What is called on real servers. */
export interface Stage {
  readonly pair: FailoverPair
  readonly mariadb: MariadbServer | undefined
  readonly gate: Gate
  readonly name: MovableName
}

const noPort = fc.oneof(noTime(1), fc.constantFrom(0, 65_536, 1.5))
const noIdentifier = fc.oneof(noString, fc.constantFrom('x'.repeat(64), 'nul\0'))
const noHost = fc.oneof(noString, fc.constantFrom('localhost', '127.0.0', '::g'))
const blank = fc.oneof(noString, fc.constant(' '))

const common = {
  port: noPort,
  database: noIdentifier,
  maxConnections: fc.oneof(noTime(1), fc.constantFrom(3, 10_001, 4.5)),
  tls: fc.oneof(odd, fc.constantFrom({}, { cert: SECRET, key: SECRET })),
  settings: fc.oneof(odd, fc.constantFrom({ work_mem: 1 }, { port: SECRET }, { PORT: '1' }, { 'a b': '' })),
}
const auth = fc.oneof(noWord, fc.constant('none'))
const name = blank
const noHosts = fc.oneof(
  odd,
  fc.constantFrom([], ['127.0.0.1', '127.0.0.1']),
  noHost.map((host) => ['127.0.0.1', host]),
)

const serverOptions = oddOptions({ ...common, host: noHost, name })
const postgresOptions = oddOptions({ ...common, host: noHost, name, auth })
const severalOptions = oddOptions({ ...common, names: fc.oneof(odd, fc.constantFrom([''], ['a', 'b'])) })
const target = { host: '127.0.0.1', port: 1 }

export const startCases: Case[] = [
  of('testing: startPostgres', '(odd)', (options) => startPostgres(options), postgresOptions),
  of('testing: startPostgresServers', '(odd)', (hosts) => startPostgresServers(hosts), noHosts),
  of(
    'testing: startPostgresServers',
    '([host], odd)',
    (options) => startPostgresServers(['127.0.0.1'], options),
    severalOptions,
  ),
  of('testing: startMariadb', '(odd)', (options) => startMariadb(options), serverOptions),
  of('testing: startMariadbServers', '(odd)', (hosts) => startMariadbServers(hosts), noHosts),
  of(
    'testing: startMariadbServers',
    '([host], odd)',
    (options) => startMariadbServers(['127.0.0.1'], options),
    severalOptions,
  ),
  of(
    'testing: failoverPair',
    '(odd)',
    (options) => failoverPair(options),
    oddOptions({ ...common, name: fc.oneof(blank, fc.constant('a b')), auth, engine: noWord, replicated: noBoolean }),
  ),
  of('testing: startPostgresStandby', '(odd)', (primary) => startPostgresStandby(primary), anything),
  of(
    'testing: gate',
    '(odd)',
    (given) => gate(given),
    fc.oneof(anything, oddBeside(target, { host: blank, port: noPort })),
  ),
  of('testing: gate', '(target, odd)', (options) => gate(target, options), oddOptions({ host: noHost, port: noPort })),
  of(
    'testing: movableName',
    '(odd, …)',
    (given) => movableName(given, '127.0.0.1'),
    fc.oneof(noString, fc.constantFrom('a b', '127.0.0.1', 'a/b')),
  ),
  of('testing: movableName', '(name, odd)', (address) => movableName('odd.test', address), noHost),
]

/** Both servers of PostgreSQL and MariaDB have these. */
function serverCases(
  handle: 'PostgresServer' | 'MariadbServer' | 'FailoverPair',
  server: () => PostgresServer | MariadbServer | FailoverPair,
): Case[] {
  const entry = (method: string): Entry => `${handle}: ${method}`
  return [
    of(entry('url'), '(odd)', (options) => server().url(options), oddOptions({ host: blank, database: noIdentifier })),
    of(entry('query'), '(odd)', (text) => server().query(text), fc.oneof(blank, fc.constant(undefined))),
    of(entry('query'), "('select 1', odd)", (values) => server().query('select 1', values), noArray),
    of(entry('query'), "('select 1', [], odd)", (database) => server().query('select 1', [], database), noIdentifier),
    of(entry('createDatabase'), '(odd)', (given) => server().createDatabase(given), noIdentifier),
  ]
}

const filter = oddOptions({ database: noIdentifier, user: noIdentifier })

export function handleCases(stage: () => Stage): Case[] {
  const blue = () => stage().pair.blue
  const mariadb = (): MariadbServer => {
    const { mariadb: started } = stage()
    if (started === undefined) throw new TypeError('Expected `mariadb` to be installed, got nothing')
    return started
  }
  return [
    ...serverCases('PostgresServer', blue),
    of('PostgresServer: backends', '(odd)', (given) => blue().backends(given), filter),
    of('PostgresServer: killBackends', '(odd)', (given) => blue().killBackends(given), filter),
    of('PostgresServer: readOnly', '(odd)', (on) => blue().readOnly(on), fc.oneof(noBoolean, fc.constant(undefined))),
    of('PostgresServer: caughtUpWith', '(odd)', (primary) => blue().caughtUpWith(primary), anything),
    ...serverCases('MariadbServer', mariadb),
    of('MariadbServer: backends', '(odd)', (given) => mariadb().backends(given), filter),
    of('MariadbServer: killBackends', '(odd)', (given) => mariadb().killBackends(given), filter),
    of('MariadbServer: readOnly', '(odd)', (on) => mariadb().readOnly(on), fc.oneof(noBoolean, fc.constant(undefined))),
    ...serverCases('FailoverPair', () => stage().pair),
    of('FailoverPair: moveTo', '(odd)', (side) => stage().pair.moveTo(side), fc.oneof(anything, noWord)),
    of('Gate: slow', '(odd)', (delayMs) => stage().gate.slow(delayMs), noTime(0)),
    of(
      'MovableName: moveTo',
      '(odd)',
      (addresses) => stage().name.moveTo(addresses),
      fc.oneof(
        odd,
        noHost.map((host) => ['127.0.0.1', host]),
      ),
    ),
    of('MovableName: fail', '(odd)', (code) => stage().name.fail(code), fc.oneof(anything, noWord)),
  ]
}
