import type { Clock } from './clock.ts'
import type { ConnectionString } from './connection-string.ts'
import { engines } from './engines.ts'
import { reasonOf } from './errors.ts'
import type { Findings, ServerFindings, Timing } from './findings.ts'
import { watchName } from './name.ts'
import { isForwarded, type ProxyEvidence, proxyOf } from './proxy.ts'
import { answersOf } from './recommendation.ts'
import type { Records } from './records.ts'
import { refusalOf } from './refusal.ts'
import type { Way } from './session.ts'

export interface Examination {
  /** How long the name is looked up. */
  readonly forMs: number
  readonly everyMs: number
  /** How long connecting, and each answer, may take. */
  readonly patienceMs: number
  readonly clock: Clock
  readonly records?: Records
  /** Told what is being done. */
  onStep(step: string): void
}

/** So many of the addresses that a name gave are connected to. */
const mostServers = 8

/** So many connects are timed. */
const connects = 5

/** Finds out all there is to find out. Failures of the database are findings; none is thrown. */
export async function examine(to: ConnectionString, examination: Examination): Promise<Findings> {
  const { clock, everyMs, patienceMs, onStep, records } = examination
  onStep(`connecting to ${to.label}`)
  const refused = await refusal(to, patienceMs)
  // Who cannot connect wants to know at once.
  const forMs = refused === undefined ? examination.forMs : 0
  const looking = {
    clock,
    everyMs,
    forMs,
    patienceMs,
    onLookup: (n: number, of: number) => onStep(`looking ${to.host} up: ${n}/${of}`),
  }
  const name = await watchName(to, looking, records)
  const addresses = [...new Set(answersOf(name).flat())].slice(0, mostServers)
  const targets = addresses.length === 0 ? [undefined] : addresses
  const servers: ServerFindings[] = []
  for (const address of targets) {
    onStep(`asking ${address ?? to.label} who it is`)
    servers.push(await serverAt(to, { address, patienceMs }))
  }
  const found: Findings = { engine: to.engine, target: to.label, name, servers }
  if (refused !== undefined) return found
  onStep(`timing ${connects} connects`)
  const connect = await timingOf(to, patienceMs)
  onStep('looking for a proxy')
  const between = await betweenAt(to, [to.host, ...name.aliases], patienceMs)
  return { ...found, ...(connect !== undefined && { connect }), ...between }
}

async function refusal(to: ConnectionString, patienceMs: number): Promise<string | undefined> {
  try {
    const session = await engines[to.engine].connect(to, { patienceMs })
    session.close()
    return undefined
  } catch (error) {
    return to.hide(reasonOf(error))
  }
}

async function serverAt(to: ConnectionString, way: Way): Promise<ServerFindings> {
  try {
    const session = await engines[to.engine].connect(to, way)
    try {
      const facts = await session.facts()
      // Who is told a password may repeat it anywhere.
      return { address: session.address, ...facts, version: to.hide(facts.version), self: to.hide(facts.self) }
    } finally {
      session.close()
    }
  } catch (error) {
    const refused = refusalOf(error)
    const failure = to.hide(reasonOf(error))
    return { address: way.address ?? to.label, failure, ...(refused !== undefined && { refused }) }
  }
}

/** The median connect. */
async function timingOf(to: ConnectionString, patienceMs: number): Promise<Timing | undefined> {
  const timings: Timing[] = []
  for (let done = 0; done < connects; done += 1) {
    try {
      const session = await engines[to.engine].connect(to, { patienceMs })
      timings.push(session.timing)
      session.close()
    } catch {
      // It is among the servers' failures, or was a passing one: the others tell enough.
    }
  }
  return timings.toSorted((a, b) => a.totalMs - b.totalMs)[Math.floor(timings.length / 2)]
}

/** What sits between here and the server. */
async function betweenAt(
  to: ConnectionString,
  names: readonly string[],
  patienceMs: number,
): Promise<Pick<Findings, 'proxy' | 'forwarded'>> {
  const evidence = await evidenceAt(to, patienceMs)
  const proxy = proxyOf({ ...evidence, names })
  if (proxy !== undefined) return { proxy }
  return isForwarded(evidence) ? { forwarded: true } : {}
}

async function evidenceAt(to: ConnectionString, patienceMs: number): Promise<Omit<ProxyEvidence, 'names'>> {
  try {
    const session = await engines[to.engine].connect(to, { patienceMs })
    try {
      const { introduction, ...evidence } = await session.evidence()
      return { ...evidence, ...(introduction !== undefined && { introduction: to.hide(introduction) }) }
    } finally {
      session.close()
    }
  } catch {
    // Lost meanwhile: the names may tell.
    return { engine: to.engine, greetingId: null, serverId: null, ownPort: null, seenPort: null }
  }
}
