import type { PrismaMariaDb } from '@prisma/adapter-mariadb'
import type { PrismaPg } from '@prisma/adapter-pg'
import type { Prisma } from '../../../../test/prisma/documented/postgresql/generated/client.ts'

/** Where something is held against a bare client: a use of the tables beside this file, a test by its title, or nowhere. */
export type Where =
  | { readonly use: string }
  | { readonly file: string; readonly title: string }
  | { readonly not: string }

/** Each of these is a use of the same name. */
const uses = (...names: string[]): Record<string, Where> => Object.fromEntries(names.map((use) => [use, { use }]))
const use = (name: string): Where => ({ use: name })
const inFile =
  (file: string) =>
  (title: string): Where => ({ file, title })
const not = (why: string): Where => ({ not: why })

const clients = inFile('documented/clients.test.ts')
const transactions = inFile('documented/transactions.test.ts')
const adapters = inFile('documented/adapters.test.ts')
const tracing = inFile('documented/tracing.test.ts')
const extension = inFile('extension.test.ts')
const types = inFile('types.test.ts')

/** The options of one and of the other, by name: one that a new version brings does not compile until it is listed. */
type Each<Options> = Record<keyof NonNullable<Options>, Where>
type OfClient = Each<Prisma.PrismaClientOptionsWithAdapter>
type OfPg = Each<ConstructorParameters<typeof PrismaPg>[1]>
type OfMariadb = Each<ConstructorParameters<typeof PrismaMariaDb>[1]>

const log = clients('log events tell of the user’s statements and errors, and of none of a flush')

const ofClient: OfClient = {
  adapter: extension('models, nested writes, batches and interactive transactions work across flushes'),
  accelerateUrl: extension('a client on accelerateUrl is refused with the way out'),
  log,
  errorFormat: clients('errorFormat: %s'),
  comments: clients('comments of plugins are sent, with what the caller’s context says'),
  transactionOptions: transactions('the isolation level %s, of one and of all'),
  omit: clients('omit for all'),
  queryPlanCacheMaxSize: clients('queryPlanCacheMaxSize: %i'),
}

const existing = extension('an existing pool is left as it is when the client disconnects or is closed')
const poolErrors = adapters('%s hears of what the server ends, and of no flush')

const ofPg: OfPg = {
  schema: adapters('schema: of the tables, and P2021 where they are not'),
  disposeExternalPool: extension('an adapter around an existing pool is found out, and the pool lives on'),
  onPoolError: poolErrors,
  onConnectionError: poolErrors,
  statementNameGenerator: adapters(
    'statementNameGenerator: statements are prepared under its names, in each generation',
  ),
  userDefinedTypeParser: adapters('userDefinedTypeParser, which asks the database itself'),
}

const ofMariadb: OfMariadb = {
  database: adapters('database: of the tables, and an error where they are not'),
  useTextProtocol: adapters('useTextProtocol'),
  onConnectionError: adapters('onConnectionError hears of what the server ends in a transaction, and of no flush'),
  disposeExternalPool: not('with it the adapter itself refuses to connect again, so that a flush fails with its error'),
}

/** The same, beside what is called alike of another. */
const named = (prefix: string, each: Readonly<Record<string, Where>>): Record<string, Where> =>
  Object.fromEntries(Object.entries(each).map(([name, where]) => [`${prefix}: ${name}`, where]))

const mongodb = not('MongoDB has no driver adapter')
const schemaOnly = not('says something of the schema and its migrations, not of a client at run time')

/**
 * What the documentation of Prisma 7 tells a user of PostgreSQL, MySQL or MariaDB to use at run time, by page, and where
 * that is held against a bare client: while it is flushed, and in the middle of transactions.
 */
