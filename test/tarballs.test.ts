import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { type PostgresServer, startPostgres } from '@periodic-flush/testing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { installNodes, type NodeLine, nodeLines } from './publish/src/nodes.ts'
import { packAll, root, type Tarball } from './publish/src/tarballs.ts'

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

/** What a package of a user's own may export, and those of ours that it uses. */
const exporting = [
  {
    file: 'orms.ts',
    uses: ['drizzle', 'prisma'],
    text: `
import { withPeriodicFlush as onMysql2 } from '@periodic-flush/drizzle/mysql2'
import { withPeriodicFlush as onPg } from '@periodic-flush/drizzle/node-postgres'
import { withPeriodicFlush as onPostgres } from '@periodic-flush/drizzle/postgres-js'
import { flushingAdapter, withPeriodicFlush } from '@periodic-flush/prisma'
import { PrismaPg } from '@prisma/adapter-pg'
import { drizzle as drizzleMysql2 } from 'drizzle-orm/mysql2'
import { drizzle as drizzlePg } from 'drizzle-orm/node-postgres'
import { drizzle as drizzlePostgres } from 'drizzle-orm/postgres-js'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import postgres from 'postgres'
import { PrismaClient } from './generated/client.js'

const client = () => new PrismaClient({ adapter: new PrismaPg({}) })
export const prisma = withPeriodicFlush(client())
export const extended = client().$extends(withPeriodicFlush())
export const adapter = flushingAdapter(new PrismaPg({}))
export const [flush, stats] = [prisma.$flush, () => prisma.$flusher.stats()]
export const pg = onPg(() => new Pool(), (client) => drizzlePg({ client }))
export const mysql2 = onMysql2(() => createPool(''), (client) => drizzleMysql2({ client }))
export const js = onPostgres(() => postgres(), (client) => drizzlePostgres({ client }))
export const [flushPg, flushMysql2, flushJs] = [() => pg.$flush(), () => mysql2.$flush(), () => js.$flush()]
export const flushers = [pg.$flusher, mysql2.$flusher, js.$flusher] as const
`,
  },
  {
    file: 'drivers.ts',
    uses: ['fleet', 'mysql2', 'pg', 'postgres'],
    text: `
import { natsTrigger } from '@periodic-flush/fleet/nats'
import { postgresTrigger } from '@periodic-flush/fleet/postgres'
import { redisTrigger } from '@periodic-flush/fleet/redis'
import { withPeriodicFlush as onMysql2 } from '@periodic-flush/mysql2'
import { withPeriodicFlush as onPg } from '@periodic-flush/pg'
import { withPeriodicFlush as onPostgres } from '@periodic-flush/postgres'
import { createPool } from 'mysql2/promise'
import { Pool } from 'pg'
import postgres from 'postgres'

export const triggers = [natsTrigger({} as never), postgresTrigger(postgres()), redisTrigger({} as never)]
export const pg = onPg(() => new Pool())
export const mysql2 = onMysql2(() => createPool(''))
export const js = onPostgres(() => postgres())
export const [flushPg, flushMysql2, flushJs] = [() => pg.$flush(), () => mysql2.$flush(), () => js.$flush()]
export const [flushers, stats] = [[pg.$flusher, mysql2.$flusher, js.$flusher] as const, () => pg.$flusher.stats()]
`,
  },
]

/** Prints every entry point that it is told, and what that exports. */
const importScript = `
for (const specifier of process.argv.slice(2)) console.log(specifier, Object.keys(await import(specifier)).sort())
`
const requireAllScript = `
for (const specifier of process.argv.slice(2)) console.log(specifier, Object.keys(require(specifier)).sort())
`

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

const sources = {
  'drizzle.ts': drizzleScript,
  'fleet.ts': fleetScript,
  'prisma.ts': prismaScript,
  'require.cjs': requireScript,
  'entries.mjs': importScript,
  'entries.cjs': requireAllScript,
  'tsconfig.json': JSON.stringify({ compilerOptions, files: ['drizzle.ts', 'fleet.ts', 'prisma.ts'] }),
  'package.json': JSON.stringify({ private: true, type: 'module' }),
}

let folder: string
let tarballs: Tarball[]
let nodes: Map<NodeLine, string>
let server: PostgresServer
let compiled: string | undefined

/** What a user's project has installed: the versions that the tests themselves use. */
async function dependencies(): Promise<string[]> {
  const { devDependencies } = JSON.parse(await readFile(new URL('test/package.json', root), 'utf8'))
  const wanted = ['postgres', 'drizzle-orm', '@prisma/client', '@prisma/adapter-pg', 'mysql2', 'pg', '@types/pg']
  return wanted.map((name) => `${name}@${devDependencies[name]}`)
}

/** An empty project into which the npm of today, run by `node`, installs the tarballs. */
async function install(node: string): Promise<string> {
  const project = await mkdtemp(join(folder, 'project-'))
  for (const [name, text] of Object.entries(sources)) await writeFile(join(project, name), text)
  const options = ['--no-audit', '--no-fund', '--ignore-scripts', '--prefer-offline', '--omit=optional']
  const wanted = [...tarballs.map(({ path }) => path), ...(await dependencies()), '@types/node@20']
  const env = { ...process.env, PATH: `${dirname(node)}${delimiter}${process.env['PATH']}` }
  await run('npm', ['install', ...options, '--engine-strict', ...wanted], { cwd: project, env })
  // What `prisma generate` makes in a user's project.
  await cp(new URL('test/prisma/generated', root), join(project, 'generated'), { recursive: true })
  return project
}

