import { execFile } from 'node:child_process'
import { userInfo } from 'node:os'
import { promisify } from 'node:util'
import { TestingError } from './errors.ts'

const run = promisify(execFile)

/** Whom to run servers as: nothing to change for most of us, another account for root, whom they refuse. */
export interface Account {
  readonly uid?: number
  readonly gid?: number
}

/** Finds an account that exists already: rehearsing must not leave a new one on the machine. */
export async function findAccount(): Promise<Account> {
  if (userInfo().uid !== 0) return {}
  for (const name of ['postgres', 'nobody']) {
    const ids = await Promise.all([run('id', ['-u', name]), run('id', ['-g', name])]).catch(() => undefined)
    if (ids !== undefined) return { uid: Number(ids[0].stdout), gid: Number(ids[1].stdout) }
  }
  throw new TestingError(
    'START_FAILED',
    'Database servers refuse to run as root, and this machine has neither an account "postgres" nor "nobody" to run it as',
  )
}
