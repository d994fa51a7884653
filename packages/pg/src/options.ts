import type { Pool, PoolOptions } from 'pg'

/**
 * The options of the facade: one object that shows those of whichever pool serves; empty before the first is opened.
 * What is written to it holds for every later pool.
 */
export class StableOptions {
  readonly view: PoolOptions
  readonly #written: Record<PropertyKey, unknown> = {}

  constructor(current: () => object | undefined) {
    const target = (): object => current() ?? this.#written
    this.view = new Proxy({} as PoolOptions, {
      get: (_, key) => Reflect.get(target(), key),
      has: (_, key) => Reflect.has(target(), key),
      ownKeys: () => Reflect.ownKeys(target()),
      getOwnPropertyDescriptor: (_, key) => Reflect.getOwnPropertyDescriptor(target(), key),
      set: (_, key, value) => {
        this.#written[key] = value
        return Reflect.set(target(), key, value)
      },
    })
  }

  /** To be called before anything connects. */
  applyTo(pool: Pool): void {
    Object.assign(pool.options, this.#written)
  }
}
