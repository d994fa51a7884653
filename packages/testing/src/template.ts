import { join } from 'node:path'
import { findBinaries } from './binaries.ts'
import { openScratch } from './scratch.ts'

/** Every server has this superuser; the servers listen on this machine only and live as long as a test. */
export const superuser = { user: 'postgres', password: 'postgres' } as const

let made: Promise<string> | undefined

/** A data directory to copy from, so that a process pays for one `initdb` however many servers it starts. */
export function template(): Promise<string> {
  made ??= initialise().catch((error: unknown) => {
    made = undefined
    throw error
  })
  return made
}

async function initialise(): Promise<string> {
  const [scratch, { initdb }] = await Promise.all([openScratch(), findBinaries()])
  const directory = join(scratch.directory, 'template')
  const passwordFile = await scratch.makeFile('password', `${superuser.password}\n`)
  await scratch.run(initdb, [
    `--pgdata=${directory}`,
    `--username=${superuser.user}`,
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--no-sync',
    '--no-instructions',
    '--wal-segsize=1',
  ])
  return directory
}
