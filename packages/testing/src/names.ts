import { isIP } from 'node:net'
import { TestingError } from './errors.ts'
import { type Expectation, expectValue, holds, ipAddress, shown } from './expectation.ts'
import { type Answer, NameTable } from './name-table.ts'

/** How a look-up can fail: no such name, no answer from the resolver for now, or a failure that lasts. */
export type LookupFailure = 'ENOTFOUND' | 'EAI_AGAIN' | 'EAI_FAIL'

const hostName: Expectation = {
  type: 'string',
  expected: "a host name such as 'db.example.test'",
  holds: (value: string) => /^[^\s:/@?#]+$/.test(value) && isIP(value) === 0,
}

const lookupFailure: Expectation = {
  type: 'string',
  expected: "'ENOTFOUND', 'EAI_AGAIN' or 'EAI_FAIL'",
  holds: (value: string) => ['ENOTFOUND', 'EAI_AGAIN', 'EAI_FAIL'].includes(value),
}

/**
 * A host name that a test moves from one address to another, made by `movableName`.
 *
 * It stands in for `dns.lookup` and `dns.promises.lookup`, which is what Node asks when any driver connects to a name.
 * So it holds for this process (and this worker thread) only, no other name is concerned, and what was connected before
 * a move stays connected. Each look-up is answered with what holds when it is made, and never in the same tick.
 */
export class MovableName implements Disposable {
  readonly name: string
  readonly #table: NameTable
  readonly #waiting = new Set<(answer: Answer) => void>()
  #addresses: readonly string[]
  #answer: Answer | 'never'
  #lookups = 0
  #restored = false

  /** @internal */
  constructor(table: NameTable, name: string, address: string) {
    this.#table = table
    this.name = name
    this.#addresses = [address]
    this.#answer = { addresses: this.#addresses }
    const taken = !table.add(name, () => this.#lookUp())
    if (taken) throw new TestingError('NAME_TAKEN', `The name "${name}" is movable already: restore it first`)
  }

  /** Where the name points now, or pointed before `fail` or `hang`. */
  get addresses(): readonly string[] {
    return this.#addresses
  }

  /** How often somebody looked the name up so far, whatever the answer. */
  get lookups(): number {
    return this.#lookups
  }

  /** From now on the name leads to that address, or those; also for look-ups that hang. Ends `fail` and `hang`. */
  moveTo(addresses: string | readonly string[]): void {
    this.#expectLive()
    const all = typeof addresses === 'string' ? [addresses] : addresses
    if (!holds(all, Array.isArray)) {
      throw new TypeError(`Expected \`addresses\` to be an address or an array of them, got ${shown(addresses)}`)
    }
    if (all.length === 0) throw new RangeError('Expected `addresses` to be at least one address, got []')
    for (const each of all) expectValue('address', each, ipAddress)
    this.#addresses = Object.freeze([...all])
    this.#answerWith({ addresses: this.#addresses })
  }

  /** From now on look-ups fail with that code, as `getaddrinfo` would; those that hang do so too. Ends `hang`. */
  fail(code: LookupFailure): void {
    this.#expectLive()
    expectValue('code', code, lookupFailure)
    this.#answerWith({ code })
  }

  /**
   * From now on look-ups get no answer until `moveTo` or `fail`, as with a resolver that is out of reach.
   * A look-up that hangs does not keep the process alive.
   */
  hang(): void {
    this.#expectLive()
    this.#answer = 'never'
  }

  /** The name is an ordinary one again, also for look-ups that hang. Calling it again does nothing. */
  restore(): void {
    if (this.#restored) return
    this.#restored = true
    this.#table.remove(this.name)
    this.#answerWith('ordinary')
  }

  /** The same as `restore`, for `using`. */
  [Symbol.dispose](): void {
    this.restore()
  }

  #lookUp(): Promise<Answer> | Answer {
    this.#lookups += 1
    if (this.#answer !== 'never') return this.#answer
    return new Promise((resolve) => this.#waiting.add(resolve))
  }

  #answerWith(answer: Answer): void {
    this.#answer = answer
    for (const waiting of this.#waiting) waiting(answer)
    this.#waiting.clear()
  }

  #expectLive(): void {
    if (this.#restored) throw new TestingError('NAME_RESTORED', `The name "${this.name}" is restored already`)
  }
}

const table = new NameTable()

/**
 * Makes a host name lead to an address, for every connection that this process opens to it from now on.
 * The name need not exist; one that does is covered until `restore`. Throws if the name is movable already.
 */
export function movableName(name: string, address: string): MovableName {
  expectValue('name', name, hostName)
  expectValue('address', address, ipAddress)
  return new MovableName(table, name, address)
}
