import { inspect, types } from 'node:util'

/** What is further down, or more than that, is not looked at, and so not passed on. */
const DEEPEST = 8
const MOST_VALUES = 2_000

const keys = '(?:access|api|private|secret)[_-]?key'
/** What a secret is called. Node puts the whole string that it could not parse into `input`. */
const SECRET_KEY = new RegExp(
  `(^input|pass|password|passwd|passphrase|pwd|secret|token|credentials?|connection[_-]?string|^key|${keys}|pfx)$`,
  'i',
)

const word = `(?:pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|${keys})`
/** One that is not closed goes on to the end: no text is looked through twice, whatever it holds. */
const quoted = ['"', "'", '`'].map((mark) => `${mark}(?:[^${mark}\\\\]|\\\\[\\s\\S]?)*(?:${mark}|$)`).join('|')
const braced = '\\{(?:[^}]|\\}\\})*(?:\\}|$)'
/** A separator belongs to the value unless the text, or the name of the next value, follows. */
const unquoted = '[^\\s&;,"\'`{]+|[&;,](?!\\s|$|[\\w.-]+\\s*=)'

/** The user part of a URL without a password in it: it may be a token. The first group, here and below, stands before it. */
const USER = /(:\/\/)[^\s/]+(?=@)/g
/** What is called by a name. */
const NAMED: readonly RegExp[] = [
  // `password=…`, as in a query or a list of settings.
  new RegExp(`(${word}\\s*=\\s*)(?:${quoted}|${braced}|${unquoted})+`, 'gi'),
  // `"password": "…"`, as in JSON, or in what `inspect` shows, where a long one is a sum of lines.
  new RegExp(`(${word}["'\`]?\\s*:\\s*)(?:${quoted})(?:\\s*\\+\\s*(?:${quoted}))*`, 'gi'),
  // The same in a string in JSON: how deep that is, and so where it ends, is not worth knowing.
  new RegExp(`(${word}\\\\+["']\\s*:\\s*)\\\\+["'][\\s\\S]*`, 'gi'),
  // `PASSWORD '…'`, as in a statement: it ends at the last such mark, since servers differ in how they escape one.
  /((?:password(?:\s*\(|\s)|identified\s+by\s)\s*)(?:'[\s\S]*'|"[\s\S]*"|['"][\s\S]*)/gi,
  /()-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g,
]
/** Every one of those has this: most texts, as the lines of a stack, have not, and are spared the rest. */
const NAME = new RegExp(`${word}|identified|private key`, 'i')

/** Where something begins in a text, and where it ends. */
type Range = readonly [from: number, to: number]

/** `text` without what looks like a credential: the user part of a URL, what is called a password or a token, a private key. */
export function hideCredentials(text: string): string {
  let told = ''
  let end = 0
  // Found in the whole text, and hidden only then: what one hides may be what another is known by.
  for (const [from, to] of secretsIn(text).sort(([a], [b]) => a - b)) {
    if (from > end || told === '') told += `${text.slice(end, from)}***`
    end = Math.max(end, to)
  }
  return told + text.slice(end)
}

function secretsIn(text: string): Range[] {
  const secrets = NAME.test(text) ? [USER, ...NAMED] : [USER]
  const found = secrets.flatMap((secret) =>
    Array.from(
      text.matchAll(secret),
      ({ index, 0: all, 1: before = '' }): Range => [index + before.length, index + all.length],
    ),
  )
  const user = userIn(text)
  return user === undefined ? found : [...found, user]
}

/**
 * The user part of a URL may hold anything where it was not encoded: with a password in it, it ends at the last @ of all;
 * rather too much is hidden than too little.
 */
function userIn(text: string): Range | undefined {
  const last = text.lastIndexOf('@')
  const opening = /:\/\/[^\s/:]*:/.exec(text.slice(0, Math.max(0, last)))
  return opening === null ? undefined : [opening.index + '://'.length, last]
}

/**
 * `error` in a form that is safe to attach to ours, and to tell in an event: itself if it can be seen through and holds
 * no credential; else an error with its name, its message without credentials, its code, and a safe cause.
 *
 * What somebody else calls by no name and writes in no URL cannot be known for a secret. Never throws.
 */
export function withoutCredentials(error: unknown): unknown {
  try {
    return safe(error, 0)
  } catch {
    return new Error('something was thrown that cannot be looked at')
  }
}

/** The message of whatever was thrown, without credentials, for use inside another message. Never throws. */
export function messageOf(error: unknown): string {
  const told = withoutCredentials(error)
  if (typeof told !== 'object' || told === null) return String(told)
  return textOf(told, 'message') || textOf(told, 'name') || 'something was thrown that is no error'
}

function safe(error: unknown, depth: number): unknown {
  if (typeof error === 'string') return hideCredentials(error)
  if (isClean(error)) return error
  if (depth > DEEPEST || !isError(error)) return new Error('something was thrown that may hold credentials: not shown')
  return copied(error, depth)
}

function copied(error: Error, depth: number): Error {
  const message = hideCredentials(textOf(error, 'message'))
  const copy = new Error(message)
  const { stack } = copy
  copy.name = hideCredentials(textOf(error, 'name'))
  for (const [key, { value }] of Object.entries(Object.getOwnPropertyDescriptors(error))) {
    if (key === 'cause') copy.cause = safe(value, depth + 1)
    else if (key === 'errors' && Array.isArray(value)) {
      Object.assign(copy, { errors: value.map((each) => safe(each, depth + 1)) })
    } else if (!Object.hasOwn(copy, key) && isCleanName(key) && isScalar(value) && isClean(value, key)) {
      Object.defineProperty(copy, key, { value, enumerable: true, configurable: true, writable: true })
    }
  }
  copy.stack = stackOf(error, message) ?? stack ?? ''
  return copy
}

/** Where it came from, without the message in front, which may be of several lines. */
function stackOf(error: Error, message: string): string | undefined {
  const stack = textOf(error, 'stack')
  const frames = stack.slice(stack.search(/^ {4}at /m))
  return frames.startsWith('    at ')
    ? hideCredentials(`${textOf(error, 'name')}: ${message}\n`) + linewise(frames)
    : undefined
}

const linewise = (text: string): string => text.split('\n').map(hideCredentials).join('\n')

function textOf(holder: object, key: 'message' | 'name' | 'stack'): string {
  const value: unknown = Reflect.get(holder, key)
  return typeof value === 'string' ? value : ''
}

function isScalar(value: unknown): boolean {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof value)
}

function isError(value: unknown): value is Error {
  return types.isNativeError(value) || value instanceof Error
}

/** Whether a value, with all that it holds, can be seen through and holds no credential. */
function isClean(value: unknown, key = ''): boolean {
  const seen = new Set<object>()
  let left = MOST_VALUES
  const clean = (each: unknown, name: string | symbol, depth: number): boolean => {
    left -= 1
    if (left < 0 || depth > DEEPEST) return false
    const isSecret = SECRET_KEY.test(wordOf(name))
    switch (typeof each) {
      case 'undefined':
      case 'boolean':
        return true
      case 'number':
      case 'bigint':
        return !isSecret
      case 'string':
        return each === '' || (!isSecret && (name === 'stack' ? linewise(each) : hideCredentials(each)) === each)
      case 'object':
        if (each === null) return true
        if (isSecret) return false
        if (seen.has(each)) return true
        seen.add(each)
        if (types.isUint8Array(each)) return isCleanText(each)
        return isPlain(each) && entriesOf(each).every(([own, held]) => isCleanName(own) && clean(held, own, depth + 1))
      default:
        // A function or a symbol: not what an error consists of.
        return false
    }
  }
  return clean(value, key, 0)
}

const opaque = Symbol('opaque')

/** What whoever prints an error asks it for, whether that is its own or comes from its class. */
const ASKED_FOR = ['name', 'message', 'stack', 'cause', 'errors'] as const

/**
 * All that an object itself holds, hidden or not, and what an error has from its class. A getter of its own is not asked,
 * except for the stack, which some engines give so.
 */
function entriesOf(holder: object): (readonly [string | symbol, unknown])[] {
  const own = Reflect.ownKeys(holder).map((key) => {
    const property = Object.getOwnPropertyDescriptor(holder, key)
    if (property !== undefined && 'value' in property) return [key, property.value] as const
    return [key, key === 'stack' && isError(holder) ? holder.stack : opaque] as const
  })
  if (!isError(holder)) return own
  const inherited = ASKED_FOR.filter((key) => !Object.hasOwn(holder, key))
  return [...own, ...inherited.map((key) => [key, Reflect.get(holder, key)] as const)]
}

function isCleanName(key: string | symbol): boolean {
  const text = wordOf(key)
  return hideCredentials(text) === text
}

function wordOf(key: string | symbol): string {
  return typeof key === 'string' ? key : (key.description ?? '')
}

/** A certificate is; a body, or a key that is written as text, may not be. */
function isCleanText(bytes: Uint8Array): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')
  return hideCredentials(text) === text
}

/** Whether nothing but its own properties decides how it looks: no connection, no map, nothing that shows itself. */
function isPlain(value: object): boolean {
  if ([inspect.custom, Symbol.toPrimitive, 'toJSON'].some((key) => key in value)) return false
  if (Array.isArray(value)) return true
  if (isError(value)) return value.toString === Error.prototype.toString
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
