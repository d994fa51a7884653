// Has Stryker break core wherever its code can be broken, and says how many of the breaks the tests of core notice.
import { cp, mkdir, mkdtemp, rm, symlink } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { Stryker } from '@stryker-mutator/core'

/** Few, since each of some thousand mutants is tried; the seed makes the answer the same each time. */
process.env.PERIODIC_FLUSH_RUNS ??= '60'
process.env.PERIODIC_FLUSH_SEED ??= '1'
process.env.PERIODIC_FLUSH_SHRINK = '0'

const { positionals: files, values } = parseArgs({ allowPositionals: true, options: { force: { type: 'boolean' } } })
const core = fileURLToPath(new URL('../../packages/core', import.meta.url))
const artefacts = fileURLToPath(new URL('../artefacts/mutants', import.meta.url))
const copy = await mkdtemp(join(tmpdir(), 'periodic-flush-mutants-'))
try {
  for (const part of ['src', 'test', 'package.json']) await cp(join(core, part), join(copy, part), { recursive: true })
  await symlink(join(core, 'node_modules'), join(copy, 'node_modules'))
  await mkdir(artefacts, { recursive: true })
  // Stryker takes the working directory for the project.
  process.chdir(copy)
  const stryker = new Stryker({
    plugins: [import.meta.resolve('@stryker-mutator/vitest-runner')],
    testRunner: 'vitest',
    mutate: files.length > 0 ? files.map((file) => `src/${file}`) : ['src/**/*.ts'],
    concurrency: Number(process.env.PERIODIC_FLUSH_WORKERS ?? 1),
    reporters: ['clear-text', 'progress-append-only', 'html', 'json'],
    clearTextReporter: { reportTests: false },
    htmlReporter: { fileName: join(artefacts, 'report.html') },
    jsonReporter: { fileName: join(artefacts, 'report.json') },
    // What was found before holds for a mutant that is the same, whose tests are the same.
    incremental: true,
    incrementalFile: join(artefacts, 'known.json'),
    force: values.force === true,
    tempDirName: join(copy, '.stryker'),
    checkers: [],
    allowEmpty: true,
  })
  await stryker.runMutationTest()
} finally {
  process.chdir(tmpdir())
  await rm(copy, { recursive: true, force: true })
}
