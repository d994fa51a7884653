import { join } from 'node:path'
import type { Engine } from './engine.ts'
import { openScratch } from './scratch.ts'

const made = new Map<string, Promise<string>>()

/** A data directory to copy from, so that a process pays for it once, however many servers of the kind it starts. */
export function template(engine: Engine): Promise<string> {
  const known = made.get(engine.name)
  if (known !== undefined) return known
  const making = initialise(engine).catch((error: unknown) => {
    made.delete(engine.name)
    throw error
  })
  made.set(engine.name, making)
  return making
}

async function initialise(engine: Engine): Promise<string> {
  const directory = join((await openScratch()).directory, `template-${engine.name}`)
  await engine.initialise(directory)
  return directory
}
