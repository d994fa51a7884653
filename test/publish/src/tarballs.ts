import { execFile } from 'node:child_process'
import { basename } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

/** The root of the repository; the same from `src` and from `dist`. */
export const root = new URL('../../../', import.meta.url)

/** A package as it would be published. */
export interface Tarball {
  readonly name: string
  /** Its folder below `packages`. */
  readonly folder: string
  /** The path of its `.tgz`. */
  readonly path: string
  /** The paths within it. */
  readonly files: readonly string[]
}

interface Packed {
  readonly name: string
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
}

/** Packs every package, as built, into `destination`. */
export async function packAll(destination: string): Promise<Tarball[]> {
  const pack = ['--recursive', '--filter', './packages/*', 'pack', '--json', '--pack-destination', destination]
  const { stdout } = await promisify(execFile)('npx', ['--yes', 'pnpm@12', ...pack], {
    cwd: fileURLToPath(root),
    maxBuffer: 16 * 1024 * 1024,
  })
  return (JSON.parse(stdout) as Packed[]).map(({ name, filename, files }) => ({
    name,
    folder: basename(name),
    path: filename,
    files: files.map(({ path }) => path),
  }))
}
