import type { Uses } from './reads.ts'

const dora = { email: 'dora@prisma.io', city: 'Rome', country: 'Italy' }

/** The documented errors that a statement can give with these models, by code or class. */
export const errors: Uses = {
  'P2000, a value that is too long': (prisma) =>
    prisma.everything.update({ where: { id: 1 }, data: { varchar: 'more than ten' } }),
  'P2002, unique constraint': (prisma) => prisma.user.create({ data: { ...dora, email: 'bob@prisma.io' } }),
  'P2003, foreign key constraint': (prisma) => prisma.post.update({ where: { id: 1 }, data: { authorId: 99 } }),
  'P2010, raw query': (prisma) => prisma.$executeRaw`delete from nothing`,
  'P2011, null constraint': (prisma) => prisma.profile.update({ where: { id: 1 }, data: { bio: null } }),
  'P2017, not connected': (prisma) => prisma.user.update({ where: { id: 2 }, data: { posts: { delete: { id: 1 } } } }),
  'P2018, to connect was not found': (prisma) =>
    prisma.user.update({ where: { id: 1 }, data: { posts: { connect: { id: 99 } } } }),
  'P2020, out of range': (prisma) =>
    prisma.post.update({ where: { id: 1 }, data: { views: { increment: 2 ** 31 - 1 } } }),
  'P2025 of update()': (prisma) => prisma.user.update({ where: { id: 99 }, data: { name: 'nobody' } }),
  'P2025 of delete()': (prisma) => prisma.user.delete({ where: { id: 99 } }),
  'P2025 of findUniqueOrThrow()': (prisma) => prisma.user.findUniqueOrThrow({ where: { id: 99 } }),
  'P2025 of findFirstOrThrow()': (prisma) => prisma.user.findFirstOrThrow({ where: { id: 99 } }),
  'P2029, too many parameters': (prisma) =>
    prisma.user.count({ where: { id: { in: Array.from({ length: 66_000 }, (_, n) => n) } } }),
  'P2039, of a code that Prisma has no other for': (prisma) =>
    prisma.post.update({ where: { id: 1 }, data: { likes: { divide: 0 } } }),
  'PrismaClientValidationError, a number that does not fit': (prisma) =>
    prisma.user.findFirst({ where: { profileViews: 2 ** 63 } }),
  'PrismaClientValidationError, a field that is missing': (prisma) =>
    prisma.user.create({ data: { city: 'Rome' } as never }),
  'PrismaClientValidationError, of the wrong type': (prisma) => prisma.user.findMany({ where: { id: 'one' as never } }),
  'PrismaClientValidationError, an unknown field': (prisma) =>
    prisma.user.findMany({ where: { nickname: 'x' } as never }),
  'select and include on one level': (prisma) =>
    prisma.user.findMany({ select: { id: true }, include: { posts: true } } as never),
}
