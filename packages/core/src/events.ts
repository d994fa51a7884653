import { channel, tracingChannel } from 'node:diagnostics_channel'
import { isPromise } from 'node:util/types'
import { withoutCredentials } from './credentials.ts'
import type { PeriodicFlushError } from './errors.ts'
import type { FlushReport } from './flush-report.ts'
import type { Straggler } from './generation.ts'
import { aFunction, type Rule, verifyValue } from './rule.ts'
import { warn } from './warning.ts'

/** What `$flusher.on` and the diagnostics channels `periodic-flush:<event>` tell. */
export interface FlusherEvents {
  /** A fresh client serves; `leases` are those that the old one still had then. */
  readonly swap: {
    name: string
    reason: string
    generation: number
    replaced: number | undefined
    moved: boolean
    leases: number
  }
  /** An old client is closed. */
  readonly retired: { name: string; generation: number; ageMs: number }
  /** An old client was cut at its deadline, or at `close()`. */
  readonly cut: { name: string; generation: number; stragglers: readonly Straggler[] }
  /** A flush failed and the old client serves on (`step` is a step of the flush), or tidying up did. */
  readonly failed: { name: string; reason: string; step: FailedStep; error: PeriodicFlushError | unknown }
  /** A caller has to wait for a lease while generations overlap, or for a hold to end; once per such spell. */
  readonly waiting: { name: string; waiting: number }
  /** Notifications on these channels may have been lost: the listening connection broke, or moved to another server. */
  readonly 'listen-gap': { name: string; channels: readonly string[] }
}

/** Where something failed; `tell`: the driver did not say what it was asked of a client, for example its peers. */
export type FailedStep =
  | 'room'
  | 'open'
  | 'check'
  | 'warm'
  | 'shrink'
  | 'retire'
  | 'close'
  | 'trigger'
  | 'listen'
  | 'tell'

/** A function that is called with what an event tells. */
export type Listener<Event extends keyof FlusherEvents> = (payload: FlusherEvents[Event]) => void

const channels = {
  swap: channel('periodic-flush:swap'),
  retired: channel('periodic-flush:retired'),
  cut: channel('periodic-flush:cut'),
  failed: channel('periodic-flush:failed'),
  waiting: channel('periodic-flush:waiting'),
  'listen-gap': channel('periodic-flush:listen-gap'),
} satisfies Record<keyof FlusherEvents, unknown>

const anEvent: Rule = {
  expected: `one of ${Object.keys(channels).join(', ')}`,
  kind: (value) => typeof value === 'string',
  range: (value: string) => Object.hasOwn(channels, value),
}

/** What subscribers of the tracing channel see: `report` once a flush has succeeded. */
export interface FlushTrace {
  readonly name: string
  readonly reason: string
  report?: FlushReport
}

const flushes = tracingChannel<string, FlushTrace>('periodic-flush:flush')

/** Runs one flush inside the tracing channel `periodic-flush:flush`. */
export function traceFlush(trace: FlushTrace, flush: () => Promise<FlushReport>): Promise<FlushReport> {
  return flushes.tracePromise(async () => {
    trace.report = await flush()
    return trace.report
  }, trace)
}

/** Tells one instance's listeners, and the process's diagnostics channels, what happened. */
export class Events {
  readonly #listeners = new Map<keyof FlusherEvents, Set<Listener<never>>>()

  /** Adds a listener; the function returned removes it. */
  on<Event extends keyof FlusherEvents>(event: Event, listener: Listener<Event>): () => void {
    verifyValue('event', event, anEvent)
    verifyValue('listener', listener, aFunction)
    const listeners = this.#listeners.get(event) ?? new Set()
    this.#listeners.set(event, listeners.add(listener))
    return () => void listeners.delete(listener)
  }

  /**
   * A listener that throws, or rejects, disturbs neither the others nor the rotation: its error becomes a process warning.
   * What failed is told without credentials.
   *
   * @throws TypeError or RangeError for what is no event.
   */
  emit<Event extends keyof FlusherEvents>(event: Event, payload: FlusherEvents[Event]): void {
    verifyValue('event', event, anEvent)
    const told = safeToTell(payload)
    channels[event].publish(told)
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        const done: unknown = (listener as Listener<Event>)(told)
        if (isPromise(done)) done.catch(warn)
      } catch (error) {
        warn(error)
      }
    }
  }
}

function safeToTell<Payload extends object>(payload: Payload): Payload {
  return 'error' in payload ? { ...payload, error: withoutCredentials(payload.error) } : payload
}
