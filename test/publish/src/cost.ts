import { execFile } from 'node:child_process'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'
import { root } from './tarballs.ts'

const run = promisify(execFile)

/** An import is measured in as many fresh processes; the median is shown. */
const RUNS = 5

/** Of which entry points, and what else an application that uses them has imported anyway. */
const entryPoints: readonly (readonly [specifier: string, ...besides: string[]])[] = [
  ['@periodic-flush/core'],
  ['@periodic-flush/pg', 'pg'],
  ['@periodic-flush/postgres', 'postgres'],
  ['@periodic-flush/mysql2', 'mysql2'],
  ['@periodic-flush/drizzle/node-postgres', 'pg', 'drizzle-orm/node-postgres'],
  ['@periodic-flush/drizzle/postgres-js', 'postgres', 'drizzle-orm/postgres-js'],
  ['@periodic-flush/drizzle/mysql2', 'mysql2', 'drizzle-orm/mysql2'],
  ['@periodic-flush/prisma', '@prisma/client/runtime/client', '@prisma/adapter-pg'],
  ['@periodic-flush/opentelemetry', '@opentelemetry/api'],
  ['@periodic-flush/fleet/redis'],
  ['@periodic-flush/fleet/nats'],
  ['@periodic-flush/fleet/postgres'],
]

/** Runs in a process of its own. */
const measurement = (specifier: string, besides: readonly string[]): string => `
for (const specifier of ${JSON.stringify(besides)}) await import(specifier)
gc()
const heap = process.memoryUsage().heapUsed
const begun = performance.now()
await import('${specifier}')
const ms = performance.now() - begun
gc()
console.log(JSON.stringify({ ms, bytes: process.memoryUsage().heapUsed - heap }))
`

const median = (values: readonly number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN

async function importCost(script: string): Promise<{ ms: number; bytes: number }> {
  const costs: { ms: number; bytes: number }[] = []
  for (let i = 0; i < RUNS; i++) {
    const { stdout } = await run(process.execPath, ['--expose-gc', script])
    costs.push(JSON.parse(stdout))
  }
  return { ms: median(costs.map(({ ms }) => ms)), bytes: median(costs.map(({ bytes }) => bytes)) }
}

/** Core has no dependency, so its bundle is all of it. */
async function sizeOfCore(): Promise<{ minified: number; gzipped: number }> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL('packages/core/dist/index.js', root))],
    bundle: true,
    minify: true,
    write: false,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
  })
  const [file] = outputFiles
  if (file === undefined) throw new Error('esbuild wrote no file')
  return { minified: file.contents.length, gzipped: gzipSync(file.contents).length }
}

const kB = (bytes: number): string => `${(bytes / 1000).toFixed(1)} kB`

const { minified, gzipped } = await sizeOfCore()
console.log(`@periodic-flush/core: ${kB(minified)} minified, ${kB(gzipped)} with gzip`)
console.log(`What an import costs, the driver or ORM being imported already (median of ${RUNS} processes):`)
// The tests have every package and every driver at hand.
const folder = await mkdtemp(fileURLToPath(new URL('test/.cost-', root)))
try {
  const script = join(folder, 'import.mjs')
  for (const [specifier, ...besides] of entryPoints) {
    await writeFile(script, measurement(specifier, besides))
    const { ms, bytes } = await importCost(script)
    console.log(`  ${specifier.padEnd(38)} ${ms.toFixed(1).padStart(6)} ms ${kB(bytes).padStart(10)} of heap`)
  }
} finally {
  await rm(folder, { recursive: true, force: true })
}
