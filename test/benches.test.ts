import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { found } from './bench/child.ts'
import { atLeast, atMost, interval, median } from './bench/interval.ts'
import type { BenchRecord, FailoverRow, FlushRow, Goal, OverheadRow } from './bench/record.ts'
import { block, withBlock } from './bench/report/block.ts'
import { markdown, notYetRun } from './bench/report/markdown.ts'
import { pictures } from './bench/report/pictures.ts'

const root = new URL('..', import.meta.url)
const plots = new URL('test/bench/plots/', root)

test('the README’s figures and pictures are those that `pnpm bench all` last measured', async () => {
  const written = block('benches', await readFile(new URL('README.md', root), 'utf8'))
  const file = new URL('benches.json', plots)
  if (!existsSync(file)) return expect(written).toBe(notYetRun)
  const record: BenchRecord = JSON.parse(await readFile(file, 'utf8'))
  expect(record.quick).toBe(false)
  expect(written).toBe(markdown(record))
  for (const [name, svg] of pictures(record)) expect(await readFile(new URL(name, plots), 'utf8')).toBe(svg)
})

describe('what is made of a record', () => {
  test('a row holds what one way of one client came to in all benches', () => {
    const [header = [], ...rows] = cells(markdown(record()), 'client')
    const ours = rows.find(([client, way]) => client === 'pg' && way === '**periodic-flush**') ?? []
    expect(Object.fromEntries(header.map((name, column) => [name, ours[column]]))).toEqual({
      client: 'pg',
      way: '**periodic-flush**',
      'queries/s × bare': '0.991',
      'CPU/query × bare': '1.02',
      'p99 ms': '4.1',
      'p99 × bare': '1.21',
      'failed or unanswered': '0',
      'peak connections': '11',
      'move: ms': '913',
      'freeze: ms': 'never',
      'kill: ms': '',
      'demote: ms': '',
      'failed or unanswered: these four': '0 · 17 · – · –',
      'heap MB / renewals': '0.03 / 10,000',
    })
  })

  test('every client has its ratio with the interval, and what it is held against beside it', () => {
    const [header = [], ...rows] = cells(markdown(record()), 'client').slice(rowsBefore(record()))
    expect(header).toContain('queries/s × bare, 1 caller')
    expect(rows[0]).toEqual(
      expect.arrayContaining([
        'pg',
        '0.991 (0.985–0.997)',
        '1.001 (0.995–1.007)',
        '0.981 (0.975–0.987)',
        '4.1 (3.2–5.3)',
      ]),
    )
  })

  test('what missed its goal is named with what was measured and the reason; what was reached is only counted', () => {
    const text = markdown(record())
    expect(text).toContain(
      'Of 3 goals, 1 were reached, 1 missed, and of 1 the interval lies on both sides of the goal.',
    )
    expect(text).toContain('- flush, p99 ≤ 1.5 × bare: pg 1.7. Reason: it is slow.')
    expect(text).toContain('- overhead, ≥ 0.98 × bare: pg 0.979 (0.97–0.99)')
    expect(text).not.toContain('no listener more')
  })

  test('clients that miss the same goal for the same reason stand in one line', () => {
    const missed = { bench: 'flush', goal: 'p99', verdict: 'missed' } as const
    const goals: Goal[] = [
      { ...missed, client: 'pg', value: '1.7', reason: 'slow' },
      { ...missed, client: 'mysql2', value: '1.8', reason: 'slow' },
      { ...missed, client: 'postgres', value: '1.9', reason: 'busy' },
    ]
    const text = markdown({ ...record(), goals })
    expect(text).toContain('- flush, p99: pg 1.7, mysql2 1.8. Reason: slow.\n- flush, p99: postgres 1.9. Reason: busy.')
  })

  test('what could not be measured is named, never left out', () => {
    expect(markdown(record())).toContain('- flush, mysql2, AWS wrapper: does not run here: no')
  })

  test('date, machine and versions are told, and a quick run says that it is one', () => {
    expect(markdown(record())).toContain(
      'Measured on 2026-01-31, in 24 minutes, on 2 cores with 8 GB, Linux, servers on the same machine: Node 20.19.0, pg 8.16.0.',
    )
    expect(markdown(record())).not.toContain('quick run')
    expect(markdown({ ...record(), quick: true })).toContain('quick run')
  })

  test('the pictures tell every bar in words too, and are well-formed', () => {
    const drawn = pictures(record())
    expect([...drawn.keys()]).toEqual(['overhead.svg', 'flush.svg', 'failover.svg'])
    expect(drawn.get('flush.svg')).toContain('pg, periodic-flush: 4.1 ms')
    expect(drawn.get('failover.svg')).toContain('The name moves, the old server hangs, periodic-flush: never')
    expect(drawn.get('overhead.svg')).toContain('pg, 16 callers: 0.991 (0.985 to 0.997)')
    for (const svg of drawn.values()) expect(svg).not.toMatch(/NaN|undefined|Infinity/)
  })

  test('a bar that is far longer than the others is cut off, and does not make them too short to be seen', () => {
    const drawn = (flush: BenchRecord['flush']) => widths(pictures({ ...record(), flush }).get('flush.svg') ?? '')
    const usual = [load('bare', 100, 1), load('ours-interval', 4.1, 1)]
    const [longest = 0, ours = 0] = drawn(usual)
    expect(ours).toBeGreaterThan(10)
    expect(drawn([load('aws-wrapper', 5_000, 9), ...usual])).toEqual([longest, longest, ours])
  })

  test('of several clients the slowest is drawn, and one that never comes over is slower than all', () => {
    const failover = [struck('pg', 'move', 200), struck('postgres', 'move', 350), struck('mysql2', 'move', 300)]
    expect(pictures({ ...record(), failover }).get('failover.svg')).toContain('The name moves, periodic-flush: 350 ms')
    const never = [...failover, struck('prisma', 'move', 'never')]
    expect(pictures({ ...record(), failover: never }).get('failover.svg')).toContain('periodic-flush: never')
  })
})

