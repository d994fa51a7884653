import { PrismaPg } from '@prisma/adapter-pg'
import { expect, test } from 'vitest'
import { PrismaClient } from '../../../test/prisma/generated/client.ts'
import { stage } from './stage.ts'

const on = stage()

const tables = `
  create table "User" (id serial primary key, email text not null unique);
  create table "Post" (id serial primary key, title text not null, "authorId" int not null references "User")`

test('new PrismaPg(pool) takes a flushing pool: models, batches, transactions and $disconnect', async () => {
  await on.server.query(tables)
  const pool = on.flushing({ max: 3 })
  const prisma = new PrismaClient({ adapter: new PrismaPg(pool, { disposeExternalPool: true }) })
  const pid = async (on: Pick<PrismaClient, '$queryRaw'>) =>
    (await on.$queryRaw<{ pid: number }[]>`select pg_backend_pid() as pid`)[0]?.pid

  const user = await prisma.user.create({ data: { email: 'a@b', posts: { create: [{ title: 'one' }] } } })
  const before = await pid(prisma)
  await expect(pool.$flush()).resolves.toMatchObject({ drained: true, cut: 0 })
  expect(await pid(prisma)).not.toBe(before)

  const [posts, count] = await prisma.$transaction([prisma.post.findMany(), prisma.user.count()])
  expect(posts).toMatchObject([{ title: 'one', authorId: user.id }])
  expect(count).toBe(1)
  await prisma.$transaction(async (tx) => {
    const mine = await pid(tx)
    await tx.post.create({ data: { title: 'two', authorId: user.id } })
    await pool.$flush({ wait: 'swapped' })
    expect(await pid(tx)).toBe(mine)
    expect(await prisma.post.count()).toBe(1)
  })
  expect(await prisma.post.count()).toBe(2)
  expect(pool.$flusher.stats()).toMatchObject({ leases: 0, failures: 0 })
  // Prisma listens for errors of the pool that it was given.
  expect(pool.listenerCount('error')).toBe(1)

  await prisma.$disconnect()
  expect(pool.ended).toBe(true)
  expect(await on.server.backends()).toEqual([])
})
