import { execFile } from 'node:child_process'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { packAll, root } from '../tools/src/tarballs.ts'

const run = promisify(execFile)

const drizzleScript = `
import { withPeriodicFlush } from '@periodic-flush/drizzle/postgres-js'
import { sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'

const db = withPeriodicFlush(() => postgres(process.argv[2] ?? ''), (client) => drizzle(client), { intervalMs: false })
const rows = await db.execute<{ one: number }>(sql\`select 1 as one\`)
const report = await db.$flush()
console.log(rows[0]?.one, report.generation, report.drained)
await db.$flusher.close()
`

const prismaScript = `
import { withPeriodicFlush } from '@periodic-flush/prisma'
import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from './generated/client.js'

const adapter = new PrismaPg({ connectionString: process.argv[2] ?? '' })
const prisma = withPeriodicFlush(new PrismaClient({ adapter }), { intervalMs: false })
const rows = await prisma.$queryRaw<{ one: number }[]>\`select 1 as one\`
const report = await prisma.$flush()
console.log(rows[0]?.one, report.generation, report.drained)
await prisma.$disconnect()
`

const requireScript = `
const { withPeriodicFlush } = require('@periodic-flush/postgres')
const sql = withPeriodicFlush(() => require('postgres')(process.argv[2]), { intervalMs: false })
sql\`select 1 as one\`.then(async ([row]) => {
  const report = await sql.$flush()
  console.log(row.one, report.generation, report.drained)
  await sql.end()
})
`

const fleetScript = `
import { natsTrigger } from '@periodic-flush/fleet/nats'
import { postgresTrigger } from '@periodic-flush/fleet/postgres'
import { redisTrigger } from '@periodic-flush/fleet/redis'
import { withPeriodicFlush } from '@periodic-flush/postgres'
import postgres from 'postgres'

const bus = postgres(process.argv[2] ?? '')
const fleet = postgresTrigger(bus, { spreadMs: 0 })
const sql = withPeriodicFlush(() => postgres(process.argv[2] ?? ''), { intervalMs: false, triggers: [fleet] })
const rows = await sql<{ one: number }[]>\`select 1 as one\`
await bus.listen('periodic_flush', () => {}) // by now the trigger listens on the same connection
const swap = new Promise<number>((resolve) => sql.$flusher.on('swap', ({ generation }) => resolve(generation)))
await bus.notify('periodic_flush', 'now')
console.log(rows[0]?.one, await swap, typeof natsTrigger === typeof redisTrigger)
await sql.end()
await bus.end()
`

let project: string
let server: PostgresServer

/** What a user's project has installed: the versions that the tests themselves use. */
async function dependencies(): Promise<string[]> {
  const { devDependencies } = JSON.parse(await readFile(new URL('test/package.json', root), 'utf8'))
  const wanted = ['postgres', 'drizzle-orm', '@prisma/client', '@prisma/adapter-pg', 'pg', '@types/pg']
  return wanted.map((name) => `${name}@${devDependencies[name]}`)
}

beforeAll(async () => {
  project = await mkdtemp(join(tmpdir(), 'periodic-flush-tarballs-'))
  const packages = await readdir(new URL('packages/', root))
  const tarballs = (await packAll(project)).map(({ path }) => basename(path))
  expect(tarballs).toHaveLength(packages.length)
  await writeFile(join(project, 'package.json'), JSON.stringify({ private: true, type: 'module' }))
  const install = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline']
  const ours = tarballs.filter((file) => !file.includes('-testing-')).map((file) => `./${file}`)
  await run('npm', [...install, ...ours, ...(await dependencies()), '@types/node@20'], { cwd: project })
  // What `prisma generate` makes in a user's project.
  await cp(new URL('test/prisma/generated', root), join(project, 'generated'), { recursive: true })
  await writeFile(join(project, 'drizzle.ts'), drizzleScript)
  await writeFile(join(project, 'fleet.ts'), fleetScript)
  await writeFile(join(project, 'prisma.ts'), prismaScript)
  await writeFile(join(project, 'require.cjs'), requireScript)
  const compilerOptions = {
    target: 'es2023',
    module: 'nodenext',
    strict: true,
    types: ['node'],
    outDir: 'out',
    rootDir: '.',
    rewriteRelativeImportExtensions: true,
    allowImportingTsExtensions: true,
  }
  await writeFile(
    join(project, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: ['drizzle.ts', 'fleet.ts', 'prisma.ts'] }),
  )
  server = await startPostgres()
}, 300_000)

afterAll(async () => {
  await server?.stop()
  await rm(project, { recursive: true, force: true })
})

test('from the tarballs, ten lines per ORM compile under strict and run; require() works too', async () => {
  const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root))
  const compiled = await run(process.execPath, [tsc, '-p', project, '--pretty', 'false']).catch((error) => error)
  // Drizzle's own declarations do not compile where a driver that they mention is missing.
  const errors = compiled.stdout
    .split('\n')
    .filter((line: string) => /error TS/.test(line) && !/drizzle-orm\//.test(line))
  expect(errors).toEqual([])
  for (const script of ['out/drizzle.js', 'out/fleet.js', 'out/prisma.js', 'require.cjs']) {
    const { stdout } = await run(process.execPath, [join(project, script), server.url()])
    expect(`${script}: ${stdout}`).toBe(`${script}: 1 2 true\n`)
  }
})