describe('the marked part of the README', () => {
  const begin = '<!-- benches: written by somebody -->'
  const text = `before\n${begin}\nold\n<!-- end of benches -->\nafter\n`

  test('is replaced, and nothing else is', () => {
    const fresh = withBlock('benches', text, 'new\n')
    expect(block('benches', fresh)).toBe('new')
    expect(fresh).toBe(`before\n${begin}\n\nnew\n\n<!-- end of benches -->\nafter\n`)
    expect(withBlock('benches', fresh, 'new')).toBe(fresh)
  })

  test('is not made up where the marks are missing', () => {
    expect(() => withBlock('benches', 'before\nafter\n', 'new')).toThrow(/Expected <!-- benches/)
    expect(() => withBlock('fleet', text, 'new')).toThrow(/Expected <!-- fleet/)
  })
})

describe('a bench in a process of its own', () => {
  const nothing = JSON.stringify({ rows: [], goals: [], notes: [] })

  test('gives what it sends', async () => {
    const script = await written(`process.send(${nothing}, () => process.exit(0))`)
    expect(await found(script, [], 60_000)).toEqual(JSON.parse(nothing))
  })

  test('that dies tells of what, even after it has sent something', async () => {
    const dies = `throw Object.assign(new TypeError('no such socket'), { code: 'E' })`
    const message = 'the process ended: TypeError: no such socket'
    await expect(found(await written(dies), [], 60_000)).rejects.toThrow(message)
    await expect(found(await written(`process.send(${nothing}, () => { ${dies} })`), [], 60_000)).rejects.toThrow(
      message,
    )
    const says = `console.error('why'); process.exit(3)`
    const error = await found(await written(says), [], 60_000).catch((reason: Error) => reason)
    expect(error).toMatchObject({ message: 'the process ended: code 3', cause: 'why\n' })
  })

  test('that something else ends tells of the signal', async () => {
    const script = await written(`process.kill(process.pid, 'SIGKILL')`)
    await expect(found(script, [], 60_000)).rejects.toThrow('the process ended: SIGKILL')
  })

  test('that hangs is ended', async () => {
    await expect(found(await written('setInterval(() => {}, 1_000)'), [], 300)).rejects.toThrow('running after 0.3 s')
  })

  async function written(script: string): Promise<string> {
    const file = join(await mkdtemp(join(tmpdir(), 'bench-')), 'script.mjs')
    await writeFile(file, script)
    onTestFinished(() => rm(dirname(file), { recursive: true }))
    return file
  }
})

