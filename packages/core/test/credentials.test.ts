import { inspect } from 'node:util'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { hideCredentials, messageOf, withoutCredentials } from '../src/credentials.ts'
import { createFlusher } from '../src/flusher.ts'
import { shown } from '../src/rule.ts'
import { holder, ScriptedDriver } from './scripted-driver.ts'

const seed = Number(process.env['PERIODIC_FLUSH_SEED'] ?? Date.now() % 2 ** 31)

/** Anything that somebody may have for a password, with a beginning and an end that are found nowhere by chance. */
const secret = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        '@',
        ':',
        '/',
        '?',
        '#',
        '[',
        ']',
        '%',
        '%40',
        '%zz',
        '"',
        "'",
        '`',
        '{',
        '}',
        ';',
        '&',
        '\\',
        '$&',
        '$1',
        '\n',
        ' ',
        '=',
        ',',
      ),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 3 }),
    ),
    { minLength: 1, maxLength: 12 },
  )
  .map((parts) => `S3cr${parts.join('')}${'x'.repeat(parts.length % 3 === 0 ? 3_000 : 0)}3cr3t`)

/** Ways in which an error that is not ours may hold a password. */
const holders: readonly [string, (password: string) => unknown][] = [
  ['a URL in its message', (it) => new Error(`cannot reach postgres://me:${it}@db:5432/app: refused`)],
  ['a URL in a message of several lines', (it) => new TypeError(`cannot reach\n  mysql://me:${it}@db/app\nat all`)],
  ['a URL whose user has an @', (it) => new Error(`cannot reach postgres://me@tenant:${it}@db:5432/app: refused`)],
  ['a URL with a token for a user', (it) => new Error(`cannot reach https://${encodeURIComponent(it)}@db/app`)],
  ['a URL with a token for a user before another', (it) => new Error(`https://${encodeURIComponent(it)}@a, b://me@c`)],
  ['two URLs', (it) => new Error(`neither postgres://me:${it}@a/x nor postgres://me:${it}@b/x answers`)],
  ['a setting', (it) => new Error(`cannot parse "host=db password=${JSON.stringify(it)} user=me"`)],
  ['a setting that is not quoted', (it) => new Error(`cannot parse "host=db password=${unquoted(it)} user=me"`)],
  ['a setting in braces', (it) => new Error(`sqlserver://db;user=sa;password={${it.replaceAll('}', '}}')}};app=x`)],
  ['a statement', (it) => new Error(`near "ALTER ROLE me PASSWORD '${it.replaceAll("'", "''")}' LOGIN"`)],
  ['another statement', (it) => new Error(`near "CREATE USER me IDENTIFIED BY '${it.replaceAll("'", "''")}'"`)],
  ['a query parameter with a token', (it) => new Error(`cannot get /app?api_key=${encodeURIComponent(it)}&x=1`)],
  ['a query parameter', (it) => new Error(`cannot parse /app?user=me&password=${encodeURIComponent(it)}&x=1`)],
  ['JSON in its message', (it) => new Error(`bad answer: ${JSON.stringify({ user: 'me', password: it })}`)],
  ['JSON in JSON', (it) => new Error(JSON.stringify({ SecretString: JSON.stringify({ user: 'me', password: it }) }))],
  ['what `inspect` shows', (it) => new Error(inspect({ user: 'me', password: it }, { maxStringLength: null }))],
  ['what Node could not parse', (it) => Object.assign(new TypeError('Invalid URL'), { input: `postgres://me:${it}` })],
  ['settings beside it', (it) => Object.assign(new Error('refused'), { config: { user: 'me', password: it } })],
  ['settings deep beside it', (it) => Object.assign(new Error('refused'), { a: { b: [{ c: { dbPassword: it } }] } })],
  ['a property that is not enumerable', (it) => Object.defineProperty(new Error('no'), 'password', { value: it })],
  ['a number for a password beside it', (it) => Object.assign(new Error('no'), { password: 1e15 + it.length })],
  [
    'an object that is called credentials',
    (it) => Object.assign(new Error('no'), { credentials: { id: 1, value: it } }),
  ],
  ['an array that is called a password', (it) => Object.assign(new Error('no'), { password: [it] })],
  ['what is called a key', (it) => Object.assign(new Error('no'), { config: { secretAccessKey: it } })],
  ['a symbol that is called a password', (it) => Object.assign(new Error('no'), { [Symbol('password')]: it })],
  ['bytes that are a key', (it) => Object.assign(new Error('no'), { ssl: { key: Buffer.from(it) } })],
  ['bytes of JSON', (it) => Object.assign(new Error('no'), { body: Buffer.from(JSON.stringify({ password: it })) })],
  ['a symbol for a key', (it) => Object.assign(new Error('no'), { [Symbol('x')]: { connectionString: it } })],
  ['a key that is a URL', (it) => Object.assign(new Error('no'), { [`postgres://me:${it}@db`]: 1 })],
  ['a map', (it) => Object.assign(new Error('no'), { headers: new Map([['authorisation', it]]) })],
  ['a client', (it) => Object.assign(new Error('no'), { client: new Client(it) })],
  ['a function', (it) => Object.assign(new Error('no'), { retry: Object.assign(() => {}, { args: [it] }) })],
  ['a getter', (it) => Object.defineProperty(new Error('no'), 'url', { get: () => it, enumerable: true })],
  ['its own JSON', (it) => Object.assign(new Error('no'), { toJSON: () => ({ it }) })],
  ['its own inspection', (it) => Object.assign(new Error('no'), { [inspect.custom]: () => it })],
  ['the primitive of its class', (it) => of({ [Symbol.toPrimitive]: { value: () => it } })],
  ['the message of its class', (it) => of({ message: { get: () => `cannot reach postgres://me:${it}@db` } })],
  ['the name of its class', (it) => of({ name: { get: () => `cannot reach postgres://me:${it}@db` } })],
  ['the cause of its class', (it) => of({ cause: { get: () => `cannot reach postgres://me:${it}@db` } })],
  ['an array that shows itself', (it) => Object.assign(new Error('no'), { list: new ShowingList(it) })],
  ['its own text', (it) => new Speaking(it)],
  ['its cause', (it) => new Error('no', { cause: new Error('why', { cause: { password: it } }) })],
  ['one of several errors', (it) => new AggregateError([new Error('a'), new Error(`b: x://me:${it}@h`)], 'all failed')],
  ['itself as its cause', (it) => selfCaused(it)],
  ['a key', (it) => new Error(`-----BEGIN EC PRIVATE KEY-----\n${it}\n-----END EC PRIVATE KEY-----`)],
  ['depth', (it) => Object.assign(new Error('no'), { deep: nested(it, 40) })],
  ['width', (it) => Object.assign(new Error('no'), { wide: [...Array(5_000).fill(0), { x: it }] })],
  ['no error at all: a URL', (it) => `postgres://me:${it}@db/app`],
  ['no error at all: settings', (it) => ({ user: 'me', password: it })],
  ['no error at all: a map', (it) => new Map([['x', it]])],
  ['no error at all: no prototype', (it) => Object.assign(Object.create(null), { password: it })],
]

