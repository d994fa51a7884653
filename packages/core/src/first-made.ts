import { verifySurroundings } from './arguments.ts'
import { type Clock, systemClock } from './clock.ts'
import { defaults, type Options, verifyOptions } from './options.ts'
import { aFunction, verifyValue } from './rule.ts'

/**
 * For adapters: what a factory made when it was wrapped, which tells at once whether it makes the right thing.
 *
 * It serves before all others, but not if its first use comes more than `intervalMs` later: the credentials and the host
 * that it was made with may hold no longer, and no client is to be older than that.
 */
export class FirstMade<Made> {
  readonly #intervalMs: number
  readonly #clock: Clock
  readonly #madeAt: number
  readonly #discard: (made: Made) => void
  #made: Made | undefined

  /**
   * `discard` is called with what will never serve.
   *
   * @throws TypeError or RangeError for a wrong argument.
   */
  constructor(
    made: Made,
    options: Pick<Options, 'intervalMs'>,
    discard: (made: Made) => void = () => {},
    clock: Clock = systemClock,
  ) {
    verifyOptions(options)
    verifyValue('discard', discard, aFunction)
    verifySurroundings({ clock })
    const { intervalMs = defaults.intervalMs } = options
    this.#made = made
    this.#intervalMs = intervalMs === false ? Number.POSITIVE_INFINITY : intervalMs
    this.#discard = discard
    this.#clock = clock
    this.#madeAt = clock.now()
  }

  /** It, to whoever comes first and in time; undefined to all others. */
  take(): Made | undefined {
    if (this.#clock.now() - this.#madeAt > this.#intervalMs) this.drop()
    const made = this.#made
    this.#made = undefined
    return made
  }

  /** Nobody is to have it any more. */
  drop(): void {
    const made = this.#made
    this.#made = undefined
    if (made !== undefined) this.#discard(made)
  }
}
