import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { root, type Tarball } from './tarballs.ts'

const run = promisify(execFile)

/** Who publishes is logged in; who tries need not be. */
const wanted = /requires you to be logged in/

/** What npm says of the tarball when it is told to publish it, but to upload nothing: what it would refuse or mend. */
export async function upload(tarball: Tarball): Promise<string[]> {
  const options = ['--dry-run', '--offline', '--access', 'public', '--no-update-notifier']
  const said = await run('npm', ['publish', tarball.path, ...options]).then(
    ({ stderr }) => stderr,
    (error: { stderr: string }) => error.stderr,
  )
  return said
    .split('\n')
    .filter((line) => /^npm (warn|error)/.test(line) && !wanted.test(line))
    .map((line) => `npm publish: ${line}`)
}

/** pnpm publishes without a statement of where a package was built, unless the workspace asks for one. */
export async function provenance(): Promise<string[]> {
  const { stdout } = await run('npx', ['--yes', 'pnpm@12', 'config', 'get', 'provenance'], { cwd: fileURLToPath(root) })
  return stdout.trim() === 'true' ? [] : ['pnpm-workspace.yaml has to have provenance: true']
}
