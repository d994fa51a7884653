import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { found } from './child.ts'
import { entrants, representatives } from './entrants.ts'
import { fleet } from './fleet.ts'
import type { BenchName, BenchRecord, Findings, Goal, Note } from './record.ts'
import { withBlock } from './report/block.ts'
import { markdown } from './report/markdown.ts'
import { pictures } from './report/pictures.ts'
import { rivals, ways } from './rivals.ts'
import { machine, versions } from './surroundings.ts'

const main = fileURLToPath(new URL('main.js', import.meta.url))
const root = new URL('../../../../', import.meta.url)
const published = new URL('test/bench/plots/', root)
/** Where a quick run leaves what it found: it is not to be published. */
const tried = new URL('test/artefacts/bench/', root)

/** Nothing takes so long; what hangs ends there. */
const LIMIT_MS = 600_000

/** What one process does. */
interface Job {
  readonly bench: BenchName
  readonly client: string
  readonly way?: string
  readonly scenario?: string
}

/** Drizzle's release candidate goes through the same entry points of ours as its release. */
const flushed = entrants.filter(({ name }) => !name.startsWith('drizzle-rc/'))

/**
 * Each client of each bench has a process of its own, so that no code is compiled and no heap filled by another one. In a
 * failover each way has: some end their process.
 */
const jobs: readonly Job[] = [
  { bench: 'overhead', client: 'core' },
  ...entrants.map(({ name }): Job => ({ bench: 'overhead', client: name })),
  ...flushed.map(({ name }): Job => ({ bench: 'flush', client: name })),
  ...representatives.map((client): Job => ({ bench: 'soak', client })),
  ...rivals.flatMap(({ name: client }) => ways.map((way): Job => ({ bench: 'failover', client, way }))),
]

/** A little of everything: one failover, in all ways. */
const quickJobs: readonly Job[] = [
  ...jobs.filter(({ bench, client }) => bench !== 'failover' && ['core', ...representatives].includes(client)),
  ...ways.map((way): Job => ({ bench: 'failover', client: 'pg', way, scenario: 'kill' })),
]

/** Everything, one after the other; writes the record, the pictures and the README's part. */
export async function all(quick: boolean): Promise<void> {
  const begun = performance.now()
  const rows: Record<BenchName, object[]> = { overhead: [], flush: [], soak: [], failover: [] }
  const goals: Goal[] = []
  const notes: Note[] = []
  const chosen = quick ? quickJobs : jobs
  for (const [index, job] of chosen.entries()) {
    const since = performance.now()
    const findings = await done(job, quick)
    rows[job.bench].push(...findings.rows)
    goals.push(...findings.goals)
    notes.push(...findings.notes)
    const seconds = Math.round((performance.now() - since) / 1_000)
    console.error(`${index + 1}/${chosen.length} ${Object.values(job).join(', ')}: ${seconds} s`)
  }
  const record = {
    date: new Date().toISOString().slice(0, 10),
    quick,
    minutes: Math.ceil((performance.now() - begun) / 60_000),
    machine: machine(),
    versions: await versions(),
    // Each bench gives rows of its own kind; between processes that is lost.
    ...(rows as unknown as Pick<BenchRecord, BenchName>),
    goals,
    notes,
  }
  await written(record)
  // It has no machine's time in it, and writes its own part.
  if (!quick) await fleet()
}

/** What a process of its own finds; if it dies, that is what was found. */
async function done({ bench, ...selection }: Job, quick: boolean): Promise<Findings> {
  const args = [bench, ...Object.entries(selection).flatMap(([name, value]) => [`--${name}`, value])]
  if (quick) args.push('--quick')
  try {
    return await found(main, args, LIMIT_MS)
  } catch (error) {
    process.exitCode = 1
    const { message: text, cause } = error as Error
    console.error(text, cause)
    const { client, way = 'any' } = selection
    return { rows: [], goals: [], notes: [{ bench, client, way, text }] }
  }
}

async function written(record: BenchRecord): Promise<void> {
  const folder = record.quick ? tried : published
  await mkdir(folder, { recursive: true })
  await writeFile(new URL('benches.json', folder), `${JSON.stringify(record, undefined, 2)}\n`)
  for (const [name, svg] of pictures(record)) await writeFile(new URL(name, folder), svg)
  const readme = new URL('README.md', root)
  const text = withBlock('benches', await readFile(readme, 'utf8'), markdown(record))
  await writeFile(record.quick ? new URL('README.md', tried) : readme, text)
  console.error(`Written: ${fileURLToPath(folder)}${record.quick ? '' : ' and README.md'}`)
  for (const { verdict, bench, client, goal, value, reason } of record.goals) {
    if (verdict === 'missed') console.error(`Missed: ${bench}, ${client}: ${goal}: ${value} (${reason})`)
  }
  for (const { bench, client, way, text } of record.notes)
    console.error(`Not measured: ${bench}, ${client}, ${way}: ${text}`)
}
