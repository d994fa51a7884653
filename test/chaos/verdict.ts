import { excuses } from './excuses.ts'
import type { Due, Happening, Statement } from './history.ts'

/** Rows that a server's ledger has of one id and part. */
export interface LedgerRow {
  readonly server: string
  readonly id: string
  readonly part: number
  readonly count: number
}

/** Everything that a run has brought to light. */
export interface Evidence {
  readonly statements: readonly Statement[]
  readonly ledger: readonly LedgerRow[]
  readonly dues: readonly Due[]
  readonly happenings: readonly Happening[]
  /** How often each notification was heard by the listener of a client. */
  readonly heard: ReadonlyMap<string, number>
  /** Listeners that heard nothing any more in the end. */
  readonly deaf: readonly string[]
  /** What the process was told of: rejections that nobody handled, warnings, uncaught exceptions. */
  readonly complaints: readonly Happening[]
  /** Connections of clients that a server or gate still had after the end, by its name. */
  readonly connections: ReadonlyMap<string, number>
  /** Open file descriptors of the process, where the platform tells. */
  readonly descriptors: { readonly before: number; readonly after: number } | undefined
  /** What every client must have got done at least once, by client: what did nothing proves nothing. */
  readonly expected: ReadonlyMap<string, readonly string[]>
}

/** A rule that was broken, and when that was asked for: what happened before then may be the reason. */
export interface Broken {
  readonly rule: string
  readonly what: string
  readonly from: number
  readonly until: number
}

/** All the rules that were broken, in the order of the rules; none is what a run must show. */
export function verdict(evidence: Evidence): Broken[] {
  return rules.flatMap((rule) => [...rule(evidence)])
}

/** What to print of them: each rule with a few of its cases, and what happened before each. */
export function report(broken: readonly Broken[], happenings: readonly Happening[]): string {
  const byRule = grouped(broken, ({ rule }) => rule)
  return [...byRule]
    .map(([rule, cases]) => {
      const shown = cases.slice(0, SHOWN).map(({ what, from, until }) => {
        const before = happenings.filter(({ at }) => at <= until)
        const first = before.findIndex(({ at }) => at >= from)
        const since = before.slice(Math.max(0, (first === -1 ? before.length : first) - BEFORE))
        const lines = since.slice(-LONGEST).map(({ at, what: happening }) => `      ${seconds(at - from)} ${happening}`)
        return [`  - ${what}`, ...lines].join('\n')
      })
      const more = cases.length > SHOWN ? `\n  … and ${cases.length - SHOWN} more` : ''
      return `${rule} (${cases.length}):\n${shown.join('\n')}${more}`
    })
    .join('\n')
}

const SHOWN = 5
/** So many happenings before a case, and at most so many in all. */
const BEFORE = 4
const LONGEST = 12

type Rule = (evidence: Evidence) => Iterable<Broken>

const rules: readonly Rule[] = [
  ledgerRules,
  nothingHangs,
  notificationsOnce,
  function* listenersHear({ deaf }) {
    for (const client of deaf) yield atTheEnd('a listener hears no more', client)
  },
  function* noComplaints({ complaints }) {
    for (const { at, what } of complaints) {
      if (excuses.some(({ holds }) => holds(what))) continue
      yield { rule: 'the process complained', what, from: at, until: at }
    }
  },
  function* noConnections({ connections }) {
    for (const [server, count] of connections) {
      if (count > 0) yield atTheEnd('connections are left', `${count} on ${server}`)
    }
  },
  function* noGrowth({ descriptors }) {
    if (descriptors === undefined || descriptors.after <= descriptors.before) return
    yield atTheEnd('file descriptors have grown', `from ${descriptors.before} to ${descriptors.after}`)
  },
  everyClientWorked,
]

function* ledgerRules({ statements, ledger }: Evidence): Generator<Broken> {
  const found = grouped(ledger, ({ id }) => id)
  for (const statement of statements) {
    const rows = found.get(statement.id) ?? []
    found.delete(statement.id)
    const at = (rule: string, what = ''): Broken => ({
      rule,
      what: `${shown(statement)}${what}`,
      from: statement.begunAt,
      until: statement.settledAt ?? Number.POSITIVE_INFINITY,
    })
    const places = ` (${rows.map(({ server, part, count }) => `${count} × part ${part} on ${server}`).join(', ')})`
    const twice = sums(rows).some((count) => count > 1)
    const present = new Set(rows.map(({ part }) => part)).size
    if (twice) yield at('ran twice', places)
    if (statement.outcome === 'acknowledged' && present < statement.parts) yield at('acknowledged, but lost', places)
    if (statement.outcome === 'refused' && present > 0) yield at('refused, but carried out', places)
    const torn = statement.outcome !== 'acknowledged' && present > 0 && present < statement.parts
    if (torn) yield at('carried out in part', places)
  }
  for (const id of found.keys()) yield atTheEnd('in the ledger, but never asked for', id)
}

/** How often each part is there, over all servers. */
function sums(rows: readonly LedgerRow[]): number[] {
  return [...grouped(rows, ({ part }) => part).values()].map((same) => same.reduce((sum, { count }) => sum + count, 0))
}

function* nothingHangs({ statements, dues }: Evidence): Generator<Broken> {
  for (const statement of statements) {
    const missed = dues.find(
      ({ clients, begunBy, by }) =>
        clients.has(statement.client) &&
        statement.begunAt <= begunBy &&
        (statement.settledAt ?? Number.POSITIVE_INFINITY) > by,
    )
    if (missed === undefined) continue
    const end =
      statement.settledAt === undefined ? 'never' : `${seconds(statement.settledAt - statement.begunAt)} later`
    const due = seconds(missed.by - statement.begunAt)
    const what = `${shown(statement)}: settled ${end}, due ${due} after its begin`
    yield { rule: 'hung past its deadline', what, from: statement.begunAt, until: missed.by }
  }
}

function* notificationsOnce({ heard }: Evidence): Generator<Broken> {
  for (const [id, times] of heard) {
    if (times > 1) yield atTheEnd('heard twice', `${id}, ${times} times`)
  }
}

function* everyClientWorked({ statements, expected }: Evidence): Generator<Broken> {
  const done = new Set(
    statements.filter(({ outcome }) => outcome === 'acknowledged').map(({ client, work }) => `${client} ${work}`),
  )
  for (const [client, works] of expected) {
    for (const work of works) {
      if (!done.has(`${client} ${work}`)) yield atTheEnd('never got anything done', `${client}: ${work}`)
    }
  }
}

function atTheEnd(rule: string, what: string): Broken {
  return { rule, what, from: Number.POSITIVE_INFINITY, until: Number.POSITIVE_INFINITY }
}

function shown({ id, client, work, outcome, error }: Statement): string {
  return `${client} ${work} ${id}, ${outcome}${error === undefined ? '' : ` with "${error}"`}`
}

function seconds(ms: number): string {
  return Number.isFinite(ms) ? `${(ms / 1_000).toFixed(2)} s` : ''
}

function grouped<T, K>(all: readonly T[], keyOf: (each: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>()
  for (const each of all) {
    const key = keyOf(each)
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [each])
    else group.push(each)
  }
  return groups
}
