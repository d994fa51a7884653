/** What callbacks of the owner have thrown: it may look like the loss of a connection, and is then of another one. */
const thrown = new WeakSet<object>()

/** Notes it, and returns it. */
export function thrownByOwner(error: unknown): unknown {
  if (typeof error === 'object' && error !== null) thrown.add(error)
  return error
}

export function isThrownByOwner(error: unknown): boolean {
  return typeof error === 'object' && error !== null && thrown.has(error)
}

/** The same callback; what it throws is noted. */
export function ofOwner<Args extends unknown[]>(callback: (...args: Args) => unknown): (...args: Args) => unknown {
  return (...args) => {
    try {
      return callback(...args)
    } catch (error) {
      throw thrownByOwner(error)
    }
  }
}