class Client {
  readonly config: unknown

  constructor(it: string) {
    this.config = it
  }
}

/** An error of a class with these, as that of Zod computes its message. */
function of(prototype: PropertyDescriptorMap): Error {
  return Object.setPrototypeOf(new Error(), Object.create(Error.prototype, prototype))
}

class ShowingList extends Array<unknown> {
  readonly #it: string

  constructor(it: string) {
    super()
    this.#it = it
  }

  toJSON(): string {
    return this.#it
  }
}

class Speaking extends Error {
  readonly #it: string

  constructor(it: string) {
    super('no')
    this.#it = it
  }

  override toString(): string {
    return this.#it
  }
}

function selfCaused(it: string): Error {
  const error: Error & { password?: string } = new Error('no')
  error.cause = error
  error.password = it
  return error
}

function nested(it: string, depth: number): unknown {
  return depth === 0 ? it : { down: nested(it, depth - 1) }
}

/** Everything that anybody might print of a value. */
function printed(value: unknown): string {
  const everything = { depth: Number.POSITIVE_INFINITY, showHidden: true, maxStringLength: null, maxArrayLength: null }
  return [
    inspect(value, everything),
    inspect(value, { ...everything, getters: true, customInspect: false }),
    JSON.stringify(value),
    String((value as Partial<Error>).stack),
    messageOf(value),
    `${value}`,
  ].join('\n')
}

