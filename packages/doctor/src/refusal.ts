import type { EngineName } from './findings.ts'

/** What a server that was reached would not take: the login, the database, one more connection, or something else. */
export type Refusal = 'login' | 'database' | 'connection' | 'other'

const refusals: Readonly<Record<string, Exclude<Refusal, 'other'>>> = {
  '28000': 'login',
  '28P01': 'login',
  '3D000': 'database',
  '42501': 'database',
  '53300': 'connection',
  ER_ACCESS_DENIED_ERROR: 'login',
  ER_ACCESS_DENIED_NO_PASSWORD_ERROR: 'login',
  ER_HOST_NOT_PRIVILEGED: 'login',
  ER_HOST_IS_BLOCKED: 'login',
  ER_BAD_DB_ERROR: 'database',
  ER_DBACCESS_DENIED_ERROR: 'database',
  ER_CON_COUNT_ERROR: 'connection',
  ER_USER_LIMIT_REACHED: 'connection',
  ER_TOO_MANY_USER_CONNECTIONS: 'connection',
}

/** What the server refused, where an error came from one; undefined where none was reached, or it did not get to that. */
export function refusalOf(error: unknown): Refusal | undefined {
  if (!(error instanceof Error)) return undefined
  // pg's own words where the server wants a password and there is none: it has no code for that.
  if (error.message.startsWith('SASL:')) return 'login'
  const { code } = error as { code?: unknown }
  if (typeof code !== 'string') return undefined
  if (Object.hasOwn(refusals, code)) return refusals[code]
  // SQLSTATE, or a word of MySQL's; what Node says of a socket is neither.
  return /^(?=.*\d)[\dA-Z]{5}$|^ER_/.test(code) ? 'other' : undefined
}

/** What to do about it. */
export const remedies: Readonly<Record<Refusal, Readonly<Record<EngineName, string>>>> = {
  login: {
    postgres:
      'see to it that the user and the password in the connection string are right (/ ? # @ : % are percent-encoded there), and that pg_hba.conf lets this user in from here',
    mysql:
      "see to it that the user and the password in the connection string are right (/ ? # @ : % are percent-encoded there), and that the account may come from here: MySQL knows 'user'@'host'",
  },
  database: {
    postgres: 'see to it that the database in the connection string is there, and that this user may connect to it',
    mysql: 'see to it that the database in the connection string is there, and that this user may use it',
  },
  connection: {
    postgres: 'try again when it has one left: its max_connections, or the limit of the user or database, is reached',
    mysql: 'try again when it has one left: its max_connections, or the limit of the user, is reached',
  },
  other: { postgres: 'its words say why', mysql: 'its words say why' },
}
