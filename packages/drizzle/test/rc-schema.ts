import { defineRelations } from 'drizzle-orm-rc'
import { customType, integer, jsonb, numeric, pgTable, text, timestamp } from 'drizzle-orm-rc/pg-core'

/** A type of the user's own: comma-separated in the database, a list here. */
const tags = customType<{ data: string[]; driverData: string }>({
  dataType: () => 'text',
  toDriver: (value) => value.join(','),
  fromDriver: (value) => value.split(','),
})

export const users = pgTable('users', { id: integer().primaryKey(), email: text().notNull(), tags: tags() })
export const posts = pgTable('posts', {
  id: integer().primaryKey(),
  author: integer().notNull(),
  at: timestamp(),
  data: jsonb().$type<{ side: string }>(),
  price: numeric(),
  list: integer().array(),
})
export const relations = defineRelations({ users, posts }, (helpers) => ({
  users: { posts: helpers.many.posts({ from: helpers.users.id, to: helpers.posts.author }) },
}))

/** What makes the tables of it. */
export const ddl = `create table users (id int primary key, email text not null, tags text);
  create table posts (id int primary key, author int not null, at timestamp, data jsonb, price numeric, list int[])`
