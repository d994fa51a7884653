import { type Client, type ClientOptions, noop } from './client.ts'

type Kind = 'parsers' | 'serializers'

interface Written {
  readonly value: unknown
  /** A server had told its array types by then: natively they neither replace it nor follow it any more. */
  readonly late: boolean
}

/** Stands for what the user has deleted, which holds for later clients too. */
const deleted = Symbol('deleted')
const kinds: readonly Kind[] = ['parsers', 'serializers']

/**
 * The options of the facade: one object, however often the client behind it changes. What the user writes into parsers
 * and serializers (as Drizzle does) holds for every later client; the array types that a server sent stay with theirs.
 */
export class StableOptions {
  readonly view: ClientOptions
  /** The array types of the client that serves now or, until it has connected, of the one that did before. */
  readonly typeArrayMap: Record<string, unknown>
  readonly #written = { parsers: new Map<string, Written>(), serializers: new Map<string, Written>() }
  readonly #current: () => Client
  /** Those of the client that knew its server's array types last. */
  #knowing: ClientOptions

  constructor(first: Client, current: () => Client) {
    this.#current = current
    this.#knowing = first.options
    this.typeArrayMap = live(() => this.#learn().shared.typeArrayMap)
    const view = { ...first.options }
    for (const kind of kinds) {
      Object.defineProperty(view, kind, {
        value: live(
          () => this.#learn()[kind],
          (key, value) => this.#write(kind, key, value),
        ),
        enumerable: true,
      })
    }
    // Present for whoever reads it, but not shown by inspect or JSON.
    if ('pass' in view) Object.defineProperty(view, 'pass', { enumerable: false })
    // What is written anywhere else would be lost with the next client.
    this.view = Object.freeze(view)
  }

  /** The options of the client that serves now or, until that knows its server's array types, of the last one that did. */
  #learn(): ClientOptions {
    const { options } = this.#current()
    if (knowsTypes(options) || !knowsTypes(this.#knowing)) this.#knowing = options
    return this.#knowing
  }

  #write(kind: Kind, key: string, value: unknown): void {
    const written = { value, late: knowsTypes(this.#learn()) }
    this.#written[kind].set(key, written)
    apply(this.#current(), kind, key, written)
  }

  /**
   * To be called before the client's first connection, and again once that has asked for the array types, for which
   * postgres.js makes parsers of those that it finds. Connections keep the objects, so these are filled in place.
   */
  applyTo(client: Client): void {
    this.#learn()
    for (const kind of kinds) {
      for (const [key, written] of this.#written[kind]) apply(client, kind, key, written)
    }
  }
}

/** What was written late waits until the client knows the types: else their array types would follow it. */
function apply({ options }: Client, kind: Kind, key: string, { value, late }: Written): void {
  if (late !== knowsTypes(options)) return
  if (value === deleted) delete options[kind][key]
  else options[kind][key] = value
}

function knowsTypes({ shared }: ClientOptions): boolean {
  return !isEmpty(shared.typeArrayMap)
}

function isEmpty(types: Record<string, unknown>): boolean {
  for (const _ in types) return false
  return true
}

/** An object that reads and writes through to whatever `target` returns at that moment, and records what is written. */
function live(
  target: () => Record<string, unknown>,
  written: (key: string, value: unknown) => void = noop,
): Record<string, unknown> {
  return new Proxy<Record<string, unknown>>(
    {},
    {
      get: (_, key) => Reflect.get(target(), key),
      has: (_, key) => Reflect.has(target(), key),
      ownKeys: () => Reflect.ownKeys(target()),
      getOwnPropertyDescriptor: (_, key) => Reflect.getOwnPropertyDescriptor(target(), key),
      set: (_, key, value) => {
        if (typeof key === 'string') written(key, value)
        return Reflect.set(target(), key, value)
      },
      deleteProperty: (_, key) => {
        if (typeof key === 'string') written(key, deleted)
        return Reflect.deleteProperty(target(), key)
      },
    },
  )
}
