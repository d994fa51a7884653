import { isPromise } from 'node:util/types'
import { obeys, PeriodicFlushError, shown } from '@periodic-flush/core'

/** What a driver's `withPeriodicFlush` takes, as its errors say it. */
export interface Call {
  /** What `factory` returns at each call, such as 'a new pg.Pool'. */
  readonly client: string
  /** How that is made, such as 'new Pool(config)'. */
  readonly factory: string
}

/**
 * Sees to it that both arguments are functions.
 *
 * @throws TypeError, which names the argument, says what it takes and what it got, and shows a call that is right.
 */
export function verifyArguments(call: Call, factory: unknown, database: unknown): void {
  // A postgres.js client is a function too.
  if (typeof factory !== 'function' || isClient(factory)) {
    throw new TypeError(complaint(call, 'factory', `be a function that returns ${call.client}`, factory))
  }
  if (typeof database !== 'function' || isClient(database)) {
    throw new TypeError(complaint(call, 'database', 'be a function that returns a Drizzle database', database))
  }
}

/**
 * The same factory, which is refused for making databases in place of clients; what else may be wrong with a client, its
 * own package says.
 *
 * @throws UNSUPPORTED_CLIENT, when it is called; a promise of a database rejects with that.
 */
export function clientFactory<Made>(call: Call, factory: () => Made): () => Made {
  const verified = <Client>(client: Client): Client => {
    if (!isDatabase(client)) return client
    throw new PeriodicFlushError('UNSUPPORTED_CLIENT', complaint(call, 'factory', `return ${call.client}`, client))
  }
  return () => {
    const made = factory()
    return isPromise(made) ? (made.then(verified) as Made) : verified(made)
  }
}

/**
 * Sees to it that what `database` returned is an object, and that it speaks to the client that is flushed: one that
 * Drizzle opened a client of its own for would never be flushed, and nobody would know.
 *
 * @throws TypeError
 */
export function verifyDatabase(call: Call, made: unknown, client: { readonly $flusher: unknown }): void {
  const expected = 'return a Drizzle database on the client that it is given'
  if (typeof made !== 'object' || made === null || isPromise(made) || isClient(made)) {
    throw new TypeError(complaint(call, 'database', expected, made))
  }
  if (isDatabase(made) && !isOn(made, client)) {
    throw new TypeError(complaint(call, 'database', expected, made, ' on another one'))
  }
}

function complaint(call: Call, argument: 'factory' | 'database', expected: string, given: unknown, more = ''): string {
  const place = argument === 'factory' ? 'first' : 'second'
  const right = `withPeriodicFlush(() => ${call.factory}, (client) => drizzle({ client }))`
  return `Expected \`${argument}\`, the ${place} argument, to ${expected}, got ${told(given)}${more}; write ${right}`
}

function told(value: unknown): string {
  if (isPromise(value)) return 'a promise'
  if (isDatabase(value)) return 'a Drizzle database'
  return isClient(value) ? 'a client' : shown(value)
}

// Whoever asks something of a value here does it by a rule: one that cannot even be looked at is none of all this.

/** Both versions of Drizzle keep what they were given there; what `withReplicas` returns has it too. */
const isDatabase = (value: unknown): value is { readonly $client: unknown } => has(value, '$client')

const isOn = (made: { readonly $client: unknown }, { $flusher }: { readonly $flusher: unknown }): boolean =>
  obeys(made, { expected: 'a database', kind: () => flusherOf(made.$client) === $flusher })

/** Any client that Drizzle takes queries in one of these ways, and so do databases. */
const isClient = (value: unknown): boolean => !isDatabase(value) && (has(value, 'unsafe') || has(value, 'query'))

const has = (value: unknown, member: string): boolean =>
  obeys(value, { expected: member, kind: (given) => member in (given as object) })

/** The pool that a flushing one of mysql2 gives by `promise()` has that one as its `pool`. */
function flusherOf(client: unknown): unknown {
  if (has(client, '$flusher')) return (client as { readonly $flusher: unknown }).$flusher
  return has(client, 'pool') ? flusherOf((client as { readonly pool: unknown }).pool) : undefined
}
