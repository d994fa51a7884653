import { execFile } from 'node:child_process'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { defaults } from '@periodic-flush/core'
import { expect, test } from 'vitest'
import { block } from './bench/report/block.ts'
import { figures } from './bench/report/figures.ts'

const root = new URL('..', import.meta.url)

test('every TypeScript block of the READMEs type-checks', async () => {
  const folder = new URL('test/generated/', root)
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { recursive: true })
  const packages = await readdir(new URL('packages/', root))
  let blocks = 0
  for (const readme of ['README.md', ...packages.map((name) => `packages/${name}/README.md`)]) {
    const text = await readFile(new URL(readme, root), 'utf8')
    for (const [, code = ''] of text.matchAll(/```ts\n(.*?)```/gs)) {
      // Where a user's client is generated is up to them; here it is the tests' own.
      const here = code.replace('./generated/prisma/client.js', '../prisma/generated/client.ts')
      await writeFile(new URL(`${readme.replaceAll(/[/.]/g, '-')}-${blocks++}.ts`, folder), `${here}\nexport {}\n`)
    }
  }
  expect(blocks).toBeGreaterThan(6)
  const config = {
    extends: '../tsconfig.json',
    compilerOptions: { noUnusedLocals: false },
    include: ['*.ts'],
    exclude: [],
  }
  await writeFile(new URL('tsconfig.json', folder), JSON.stringify(config))
  const tsc = fileURLToPath(new URL('node_modules/typescript/bin/tsc', root))
  const run = promisify(execFile)(process.execPath, [tsc, '-p', fileURLToPath(folder), '--pretty', 'false'])
  const output = await run.then(
    () => '',
    (error: { stdout: string }) => error.stdout,
  )
  expect(output).toBe('')
})

test('the README’s table of options is that of the code', async () => {
  const text = await readFile(new URL('README.md', root), 'utf8')
  const rows = [...text.matchAll(/^\| `(\w+)` +\| (.+?) +\|/gm)].map(([, option, value]) => [option, value])
  const expected = Object.entries(defaults).map(([option, value]) => [
    option,
    `\`${typeof value === 'string' ? `'${value}'` : JSON.stringify(value)}\``,
  ])
  expect(rows).toEqual([...expected, ['name', 'the driver’s']].map(([o, v]) => [o, v?.replace('’', "'")]))
})

test('the README’s figures of fleets are those that `pnpm bench fleet` last wrote', async () => {
  const text = await readFile(new URL('README.md', root), 'utf8')
  const { rows } = JSON.parse(await readFile(new URL('test/bench/plots/fleet.json', root), 'utf8'))
  expect(block('fleet', text)).toBe(figures(rows))
})
