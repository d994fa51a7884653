import dns, { type LookupAddress, type LookupOptions } from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import { isIP } from 'node:net'
import { getSystemErrorMap } from 'node:util'

/** What a look-up comes to: addresses, a failure, or what it would have come to without us. */
export type Answer = { readonly addresses: readonly string[] } | { readonly code: string } | 'ordinary'

export type Ask = () => Answer | Promise<Answer>

type Family = 0 | 4 | 6
type Callback = (error: Error | null, address?: string | LookupAddress[], family?: number) => void
type CallbackLookup = (hostname: unknown, options: unknown, callback?: unknown) => unknown
type PromiseLookup = (hostname: unknown, options?: unknown) => Promise<unknown>

// Kept, since a test's fake timers must not stop the resolver.
const nextTurn = setImmediate

/** The names that are ours, and the functions that stand in for Node's own while there are any. */
export class NameTable {
  readonly #asks = new Map<string, Ask>()
  #takeBack: (() => void) | undefined

  /** Answers for that name from now on; false if somebody does so already. */
  add(name: string, ask: Ask): boolean {
    const key = canonical(name)
    if (this.#asks.has(key)) return false
    this.#asks.set(key, ask)
    if (this.#asks.size === 1) this.#takeBack = this.#standIn()
    return true
  }

  remove(name: string): void {
    this.#asks.delete(canonical(name))
    if (this.#asks.size > 0) return
    this.#takeBack?.()
    this.#takeBack = undefined
  }

  /**
   * Puts our functions in the place of Node's, and returns what puts those back. If somebody else has stood in for ours
   * meanwhile, theirs stay, and ours, which they may call, pass everything on.
   */
  #standIn(): () => void {
    const { lookup } = dns
    const promised = dns.promises.lookup
    const ours = this.#callbackLookup(lookup as CallbackLookup) as typeof dns.lookup
    const oursPromised = this.#promiseLookup(promised as PromiseLookup) as typeof dns.promises.lookup
    // util.promisify finds its instructions on the function itself.
    Object.defineProperties(ours, Object.getOwnPropertyDescriptors(lookup))
    Object.defineProperties(oursPromised, Object.getOwnPropertyDescriptors(promised))
    dns.lookup = ours
    dns.promises.lookup = oursPromised
    syncBuiltinESMExports()
    return () => {
      if (dns.lookup === ours) dns.lookup = lookup
      if (dns.promises.lookup === oursPromised) dns.promises.lookup = promised
      syncBuiltinESMExports()
    }
  }

  #callbackLookup(original: CallbackLookup): CallbackLookup {
    return (hostname, given, last) => {
      const callback = typeof given === 'function' ? given : last
      const ask = this.#find(hostname)
      // Wrong arguments are Node's to complain about.
      if (ask === undefined || typeof callback !== 'function') return original(hostname, given, last)
      const options = typeof given === 'function' ? {} : given
      const request = requestOf(options)
      if (request === undefined) return original(hostname, given, last)
      const answered = callback as Callback
      when(ask(), (answer) => {
        if (answer === 'ordinary') {
          original(hostname, options, callback)
          return
        }
        const outcome = resolve(String(hostname), answer, request)
        if (outcome instanceof Error) answered(outcome)
        else if (request.all) answered(null, outcome)
        else answered(null, outcome[0]?.address, outcome[0]?.family)
      })
      return {}
    }
  }

  #promiseLookup(original: PromiseLookup): PromiseLookup {
    return (hostname, options) => {
      const ask = this.#find(hostname)
      const request = requestOf(options)
      if (ask === undefined || request === undefined) return original(hostname, options)
      return new Promise((settle, reject) => {
        when(ask(), (answer) => {
          if (answer === 'ordinary') {
            settle(original(hostname, options))
            return
          }
          const outcome = resolve(String(hostname), answer, request)
          if (outcome instanceof Error) reject(outcome)
          else settle(request.all ? outcome : outcome[0])
        })
      })
    }
  }

  #find(hostname: unknown): Ask | undefined {
    return typeof hostname === 'string' ? this.#asks.get(canonical(hostname)) : undefined
  }
}

interface Request {
  readonly family: Family
  readonly all: boolean
  readonly mapped: boolean
  readonly order: string
}

/** What Node's own would make of the options; undefined for what it would reject. */
function requestOf(given: unknown): Request | undefined {
  const options = typeof given === 'object' && given !== null ? (given as LookupOptions & { order?: string }) : {}
  const family = familyOf(typeof given === 'number' ? given : options.family)
  if (family === undefined) return undefined
  const older = options.verbatim === undefined ? undefined : options.verbatim ? 'verbatim' : 'ipv4first'
  return {
    family,
    all: options.all === true,
    mapped: ((options.hints ?? 0) & dns.V4MAPPED) !== 0,
    order: options.order ?? older ?? dns.getDefaultResultOrder(),
  }
}

function familyOf(given: unknown): Family | undefined {
  if (given === undefined || given === null || given === 0) return 0
  if (given === 4 || given === 'IPv4') return 4
  if (given === 6 || given === 'IPv6') return 6
  return undefined
}

function resolve(hostname: string, answer: Exclude<Answer, 'ordinary'>, request: Request): LookupAddress[] | Error {
  if ('code' in answer) return lookupError(hostname, answer.code)
  const all = answer.addresses.map((address) => ({ address, family: isIP(address) }))
  const wanted = all.filter(({ family }) => request.family === 0 || family === request.family)
  const mapped = request.family === 6 && request.mapped && wanted.length === 0
  const found = mapped ? all.map(({ address }) => ({ address: `::ffff:${address}`, family: 6 })) : wanted
  if (found.length === 0) return lookupError(hostname, 'ENOTFOUND')
  if (request.order === 'ipv4first') return found.toSorted((a, b) => a.family - b.family)
  if (request.order === 'ipv6first') return found.toSorted((a, b) => b.family - a.family)
  return found
}

/** The error that Node makes of a failed getaddrinfo. */
function lookupError(hostname: string, code: string): Error {
  const system = code === 'ENOTFOUND' ? 'EAI_NONAME' : code
  const errno = [...getSystemErrorMap()].find(([, [name]]) => name === system)?.[0]
  return Object.assign(new Error(`getaddrinfo ${code} ${hostname}`), { errno, code, syscall: 'getaddrinfo', hostname })
}

/** Host names know no case, and may end with the dot of the root. */
function canonical(name: string): string {
  return name.toLowerCase().replace(/\.$/, '')
}

/** Goes on with an answer in a later turn of the event loop, as after a real look-up. */
function when(answer: Answer | Promise<Answer>, then: (answer: Answer) => void): void {
  if (answer instanceof Promise) answer.then((late) => nextTurn(then, late))
  else nextTurn(then, answer)
}
