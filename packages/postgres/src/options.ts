import type { Client, ClientOptions } from './client.ts'

type Kind = 'parsers' | 'serializers'
/** Stands for what the user has deleted, which holds for later clients too. */
const deleted = Symbol('deleted')
const kinds: readonly Kind[] = ['parsers', 'serializers']

/**
 * The options of the facade: one object, however often the client behind it changes. What the user writes into parsers
 * and serializers (as Drizzle does) holds for every later client; the array types that a server sent stay with theirs.
 */
export class StableOptions {
  readonly view: ClientOptions
  /** As the array types of whichever client serves now. */
  readonly typeArrayMap: Record<string, unknown>
  readonly #written = { parsers: new Map<string, unknown>(), serializers: new Map<string, unknown>() }

  constructor(first: Client, current: () => Client) {
    this.typeArrayMap = live(() => current().options.shared.typeArrayMap)
    const view = { ...first.options }
    for (const kind of kinds) {
      Object.defineProperty(view, kind, {
        value: live(() => current().options[kind], this.#written[kind]),
        enumerable: true,
      })
    }
    // Present for whoever reads it, but not shown by inspect or JSON.
    if ('pass' in view) Object.defineProperty(view, 'pass', { enumerable: false })
    // What is written anywhere else would be lost with the next client.
    this.view = Object.freeze(view)
  }

  /** To be called before the client's first connection. Connections keep the objects, so these are filled in place. */
  applyTo(client: Client): void {
    for (const kind of kinds) {
      for (const [key, value] of this.#written[kind]) {
        if (value === deleted) delete client.options[kind][key]
        else client.options[kind][key] = value
      }
    }
  }
}

/** An object that reads and writes through to whatever `target` returns at that moment, and records what is written. */
function live(target: () => Record<string, unknown>, written?: Map<string, unknown>): Record<string, unknown> {
  return new Proxy<Record<string, unknown>>(
    {},
    {
      get: (_, key) => Reflect.get(target(), key),
      has: (_, key) => Reflect.has(target(), key),
      ownKeys: () => Reflect.ownKeys(target()),
      getOwnPropertyDescriptor: (_, key) => Reflect.getOwnPropertyDescriptor(target(), key),
      set: (_, key, value) => {
        if (typeof key === 'string') written?.set(key, value)
        return Reflect.set(target(), key, value)
      },
      deleteProperty: (_, key) => {
        if (typeof key === 'string') written?.set(key, deleted)
        return Reflect.deleteProperty(target(), key)
      },
    },
  )
}