describe('the interval of a median', () => {
  test('the median of an even number of values lies between the two in the middle', () => {
    expect(median([4, 1, 3])).toBe(3)
    expect(median([4, 1, 3, 2])).toBe(2.5)
    expect(median([])).toBeNaN()
  })

  test('holds the median, is the same each time, and is narrower where values differ less', () => {
    const wide = interval(each([0.9, 1.1, 0.95, 1.05, 1, 0.92, 1.08, 0.97, 1.03]))
    const narrow = interval(each([0.99, 1.01, 0.995, 1.005, 1, 0.992, 1.008, 0.997, 1.003]))
    expect(wide.low).toBeLessThan(wide.median)
    expect(wide.high).toBeGreaterThan(wide.median)
    const many = Array.from({ length: 80 }, (_, index) => 1 + Math.sin(index * index) / 10)
    expect(interval(each(many))).toEqual(interval(each(many)))
    expect(narrow.high - narrow.low).toBeLessThan((wide.high - wide.low) / 2)
  })

  test('covers the true median about as often as it says', () => {
    // Normal noise around 1, from a generator of its own.
    let state = 7
    const random = () => {
      state = (state * 48_271) % 2_147_483_647
      return state / 2_147_483_647
    }
    const noisy = () => 1 + 0.05 * Math.sqrt(-2 * Math.log(random())) * Math.cos(2 * Math.PI * random())
    const runs = 100
    let covered = 0
    for (let run = 0; run < runs; run++) {
      const { low, high } = interval(each(Array.from({ length: 15 }, noisy)))
      if (low <= 1 && high >= 1) covered++
    }
    expect(covered).toBeGreaterThanOrEqual(88)
  })

  test('is as wide as the groups differ, however many values each of them has', () => {
    const lucks = [0.9, 1.1, 0.95, 1.05, 1, 0.92, 1.08, 0.97, 1.03]
    const alike = lucks.map((luck) => Array.from({ length: 40 }, (_, index) => luck + Math.sin(index) / 1_000))
    const { low, high } = interval(alike)
    const once = interval(each(lucks))
    expect(high - low).toBeGreaterThan((once.high - once.low) * 0.9)
    expect(interval([alike.flat()]).high).toBe(interval([alike.flat()]).low)
  })

  test('only an interval on one side of the goal tells whether it was reached', () => {
    expect(atLeast(0.98, { median: 0.99, low: 0.98, high: 1 })).toBe('reached')
    expect(atLeast(0.98, { median: 0.99, low: 0.97, high: 1 })).toBe('unclear')
    expect(atLeast(0.98, { median: 0.97, low: 0.96, high: 0.979 })).toBe('missed')
    expect(atLeast(0.98, { median: 0.97, low: 0.96, high: 0.98 })).toBe('unclear')
    expect(atMost(1.5, { median: 1.3, low: 1.1, high: 1.5 })).toBe('reached')
    expect(atMost(1.5, { median: 1.3, low: 1.1, high: 1.51 })).toBe('unclear')
    expect(atMost(1.5, { median: 1.7, low: 1.51, high: 2 })).toBe('missed')
    expect(atMost(1.5, { median: 1.7, low: 1.5, high: 2 })).toBe('unclear')
  })
})

