// Runs the tests of core for Stryker, in one process: vitest, which makes one for every file of tests and every mutant,
// takes many times as long.
import { join } from 'node:path'
import { declareClassPlugin, PluginKind } from '@stryker-mutator/api/plugin'
import { DryRunStatus, determineHitLimitReached, TestStatus, toMutantRunResult } from '@stryker-mutator/api/test-runner'
import { Suite } from './suite.mjs'

/** Where the code that Stryker has prepared looks which mutant is active, and notes which it has come by. */
const stryker = {}
globalThis.__stryker__ = stryker
/** A test that takes that many times as long as without a mutant hangs. */
const SLOWEST = 20
/** Code runs away when it comes by a mutant that many times as often as without it; Stryker would let it be a hundred. */
const MOST_HITS = 10

class Runner {
  /** Of each test, without a mutant. */
  #ms = new Map()
  /** The number of the last mutant that each test has noticed. */
  #lastKill = new Map()
  #kills = 0
  /** @type {Suite} */
  #suite

  capabilities() {
    return { reloadEnvironment: true }
  }

  async init() {
    // The model tells its seed with every run.
    console.log = () => {}
    this.#suite = await Suite.of('test')
  }

  async dryRun() {
    stryker.activeMutant = undefined
    const tests = []
    for (const test of this.#suite.files.flatMap((file) => this.#suite.collect(file))) {
      stryker.currentTestId = test.id
      const outcome = await this.#suite.run(test)
      stryker.currentTestId = undefined
      this.#ms.set(test.id, outcome.ms)
      tests.push(result(outcome))
    }
    return { status: DryRunStatus.Complete, tests, mutantCoverage: stryker.mutantCoverage }
  }

  async mutantRun({ activeMutant: { id }, mutantActivation, hitLimit: given, testFilter }) {
    const hitLimit = given === undefined ? undefined : Math.ceil((given / 100) * MOST_HITS)
    stryker.hitCount = 0
    stryker.hitLimit = hitLimit
    const collected = new Map()
    const collect = (file) => {
      stryker.activeMutant = mutantActivation === 'static' ? id : undefined
      if (!collected.has(file)) collected.set(file, this.#suite.collect(file))
      stryker.activeMutant = id
      return collected.get(file)
    }
    const tests = []
    try {
      for (const wanted of this.#inTurn(testFilter ?? this.#suite.files.flatMap(collect).map((test) => test.id))) {
        const test = collect(fileOf(wanted)).find((each) => each.id === wanted)
        const outcome = await this.#suite.run(test, 1_000 + SLOWEST * this.#msOf(wanted))
        tests.push(result(outcome))
        if (outcome.failure === undefined) continue
        this.#lastKill.set(wanted, ++this.#kills)
        break
      }
    } catch (error) {
      const name = 'loads core'
      tests.push({ id: name, name, timeSpentMs: 0, status: TestStatus.Failed, failureMessage: String(error) })
    }
    const hung = determineHitLimitReached(stryker.hitCount, hitLimit)
    return toMutantRunResult(hung ?? { status: DryRunStatus.Complete, tests })
  }

  /** One that fails is enough: first those that have noticed a mutant of late, then the quick ones. */
  #inTurn(ids) {
    const lastKill = (id) => this.#lastKill.get(id) ?? 0
    return ids.sort((a, b) => lastKill(b) - lastKill(a) || this.#msOf(a) - this.#msOf(b))
  }

  #msOf(id) {
    return this.#ms.get(id) ?? 0
  }
}

const fileOf = (id) => id.slice(0, id.indexOf('#'))

function result({ test: { id, file, name }, ms, failure }) {
  const common = { id, name, fileName: join(process.cwd(), 'test', file), timeSpentMs: ms }
  if (failure === undefined) return { ...common, status: TestStatus.Success }
  return { ...common, status: TestStatus.Failed, failureMessage: failure }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'core', Runner)]
