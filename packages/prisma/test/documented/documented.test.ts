import { readFile } from 'node:fs/promises'
import { PrismaPg } from '@prisma/adapter-pg'
import { expect, test } from 'vitest'
import { PrismaClient } from '../../../../test/prisma/documented/postgresql/generated/client.ts'
import { documented, type Where } from './documented.ts'
import { errors } from './errors.ts'
import { rawOf } from './raw.ts'
import { readsOf } from './reads.ts'
import { writesOf } from './writes.ts'

const entries = Object.values(documented).flatMap((page) => Object.values(page))
const used = new Set(entries.flatMap((where: Where) => ('use' in where ? [where.use] : [])))

function usesOf(engine: 'postgresql' | 'mysql'): string[] {
  const { reads, writes, failing } = rawOf(engine)
  return Object.keys({ ...readsOf(engine), ...writesOf(engine), ...errors, ...reads, ...writes, ...failing })
}

test('each use is in the list, and each that the list names is there', () => {
  const all = new Set([...usesOf('postgresql'), ...usesOf('mysql')])
  expect([...used].sort()).toEqual([...all].sort())
})

test('each test that the list names is there', async () => {
  for (const where of entries) {
    if (!('file' in where)) continue
    const text = await readFile(new URL(`../${where.file}`, import.meta.url), 'utf8')
    expect(text.replaceAll('\\', ''), where.title).toContain(where.title)
  }
})

test('the methods of a client and of a model are in the list: one that a new version brings must be thought of', () => {
  const prisma = new PrismaClient({ adapter: new PrismaPg('postgres://localhost/none') })
  const listed = JSON.stringify(Object.entries(documented))
  const methods = new Set<string>()
  for (let at: object = prisma; at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) if (/^\$[a-zA-Z]+(?<!Internal)$/.test(name)) methods.add(name)
  }
  const ofModel = Object.keys(prisma.user).filter((name) => typeof Reflect.get(prisma.user, name) === 'function')
  expect(methods.size).toBeGreaterThan(5)
  expect(ofModel.length).toBeGreaterThan(10)
  for (const name of methods) expect(listed).toContain(name)
  for (const name of ofModel) expect(listed).toContain(`${name}(`)
})
