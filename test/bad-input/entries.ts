import { readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** What a case is about: `'core: createFlusher'`, `'fleet/nats: natsTrigger'`; of a handle: `'$flusher: hold'`. */
export type Entry = `${string}: ${string}`

const packages = fileURLToPath(new URL('../../packages', import.meta.url))

/** Every value that a published package exports, by its entry points. */
export async function exportedEntries(): Promise<Entry[]> {
  const entries: Entry[] = []
  for (const folder of readdirSync(packages)) {
    const manifest: { name: string; exports?: Record<string, unknown> } = JSON.parse(
      readFileSync(`${packages}/${folder}/package.json`, 'utf8'),
    )
    for (const [path, target] of Object.entries(manifest.exports ?? {})) {
      if (typeof target === 'string') continue
      const module: object = await import(/* @vite-ignore */ manifest.name + path.slice(1))
      entries.push(...Object.keys(module).map((name): Entry => `${folder}${path.slice(1)}: ${name}`))
    }
  }
  return entries
}

/** Every method of a handle, by its name; `prototype` is that of its class, or the handle itself. */
export function methodEntries(handle: string, prototype: object): Entry[] {
  return Object.entries(Object.getOwnPropertyDescriptors(prototype))
    .filter(([name, { value }]) => name !== 'constructor' && typeof value === 'function')
    .map(([name]): Entry => `${handle}: ${name}`)
}
