import type { EngineName } from './findings.ts'
import { mysqlLike } from './mysql.ts'
import { postgres } from './postgres.ts'
import type { Engine } from './session.ts'

export const engines: Readonly<Record<EngineName, Engine>> = { postgres, mysql: mysqlLike }
