import pg from 'pg'
import { UsageError } from './errors.ts'
import type { EngineName } from './findings.ts'
import { printable } from './printable.ts'

/** What a connection string says, as the driver itself understands it. */
export interface ConnectionString {
  readonly engine: EngineName
  /** The string itself: for the driver, never for anybody's eyes. */
  readonly secret: string
  readonly host: string
  readonly port: number
  /** A path, where the host is a Unix socket. */
  readonly socket?: string
  /** Who connects to what: `app@db.example.com:5432/shop`. */
  readonly label: string
  /**
   * What somebody else wrote, or, where the password is in it in any spelling, only that. Blanked out in place, a short
   * password would be told by the gaps.
   */
  hide(text: string): string
}

const engines: Readonly<Record<string, EngineName>> = {
  postgres: 'postgres',
  postgresql: 'postgres',
  mysql: 'mysql',
  mariadb: 'mysql',
}

/**
 * Reads a connection string.
 *
 * @throws UsageError if it is none, or one in which a password may have spilled into another part. It quotes nothing.
 */
export function readConnectionString(text: string): ConnectionString {
  const [, scheme = '', rest = ''] = /^([a-z]+):\/\/(.*)$/is.exec(text) ?? []
  const engine = Object.hasOwn(engines, scheme.toLowerCase()) ? engines[scheme.toLowerCase()] : undefined
  if (engine === undefined) {
    throw new UsageError(
      'Expected a connection string that starts with postgres://, postgresql://, mysql:// or mariadb://',
    )
  }
  // Past an unencoded / ? or # in the password, the rest of it would count as path, query or fragment: and be shown.
  const authority = /^[^/?#]*/.exec(rest)?.[0] ?? ''
  if (rest.slice(authority.length).includes('@') || rest.includes('#')) throw unreadable()
  try {
    return engine === 'postgres' ? postgres(text) : mysqlLike(text)
  } catch (error) {
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    if (missing) throw new UsageError('A certificate or key that the connection string names is not there')
    throw unreadable()
  }
}

/** Without the cause, whose message or properties may quote the string. */
function unreadable(): UsageError {
  return new UsageError(
    'Could not read the connection string. Characters such as / ? # @ : % in a user or password must be percent-encoded (%2F for /)',
  )
}

function postgres(text: string): ConnectionString {
  const { user, host, port, database, password } = new pg.Client({ connectionString: text })
  const named = { user: user ?? '', database: database ?? '', password: spellings(password, text) }
  if (!host.startsWith('/')) return described('postgres', text, { ...named, host, port })
  return described('postgres', text, { ...named, host, port, socket: `${host}/.s.PGSQL.${port}` })
}

function mysqlLike(text: string): ConnectionString {
  const url = new URL(text)
  const named = {
    user: decodeURIComponent(url.username),
    database: decodeURIComponent(url.pathname.slice(1)),
    password: spellings(decodeURIComponent(url.password), text),
  }
  const host = decodeURIComponent(url.hostname.replace(/^\[(.*)\]$/, '$1')) || 'localhost'
  const port = Number(url.port || 3306)
  const socket = url.searchParams.get('socketPath')
  return described('mysql', text, { ...named, host, port, ...(socket !== null && { socket }) })
}

interface Parts {
  readonly user: string
  readonly host: string
  readonly port: number
  readonly socket?: string
  readonly database: string
  readonly password: readonly string[]
}

function described(engine: EngineName, secret: string, parts: Parts): ConnectionString {
  const { user, host, port, socket, database, password } = parts
  const where = socket ?? `${host.includes(':') ? `[${host}]` : host}:${port}`
  const label = printable(`${user === '' ? '' : `${user}@`}${where}${database === '' ? '' : `/${database}`}`)
  const holds = (said: string) => password.some((spelling) => said.includes(spelling))
  const hide = (said: string) => {
    if (!holds(said)) return said
    const [code = ''] = / \(\w+\)$/.exec(said) ?? []
    return `not shown, since the password is in it${holds(code) ? '' : code}`
  }
  const read = { engine, host, port, label, hide, ...(socket !== undefined && { socket }) }
  // Not enumerable, so that it is in no `inspect` output and no JSON.
  return Object.defineProperty(read, 'secret', { value: secret }) as typeof read & { secret: string }
}

/** The password as it is, as it is written in the string, and encoded; and the whole string. */
function spellings(password: unknown, text: string): string[] {
  const written = /^[a-z]+:\/\/[^/?#]*?:(.*)@/i.exec(text)?.[1]
  const all = typeof password === 'string' ? [password, encodeURIComponent(password), written] : [written]
  const said = all.filter((spelling): spelling is string => spelling !== undefined && spelling !== '')
  return [...new Set(said), text]
}
