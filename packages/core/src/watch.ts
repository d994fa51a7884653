import { verifyRequest } from './arguments.ts'
import { backoff } from './backoff.ts'
import type { Clock, Timer } from './clock.ts'
import type { ResolvedOptions } from './options.ts'
import { aFunction, verifyValue } from './rule.ts'
import type { Trigger, TriggerRequest, Watched } from './trigger.ts'

/** What a watch needs of its flusher. */
export interface WatchedFlusher extends Pick<Watched, 'endpoints' | 'peers' | 'writable'> {
  /** Flushes; rejects if that fails. `again` if it is tried once more. */
  flush(request: TriggerRequest, again: boolean): Promise<unknown>
  /** A trigger could not do its work. */
  failed(trigger: string, error: unknown): void
}

/** The first retry of a flush that a trigger asked for comes after at most this long. */
const FIRST_RETRY_MS = 250
const LONGEST_RETRY_MS = 30_000

/**
 * The triggers of one client while they watch it.
 *
 * Each has a gap of its own, so that a storm of errors does not put off what a name look-up has found. All share the
 * retry: whichever flush succeeds ends it.
 */
export class Watch {
  readonly #options: Pick<ResolvedOptions, 'name' | 'triggers' | 'minGapMs'>
  readonly #clock: Clock
  readonly #random: () => number
  readonly #flusher: WatchedFlusher
  readonly #suspicious = new Set<(suspicion: string) => void>()
  readonly #gaps = new Set<Gap>()
  #stops: (() => void)[] = []
  /** How often the triggers were stopped: a flush that was asked for before that is not tried again. */
  #spell = 0
  #retry: { readonly request: TriggerRequest; readonly timer: Timer } | undefined
  #failures = 0

  constructor(
    options: Pick<ResolvedOptions, 'name' | 'triggers' | 'minGapMs'>,
    clock: Clock,
    random: () => number,
    flusher: WatchedFlusher,
  ) {
    this.#options = options
    this.#clock = clock
    this.#random = random
    this.#flusher = flusher
  }

  /** Starts every trigger. One that fails says so in an event: this runs on the way of a query. */
  start(): void {
    this.stop()
    this.#stops = this.#options.triggers.flatMap((trigger) => {
      try {
        return this.#started(trigger)
      } catch (error) {
        this.#flusher.failed(trigger.name, error)
        return []
      }
    })
  }

  stop(): void {
    const stops = this.#stops
    this.#stops = []
    this.#spell++
    this.#endRetry()
    this.#gaps.clear()
    this.#suspicious.clear()
    for (const stop of stops) stop()
  }

  /** A trigger that throws must neither fail a statement nor keep another one from its work. */
  #guarded<Args extends readonly unknown[]>(trigger: Trigger, call: (...args: Args) => void): (...args: Args) => void {
    return (...args) => {
      try {
        call(...args)
      } catch (error) {
        this.#flusher.failed(trigger.name, error)
      }
    }
  }

  /** A flush has succeeded, whoever asked for it, with a client whose opening began at that time. */
  succeeded(openedAt: number): void {
    this.#endRetry()
    for (const gap of this.#gaps) gap.fulfil(openedAt)
  }

  #endRetry(): void {
    this.#retry?.timer.cancel()
    this.#retry = undefined
    this.#failures = 0
  }

  /** An error has said this about the server of the current client. */
  suspect(suspicion: string): void {
    for (const listener of this.#suspicious) listener(suspicion)
  }

  #started(trigger: Trigger): (() => void)[] {
    const flusher = this.#flusher
    const gap = new Gap(this.#options.minGapMs, this.#clock, (request) => this.#flush(request))
    this.#gaps.add(gap)
    const watched: Watched = {
      name: this.#options.name,
      clock: this.#clock,
      random: this.#random,
      flush: (request) => gap.ask(verifyRequest(request)),
      endpoints: () => flusher.endpoints(),
      peers: () => flusher.peers(),
      writable: () => flusher.writable(),
      onSuspicion: (listener) => {
        verifyValue('listener', listener, aFunction)
        const guarded = this.#guarded(trigger, listener)
        this.#suspicious.add(guarded)
        return () => void this.#suspicious.delete(guarded)
      },
      failed: (error) => flusher.failed(trigger.name, error),
    }
    try {
      const stop = trigger.start(watched)
      verifyValue('what start of a trigger returns', stop, aFunction)
      return [this.#guarded(trigger, stop), () => gap.end()]
    } catch (error) {
      // It may have begun something that nobody can end now.
      gap.end()
      throw error
    }
  }

  /** A flush that fails has said so in an event. */
  #flush(request: TriggerRequest, again = false): void {
    const spell = this.#spell
    this.#flusher.flush(request, again).catch(() => {
      if (this.#spell !== spell) return
      const ms = backoff(++this.#failures, FIRST_RETRY_MS, LONGEST_RETRY_MS, this.#random)
      this.#retry?.timer.cancel()
      const all = both(this.#retry?.request, request)
      this.#retry = {
        request: all,
        timer: this.#clock.after(ms, false, () => {
          this.#retry = undefined
          this.#flush(all, true)
        }),
      }
    })
  }
}

/** Two requests that make one flush. */
function both(a: TriggerRequest | undefined, b: TriggerRequest): TriggerRequest {
  if (a === undefined) return b
  const reason = a.reason === b.reason ? a.reason : `${a.reason}, ${b.reason}`
  const gone = [...(a.gone ?? []), ...(b.gone ?? [])]
  return { reason, abandoned: a.abandoned === true || b.abandoned === true, gone }
}

/** Keeps the requests of one trigger apart. */
class Gap {
  readonly #ms: number
  readonly #clock: Clock
  readonly #flush: (request: TriggerRequest) => void
  /** When the last request was passed on, or the one that is put off will be. */
  #last = Number.NEGATIVE_INFINITY
  #putOff: TriggerRequest | undefined
  /** When that was asked for, or the last of those that it stands for. */
  #askedAt = 0
  #timer: Timer | undefined
  #ended = false

  constructor(ms: number, clock: Clock, flush: (request: TriggerRequest) => void) {
    this.#ms = ms
    this.#clock = clock
    this.#flush = flush
  }

  ask(request: TriggerRequest): void {
    if (this.#ended) return
    const now = this.#clock.now()
    this.#askedAt = now
    if (this.#putOff !== undefined) {
      this.#putOff = both(this.#putOff, request)
      return
    }
    const wait = this.#last + this.#ms - now
    this.#last = now + Math.max(0, wait)
    if (wait <= 0) {
      this.#flush(request)
      return
    }
    this.#putOff = request
    this.#timer = this.#clock.after(wait, false, () => {
      const all = this.#putOff ?? request
      this.#putOff = undefined
      this.#flush(all)
    })
  }

  /** A client whose opening began after the request was made is what was asked for. */
  fulfil(openedAt: number): void {
    if (this.#putOff === undefined || openedAt < this.#askedAt) return
    this.#timer?.cancel()
    this.#putOff = undefined
    this.#last = openedAt
  }

  end(): void {
    this.#ended = true
    this.#timer?.cancel()
  }
}