/** Somebody may print a cause by itself. */
const withCauses = (told: unknown): unknown[] => {
  const { cause, error } = told as { cause?: unknown; error?: unknown }
  return [told, ...(cause === undefined ? [] : [cause]), ...(error === undefined ? [] : withCauses(error))]
}

/** Without what ends the value of a setting, or begins a name for the next one. */
const unquoted = (it: string): string => it.replaceAll(/[\s=&;]/g, '')

/** The ways in which the beginning or the end of a secret shows up. */
const spellings = (it: string): string[] => [
  ...['S3cr', '3cr3t'].flatMap((part) => [part, ...['hex', 'latin1'].map((way) => bytes(part, way))]),
  String(1e15 + it.length),
]

/** As `inspect` and JSON write bytes. */
const bytes = (text: string, way: string): string =>
  [...Buffer.from(text)].map((byte) => (way === 'hex' ? byte.toString(16) : byte)).join(way === 'hex' ? ' ' : ',')

/** Where a text has the secret, with what is around it. */
const found = (text: string, it: string): string[] =>
  spellings(it).flatMap((spelling) => {
    const at = text.indexOf(spelling)
    return at === -1 ? [] : [text.slice(Math.max(0, at - 100), at + 100)]
  })

test.each([
  ['postgres://me:pw@db:5432/app', 'postgres://***@db:5432/app'],
  ['postgres://me@db:5432/app', 'postgres://***@db:5432/app'],
  ['postgres://me:p@:/?#w@db/app', 'postgres://***@db/app'],
  ['postgres://me@tenant:pw@db/app', 'postgres://***@db/app'],
  ['no a://me@b, nor c://me:pw@d, nor e://f:pw@g', 'no a://***@b, nor c://***@g'],
  ['a://me:pw@b, says me@corp', 'a://***@corp'],
  ['host=db password=pw user=me', 'host=db password=*** user=me'],
  ['host=db password=p,w user=me', 'host=db password=*** user=me'],
  ['Server=db;Pwd = pw;App=x', 'Server=db;Pwd = ***;App=x'],
  ['Server=db;Pwd="p;w";App=x', 'Server=db;Pwd=***;App=x'],
  ['Server=db;Pwd={p;}}w};App=x', 'Server=db;Pwd=***;App=x'],
  ['Server=db;Pwd={p}}; w=x};App=x', 'Server=db;Pwd=***;App=x'],
  ['password={p; w', 'password=***'],
  ["password='p\\'w' user=me", 'password=*** user=me'],
  ["password='it''s' user=me", 'password=*** user=me'],
  ['password=`p w` user=me', 'password=*** user=me'],
  ['password="p w', 'password=***'],
  ['/app?passphrase=pw&x=1', '/app?passphrase=***&x=1'],
  ['/app?password=a&b&x=1', '/app?password=***&x=1'],
  ['password=pw, user=me', 'password=***, user=me'],
  ['password=pw;', 'password=***;'],
  ['password=pw at a://me@b', 'password=*** at a://***@b'],
  ['DB_PASSWD=pw', 'DB_PASSWD=***'],
  ['pass=pw; secret=x; access_token=y', 'pass=***; secret=***; access_token=***'],
  ['credential=a credentials=b private-key=c', 'credential=*** credentials=*** private-key=***'],
  ['apiKey=a api_key=b x-api-key=c secretAccessKey=d', 'apiKey=*** api_key=*** x-api-key=*** secretAccessKey=***'],
  ['{"password":"p\\"w","user":"me"}', '{"password":***,"user":"me"}'],
  ['{"token" : "x"}', '{"token" : ***}'],
  ["{ password: 'pw', 'db-secret': \"p'w\" }", "{ password: ***, 'db-secret': *** }"],
  ["{ password: 'p\\n' +\n    'w', user: 'me' }", "{ password: ***, user: 'me' }"],
  ['{"body":"{\\"password\\":\\"pw\\"}"}', '{"body":"{\\"password\\":***'],
  ['"{\\"password\\" : \\"pw\\"}"', '"{\\"password\\" : ***'],
  ["ALTER ROLE me PASSWORD 'it''s' LOGIN", 'ALTER ROLE me PASSWORD *** LOGIN'],
  ["identified by 'pw' or PASSWORD ( 'pw')", 'identified by ***)'],
  ['set PASSWORD ("p', 'set PASSWORD (***'],
  ['identified  by "p\\"w" x', 'identified  by *** x'],
  ['-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY----- ok', '*** ok'],
  ['-----BEGIN PRIVATE KEY-----\\nMII', '***'],
])('what looks like a credential is hidden: %s', (text, hidden) => {
  expect(hideCredentials(text)).toBe(hidden)
  // What is hidden already is clean.
  expect(hideCredentials(hidden)).toBe(hidden)
})