/** Compiles the scripts in the first project; the others get what came of it. */
async function compile(project: string): Promise<void> {
  const out = join(project, 'out')
  if (compiled !== undefined) return cp(compiled, out, { recursive: true })
  const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root))
  const outcome = await run(process.execPath, [tsc, '-p', project, '--pretty', 'false']).catch((error) => error)
  // Drizzle's own declarations do not compile where a driver that they mention is missing.
  const errors = outcome.stdout
    .split('\n')
    .filter((line: string) => /error TS/.test(line) && !/drizzle-orm\//.test(line))
  expect(errors).toEqual([])
  compiled = out
}

/** Every entry point of the packages, as users write it. */
async function entryPoints(project: string): Promise<string[]> {
  const manifests = tarballs.map(({ name }) => readFile(join(project, 'node_modules', name, 'package.json'), 'utf8'))
  const paths = (await Promise.all(manifests)).flatMap((text) => {
    const { name, exports } = JSON.parse(text) as { name: string; exports: Record<string, unknown> }
    return Object.keys(exports).map((path) => join(name, path))
  })
  return paths.filter((path) => !path.endsWith('.json'))
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'periodic-flush-tarballs-'))
  tarballs = await packAll(folder)
  nodes = await installNodes()
  server = await startPostgres()
}, 300_000)

afterAll(async () => {
  await server?.stop()
  await rm(folder, { recursive: true, force: true })
})

test('every package is packed', async () => {
  expect(tarballs.map((tarball) => tarball.folder).sort()).toEqual((await readdir(new URL('packages/', root))).sort())
})

test.for(nodeLines)(
  'on Node %s the tarballs install, and ten lines per ORM compile under strict and run',
  async (line, context) => {
    const node = nodes.get(line)
    if (node === undefined)
      return context.skip(`No npm package brings Node ${line} for ${process.platform}-${process.arch}`)
    const project = await install(node)
    await compile(project)
    for (const script of ['out/drizzle.js', 'out/fleet.js', 'out/prisma.js', 'require.cjs']) {
      const { stdout } = await run(node, [join(project, script), server.url()])
      expect(`${script}: ${stdout}`).toBe(`${script}: 1 2 true\n`)
    }
    const entries = await entryPoints(project)
    const [imported, required] = await Promise.all(
      ['entries.mjs', 'entries.cjs'].map((script) => run(node, [join(project, script), ...entries], { cwd: project })),
    )
    expect(imported?.stdout).toContain('withPeriodicFlush')
    expect(required?.stdout).toBe(imported?.stdout)
  },
)

test('what is inferred can be named in declarations, also where packages see only what they depend on', async () => {
  const project = await install(process.execPath)
  const modules = join(project, 'node_modules')
  const store = join(modules, '.store/node_modules')
  await mkdir(join(store, '@prisma'), { recursive: true })
  const [ours, utils] = ['@periodic-flush', '@prisma/driver-adapter-utils'] as const
  await cp(join(modules, utils), join(modules, '@prisma/adapter-pg/node_modules', utils), { recursive: true })
  for (const hidden of [ours, utils]) await rename(join(modules, hidden), join(store, hidden))
  const emitting = { ...compilerOptions, skipLibCheck: true, declaration: true, emitDeclarationOnly: true }
  const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root))
  for (const { file, text, uses } of exporting) {
    await rm(join(modules, ours), { recursive: true, force: true })
    await mkdir(join(modules, ours))
    for (const name of uses) await symlink(join(store, ours, name), join(modules, ours, name))
    await writeFile(join(project, file), text)
    const config = join(project, `${file}.json`)
    await writeFile(config, JSON.stringify({ compilerOptions: emitting, files: [file] }))
    const { stdout } = await run(process.execPath, [tsc, '-p', config, '--pretty', 'false']).catch((error) => error)
    expect(stdout).toBe('')
  }
})

test('from its tarball, the doctor answers; its exit codes are those of --help', async () => {
  const project = await install(process.execPath)
  const doctor = (...args: string[]) =>
    run('npx', ['--no-install', '@periodic-flush/doctor', ...args], { cwd: project })
  const { stdout } = await doctor(server.url(), '--json')
  expect(JSON.parse(stdout)).toMatchObject({
    servers: [{ version: expect.stringMatching(/^PostgreSQL /), writable: true }],
    recommendation: { verdict: 'not-needed' },
  })
  await expect(doctor('postgres://nobody@127.0.0.1:1/none')).rejects.toMatchObject({ code: 1 })
  await expect(doctor('nonsense')).rejects.toMatchObject({ code: 2 })

  const bin = join(project, 'node_modules/@periodic-flush/doctor/dist/bin.js')
  const watching = spawn(process.execPath, [bin, '--watch', server.url()])
  watching.stdout.once('data', () => watching.kill('SIGINT'))
  expect(await once(watching, 'exit')).toEqual([0, null])
})
