import { inspect, types } from 'node:util'

/** What is further down, or more than that, is not looked at, and so not passed on. */
const DEEPEST = 8
const MOST_VALUES = 2_000

/** What a secret is called. Node puts the whole string that it could not parse into `input`. */
const SECRET_KEY = /(^input|pass|password|passwd|passphrase|pwd|secret|token|credentials?|connection_?string)$/i

const word = '(?:pass(?:word|wd|phrase)?|pwd|secret)'
/** One that is not closed goes on to the end: no text is looked through twice, whatever it holds. */
const quoted = `"(?:[^"\\\\]|\\\\[^]?)*(?:"|$)|'(?:[^'\\\\]|\\\\[^]?)*(?:'|$)`
/** `password=…`, as in a query or a list of settings. */
const SETTING = new RegExp(`(${word}\\s*=\\s*)(?:${quoted}|[^\\s&;,])+`, 'gi')
/** `"password": "…"`, as in JSON, or in what `inspect` shows. */
const PROPERTY = new RegExp(`(${word}["']?\\s*:\\s*)(?:${quoted})`, 'gi')
const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g

/** `text` without what looks like a credential: the user part of a URL, the value of a password, a private key. */
export function hideCredentials(text: string): string {
  return hideUserParts(text)
    .replace(SETTING, '$1***')
    .replace(PROPERTY, '$1***')
    .replace(PRIVATE_KEY, '*** (a private key)')
}

/**
 * The user part may hold anything where it was not encoded: with a password in it, it ends at the last @ of all; rather too
 * much is hidden than too little.
 */
function hideUserParts(text: string): string {
  const last = text.lastIndexOf('@')
  if (last === -1) return text
  const [opening = ''] = /:\/\/[^\s/@:]*:/.exec(text.slice(0, last)) ?? []
  const at = opening === '' ? last : text.indexOf(opening)
  return `${text.slice(0, at).replace(/:\/\/[^\s/]*@/g, '://***@')}${at === last ? '' : '://***'}${text.slice(last)}`
}

/**
 * `error` in a form that is safe to attach to ours, and to tell in an event: itself if it can be seen through and holds
 * no credential; else an error with its name, its message without credentials, its code, and a safe cause.
 *
 * What somebody else calls by no name and writes in no URL cannot be known for a secret.
 */
export function withoutCredentials(error: unknown): unknown {
  return safe(error, 0)
}

/** The message of whatever was thrown, without credentials, for use inside another message. */
export function messageOf(error: unknown): string {
  const told = withoutCredentials(error)
  return told instanceof Error ? told.message || told.name : String(told)
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

function textOf(error: Error, key: 'message' | 'name' | 'stack'): string {
  const value: unknown = Reflect.get(error, key)
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
    const isSecret = typeof name === 'string' && SECRET_KEY.test(name)
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
        if (each === null || seen.has(each)) return true
        seen.add(each)
        // A certificate, for one. Its content is no text.
        if (types.isUint8Array(each)) return !isSecret
        return isPlain(each) && entriesOf(each).every(([own, held]) => isCleanName(own) && clean(held, own, depth + 1))
      default:
        // A function or a symbol: not what an error consists of.
        return false
    }
  }
  return clean(value, key, 0)
}

const opaque = Symbol('opaque')

/** All that an object itself holds, hidden or not. A getter is not asked, except for the stack, which some engines give so. */
function entriesOf(holder: object): (readonly [string | symbol, unknown])[] {
  return Reflect.ownKeys(holder).map((key) => {
    const own = Object.getOwnPropertyDescriptor(holder, key)
    if (own !== undefined && 'value' in own) return [key, own.value] as const
    return [key, key === 'stack' && isError(holder) ? holder.stack : opaque] as const
  })
}

function isCleanName(key: string | symbol): boolean {
  const text = typeof key === 'string' ? key : (key.description ?? '')
  return hideCredentials(text) === text
}

/** Whether nothing but its own properties decides how it looks: no connection, no map, nothing that shows itself. */
function isPlain(value: object): boolean {
  if (Array.isArray(value)) return true
  if ('toJSON' in value || inspect.custom in value) return false
  if (isError(value)) return value.toString === Error.prototype.toString
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}