test.each([
  'password authentication failed for user "me"',
  "Access denied for user 'me'@'db' (using password: YES)",
  'see https://db/app?x=1, or ask me@corp',
  'see https://db or ask me@corp',
  'at file:///srv/node_modules/pkg@1.0.0/index.js:1:2',
  'at file:///C:/srv/node_modules/pkg@1.0.0/index.js:1:2',
  'unexpected token "<"; the secret is out',
  'no token, no password, no pass',
  'invalid input syntax for type integer: "abc"',
  '-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----',
])('what is none is told: %s', (text) => {
  expect(hideCredentials(text)).toBe(text)
})

test.each(holders)('a failed flush tells nothing of a password that an error holds in %s', async (_, failure) => {
  await fc.assert(
    fc.asyncProperty(secret, async (it) => {
      const driver = new ScriptedDriver()
      const flusher = createFlusher(driver, { intervalMs: false })
      ;(await flusher.acquire(holder())).release()
      const told: unknown[] = []
      flusher.on('failed', (event) => told.push(event))
      for (const step of ['onOpen', 'onCheck'] as const) {
        driver[step] = () => {
          throw failure(it)
        }
        told.push(await flusher.flush().catch((error: unknown) => error))
      }
      await flusher.close({ deadlineMs: 0 })
      expect(told).toHaveLength(4)
      const all = told.flatMap(withCauses).map(printed).join('\n')
      expect(found(all, it)).toEqual([])
    }),
    { seed, numRuns: 10 },
  )
})

test.each<[unknown, string]>([
  [undefined, 'undefined'],
  [null, 'null'],
  [404, '404'],
  [12n, '12'],
  ['no route to a://me:pw@b', 'no route to a://***@b'],
  [new TypeError(''), 'TypeError'],
  [Object.assign(new Error('no'), { message: { text: 'no' } }), 'Error'],
  [{ message: 'no route', code: 7 }, 'no route'],
  [{ code: 7 }, 'something was thrown that is no error'],
  [Object.create(null), 'something was thrown that is no error'],
  [{ toString: 'no' }, 'something was thrown that is no error'],
  [{ password: 'pw' }, 'something was thrown that may hold credentials: not shown'],
  [() => 'pw', 'something was thrown that may hold credentials: not shown'],
  [Symbol('pw'), 'something was thrown that may hold credentials: not shown'],
  [unreadable(), 'something was thrown that cannot be looked at'],
])('whatever is thrown, a flush fails with a message of ours: %#', async (thrown, message) => {
  const driver = new ScriptedDriver()
  const flusher = createFlusher(driver, { intervalMs: false })
  driver.onOpen = () => Promise.reject(thrown)
  await expect(flusher.flush()).rejects.toMatchObject({
    code: 'OPEN_FAILED',
    message: `fake: no fresh client could be opened: ${message}`,
  })
})

test.each([
  'input pass password dbPassword passwd passphrase pwd PGPWD secret clientSecret token access_token credential credentials',
  'connectionString connection_string connection-string key accessKey secret_access_key api-key privateKey pfx',
])('what is called so is not passed on: %s', (names) => {
  for (const name of names.split(' ')) {
    for (const value of ['pw', 1, 1n, { pw: 1 }, ['pw'], Buffer.from('pw')]) {
      const error = Object.assign(new Error('no'), { code: 7, [name]: value })
      expect(withoutCredentials(error), name).not.toBe(error)
      expect(Object.keys(withoutCredentials(error) as Error), name).toEqual(['name', 'code'])
    }
    for (const value of ['', true, false, null, undefined]) {
      const error = Object.assign(new Error('no'), { [name]: value })
      expect(withoutCredentials(error), name).toBe(error)
    }
  }
})