export const documented: Readonly<Record<string, Readonly<Record<string, Where>>>> = {
  'Prisma Client API: PrismaClient': {
    ...ofClient,
    'log: events': log,
    'log: stdout': clients('log to stdout'),
    'datasources, datasourceUrl, engineType': clients('an option that there is not is refused by Prisma itself'),
  },
  'Prisma Client API: model queries': {
    ...uses('findUnique()', 'findUnique() by a compound @@unique', 'findUnique() of nothing'),
    ...uses('findUnique() with more than what is unique', 'findUnique() in one tick', 'findUniqueOrThrow()'),
    ...uses(
      'findFirst()',
      'findFirst() with a negative take',
      'findFirstOrThrow()',
      'findMany()',
      'findMany() of nothing',
    ),
    ...uses('create()', 'create() with what the database makes', 'update()', 'upsert() of a record that there is'),
    ...uses('upsert() of a record that there is not', 'delete()', 'createMany()', 'createMany({ skipDuplicates })'),
    ...uses('createManyAndReturn()', 'updateMany()', 'updateMany({ limit })', 'updateManyAndReturn()', 'deleteMany()'),
    ...uses('deleteMany({ limit })', 'count()', 'count({ select })', 'aggregate()', 'groupBy()'),
    ...uses('count({ cursor, skip, take })', 'aggregate({ orderBy, take, skip })'),
    ...uses('groupBy({ where, orderBy, skip, take })', 'createManyAndReturn({ select, skipDuplicates })'),
    ...uses('createManyAndReturn({ include })', 'updateManyAndReturn({ limit, select })'),
    'findRaw(), aggregateRaw()': mongodb,
  },
  'Prisma Client API: model query options': {
    ...uses('select', 'select of relations', 'select of a _count', 'include inside select', 'include'),
    ...uses(
      'include of a _count',
      'omit',
      'omit in a relation',
      'relationLoadStrategy: query',
      'relationLoadStrategy: join',
    ),
    ...uses('orderBy', 'orderBy a relation', 'orderBy with nulls', 'orderBy a count', 'orderBy relevance', 'distinct'),
    ...uses('distinct of several fields', 'cursor, backwards', 'select, include and omit of what is written'),
    ...uses('skip and take', 'cursor', 'the fluent API', 'the fluent API, twice', 'select and include on one level'),
  },
  'Prisma Client API: nested queries': {
    ...uses('nested create', 'nested createMany', 'nested set', 'nested connect', 'nested connectOrCreate'),
    ...uses('nested disconnect', 'nested update', 'nested upsert', 'nested delete', 'nested updateMany'),
    ...uses('nested deleteMany', 'nested writes of many to many', 'nested connect by a compound @@unique'),
    ...uses('nested update, delete and disconnect with a condition'),
  },
  'Prisma Client API: filters': {
    ...uses(
      'equals',
      'not',
      'in',
      'notIn',
      'lt, lte',
      'gt, gte',
      'contains',
      'search',
      'mode: insensitive',
      'startsWith',
    ),
    ...uses('endsWith', 'AND, OR, NOT', 'some', 'every', 'none', 'is', 'isNot', 'fields of the same table'),
    ...uses('scalar lists: set, push, has, hasEvery, hasSome, isEmpty', 'increment, decrement, multiply, divide, set'),
    ...uses('is: null', 'path into an array, gt, lt, not'),
    ...uses('path, equals', 'string_contains, string_starts_with, string_ends_with'),
    ...uses('array_contains, array_starts_with, array_ends_with'),
    'composite types': mongodb,
  },
  'Prisma Client API: client methods': {
    '$connect, $disconnect': clients('$connect and $disconnect, once, twice, at once and again'),
    $on: extension('extensions before and after wrapping, and $on before it, stay'),
    "$on('beforeExit')": clients('the exit hook of earlier versions is refused by Prisma itself'),
    $use: not('is gone in Prisma 7'),
    $metrics: not('is gone in Prisma 7'),
    ...uses('$queryRaw', '$queryRawUnsafe', '$queryRawTyped', '$executeRaw', '$executeRawUnsafe'),
    '$executeRaw(Prisma.sql)': use('$executeRaw(Prisma.sql)'),
    $runCommandRaw: mongodb,
    $transaction: transactions('a function commits'),
    $extends: clients('extensions of each kind work before and after wrapping, in each order'),
    PrismaPromise: clients('a query does not run before it is awaited'),
    'Prisma.ModelName, Prisma.TransactionIsolationLevel, Prisma.prismaVersion and other constants': not(
      'are values of the generated code, which asks nothing',
    ),
    'utility types, satisfies, Prisma.validator': types('model types are those of the schema'),
  },
  'Fields and types': {
    ...uses('each scalar type', 'each scalar type, written', 'DbNull, JsonNull, AnyNull', 'JSON null, written'),
    'null and undefined, Prisma.skip, strictUndefinedChecks': not('is settled before anything is sent'),
    'composite types': mongodb,
  },
  'Raw queries': {
    ...uses('$queryRaw(Prisma.sql)', 'Prisma.sql of parts', 'Prisma.join', 'Prisma.raw', 'Prisma.empty'),
    ...uses('Prisma.sql in a fragment', 'values of a query that was written elsewhere', 'the types of raw results'),
    ...uses('a cast of a parameter', '$executeRaw that creates a table', 'P2010 of a raw statement'),
    ...uses('several statements in one', 'a table name as a parameter', '$queryRaw of a string'),
    ...uses('Prisma.join with a separator', 'parameters of each kind', 'null as a parameter'),
    'in a transaction': transactions('an array of raw statements'),
    TypedSQL: use('$queryRawTyped'),
  },
  Transactions: {
    'nested writes': use('nested create'),
    'sequential operations': transactions('an array of operations that were written before a flush'),
    'all or nothing': transactions('an array that fails rolls back'),
    'isolation level of an array': transactions('an array with an isolation level'),
    'interactive transactions': transactions('a function commits'),
    'rollback by an error': transactions('a function that throws rolls back, with its error'),
    'rollback by a statement': transactions('a statement that fails in a function rolls back'),
    'nested transactions': transactions('a transaction in a transaction: what it did is undone alone'),
    timeout: transactions('P2028 after `timeout`'),
    'timeout while a statement runs': transactions(
      'P2028 after `timeout` of one whose statement still runs: what comes after it is undone',
    ),
    'a connection that is lost in a transaction': transactions('one whose connection is lost %s fails as natively'),
    'a commit that fails': transactions('one whose commit fails is rolled back, and gives its lease back'),
    'maxWait and timeout of an array': transactions('an array with `maxWait` and `timeout` waits for its connection'),
    'an array in a function': transactions('an array in a function'),
    maxWait: transactions('P2028 after `maxWait`, and whoever waited longer gets its turn'),
    isolationLevel: transactions('the isolation level %s, of one and of all'),
    'write conflicts and deadlocks': transactions('P2034 of one of two that lock each other out'),
    'Promise.all': transactions('Promise.all in a function'),
    'the client of a transaction': transactions('what a client lacks in a transaction'),
    'optimistic concurrency control': use('findUnique() with more than what is unique'),
  },
  'Error reference': {
    ...uses('P2000, a value that is too long', 'P2002, unique constraint', 'P2003, foreign key constraint'),
    ...uses('P2010, raw query', 'P2011, null constraint', 'P2017, not connected', 'P2018, to connect was not found'),
    ...uses('P2020, out of range', 'P2025 of update()', 'P2025 of delete()', 'P2025 of findUniqueOrThrow()'),
    ...uses('P2025 of findFirstOrThrow()', 'P2029, too many parameters'),
    ...uses('PrismaClientValidationError, a number that does not fit'),
    ...uses('PrismaClientValidationError, a field that is missing', 'PrismaClientValidationError, of the wrong type'),
    ...uses('PrismaClientValidationError, an unknown field'),
    P1000: clients('P1000, with a wrong password'),
    P1001: clients('P1001, where no server is'),
    P1003: clients('P1003, where there is no such database'),
    'P1017 and the like': clients(
      'a connection that is killed in a statement fails it as natively, and the next one works',
    ),
    P2021: adapters('schema: of the tables, and P2021 where they are not'),
    P2024: inFile('patience.test.ts')(
      'connectionTimeoutMillis of adapter-pg, as %j, bounds the wait for a connection, in the same words',
    ),
    'P2028 of a closed transaction': transactions('P2028 of a client that is used after its transaction'),
    P2034: transactions('P2034 of one of two that lock each other out'),
    'P2037, too many connections': not('needs a server that is full; the error passes as all do'),
    'P2004 to P2009, P2012 to P2016, P2019, P2022, P2023, P2026, P2027, P2035': not(
      'come from the same errors of a driver and from Prisma’s own checks, which pass as all do',
    ),
    'P2030, P2031, P2036': not('are of a missing full-text index, MongoDB and external connectors'),
    PrismaClientUnknownRequestError: not('is given by no statement with these models; it would pass as all errors do'),
    P2039: use('P2039, of a code that Prisma has no other for'),
    'PrismaClientKnownRequestError, its code, meta and clientVersion': use('P2002, unique constraint'),
    PrismaClientInitializationError: clients('P1001, where no server is'),
    PrismaClientRustPanicError: not('there is no engine that could panic'),
    'P3xxx, P4xxx': schemaOnly,
  },
  'Connection management': {
    'several clients': clients('clients that share an adapter factory share its flushes, until the last has gone'),
    'use after $disconnect': extension('after $disconnect the next query starts anew, and listeners stay'),
    'what runs at $disconnect': clients('$disconnect lets what runs end, and cancels a transaction'),
    'a client that is connected already': extension('a client that was connected already lets go of what it had'),
    'size and time-outs of the pool': inFile('patience.test.ts')(
      'connectionTimeoutMillis of adapter-pg, as %j, bounds the wait for a connection, in the same words',
    ),
    '$disconnect of a client that has asked nothing yet': extension(
      '$disconnect of %s also ends what only a flush has opened',
    ),
    'batching of findUnique()': use('findUnique() in one tick'),
  },
  'Driver adapters': {
    'adapter-pg: a connection string': adapters('a connection string'),
    'adapter-pg: an existing pool': existing,
    ...named('adapter-pg', ofPg),
    'onPoolError, of a cut': adapters('onPoolError hears nothing of connections that a flush cuts'),
    'the context of the caller': adapters(
      'statementNameGenerator is called in the context of the caller, also of one that has waited',
    ),
    ...named('adapter-mariadb', ofMariadb),
    'adapter-mariadb: an existing pool': inFile('mariadb.test.ts')(
      'a pool that exists already is left as it is when its client disconnects or is closed',
    ),
    'adapter-mariadb: what its own pool takes, as prepareCacheLength': not(
      'is told to each new pool by the adapter; nothing of it is read or changed here',
    ),
    connectToShadowDb: not('is for migrations, which run without a client; it is there where the adapter has it'),
    'other adapters': inFile('other.test.ts')(
      'an adapter that shows nothing is connected, asked, checked and disposed of, in this order',
    ),
  },
  'Client extensions': {
    'model, client, result, query': clients('extensions of each kind work before and after wrapping, in each order'),
    'Prisma.defineExtension, shared extensions': clients(
      'extensions of each kind work before and after wrapping, in each order',
    ),
    'Prisma.getExtensionContext, $name, $parent': clients(
      'extensions of each kind work before and after wrapping, in each order',
    ),
    'query.$allOperations, of a model, raw ones; result.$allModels; the context of a client': clients(
      'queries of all operations, of a model and raw ones, and results of all models, also in transactions',
    ),
    'Prisma Accelerate, cacheStrategy': extension('a client on accelerateUrl is refused with the way out'),
    'a query in a batch': clients('an extension that runs each operation in a batch, as for row-level security'),
    'clients that are made of one client': clients(
      'clients that are made of one client share its connections and its flush',
    ),
    'read replicas': adapters('of flushing clients, extended before or after'),
    'types of an extended client': types('so are those of an extended client, before wrapping and after'),
  },
  Observability: {
    'SQL comments': clients('comments of plugins are sent, with what the caller’s context says'),
    'query tags': adapters('query tags of the first-party plugin'),
    'trace context': tracing('spans and the traceparent in comments are as natively, and a flush adds none'),
    'OpenTelemetry tracing': tracing('spans and the traceparent in comments are as natively, and a flush adds none'),
    'query insights': not('is a plugin of comments like the others'),
    DEBUG: not('prints what the client does; a flush is none of that'),
  },
  'Schema, preview features, deployment and testing': {
    'views, multiSchema, @@map, Unsupported, native types, nativeDistinct': not(
      'changes the text of statements, which pass as all do',
    ),
    'graceful shutdown': clients('$connect and $disconnect, once, twice, at once and again'),
    'PgBouncer and other poolers': not('is a server like any other to an adapter'),
    'edge runtimes': not('have no sockets; the README says so'),
    'mocked clients': not('do not connect'),
    'case sensitivity': use('mode: insensitive'),
    'full-text search': use('search'),
    'bigint, bytes and decimals': use('each scalar type'),
  },
}
