import { pairs } from './contenders.ts'
import { type Rival, rivals, type Way } from './rivals.ts'

/** What a bench asks, whatever it is. */
export interface Asked {
  ask(): Promise<unknown>
  end(): Promise<unknown>
}

/** A client in those ways that it has. */
export interface Entrant {
  readonly name: string
  readonly engine: Rival['engine']
  /** Opens it, to renew once per interval; undefined where the client has no such way. */
  contender(way: Way, url: string, intervalMs: number): Asked | undefined
}

/** Those that are taken through everything beside the alternatives; the others are built upon them. */
export const representatives: readonly string[] = ['postgres', 'pg', 'mysql2/promise', 'prisma/adapter-pg']

/** Every client, the representatives in all ways, the others bare and with a flush per interval. */
export const entrants: readonly Entrant[] = pairs.map((pair): Entrant => {
  const rival = rivals.find(({ name }) => name === pair.name)
  if (rival !== undefined && representatives.includes(rival.name)) return rival
  const { name, engine } = pair
  return {
    name,
    engine,
    contender(way, url, intervalMs) {
      if (way === 'bare') return pair.bare(url)
      return way === 'ours-interval' ? pair.wrapped(url, intervalMs) : undefined
    },
  }
})