test('what is called otherwise is passed on', () => {
  for (const name of ['inputs', 'output', 'passes', 'tokens', 'keyword', 'publicKey', 'primary_key', 'string']) {
    const error = Object.assign(new Error('no'), { [name]: 'x', bytes: Buffer.from('x') })
    expect(withoutCredentials(error), name).toBe(error)
  }
})

test('an error without credentials is passed on as it is, with what drivers put on it', () => {
  const certificate = { subject: { CN: 'db' }, raw: Buffer.from('...'), issuerCertificate: {} as unknown }
  certificate.issuerCertificate = certificate
  for (const error of [
    new Error('password authentication failed for user "me"'),
    new Error("Access denied for user 'me'@'host' (using password: YES)"),
    Object.assign(new Error('getaddrinfo ENOTFOUND db'), { code: 'ENOTFOUND', errno: -3008, hostname: 'db' }),
    Object.assign(new RangeError('altnames'), { reason: 'IP: 127.0.0.1', host: 'db', cert: certificate }),
    Object.assign(new Error('no', { cause: { kind: 'AuthenticationFailed', user: 'me' } }), {
      meta: { n: 1n, x: null },
    }),
    new AggregateError([new Error('a'), new TypeError('b')], 'all failed'),
  ]) {
    expect(withoutCredentials(error)).toBe(error)
  }
})

test('what is passed on instead keeps the name, the code, the place and the causes', () => {
  const cause = Object.assign(new RangeError('below'), { errno: 7 })
  const error = Object.assign(new TypeError('cannot reach postgres://me:pw@db:5432/app', { cause }), {
    code: 'ERR_X',
    severity: 'FATAL',
    password: 'pw',
  })
  const told = withoutCredentials(error)
  expect(told).not.toBe(error)
  expect(told).toMatchObject({
    name: 'TypeError',
    message: 'cannot reach postgres://***@db:5432/app',
    code: 'ERR_X',
    severity: 'FATAL',
    cause,
  })
  const place = error.stack?.slice(error.stack.indexOf('\n    at '))
  expect((told as Error).stack).toBe(`TypeError: cannot reach postgres://***@db:5432/app${place}`)
})

test('what is passed on instead has its scalars, as they were set, and none of what cannot be seen through', () => {
  const error = Object.assign(new Error('no route to a://me:pw@b'), {
    fatal: true,
    errno: -7,
    size: 12n,
    hostname: 'b',
    'a://me:pw@b': 1,
    address: { host: 'b' },
    retry: () => {},
  })
  const told = withoutCredentials(error) as typeof error
  expect({ ...told }).toEqual({ name: 'Error', fatal: true, errno: -7, size: 12n, hostname: 'b' })
  told.errno = 8
  expect(told.errno).toBe(8)
})

test('of several errors, and of causes down to the tenth, each is passed on without credentials', () => {
  const refused = new Error('refused')
  const told = withoutCredentials(
    new AggregateError([new Error('a://me:pw@b'), refused], 'all failed'),
  ) as AggregateError
  expect(told.errors.map(String)).toEqual(['Error: a://***@b', 'Error: refused'])
  expect(told.errors[1]).toBe(refused)
  let chain = new Error('a://me:pw@b')
  for (let n = 0; n < 20; n++) chain = new Error(`${n}`, { cause: chain })
  const messages: string[] = []
  for (let each: unknown = withoutCredentials(chain); each instanceof Error; each = each.cause)
    messages.push(each.message)
  const notShown = 'something was thrown that may hold credentials: not shown'
  expect(messages).toEqual(['19', '18', '17', '16', '15', '14', '13', '12', '11', notShown])
})

test('an error that is one of its own errors comes to an end', () => {
  const error = new AggregateError([], 'no route to a://me:pw@b')
  error.errors.push(error)
  expect(withoutCredentials(error)).toMatchObject({
    message: 'no route to a://***@b',
    errors: [{ message: 'no route to a://***@b' }],
  })
})

test.each([
  ['of another realm', runInNewContext("new Error('no route to a://me:pw@b')")],
  ['that is made by hand', Object.assign(Object.create(Error.prototype), { message: 'no route to a://me:pw@b' })],
])('an error %s is told as one', (_, error) => {
  expect(messageOf(error)).toBe('no route to a://***@b')
})

