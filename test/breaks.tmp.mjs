import { readFileSync, writeFileSync, appendFileSync, existsSync } from 'node:fs'
import { createVitest } from 'vitest/node'
const [list, out, ...only] = process.argv.slice(2)
const { PKG, ALL, BREAKS } = JSON.parse(readFileSync(list, 'utf8'))
const root = '/work/wt-pg'
const log = (s) => { console.log(s); appendFileSync(out, s + '\n') }
let vitest
const make = async () => {
  vitest = await createVitest('test', { watch: true, run: false, bail: 1, reporters: [{}], testTimeout: 8000, hookTimeout: 10000, typecheck: { enabled: false } }, { server: { watch: null } })
  await vitest.init?.()
}
await make()
const run = async (files) => {
  const specs = []
  for (const f of files) specs.push(...(await vitest.globTestSpecifications([f.includes('/') ? f : `packages/${PKG}/test/${f}`])))
  if (specs.length < files.length) throw new Error('no specs for ' + files)
  let timer
  const hang = new Promise((r) => { timer = setTimeout(r, 150000, 'HANG') })
  vitest.state.errorsSet?.clear?.()
  const res = await Promise.race([vitest.runTestSpecifications(specs, false), hang])
  clearTimeout(timer)
  if (res === 'HANG') { await vitest.cancelCurrentRun?.('keyboard-input').catch(() => {}); return 'HANG' }
  for (const m of res.testModules) {
    if (!specs.some((s) => s.moduleId === m.moduleId)) continue
    for (const t of m.children.allTests()) { const r = t.result(); if (r.state === 'failed') return `${t.name} || ${String(r.errors?.[0]?.message).slice(0, 160).replaceAll('\n', ' ')}` }
    const e = m.errors?.()?.[0]; if (e) return `${m.moduleId.split('/').pop()} || ${String(e.message).slice(0, 160)}`
  }
  if (res.unhandledErrors.length) return `unhandled || ${String(res.unhandledErrors[0]?.message).slice(0, 160)}`
}
for (const [name, file, old, now, tests] of BREAKS) {
  if (only.length && !only.includes(name)) continue
  while (existsSync('/tmp/quiet')) await new Promise((r) => setTimeout(r, 10000))
  const path = `${root}/packages/${PKG}/src/${file}`
  const src = readFileSync(path, 'utf8')
  if (src.split(old).length !== 2) { log(`${name}\tBAD ${src.split(old).length - 1} occurrences`); continue }
  const t = Date.now()
  let why, stage = 'first'
  const touch = () => { vitest.invalidateFile(path) }
  try {
    writeFileSync(path, src.replace(old, () => now)); touch()
    why = await run(tests)
    if (why === undefined) { stage = 'all'; const rest = ALL.filter((x) => !tests.includes(x)); if (rest.length) why = await run(rest) }
  } finally { writeFileSync(path, src); touch() }
  log(`${name}\t${why === undefined ? 'SURVIVED' : `killed(${stage})`} ${Math.round((Date.now() - t) / 1000)}s\t${why ?? ''}`)
}
// the control: the restored source passes
log('control\t' + ((await run(ALL)) ?? 'passes'))
process.exit()
