// The tests of core in one process, one after the other: what of vitest they use, without what takes vitest its time.
import { readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join, resolve } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { format } from 'node:util'
import { Script } from 'node:vm'
import { build } from 'esbuild'
import { expect, vi } from 'vitest'

/**
 * @typedef {{ id: string, file: string, name: string, longestMs: number, run: () => unknown }} Test
 * @typedef {{ test: Test, ms: number, failure: string | undefined }} Outcome
 */

const LONGEST_MS = 10_000

/** Loads the tests of a folder, and runs them. */
export class Suite {
  /** @type {string[]} */
  files
  /** What the tests import as 'vitest'. */
  api = {
    expect,
    vi,
    test: Object.assign((name, ...given) => this.#add(name, given), {
      each: (cases) => (title, run) => {
        for (const each of cases) {
          const values = Array.isArray(each) ? each : [each]
          this.#add(titled(title, values), [() => run(...values)])
        }
      },
    }),
    describe: (name, collect) => {
      this.#path.push(name)
      collect()
      this.#path.pop()
    },
    onTestFinished: (end) => this.#ends.push(end),
  }
  /** @type {Test[]} */
  #tests = []
  /** @type {string[]} */
  #path = []
  /** @type {(() => unknown)[]} */
  #ends = []
  #file = ''

  /** @type {NodeJS.Require} */
  #require
  /** @type {(require: (name: string) => unknown, file: string) => void} */
  #load

  constructor(folder, files, load) {
    this.files = files
    this.#load = load
    this.#require = createRequire(join(resolve(folder), 'here'))
  }

  /** The tests in `folder`, and the code that they test, as they are now. */
  static async of(folder) {
    const files = readdirSync(folder).filter((name) => name.endsWith('.test.ts'))
    const loads = files.map((file) => `'${file}': () => require('./${file}')`)
    const { outputFiles } = await build({
      stdin: { contents: `({ ${loads} })[file]()`, resolveDir: resolve(folder) },
      bundle: true,
      write: false,
      platform: 'node',
      format: 'cjs',
      target: 'node20',
      packages: 'external',
    })
    const load = new Script(`(function (require, file) {${outputFiles[0].text}\n})`).runInThisContext()
    return new Suite(folder, files, load)
  }

  /**
   * The tests of one file, with core loaded for them alone: nothing that another file has left behind is there.
   *
   * @returns {Test[]}
   */
  collect(file) {
    this.#file = file
    this.#tests = []
    this.#load((name) => (name === 'vitest' ? this.api : this.#require(name)), file)
    return this.#tests
  }

  /**
   * @param {Test} test
   * @returns {Promise<Outcome>}
   */
  async run(test, longestMs = test.longestMs) {
    const failures = []
    // Whatever nobody catches is a failure, as it is with vitest.
    const uncaught = (error) => failures.push(error)
    process.on('uncaughtException', uncaught).on('unhandledRejection', uncaught)
    const began = performance.now()
    this.#ends = []
    try {
      await within(longestMs, test.run)
    } catch (error) {
      failures.push(error)
    }
    const ms = performance.now() - began
    for (const end of this.#ends.reverse()) await within(longestMs, end).catch(uncaught)
    await setImmediate()
    process.off('uncaughtException', uncaught).off('unhandledRejection', uncaught)
    const [first] = failures
    return { test, ms, failure: failures.length === 0 ? undefined : String(first?.message ?? first) }
  }

  #add(name, given) {
    const run = given.find((each) => typeof each === 'function')
    const { timeout = LONGEST_MS } = given.find((each) => typeof each === 'object') ?? {}
    const whole = [...this.#path, name].join(' > ')
    const same = this.#tests.filter((test) => test.name.startsWith(whole)).length
    const id = `${this.#file}#${whole}${same === 0 ? '' : ` (${same + 1})`}`
    this.#tests.push({ id, file: this.#file, name: whole, longestMs: timeout, run })
  }
}

function titled(title, values) {
  const places = title.match(/%[sdijo]/g)?.length ?? 0
  return format(title, ...values.slice(0, places))
}

async function within(ms, work) {
  const over = new AbortController()
  const late = setTimeout(ms, undefined, { signal: over.signal }).then(() => {
    throw new Error(`not done within ${ms} ms`)
  })
  try {
    await Promise.race([work(), late])
  } finally {
    over.abort()
    late.catch(() => {})
  }
}