test('the place is told without what a name or a frame holds; without frames it is the one where that was found out', () => {
  const error = Object.assign(new Error('a://me:pw@b'), { name: 'c://me:pw@d' })
  error.stack = `${error}\n    at run (file:///srv/pkg@1.0.0/index.js:1:2)\n    at eval (e://me:pw@f)`
  const told = withoutCredentials(error) as Error
  expect(told.name).toBe('c://***@d')
  // Name and message are one text there: rather too much is hidden than too little.
  expect(told.stack).toBe('c://***@b\n    at run (file:///srv/pkg@1.0.0/index.js:1:2)\n    at eval (e://***@f)')
  error.stack = 'none'
  expect((withoutCredentials(error) as Error).stack).toMatch(/^Error: a:\/\/\*\*\*@b\n {4}at /)
})

test('an error whose stack alone holds a credential, or one behind a getter, is not passed on', () => {
  const stack = 'Error: a://me:pw@b\n    at run (index.js:1:2)'
  const stale = Object.assign(new Error('hidden by hand'), { stack })
  const computed = Object.defineProperty(new Error('hidden by hand'), 'stack', { get: () => stack })
  for (const error of [stale, computed]) {
    expect((withoutCredentials(error) as Error).stack).toBe('Error: hidden by hand\n    at run (index.js:1:2)')
  }
  const innocent = Object.defineProperty(new Error('no'), 'stack', { get: () => 'Error: no' })
  expect(withoutCredentials(innocent)).toBe(innocent)
})

test('bytes are looked at where they are: what else the same memory holds is not theirs', () => {
  const memory = Buffer.from('a=1 password=pw')
  const error = Object.assign(new Error('no'), { bytes: memory.subarray(0, 3) })
  expect(withoutCredentials(error)).toBe(error)
  const told = Object.assign(new Error('no'), { bytes: memory.subarray(4) })
  expect(withoutCredentials(told)).not.toBe(told)
})

test('the time that it takes grows with the length of a text, not faster', () => {
  // Each would take minutes if it were looked through again and again.
  for (const text of [
    '://'.repeat(200_000),
    'password'.repeat(100_000),
    'password="'.repeat(50_000),
    '-----BEGIN PRIVATE KEY-----'.repeat(5_000),
  ]) {
    expect(messageOf(new Error(`${text}@`))).toBeTypeOf('string')
  }
})

test('an option that is none, or has a wrong value, is not quoted where it may be a secret', () => {
  fc.assert(
    fc.property(secret, (it) => {
      for (const options of [
        { [it]: 1 },
        { intervalMs: it },
        { onDeadline: it },
        { check: it },
        { triggers: it },
        { triggers: [it] },
        { name: `postgres://me:${it}@db` },
        { overlap: Symbol(it) },
        it,
      ]) {
        const error = thrownBy(() => createFlusher(new ScriptedDriver(), options as never))
        expect(error).toBeInstanceOf(Error)
        expect(found(printed(error), it)).toEqual([])
      }
    }),
    { seed, numRuns: 50 },
  )
})

test('what is quoted helps with a slip', () => {
  expect(['30', '5s', '-1', '1.5 min', 'kill', 'listen-gap', ''].map(shown)).toEqual([
    "'30'",
    "'5s'",
    "'-1'",
    "'1.5 min'",
    "'kill'",
    "'listen-gap'",
    "''",
  ])
  expect(['Tr0ub4dor', 'correct horse', 'a@b', 'hunter2'].map(shown)).toEqual([
    'a string of 9 characters',
    'a string of 13 characters',
    'a string of 3 characters',
    'a string of 7 characters',
  ])
})

test('options that came out of JSON neither change what all objects have in common nor are taken from there', () => {
  for (const text of [
    '{"__proto__":{"polluted":1}}',
    '{"constructor":{"prototype":{"polluted":1}}}',
    '{"hasOwnProperty":1}',
  ]) {
    expect(() => createFlusher(new ScriptedDriver(), JSON.parse(text))).toThrow(/^Unknown option/)
  }
  expect(({} as { polluted?: number }).polluted).toBeUndefined()
  const inherited: object = Object.create({ intervalMs: -1, nonsense: 1 })
  expect(() => createFlusher(new ScriptedDriver(), inherited)).toThrow('Expected options to be an object')
})

function thrownBy(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    return error
  }
}

/** What cannot even be looked at. */
function unreadable(): unknown {
  const get = () => {
    throw new Error('postgres://me:pw@db')
  }
  return of({ name: { get } })
}
