import { int, mysqlTable, text } from 'drizzle-orm/mysql-core'

export const notes = mysqlTable('notes', { id: int().autoincrement().primaryKey(), text: text().notNull() })
