import { isBuiltin } from 'node:module'
import type { Package } from '@arethetypeswrong/core'
import type { Tarball } from './tarballs.ts'

/** What of a published package.json this project has rules for. */
interface Manifest {
  readonly license?: string
  readonly type?: string
  readonly sideEffects?: unknown
  readonly engines?: { readonly node?: string }
  readonly repository?: { readonly directory?: string }
  readonly publishConfig?: { readonly access?: string; readonly provenance?: boolean }
  readonly dependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

/** What a package breaks of this project's own rules; empty if nothing. */
export function broken(tarball: Tarball, contents: Package): string[] {
  const manifest: Manifest = JSON.parse(contents.readFile(`/node_modules/${tarball.name}/package.json`))
  return [...fields(tarball, manifest), ...files(tarball), ...imports(tarball, contents, manifest)]
}

function fields({ folder }: Tarball, manifest: Manifest): string[] {
  const { dependencies = {}, peerDependencies = {} } = manifest
  const rules: [boolean, string][] = [
    [manifest.license === 'MIT', 'license: MIT'],
    [manifest.type === 'module', 'type: module'],
    [manifest.sideEffects === false, 'sideEffects: false'],
    // From this version on, Node requires what is ESM only.
    [manifest.engines?.node === '>=20.19', 'engines.node: >=20.19'],
    [manifest.repository?.directory === `packages/${folder}`, `repository.directory: packages/${folder}`],
    [manifest.publishConfig?.access === 'public', 'publishConfig.access: public'],
    [manifest.publishConfig?.provenance === true, 'publishConfig.provenance: true'],
  ]
  const ranges = Object.entries({ ...dependencies, ...peerDependencies })
  for (const [name, range] of ranges) {
    const ours = name.startsWith('@periodic-flush/')
    rules.push([!ours || /^\^\d/.test(range), `a caret range of ${name}, not ${range}`])
  }
  return rules.filter(([holds]) => !holds).map(([, rule]) => `package.json has to have ${rule}`)
}

function files({ files }: Tarball): string[] {
  const missing = ['LICENSE', 'README.md'].filter((name) => !files.includes(name))
  const meant = /^(LICENSE|README\.md|CHANGELOG\.md|package\.json|(dist|src)\/.*\.(js|ts|map))$|^dashboard\.json$/
  const stray = files.filter((path) => !meant.test(path))
  // What was built from a file that is gone stays in dist until somebody deletes it.
  const source = (path: string) => path.replace(/^dist\/(.*?)(\.d)?\.(js|ts)(\.map)?$/, 'src/$1.ts')
  const stale = files.filter((path) => path.startsWith('dist/') && !files.includes(source(path)))
  return [
    ...missing.map((name) => `${name} is missing`),
    ...stray.map((path) => `${path} is not meant to be published`),
    ...stale.map((path) => `${path} has no source; delete dist and build anew`),
  ]
}

/** Whatever is imported has to be installed along with the package. */
function imports({ name, files }: Tarball, contents: Package, manifest: Manifest): string[] {
  const declared = new Set([name, ...Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies })])
  const problems = new Set<string>()
  for (const path of files.filter((file) => /^dist\/.*\.(js|d\.ts)$/.test(file))) {
    // Code that is shown to users stands in a string of its own.
    const text = contents.readFile(`/node_modules/${name}/${path}`).replaceAll(/"[^"\n]*'[^"\n]*"/g, '""')
    for (const [, , specifier = ''] of text.matchAll(/(\bfrom |\bimport |\bimport\()['"]([^'"\n]+)['"]/g)) {
      const imported = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
      if (specifier.startsWith('.') || isBuiltin(specifier) || declared.has(imported)) continue
      problems.add(`${path} imports ${imported}, which is neither a dependency nor a peer`)
    }
  }
  return [...problems]
}
