import type { NativePool, PoolConfig } from './native.ts'

/** A pool's `config` as the facade shows it: one object for good; what is written there holds for every later pool. */
export class Settings {
  readonly config: PoolConfig
  readonly #first: Readonly<Record<string, unknown>>
  readonly #firstConnection: Readonly<Record<string, unknown>>

  constructor({ config }: NativePool) {
    const connectionConfig = copy(config.connectionConfig)
    this.config = Object.defineProperty(copy(config), 'connectionConfig', { value: connectionConfig, enumerable: true })
    this.#first = { ...this.config }
    this.#firstConnection = { ...connectionConfig }
  }

  applyTo({ config }: NativePool): void {
    carry(this.config, this.#first, config)
    carry(this.config.connectionConfig, this.#firstConnection, config.connectionConfig)
  }
}

function copy<T extends object>(value: T): T {
  return Object.create(Object.getPrototypeOf(value), Object.getOwnPropertyDescriptors(value))
}

function carry(written: object, first: Readonly<Record<string, unknown>>, to: object): void {
  for (const [key, value] of Object.entries(written)) {
    if (key !== 'pool' && !Object.is(value, first[key])) Object.assign(to, { [key]: value })
  }
}
