import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkPackage, createPackageFromTarballData, type Package, type Problem } from '@arethetypeswrong/core'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import { broken } from './manifest.ts'
import { packAll, type Tarball } from './tarballs.ts'
import { provenance, upload } from './upload.ts'

/**
 * The packages are ESM only, and every Node that they support can `require` that; so a `require` that finds ESM is what
 * is wanted, and everything else about it is checked. Resolution as of Node 10 knows no `exports`: no supported Node
 * resolves that way.
 */
const isWanted = (problem: Problem): boolean =>
  problem.kind === 'CJSResolvesToESM' || ('resolutionKind' in problem && problem.resolutionKind === 'node10')

async function types(contents: Package): Promise<string[]> {
  const result = await checkPackage(contents)
  if (result.types === false) return ['it has no types']
  return result.problems
    .filter((problem) => !isWanted(problem))
    .map((problem) => `arethetypeswrong: ${JSON.stringify(problem)}`)
}

async function lint(data: Buffer<ArrayBuffer>): Promise<string[]> {
  const tarball = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength)
  const { messages, pkg } = await publint({ pack: { tarball }, strict: true })
  return messages.map((message) => `publint: ${formatMessage(message, pkg, { color: false }) ?? message.code}`)
}

async function problemsOf(tarball: Tarball): Promise<string[]> {
  const data = await readFile(tarball.path)
  const contents = createPackageFromTarballData(data)
  return [...broken(tarball, contents), ...(await lint(data)), ...(await types(contents)), ...(await upload(tarball))]
}

function tell(name: string, problems: readonly string[]): void {
  console.log(`${problems.length === 0 ? '✔' : '✘'} ${name}`)
  for (const problem of problems) console.log(`  ${problem}`)
  if (problems.length > 0) process.exitCode = 1
}

const destination = await mkdtemp(join(tmpdir(), 'periodic-flush-packages-'))
try {
  tell('the workspace', await provenance())
  const tarballs = await packAll(destination)
  const problems = await Promise.all(tarballs.map(problemsOf))
  for (const [index, { name }] of tarballs.entries()) tell(name, problems[index] ?? [])
} finally {
  await rm(destination, { recursive: true, force: true })
}