/** Each value by itself. */
function each(values: readonly number[]): number[][] {
  return values.map((value) => [value])
}

/** How wide the bars of a picture are. */
function widths(svg: string): number[] {
  return [...svg.matchAll(/<rect class="(?:bars|moment)"[^>]* width="([\d.]+)"/g)].map(([, width]) => Number(width))
}

/** The cells of all tables whose first column has that name. */
function cells(text: string, first: string): string[][] {
  const lines = text.split('\n').filter((line) => line.startsWith('|') && !/^\| -/.test(line))
  const rows = lines.map((line) =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  )
  expect(rows[0]?.[0]).toBe(first)
  return rows
}

/** How many lines the first table has: a header, and a row for each way. */
function rowsBefore({ flush, failover }: BenchRecord): number {
  return 1 + new Set([...flush, ...failover].map(({ client, way }) => `${client} ${way}`)).size
}

function record(): BenchRecord {
  return {
    date: '2026-01-31',
    quick: false,
    minutes: 24,
    machine: { cores: 2, 'memory GB': 8, os: 'Linux' },
    versions: { Node: '20.19.0', pg: '8.16.0' },
    overhead: [1, 16].flatMap((callers) => [
      cost('ours-interval', callers, { ratio: 0.991, low: 0.985, high: 0.997 }),
      cost('bare again', callers, { ratio: 1.001, low: 0.995, high: 1.007 }),
      cost('queue', callers, { ratio: 0.981, low: 0.975, high: 0.987 }),
    ]),
    flush: [load('bare', 3.4, 1), load('ours-interval', 4.1, 1.21)],
    soak: [
      {
        client: 'pg',
        way: 'ours-interval',
        renewals: 10_000,
        'heap MB': 0.03,
        'file descriptors': 0,
        listeners: 0,
      },
    ],
    failover: [struck('pg', 'move', 913), { ...struck('pg', 'freeze', 'never'), failed: 7, 'never answered': 10 }],
    goals: [
      { bench: 'soak', client: 'pg', goal: 'no listener more', value: '0', verdict: 'reached' },
      { bench: 'overhead', client: 'pg', goal: '≥ 0.98 × bare', value: '0.979 (0.97–0.99)', verdict: 'unclear' },
      { bench: 'flush', client: 'pg', goal: 'p99 ≤ 1.5 × bare', value: '1.7', verdict: 'missed', reason: 'it is slow' },
    ],
    notes: [{ bench: 'flush', client: 'mysql2', way: 'aws-wrapper', text: 'does not run here: no' }],
  }
}

function cost(way: string, callers: number, throughput: Pick<OverheadRow, 'ratio' | 'low' | 'high'>): OverheadRow {
  const cpu = {
    cpu: 1.02,
    'cpu low': 1.01,
    'cpu high': 1.03,
    'added µs': 4.12,
    'added low': 3.2,
    'bare µs': 31,
    'added high': 5.3,
  }
  return { client: 'pg', way, callers, ...throughput, ...cpu, sittings: 3, rounds: 15 }
}

function load(way: string, p99: number, ratio: number): FlushRow {
  return {
    client: 'pg',
    way,
    renews: way !== 'bare',
    queries: 12_800,
    failed: 0,
    'never answered': 0,
    'failed flushes': 0,
    'p99 ms': p99,
    'p99 least': p99,
    'p99 most': p99,
    ratio,
    'ratio least': ratio,
    'ratio most': ratio,
    'peak connections': 11,
    rounds: 4,
  }
}

function struck(client: string, scenario: string, first: number | 'never'): FailoverRow {
  return {
    client,
    scenario,
    way: 'ours-interval',
    'first from new, ms': first,
    'last from old, ms': 0,
    failed: 0,
    'on the wire': 0,
    'never answered': 0,
    'old took after an error': '',
    'peak connections': 11,
    'p99 ms': 4,
  }
}
