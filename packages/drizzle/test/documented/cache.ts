import type { Cache } from 'drizzle-orm/cache/core'

/** A database that has a cache, as far as it is used here. */
interface Cached {
  ask(): PromiseLike<unknown>
  askDirectly(): PromiseLike<unknown>
  write(): PromiseLike<unknown>
  invalidate(): unknown
}

/** What a cache of one's own gets to hear, and what is read through it. */
export async function cached(
  Base: typeof Cache,
  strategy: 'explicit' | 'all',
  open: (cache: Cache) => Cached,
): Promise<unknown> {
  const heard: unknown[] = []
  const rows = new Map<string, unknown[]>()
  class Remembering extends Base {
    strategy() {
      return strategy
    }
    async get(key: string) {
      heard.push(rows.has(key) ? 'hit' : 'miss')
      return rows.get(key)
    }
    async put(key: string, given: unknown[], tables: string[], isTag: boolean) {
      heard.push(['put', tables, isTag])
      rows.set(key, given)
    }
    async onMutate({ tables, tags }: { tables?: unknown; tags?: unknown }) {
      heard.push(['mutated', Array.isArray(tables) ? tables.length : tables, tags])
      rows.clear()
    }
  }
  const db = open(new Remembering())
  const answers = [await db.ask(), await db.ask()]
  await db.write()
  answers.push(await db.ask())
  await db.invalidate()
  return [answers, await db.askDirectly(), heard]
}
