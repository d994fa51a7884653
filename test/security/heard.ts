import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { inspect } from 'node:util'
import type { FlusherEvents } from '@periodic-flush/core'
import { vi } from 'vitest'

const events: readonly (keyof FlusherEvents)[] = ['swap', 'retired', 'cut', 'failed', 'waiting', 'listen-gap']
const phases = ['start', 'end', 'asyncStart', 'asyncEnd', 'error']
const channels = [
  ...events.map((event) => `periodic-flush:${event}`),
  ...phases.map((phase) => `tracing:periodic-flush:flush:${phase}`),
]
const everything = {
  depth: Number.POSITIVE_INFINITY,
  showHidden: true,
  getters: true,
  maxStringLength: null,
  maxArrayLength: null,
  breakLength: Number.POSITIVE_INFINITY,
}

/** Everything that was emitted while somebody listened, as text, in each form in which it may be printed. */
export class Heard implements Disposable {
  readonly #texts: string[] = []
  readonly #console = (['log', 'info', 'warn', 'error', 'debug'] as const).map((method) =>
    vi.spyOn(console, method).mockImplementation((...args) => this.note(args)),
  )
  readonly #onMessage = (message: unknown): void => this.note(message)

  constructor() {
    for (const channel of channels) subscribe(channel, this.#onMessage)
    process.on('warning', this.#onMessage)
  }

  /** Listens to a client's own events too. */
  follow($flusher: { on(event: keyof FlusherEvents, listener: (payload: unknown) => void): unknown }): void {
    for (const event of events) $flusher.on(event, this.#onMessage)
  }

  note(value: unknown): void {
    this.#texts.push(
      inspect(value, everything),
      textOf(() => JSON.stringify(value)),
      textOf(() => `${value}`),
    )
    if (value instanceof Error) this.#texts.push(value.message, String(value.stack))
    // An error within what was told has a message that is not enumerable.
    else if (typeof value === 'object' && value !== null && 'error' in value) this.note(value.error)
  }

  get length(): number {
    return this.#texts.length
  }

  /** Where one of the secrets is, in whatever spelling, with what is around it. */
  find(...secrets: readonly string[]): string[] {
    const all = this.#texts.join('\n')
    return secrets.flatMap(spellings).flatMap((spelling) => {
      const at = all.indexOf(spelling)
      return at === -1 ? [] : [`${spelling}: ${all.slice(Math.max(0, at - 200), at + 200)}`]
    })
  }

  [Symbol.dispose](): void {
    for (const channel of channels) unsubscribe(channel, this.#onMessage)
    process.off('warning', this.#onMessage)
    for (const spy of this.#console) spy.mockRestore()
  }
}

/** The ways to write a secret. */
function spellings(secret: string): string[] {
  const bytes = Buffer.from(secret)
  return [
    secret,
    encodeURIComponent(secret),
    encodeURI(secret),
    new URLSearchParams({ secret }).toString().slice('secret='.length),
    JSON.stringify(secret).slice(1, -1),
    inspect(secret, everything).slice(1, -1),
    bytes.toString('base64'),
    bytes.toString('hex'),
    // As a buffer is shown.
    [...bytes.subarray(0, 20)].map((byte) => byte.toString(16).padStart(2, '0')).join(' '),
  ]
}

/** Some values have no text. */
function textOf(print: () => string | undefined): string {
  try {
    return print() ?? ''
  } catch {
    return ''
  }
}
