import type { Sample } from './sample.ts'

export type Side = 'blue' | 'green'

/** Something that happened, to be read with the samples around it. `at` is in seconds since the start. */
export type Mark = { readonly at: number } & Happening

export type Happening =
  | { readonly kind: 'move' | 'freeze' | 'thaw' | 'kill'; readonly side: Side }
  | {
      readonly kind: 'swap'
      readonly client: string
      readonly reason: string
      readonly generation: number
      readonly replaced: number | undefined
      /** Which server the fresh generation is connected to, where its driver tells. */
      readonly side: Side | undefined
      /** Leases that the old generation had still to finish. */
      readonly leases: number
    }
  | { readonly kind: 'retired'; readonly client: string; readonly generation: number }
  | { readonly kind: 'cut'; readonly client: string; readonly generation: number; readonly leases: number }
  | { readonly kind: 'failed'; readonly client: string; readonly step: string }

/** How the scripted run ended. */
export interface End {
  readonly passed: boolean
}

/** What listeners are told, each with its payload. */
export interface Told {
  readonly sample: Sample
  readonly mark: Mark
  readonly end: End
}

export type Listener = <Kind extends keyof Told>(kind: Kind, payload: Told[Kind]) => void

/** As long as anything older has left every chart. */
const KEPT_S = 60

/**
 * What happened lately, for pages that are opened late, and listeners for what happens next. It holds names and figures
 * only: no error, no connection string, nothing that a client was opened with.
 */
export class Chronicle {
  #start: number | undefined
  readonly #listeners = new Set<Listener>()
  #samples: Sample[] = []
  #marks: Mark[] = []
  #end: End | undefined

  /** Seconds since this was asked first. */
  now(): number {
    this.#start ??= performance.now()
    return Math.round(performance.now() - this.#start) / 1_000
  }

  /** What is kept, oldest first. */
  get kept(): { readonly samples: readonly Sample[]; readonly marks: readonly Mark[]; readonly end?: End } {
    const kept = { samples: this.#samples, marks: this.#marks }
    return this.#end === undefined ? kept : { ...kept, end: this.#end }
  }

  sample(sample: Sample): void {
    this.#samples = [...this.#samples.filter(({ at }) => at > sample.at - KEPT_S), sample]
    this.#tell('sample', sample)
  }

  mark(happening: Happening): void {
    const mark = { at: this.now(), ...happening }
    this.#marks = [...this.#marks.filter(({ at }) => at > mark.at - KEPT_S), mark]
    this.#tell('mark', mark)
  }

  end(end: End): void {
    this.#end = end
    this.#tell('end', end)
  }

  /** The function returned ends it. */
  listen(listener: Listener): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  #tell: Listener = (kind, payload) => {
    for (const listener of this.#listeners) listener(kind, payload)
  }
}
