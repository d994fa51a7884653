import type { Pool, PoolOptions } from 'pg'

/**
 * The options of the facade: one object that shows those of whichever pool serves; empty before the first is opened.
 * What is written to it holds for every later pool, and as natively for the next connections of the one that serves: but
 * for `max`, which core has asked it by then, and its stream, which is ours.
 */
export class StableOptions {
  readonly view: PoolOptions
  readonly #written: Record<PropertyKey, unknown> = {}

  /**
   * @param shown gives what the pool that serves was told.
   * @param serving gives that pool.
   */
  constructor(shown: () => object | undefined, serving: () => Pool | undefined) {
    const target = (): object => shown() ?? this.#written
    this.view = new Proxy({} as PoolOptions, {
      get: (_, key) => Reflect.get(target(), key),
      has: (_, key) => Reflect.has(target(), key),
      ownKeys: () => Reflect.ownKeys(target()),
      getOwnPropertyDescriptor: (_, key) => Reflect.getOwnPropertyDescriptor(target(), key),
      set: (_, key, value) => {
        this.#written[key] = value
        const pool = serving()
        if (pool !== undefined && key !== 'max' && key !== 'stream') Reflect.set(pool.options, key, value)
        return Reflect.set(target(), key, value)
      },
    })
  }

  /** To be called before anything connects. */
  applyTo(pool: Pool): void {
    Object.assign(pool.options, this.#written)
  }
}
