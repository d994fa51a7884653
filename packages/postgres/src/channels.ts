/** One call of `listen`. */
export interface Listener {
  readonly fn: (payload: string) => void
  readonly onlisten: (() => void) | undefined
  /** The call has not been answered yet: nothing can have been lost, and its own answer is its first `onlisten`. */
  waits: boolean
}

/** Who listens to which channel, whichever connection does so for them. */
export class Channels {
  readonly #listeners = new Map<string, Set<Listener>>()

  get names(): readonly string[] {
    return [...this.#listeners.keys()]
  }

  /** Those that somebody has been told to be listened to. */
  get answered(): readonly string[] {
    return this.names.filter((channel) => [...this.#now(channel)].some(({ waits }) => !waits))
  }

  add(channel: string, listener: Listener): void {
    const listeners = this.#listeners.get(channel) ?? new Set()
    this.#listeners.set(channel, listeners.add(listener))
  }

  /** Takes one listener away; true if the channel has none left by that. */
  remove(channel: string, listener: Listener): boolean {
    const listeners = this.#listeners.get(channel)
    if (!listeners?.delete(listener) || listeners.size > 0) return false
    return this.#listeners.delete(channel)
  }

  notify(channel: string, payload: string): void {
    for (const listener of this.#now(channel)) calm(() => listener.fn(payload))
  }

  /** Calls every `onlisten`: it listens anew, and something may have been lost. */
  relistened(channel: string): void {
    for (const { waits, onlisten } of this.#now(channel)) if (!waits) calm(() => onlisten?.())
  }

  /** Those who listen before anybody is told: one that begins to while it is told would be told the same, again and again. */
  *#now(channel: string): Iterable<Listener> {
    const listeners = this.#listeners.get(channel)
    for (const listener of [...(listeners ?? [])]) if (listeners?.has(listener)) yield listener
  }
}

/** A listener that throws disturbs no other one: its error becomes a process warning. Natively it is swallowed. */
function calm(call: () => void): void {
  try {
    call()
  } catch (error) {
    process.emitWarning(error instanceof Error ? error : new Error(String(error)))
  }
}
